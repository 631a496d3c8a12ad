//! One JSON document in S3, changed only on top of the version that was read.
//!
//! A write carries `If-Match` (or `If-None-Match: *` for the first), so of two writers one loses, reads again and decides
//! again. The hard case is a write that took effect while its answer was lost: the repetition, by the SDK or by the next
//! attempt, is refused because of *itself*. So every document carries the marks of its last writes, and a writer that is
//! refused first looks whether its own is among them.

#[cfg(test)]
mod tests;

use std::{collections::hash_map::DefaultHasher, fmt, hash::Hasher, marker::PhantomData, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::s3::{Condition, Got, Location, S3};
use crate::{
    failure::{CallError, Failure},
    settings::StateStore,
};

/// The largest document, in bytes: the health of some ten thousand endpoints.
pub const LIMIT: u64 = 32 * 1024 * 1024;

/// How often [`Ledger::change`] decides anew where no deadline bounds it.
const ATTEMPTS: u32 = 6;

/// What reading again and one more write may take. With less time left, the change is left to the next tick, while there is
/// still time to say so.
const ROOM: Duration = Duration::from_secs(2);

/// Marks kept: as many later writes may hide one of ours before we learn that it was lost in transit.
const TRAIL: usize = 8;

/// One document of type `T` in S3.
pub struct Ledger<T> {
    s3: S3,
    at: Location,
    schema: &'static str,
    writer: String,
    document: PhantomData<fn() -> T>,
}

/// Everything that Steward remembers, each document under its name in the state bucket.
#[derive(Clone, Debug)]
pub struct Memory {
    s3: S3,
    state: StateStore,
    writer: String,
}

/// The document as it was read, with what a write on top of it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<T> {
    /// The document; its default when there is none yet.
    pub document: T,
    /// Writes so far; 0 when there is none yet.
    pub sequence: u64,
    etag: Option<String>,
    trail: Vec<String>,
}

/// What is stored.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    /// Kind and version of the document, e.g. `health/1`.
    schema: String,
    /// Who wrote it, for people.
    writer: String,
    /// 1 for the first write.
    sequence: u64,
    /// The marks of the last writes, this one last.
    trail: Vec<String>,
    document: T,
}

/// What is read first: enough to know whether the rest can be.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// Why the document could not be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// S3 could not be asked, or refused.
    #[error("{at}: {call}")]
    Call {
        /// The document.
        at: Location,
        /// The call.
        call: Box<CallError>,
    },
    /// Somebody else wrote first, each time.
    #[error(
        "{at}: somebody else wrote first, {attempts} times in a row; nothing was changed, the next tick tries again"
    )]
    Conflict {
        /// The document.
        at: Location,
        /// How often it was tried.
        attempts: u32,
    },
    /// What is there is not what this build writes. It is never overwritten.
    #[error(
        "{at} is not a {expected} document: {problem}. It was left as it is; restore an earlier version of the object, \
         deploy the build that wrote it, or move it away to begin anew"
    )]
    Unreadable {
        /// The document.
        at: Location,
        /// The schema of this build.
        expected: &'static str,
        /// What was found instead.
        problem: String,
        /// When that was written; `None` where S3 did not say it, or nothing was read.
        written: Option<jiff::Timestamp>,
    },
    /// The document has outgrown what is read back.
    #[error("{at} would be {bytes} bytes, more than the {limit} accepted; nothing was written")]
    TooLarge {
        /// The document.
        at: Location,
        /// Its size.
        bytes: u64,
        /// The most accepted.
        limit: u64,
    },
}

impl Memory {
    /// What is in `state`, written in the name of `writer`.
    pub fn new(s3: &S3, state: &StateStore, writer: impl Into<String>) -> Self {
        Self {
            s3: s3.clone(),
            state: state.clone(),
            writer: writer.into(),
        }
    }

    /// The document `name`, of the kind and version `schema`.
    pub fn ledger<T>(&self, name: &str, schema: &'static str) -> Ledger<T>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        let at = Location::new(&self.state.bucket, self.state.key(name));
        Ledger::new(&self.s3, at, schema, self.writer.clone())
    }
}

impl<T> Loaded<T> {
    /// The ETag of the object; `None` when there is none yet.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }
}

impl LedgerError {
    /// The failed call, when it was one.
    pub fn call(&self) -> Option<&CallError> {
        match self {
            Self::Call { call, .. } => Some(call),
            _ => None,
        }
    }
}

