//! The recovery points of an endpoint, as they lie in the Region of the backups.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use steward::{
    aws::s3::{Got, S3},
    backup::{
        artifact::Vault,
        ledger::Kept,
        manifest::{LIMIT, PointId, RecoveryPoint},
        places::{Found, Placed, Whose},
    },
    failure::{CallError, Retry},
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

/// Whose these points are, in their order. Only those of earlier builds are read, because their place does not say it, and
/// nothing of them is kept.
///
/// # Errors
/// What S3 says, where that passes.
pub(crate) async fn whose(s3: &S3, vault: &Vault, points: Vec<Placed>) -> Result<Vec<Whose>, CallError> {
    let telling = points.into_iter().map(async |placed| match Whose::placed(&placed) {
        Some(whose) => Ok(whose),
        None => look(s3, vault, placed).await.map(Whose::from),
    });
    stream::iter(telling).buffered(AT_ONCE).try_collect().await
}

/// Reads these points, in their order.
///
/// # Errors
/// What S3 says, where that passes.
pub(crate) async fn read_all(s3: &S3, vault: &Vault, points: Vec<Placed>) -> Result<Vec<Found>, CallError> {
    let reading = points.into_iter().map(|placed| look(s3, vault, placed));
    stream::iter(reading).buffered(AT_ONCE).try_collect().await
}

/// Hands out these points one after the other, in their order: however many they are, few of them are in memory.
///
/// # Errors
/// What S3 says of one of them, which ends it.
pub(crate) async fn each(
    s3: &S3,
    vault: &Vault,
    points: impl IntoIterator<Item = Placed>,
    mut take: impl FnMut(Found),
) -> Result<(), CallError> {
    let reading = points.into_iter().map(|placed| found(s3, vault, placed));
    let mut reading = stream::iter(reading).buffered(AT_ONCE);
    while let Some(found) = reading.try_next().await? {
        take(found);
    }
    Ok(())
}

/// The point in a place.
///
/// # Errors
/// What S3 says.
pub(crate) async fn found(s3: &S3, vault: &Vault, placed: Placed) -> Result<Found, CallError> {
    let read = match document(s3, vault, &placed).await? {
        Some(read) => read,
        None => Err(format!("{} is not there any more", placed.at(vault))),
    };
    Ok(Found { placed, read })
}

/// The point in a place, for whoever can do without it: one that this function is refused is as good as a damaged one.
///
/// # Errors
/// What S3 says, where that passes.
pub(crate) async fn look(s3: &S3, vault: &Vault, placed: Placed) -> Result<Found, CallError> {
    match found(s3, vault, placed.clone()).await {
        Err(error) if error.failure.retry() == Retry::Never => {
            let read = Err(format!("it cannot be read: {error}. {}", error.advice()));
            Ok(Found { placed, read })
        }
        found => found,
    }
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
/// What S3 says, where that passes.
pub(crate) async fn newest(
    s3: &S3,
    vault: &Vault,
    endpoint: &str,
    from: Option<&str>,
) -> Result<Option<(PointId, RecoveryPoint)>, CallError> {
    for placed in of(s3, vault, endpoint, from).await?.into_iter().rev() {
        let Found { placed, read } = look(s3, vault, placed).await?;
        match read {
            Ok(point) if from.is_none_or(|from| point.from == from) => return Ok(Some((placed.id, point))),
            Ok(_) => {}
            Err(why) => tracing::warn!(endpoint, point = %placed.id, "{why}"),
        }
    }
    Ok(None)
}

/// The Region whose endpoint is meant where nobody says it: this one, in which endpoints are backed up. In the Region of the
/// backups it may be any.
pub(crate) fn home<'a>(services: &'a Services<'_>, vault: &Vault) -> Option<&'a str> {
    (services.home() != vault.region).then(|| services.home())
}

/// A point of this place in short. How long it took is not written in it, nor the key of its copies, when the endpoint was
/// created, and how the fleet file mapped.
pub(crate) fn kept(id: PointId, point: &RecoveryPoint) -> Kept {
    Kept {
        id,
        config: point.source.config.name.clone(),
        completed: point.completed,
        tally: point.tally(),
        took: std::time::Duration::ZERO,
        by_size: point.by_size(),
        left_out: point.source.left_out.clone(),
        other_code: BTreeMap::new(),
        created: None,
        serving: Some(point.source.serving()),
        during: point.source.during,
        vault: None,
        mappings: None,
    }
}
