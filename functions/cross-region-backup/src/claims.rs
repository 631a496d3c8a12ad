//! The claims of restored endpoints on copies, as they lie with the recovery points.

use futures::{StreamExt, TryStreamExt, stream};
use steward::{
    aws::s3::{Condition, Got, S3},
    backup::{
        artifact::Vault,
        claim::{Claim, Hold, LIMIT},
        places::Placed,
    },
    failure::{CallError, Failure},
    location::Location,
};

use crate::backup::Cursor;

/// Claims read at the same time.
const AT_ONCE: usize = 8;

/// Everything that is claimed. The inner `Err` says which claim cannot be read, and why: nobody knows what it holds.
///
/// # Errors
/// What S3 says; there is no partial list.
pub(crate) async fn all(s3: &S3, vault: &Vault) -> Result<Result<Vec<Claim>, String>, CallError> {
    let mut keys = Vec::new();
    let mut cursor = Cursor::new(s3, &vault.claims());
    while let Some(object) = cursor.next().await? {
        keys.push(object.key);
    }
    let reading = keys.into_iter().map(async |key| {
        let at = Location::new(&vault.bucket, key);
        Ok::<_, CallError>(match s3.get(&at, None, LIMIT).await? {
            Got::Object(object) => Some(
                Claim::read(&String::from_utf8_lossy(&object.body))
                    .map_err(|why| format!("Nobody knows what {at} holds: {why}. Delete it if nobody needs it.")),
            ),
            // It went in between.
            Got::Absent | Got::NotModified => None,
        })
    });
    let read: Vec<Option<Result<Claim, String>>> = stream::iter(reading).buffered(AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

/// Writes a claim; the same one again is the same.
///
/// # Errors
/// What S3 says.
pub(crate) async fn write(s3: &S3, hold: &Hold) -> Result<(), CallError> {
    let document = hold.claim.write().into_bytes();
    match s3
        .put(&hold.at(), document, "application/json", Condition::Absent)
        .await
    {
        Err(error) if error.failure != Failure::Conflict => Err(error),
        _ => Ok(()),
    }
}

/// The point of a claim is there. Looked at after the claim was written: whoever deletes points deletes them before looking
/// for claims, so the copies of a point that is there now are kept.
///
/// # Errors
/// What S3 says.
pub(crate) async fn point_is_there(s3: &S3, hold: &Hold) -> Result<bool, CallError> {
    let Claim {
        endpoint, from, point, ..
    } = &hold.claim;
    for placed in [
        Placed::new(endpoint, from, point.clone()),
        Placed::earlier(endpoint, point.clone()),
    ] {
        if s3.head(&placed.at(&hold.vault)).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
