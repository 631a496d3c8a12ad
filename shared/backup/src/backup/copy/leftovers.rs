//! Uploads that nobody will finish. S3 bills their parts for ever, and no listing of objects shows them.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    backup::inventory::{CopyCall, Upload},
    location::Location,
};

/// A backup has long ended, or given up, after this time.
pub const ABANDONED: Duration = Duration::from_secs(36 * 3600);

/// The aborts of those `uploads` (any below the prefix of the backups) which are abandoned, and of those to keys that
/// `complete` says need no upload any more.
pub fn leftovers(bucket: &str, uploads: &[Upload], complete: impl Fn(&str) -> bool, now: Timestamp) -> Vec<CopyCall> {
    let abandoned = now.saturating_sub(ABANDONED).unwrap_or(Timestamp::MIN);
    uploads
        .iter()
        .filter(|upload| complete(&upload.key) || upload.initiated < abandoned)
        .map(|upload| CopyCall::Abort {
            to: Location::new(bucket, &upload.key),
            upload: Arc::from(upload.id.as_str()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture::at;

    #[test]
    fn uploads_of_finished_copies_and_old_ones_are_aborted_and_those_of_others_are_not() {
        let upload = |key: &str, id: &str, begun: i64| Upload {
            key: key.into(),
            id: id.into(),
            initiated: at(begun),
            parts: vec![],
        };
        let uploads = [
            upload("done", "a", 199_000),
            upload("other", "b", 199_000),
            upload("old", "c", 0),
        ];
        let calls = leftovers("dr", &uploads, |key| key == "done", at(200_000));
        let aborted: Vec<&str> = calls
            .iter()
            .filter_map(|call| match call {
                CopyCall::Abort { upload, .. } => Some(&**upload),
                _ => None,
            })
            .collect();
        assert_eq!(aborted, ["a", "c"]);
    }
}
