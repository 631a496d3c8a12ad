//! The recovery points of an endpoint, as they lie in the Region of the backups.

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    aws::s3::{Got, S3},
    backup::{
        artifact::Vault,
        ledger::Kept,
        manifest::{LIMIT, PointId, RecoveryPoint},
        places::{Found, Placed},
    },
    failure::CallError,
    location::Location,
};

use crate::{backup::Cursor, services::Services};

/// Points read at the same time.
const AT_ONCE: usize = 8;

/// Every point below a prefix of points, by key.
///
/// # Errors
/// What S3 says; there is no partial list.
pub(crate) async fn below(s3: &S3, vault: &Vault, prefix: &Location) -> Result<Vec<Placed>, CallError> {
    let mut found = Vec::new();
    let mut cursor = Cursor::new(s3, prefix);
    while let Some(object) = cursor.next().await? {
        found.extend(Placed::of_key(vault, &object.key));
    }
    Ok(found)
}

/// Where an endpoint's points are, oldest first: of the Region `from`, or of every one, and those of earlier builds, of
/// which only their content says the Region.
///
/// # Errors
/// What S3 says; there is no partial list.
pub(crate) async fn of(s3: &S3, vault: &Vault, endpoint: &str, from: Option<&str>) -> Result<Vec<Placed>, CallError> {
    let new = match from {
        Some(_) => vault.points(endpoint, from),
        None => vault.points_of_every_region(endpoint),
    };
    let earlier = vault.points(endpoint, None);
    let (mut found, earlier) = futures::try_join!(below(s3, vault, &new), below(s3, vault, &earlier))?;
    found.extend(earlier);
    found.sort();
    Ok(found)
}

/// Reads these points, in their order.
///
/// # Errors
/// What S3 says.
pub(crate) async fn read_all(s3: &S3, vault: &Vault, points: Vec<Placed>) -> Result<Vec<Found>, CallError> {
    let reading = points.into_iter().map(async |placed| {
        let read = match document(s3, vault, &placed).await? {
            Some(read) => read,
            None => Err(format!("{} is not there any more", placed.at(vault))),
        };
        Ok(Found { placed, read })
    });
    stream::iter(reading).buffered(AT_ONCE).try_collect().await
}

/// Every point of an endpoint of any Region, oldest first.
///
/// # Errors
/// What S3 says.
pub(crate) async fn all(s3: &S3, vault: &Vault, endpoint: &str) -> Result<Vec<Found>, CallError> {
    let placed = of(s3, vault, endpoint, None).await?;
    read_all(s3, vault, placed).await
}

/// One point of the Region `from`, wherever it lies; `Err` says why nothing is to be restored from it.
///
/// # Errors
/// What S3 says.
pub(crate) async fn read(
    s3: &S3,
    vault: &Vault,
    endpoint: &str,
    from: &str,
    id: &PointId,
) -> Result<Result<RecoveryPoint, String>, CallError> {
    let new = Placed::new(endpoint, from, id.clone());
    for placed in [&new, &Placed::earlier(endpoint, id.clone())] {
        if let Some(read) = document(s3, vault, placed).await? {
            return Ok(read.and_then(|point| new.holds(&point).map(|()| point)));
        }
    }
    Ok(Err(format!("{} is not there", new.at(vault))))
}

/// What is in a place; `None` when nothing is. A point of somebody else is none.
async fn document(s3: &S3, vault: &Vault, placed: &Placed) -> Result<Option<Result<RecoveryPoint, String>>, CallError> {
    let read = match s3.get(&placed.at(vault), None, LIMIT).await? {
        Got::Object(object) => match String::from_utf8(object.body) {
            Ok(document) => RecoveryPoint::read(&document).map_err(|error| error.to_string()),
            Err(_) => Err("it is damaged: it is no text".to_owned()),
        },
        Got::Absent | Got::NotModified => return Ok(None),
    };
    Ok(Some(read.and_then(|point| placed.holds(&point).map(|()| point))))
}

/// The newest point that can be read, of the Region `from` or of any.
///
/// # Errors
/// What S3 says.
pub(crate) async fn newest(
    s3: &S3,
    vault: &Vault,
    endpoint: &str,
    from: Option<&str>,
) -> Result<Option<(PointId, RecoveryPoint)>, CallError> {
    for placed in of(s3, vault, endpoint, from).await?.into_iter().rev() {
        match document(s3, vault, &placed).await? {
            Some(Ok(point)) if from.is_none_or(|from| point.from == from) => return Ok(Some((placed.id, point))),
            Some(Err(why)) => tracing::warn!(endpoint, point = %placed.id, "{why}"),
            _ => {}
        }
    }
    Ok(None)
}

/// The Region whose endpoint is meant where nobody says it: this one, in which endpoints are backed up. In the Region of the
/// backups it may be any.
pub(crate) fn home<'a>(services: &'a Services<'_>, vault: &Vault) -> Option<&'a str> {
    (services.home() != vault.region).then(|| services.home())
}

/// A point in short. How long it took is not written in it.
pub(crate) fn kept(id: PointId, point: &RecoveryPoint) -> Kept {
    Kept {
        id,
        config: point.source.config.name.clone(),
        completed: point.completed,
        tally: point.tally(),
        took: std::time::Duration::ZERO,
        by_size: point.by_size(),
    }
}
