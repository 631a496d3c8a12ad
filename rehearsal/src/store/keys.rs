//! The KMS keys that S3 asks before it writes or reads what they encrypt.

use std::collections::BTreeMap;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, S3Result, dto::ServerSideEncryption};

use super::shelf::{Bucket, Headers};

/// A KMS key as far as S3 is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its alias, without `alias/`, which is its id as well.
    pub name: String,
    /// Its Region.
    pub region: String,
    /// Not disabled.
    pub enabled: bool,
    /// Its policy lets nobody use it.
    pub denied: bool,
}

/// The keys of a world by ARN. Without any, S3 asks nobody.
#[derive(Debug, Default)]
pub(super) struct Keys(pub(super) BTreeMap<String, Key>);

impl Keys {
    /// Encrypts what is written with `headers` as the client or else the bucket says, and answers what the object keeps.
    pub(super) fn encrypt(&self, bucket: &Bucket, mut headers: Headers) -> S3Result<Headers> {
        let kms = |encryption: &Option<String>| {
            encryption
                .as_deref()
                .is_some_and(|it| it.starts_with(ServerSideEncryption::AWS_KMS))
        };
        if headers.encryption.is_none() && bucket.key.is_some() {
            headers.encryption = Some(ServerSideEncryption::AWS_KMS.to_owned());
        }
        if !kms(&headers.encryption) {
            headers.key_id = None;
            return Ok(headers);
        }
        if let Some(named) = headers.key_id.take().or_else(|| bucket.key.clone()) {
            let arn = self.usable(&named, &bucket.region, "kms:GenerateDataKey")?;
            headers.key_id = Some(arn);
        }
        Ok(headers)
    }

    /// Whether what is kept with `headers` in `bucket` may be read.
    pub(super) fn decrypt(&self, bucket: &Bucket, headers: &Headers) -> S3Result<()> {
        match &headers.key_id {
            Some(key) => self.usable(key, &bucket.region, "kms:Decrypt").map(drop),
            None => Ok(()),
        }
    }

    /// The ARN of a key that may be used in `region`, named by ARN, id or alias.
    fn usable(&self, named: &str, region: &str, action: &str) -> S3Result<String> {
        if self.0.is_empty() {
            return Ok(named.to_owned());
        }
        if let Some(other) = named.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2))
            && other != region
        {
            return Err(refused(400, "KMS.NotFoundException", format!("Invalid arn {other}")));
        }
        let name = named.rsplit(['/', ':']).next().unwrap_or(named);
        let found = self.0.iter().find(|(_, key)| key.region == region && key.name == name);
        let Some((arn, key)) = found else {
            return Err(refused(
                400,
                "KMS.NotFoundException",
                format!("Key '{named}' does not exist"),
            ));
        };
        if key.denied {
            let message = format!(
                "User is not authorized to perform: {action} on resource: {arn} because no resource-based policy allows \
                 the {action} action"
            );
            return Err(refused(403, "AccessDenied", message));
        }
        if !key.enabled {
            return Err(refused(400, "KMS.DisabledException", format!("{arn} is disabled.")));
        }
        Ok(arn.clone())
    }
}

fn refused(status: u16, code: &'static str, message: String) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    if let Ok(status) = StatusCode::from_u16(status) {
        error.set_status_code(status);
    }
    error
}
