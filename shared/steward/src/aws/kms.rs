//! KMS: whether a key is there and enabled.

use aws_sdk_kms::Client;

use super::{Base, Bound, incomplete};
use crate::failure::{CallError, Failure};

const SERVICE: &str = "kms";

/// KMS in one Region.
#[derive(Clone, Debug)]
pub struct Kms {
    client: Client,
    bound: Bound,
}

/// A key as KMS describes it. Whether a role may use it, only using it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its ARN, whatever it was asked for by.
    pub arn: String,
    /// It encrypts and decrypts.
    pub enabled: bool,
    /// `KeyState`, e.g. `Enabled`, `Disabled`, `PendingDeletion`.
    pub state: String,
}

impl Kms {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let mut config = aws_sdk_kms::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
        config.set_retry_config(base.few_calls());
        Self {
            client: Client::from_conf(config.build()),
            bound: base.bound(),
        }
    }

    /// The same, giving up at `deadline`.
    #[must_use]
    pub fn until(&self, deadline: jiff::Timestamp) -> Self {
        Self {
            client: self.client.clone(),
            bound: self.bound.until(deadline),
        }
    }

    /// A key by id, ARN, `alias/NAME` or the alias's ARN; `None` when there is none in this Region.
    ///
    /// # Errors
    /// [`Failure::Denied`] when its policy does not let the role look at it.
    pub async fn key(&self, id: &str) -> Result<Option<Key>, CallError> {
        let operation = "DescribeKey";
        let request = self.client.describe_key().key_id(id);
        let answer = match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(answer) => answer,
            Err(error) if error.failure == Failure::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let missing = |what| incomplete(SERVICE, operation, what);
        let key = answer.key_metadata.ok_or_else(|| missing("KeyMetadata"))?;
        Ok(Some(Key {
            arn: key.arn.ok_or_else(|| missing("Arn"))?,
            enabled: key.enabled,
            state: key.key_state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        }))
    }
}
