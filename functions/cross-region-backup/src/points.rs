//! The recovery points of an endpoint, as they lie in the Region of the backups.

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    aws::s3::{Got, S3},
    backup::{
        artifact::Vault,
        ledger::Kept,
        manifest::{LIMIT, PointId, RecoveryPoint},
    },
    failure::CallError,
    location::Location,
};

use crate::backup::Cursor;

/// Points read at the same time.
const AT_ONCE: usize = 8;

/// A recovery point; `Err` says why nothing is to be restored from it.
pub(crate) type Read = Result<RecoveryPoint, String>;

/// Every point below a prefix of points, oldest first, with its endpoint.
///
/// # Errors
/// What S3 says; there is no partial list.
pub(crate) async fn below(s3: &S3, vault: &Vault, prefix: &Location) -> Result<Vec<(String, PointId)>, CallError> {
    let mut found = Vec::new();
    let mut cursor = Cursor::new(s3, prefix);
    while let Some(object) = cursor.next().await? {
        found.extend(PointId::of_key(vault, &object.key));
    }
    Ok(found)
}

/// The ids of an endpoint's points, oldest first.
///
/// # Errors
/// What S3 says; there is no partial list.
pub(crate) async fn ids(s3: &S3, vault: &Vault, endpoint: &str) -> Result<Vec<PointId>, CallError> {
    let found = below(s3, vault, &vault.points(endpoint)).await?;
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// One point.
///
/// # Errors
/// What S3 says.
pub(crate) async fn read(s3: &S3, vault: &Vault, endpoint: &str, id: &PointId) -> Result<Read, CallError> {
    let at = id.at(vault, endpoint);
    Ok(match s3.get(&at, None, LIMIT).await? {
        Got::Object(object) => match String::from_utf8(object.body) {
            Ok(document) => RecoveryPoint::read(&document).map_err(|error| error.to_string()),
            Err(_) => Err("it is damaged: it is no text".to_owned()),
        },
        Got::Absent | Got::NotModified => Err(format!("{at} is not there")),
    })
}

/// Reads these points, in their order.
///
/// # Errors
/// What S3 says.
pub(crate) async fn read_all(
    s3: &S3,
    vault: &Vault,
    points: Vec<(String, PointId)>,
) -> Result<Vec<(String, PointId, Read)>, CallError> {
    let reading = points.into_iter().map(async |(endpoint, id)| {
        let read = read(s3, vault, &endpoint, &id).await?;
        Ok((endpoint, id, read))
    });
    stream::iter(reading).buffered(AT_ONCE).try_collect().await
}

/// The newest point that can be read, with its id.
///
/// # Errors
/// What S3 says.
pub(crate) async fn newest(
    s3: &S3,
    vault: &Vault,
    endpoint: &str,
) -> Result<Option<(PointId, RecoveryPoint)>, CallError> {
    for id in ids(s3, vault, endpoint).await?.into_iter().rev() {
        match read(s3, vault, endpoint, &id).await? {
            Ok(point) => return Ok(Some((id, point))),
            Err(why) => tracing::warn!(endpoint, point = %id, "{why}"),
        }
    }
    Ok(None)
}

/// A point in short. How long it took is not written in it.
pub(crate) fn kept(id: PointId, point: &RecoveryPoint) -> Kept {
    Kept {
        id,
        config: point.source.config.name.clone(),
        completed: point.completed,
        tally: point.tally(),
        took: std::time::Duration::ZERO,
    }
}
