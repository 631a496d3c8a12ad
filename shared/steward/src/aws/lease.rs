//! The leases of endpoints in S3: what [`crate::lease`] decides, written on top of what was read.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    ledger::{Ledger, LedgerError},
    s3::{Location, S3},
};
use crate::{
    failure::{CallError, Failure},
    lease::{Decision, Lease, SKEW, decide},
    settings::StateStore,
};

/// All leases of one installation: `leases/<endpoint>.json` in the state bucket.
#[derive(Clone, Debug)]
pub struct Leases {
    s3: S3,
    store: StateStore,
    writer: String,
}

/// A lease that is given back stays, already over, so that its generation goes on growing and people can see who was
/// there last.
#[derive(Default, Serialize, Deserialize)]
struct Held {
    lease: Option<Lease>,
}

impl Leases {
    /// The leases in `store`, written in the name of `writer`.
    pub fn new(s3: &S3, store: &StateStore, writer: impl Into<String>) -> Self {
        Self {
            s3: s3.clone(),
            store: store.clone(),
            writer: writer.into(),
        }
    }

    /// The lease on an endpoint that is not over; `None` when it is free.
    ///
    /// # Errors
    /// When the lease cannot be read.
    pub async fn current(&self, endpoint: &str) -> Result<Option<Lease>, LedgerError> {
        let read = self.ledger(endpoint)?.load().await?;
        Ok(read.document.lease.filter(|lease| !lease.is_over(self.now())))
    }

    /// Asks for the lease. A grant or a take-over is written when this answers.
    ///
    /// # Errors
    /// When the lease cannot be read or written; then it is not held, or not surely.
    pub async fn acquire(&self, endpoint: &str, wish: &Lease) -> Result<Decision, LedgerError> {
        let change = |held: &Held| {
            let decision = decide(self.now(), held.lease.as_ref(), wish);
            let written = match &decision {
                Decision::Grant(lease) | Decision::TakeOver { lease, .. } => Some(lease.clone()),
                Decision::Refuse { .. } => None,
            };
            (written.map(|lease| Held { lease: Some(lease) }), decision)
        };
        let (_, decision) = self.ledger(endpoint)?.change(change).await?;
        Ok(decision)
    }

    /// Prolongs a lease that is still held; `None` when it has been lost.
    ///
    /// # Errors
    /// When the lease cannot be read or written; then it ends when it would have ended.
    pub async fn renew(&self, endpoint: &str, owner: &str, span: Duration) -> Result<Option<Lease>, LedgerError> {
        let change = |held: &Held| {
            let renewed = held
                .lease
                .as_ref()
                .and_then(|lease| lease.renew(owner, self.now(), span));
            let written = renewed.clone().map(|lease| Held { lease: Some(lease) });
            (written, renewed)
        };
        let (_, renewed) = self.ledger(endpoint)?.change(change).await?;
        Ok(renewed)
    }

    /// Gives a lease back: true when it was the owner's until now.
    ///
    /// # Errors
    /// When the lease cannot be read or written; then it ends when it would have ended.
    pub async fn release(&self, endpoint: &str, owner: &str) -> Result<bool, LedgerError> {
        let change = |held: &Held| {
            let now = self.now();
            let own = held
                .lease
                .as_ref()
                .filter(|lease| lease.releasable_by(owner) && !lease.is_over(now));
            let skew = SignedDuration::try_from(SKEW).unwrap_or(SignedDuration::ZERO);
            let over = own.map(|lease| Lease {
                expires: now.checked_sub(skew).unwrap_or(Timestamp::MIN),
                ..lease.clone()
            });
            let released = over.is_some();
            (over.map(|lease| Held { lease: Some(lease) }), released)
        };
        let (_, released) = self.ledger(endpoint)?.change(change).await?;
        Ok(released)
    }

    fn now(&self) -> Timestamp {
        self.s3.bound().clock().now()
    }

    fn ledger(&self, endpoint: &str) -> Result<Ledger<Held>, LedgerError> {
        let at = Location::new(&self.store.bucket, self.store.key(&format!("leases/{endpoint}.json")));
        if endpoint.is_empty()
            || !endpoint
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            let call = CallError {
                service: "s3",
                operation: "GetObject",
                failure: Failure::Invalid,
                code: None,
                message: format!("not asked: {endpoint:?} is no endpoint name"),
                request_id: None,
            };
            return Err(LedgerError::Call {
                at,
                call: Box::new(call),
            });
        }
        Ok(Ledger::new(&self.s3, at, "lease/1", self.writer.clone()))
    }
}