impl<T> Ledger<T>
where
    T: Default + Serialize + DeserializeOwned,
{
    /// The document at `at`. `schema` names kind and version of the document; `writer` says who writes, with the request
    /// id of the invocation.
    pub fn new(s3: &S3, at: Location, schema: &'static str, writer: impl Into<String>) -> Self {
        Self {
            s3: s3.clone(),
            at,
            schema,
            writer: writer.into(),
            document: PhantomData,
        }
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.at
    }

    /// Reads the document, or its default when there is none.
    ///
    /// # Errors
    /// [`LedgerError::Call`] or [`LedgerError::Unreadable`].
    pub async fn load(&self) -> Result<Loaded<T>, LedgerError> {
        let got = self
            .s3
            .get(&self.at, None, LIMIT)
            .await
            .map_err(|call| self.failed(call))?;
        let Got::Object(object) = got else {
            return Ok(Loaded {
                document: T::default(),
                sequence: 0,
                etag: None,
                trail: Vec::new(),
            });
        };
        let unreadable = |problem: String| LedgerError::Unreadable {
            at: self.at.clone(),
            expected: self.schema,
            problem,
            written: object.modified,
        };
        let head: Head = serde_json::from_slice(&object.body).map_err(|error| unreadable(error.to_string()))?;
        if head.schema != self.schema {
            return Err(unreadable(format!("its schema is {:?}", head.schema)));
        }
        let envelope: Envelope<T> =
            serde_json::from_slice(&object.body).map_err(|error| unreadable(error.to_string()))?;
        Ok(Loaded {
            document: envelope.document,
            sequence: envelope.sequence,
            etag: Some(object.etag),
            trail: envelope.trail,
        })
    }

    /// Writes `document` on top of what was read, and answers what is there now: what was written, or, when others wrote
    /// on top of it before we learned of our success, their version.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] when somebody else wrote first: read, decide and commit again. After
    /// [`LedgerError::Call`] the write may still have taken effect.
    pub async fn commit(&self, over: &Loaded<T>, document: T) -> Result<Loaded<T>, LedgerError> {
        let sequence = over.sequence + 1;
        let mark = self.mark(sequence, &document)?;
        let mut trail = over.trail.clone();
        trail.push(mark.clone());
        trail.drain(..trail.len().saturating_sub(TRAIL));
        let envelope = Envelope {
            schema: self.schema.to_owned(),
            writer: self.writer.clone(),
            sequence,
            trail,
            document,
        };
        let body = serde_json::to_vec(&envelope).map_err(|error| self.unwritable(&error))?;
        if body.len() as u64 > LIMIT {
            return Err(LedgerError::TooLarge {
                at: self.at.clone(),
                bytes: body.len() as u64,
                limit: LIMIT,
            });
        }
        let condition = over.etag.as_deref().map_or(Condition::Absent, Condition::Matches);
        let call = match self.s3.put(&self.at, body, "application/json", condition).await {
            Ok(etag) => {
                return Ok(Loaded {
                    document: envelope.document,
                    sequence,
                    etag: Some(etag),
                    trail: envelope.trail,
                });
            }
            Err(call) => call,
        };
        let conflict = call.failure == Failure::Conflict;
        if !conflict && !call.failure.may_have_taken_effect() {
            return Err(self.failed(call));
        }
        match self.load().await {
            Ok(now) if now.trail.contains(&mark) => Ok(now),
            Ok(_) if conflict => Err(LedgerError::Conflict {
                at: self.at.clone(),
                attempts: 1,
            }),
            Ok(_) => Err(self.failed(call)),
            Err(unread) if conflict => Err(unread),
            Err(_) => Err(self.failed(call)),
        }
    }

    /// Reads, decides, commits; decides anew on what others wrote in between. `decide` answers the new document, or
    /// `None` to leave it, with whatever else the caller wants to know; only the answer of the last decision counts.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] when others wrote first for as long as there was time; a call that fails ends it at once.
    pub async fn change<R>(&self, decide: impl FnMut(&T) -> (Option<T>, R)) -> Result<(Loaded<T>, R), LedgerError> {
        let first = self.load().await?;
        self.change_from(first, decide).await
    }

    /// [`Ledger::change`] that decides first on what has already been read.
    ///
    /// # Errors
    /// As [`Ledger::change`].
    pub async fn change_from<R>(
        &self,
        first: Loaded<T>,
        mut decide: impl FnMut(&T) -> (Option<T>, R),
    ) -> Result<(Loaded<T>, R), LedgerError> {
        let mut read = first;
        let mut attempt = 1;
        loop {
            let (wanted, answer) = decide(&read.document);
            let Some(wanted) = wanted else {
                return Ok((read, answer));
            };
            match self.commit(&read, wanted).await {
                Ok(now) => return Ok((now, answer)),
                Err(LedgerError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            let pause = self.pause(attempt);
            let left = self.s3.bound().remaining();
            if !left.map_or(attempt < ATTEMPTS, |left| left > pause + ROOM) {
                return Err(LedgerError::Conflict {
                    at: self.at.clone(),
                    attempts: attempt,
                });
            }
            tokio::time::sleep(pause).await;
            read = self.load().await?;
            attempt += 1;
        }
    }

    /// The same writer deciding the same on the same version is the same write.
    fn mark(&self, sequence: u64, document: &T) -> Result<String, LedgerError> {
        let content = serde_json::to_vec(document).map_err(|error| self.unwritable(&error))?;
        let digest = Sha256::new()
            .chain_update(&self.writer)
            .chain_update([0])
            .chain_update(content)
            .finalize();
        let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{sequence}-{short}"))
    }

    /// Anything up to 80 ms, doubling up to 1.28 s: a burst of events writes one document, and whoever waits as long as
    /// another one only loses against it again. It depends on the writer and not on chance, so that a rehearsal repeats
    /// itself.
    fn pause(&self, attempt: u32) -> Duration {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.writer.as_bytes());
        hasher.write_u32(attempt);
        Duration::from_millis(hasher.finish() % (40u64 << attempt.min(5)))
    }

    fn failed(&self, call: CallError) -> LedgerError {
        LedgerError::Call {
            at: self.at.clone(),
            call: Box::new(call),
        }
    }

    fn unwritable(&self, error: &serde_json::Error) -> LedgerError {
        LedgerError::Unreadable {
            at: self.at.clone(),
            expected: self.schema,
            problem: format!("the new document cannot be written as JSON: {error}"),
            written: None,
        }
    }
}

impl<T> fmt::Debug for Ledger<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({}, {})", self.at, self.schema)
    }
}
