//! Where the fleet file comes from, and which version of it is in force.
//!
//! A new version is taken only if it can be read. Otherwise the last good one stays in force, and both are reported:
//! what is wrong with the new one, and that the old one still holds. The last good one survives in memory between warm
//! invocations and, as a copy in the state bucket, from one start of the function to the next.

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::s3::{Condition, Got, Location, S3};
use crate::{
    failure::{CallError, Failure},
    fleet::{Fleet, FleetErrors},
    health::observation,
    report::Report,
    settings::{FleetSource, StateStore},
};

/// The largest fleet file, in bytes.
pub const LIMIT: u64 = 4 * 1024 * 1024;

/// The fleet file of one function, kept between its invocations.
#[derive(Debug)]
pub struct FleetFile {
    source: FleetSource,
    copy: Location,
    memory: Mutex<Memory>,
}

/// The fleet file in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// What it declares.
    pub fleet: Arc<Fleet>,
    /// The ETag, or a digest of a local file.
    pub version: String,
    /// Why it is not the present version, or may not be, and why it will not outlive this process. What is wrong with a
    /// version stands until S3 says otherwise, also while S3 cannot be asked.
    pub troubles: Vec<Trouble>,
}

/// What is wrong with the present fleet file.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// It has mistakes.
    Broken {
        /// Its version.
        version: String,
        /// All of them.
        errors: FleetErrors,
    },
    /// It is no UTF-8 text.
    NotText {
        /// Its version.
        version: String,
        /// The first byte, from 0, that is not UTF-8.
        at: usize,
    },
    /// It is not there.
    Missing,
    /// S3 could not be asked, or refused.
    Call(CallError),
    /// The local file could not be read.
    File(String),
    /// It is in force, but its copy for the next start could not be written.
    NotKept {
        /// Where the copy should be.
        copy: Location,
        /// What S3 said.
        call: CallError,
    },
}

impl Trouble {
    /// As a trouble of the monitor, in the words `told`. A failed call says nothing of the file: it is a trouble of the
    /// call's own kind, unless S3 says that there is nothing to read, or too much.
    pub fn of_the_monitor(&self, told: String) -> observation::Trouble {
        let (kind, what) = match self {
            Self::Call(call) if !matches!(call.failure, Failure::NotFound | Failure::Invalid) => {
                (call.failure.into(), format!("{} of the fleet file", call.iam_action()))
            }
            Self::NotKept { call, .. } => (
                call.failure.into(),
                format!("{} of the fleet file's copy", call.iam_action()),
            ),
            Self::Broken { .. } | Self::NotText { .. } | Self::Missing | Self::Call(_) | Self::File(_) => {
                (observation::TroubleKind::FleetFile, "fleet file".to_owned())
            }
        };
        observation::Trouble {
            kind,
            what,
            endpoint: None,
            detail: told,
        }
    }
}

/// No version of the fleet file is in force: none has ever been good, or the copy is lost as well.
#[derive(Clone, Debug, PartialEq)]
pub struct NoFleet {
    /// Where it should be.
    pub source: String,
    /// What is wrong with the present version.
    pub trouble: Box<Trouble>,
    /// Why there is no last good one.
    pub copy: NoCopy,
}

/// Why no last good version is remembered.
#[derive(Clone, Debug, PartialEq)]
pub enum NoCopy {
    /// None was ever kept there: no version has been good yet.
    Never(Location),
    /// One was kept, or may have been; in words.
    Lost(String),
}

impl NoFleet {
    /// Nobody has written a fleet file yet: S3 says that there is none, and that no version was ever good. A file that is
    /// there and wrong, one that was moved, and a call that failed are none of that.
    pub fn is_unwritten(&self) -> bool {
        *self.trouble == Trouble::Missing && matches!(self.copy, NoCopy::Never(_))
    }

    /// As a trouble of the monitor.
    pub fn of_the_monitor(&self) -> observation::Trouble {
        let trouble = self.trouble.of_the_monitor(self.to_string());
        match self.is_unwritten() {
            true => observation::Trouble {
                kind: observation::TroubleKind::NoFleetFile,
                what: self.source.clone(),
                ..trouble
            },
            false => trouble,
        }
    }

    /// The answer to whatever was not asked by a person, where it [`is_unwritten`](Self::is_unwritten): there is nothing
    /// to be done yet, and no repetition of the event would find anything. `Err` gives it back where it is not.
    pub fn answered(self) -> Result<Report, Self> {
        match self.is_unwritten() {
            true => Ok(Report::partial(self.to_string()).with("fleet_file", self.source.clone())),
            false => Err(self),
        }
    }
}

impl fmt::Display for NoCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never(at) => write!(f, "{at} is not there: no version has been good yet"),
            Self::Lost(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { version, errors } => write!(f, "version {version} has mistakes:\n{errors}"),
            Self::NotText { version, at } => {
                write!(
                    f,
                    "version {version} is not UTF-8 text, from byte {at} on; save it as UTF-8"
                )
            }
            Self::Missing => f.write_str("it is not there; upload it, or correct STEWARD_FLEET"),
            Self::Call(call) => write!(f, "it was not read: {call}. {}", call.advice()),
            Self::File(problem) => f.write_str(problem),
            Self::NotKept { copy, call } => write!(
                f,
                "it is in force, but its copy for the next start was not kept: {copy}: {call}. {}",
                call.advice()
            ),
        }
    }
}

impl fmt::Display for NoFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unwritten() {
            return write!(
                f,
                "there is no fleet file yet, so there is nothing to look after: {} is not there, and none was ever good. Write one and upload it there",
                self.source
            );
        }
        write!(
            f,
            "no fleet file is in force. {}: {}\nNo earlier version: {}",
            self.source, self.trouble, self.copy
        )
    }
}

impl std::error::Error for NoFleet {}

#[derive(Debug, Default)]
struct Memory {
    good: Option<Good>,
    /// The last version seen and what was wrong with it, so that a broken one is read only once.
    seen: Option<(String, Option<Trouble>)>,
    /// There was none when S3 was last asked.
    missing: bool,
}

impl Memory {
    /// What was wrong with the file when S3 was last asked.
    fn standing(&self) -> Option<Trouble> {
        match self.missing {
            true => Some(Trouble::Missing),
            false => self.seen.as_ref().and_then(|(_, trouble)| trouble.clone()),
        }
    }
}

#[derive(Clone, Debug)]
struct Good {
    fleet: Arc<Fleet>,
    version: String,
    /// When it was written; absent where nobody knows.
    modified: Option<Timestamp>,
    /// The text that the copy still lacks.
    unsaved: Option<String>,
}

/// The copy in the state bucket.
#[derive(Serialize, Deserialize)]
struct Copy {
    /// Where the file came from; a copy of another file is not used.
    source: String,
    version: String,
    /// Absent in copies of earlier builds.
    #[serde(default)]
    modified: Option<Timestamp>,
    text: String,
}

impl FleetFile {
    /// The fleet file at `source`, with its copy in `store`.
    pub fn new(source: &FleetSource, store: &StateStore) -> Self {
        Self {
            source: source.clone(),
            copy: Location::new(&store.bucket, store.key("fleet/last-good.json")),
            memory: Mutex::default(),
        }
    }

    /// Looks whether there is a new version, and answers the one in force.
    ///
    /// # Errors
    /// [`NoFleet`] when there is none.
    pub async fn load(&self, s3: &S3) -> Result<InForce, NoFleet> {
        let mut memory = self.memory.lock().await;
        let seen = memory.seen.as_ref().map(|(version, _)| version.as_str());
        let mut unread = None;
        match self.fetch(s3, seen).await {
            Fetched::Same => memory.missing = false,
            Fetched::New {
                version,
                modified,
                bytes,
            } => {
                let read = read(&version, modified, bytes, &self.source);
                memory.missing = false;
                memory.seen = Some((version, read.as_ref().err().cloned()));
                memory.good = read.ok().or(memory.good.take());
            }
            Fetched::Missing => memory.missing = true,
            Fetched::Unread(trouble) => unread = Some(trouble),
        }
        let standing = memory.standing();
        let good = match &mut memory.good {
            Some(good) => good,
            // Nothing good in memory means that every version seen so far had its trouble.
            empty => empty.insert(self.remember(s3).await.map_err(|copy| NoFleet {
                source: self.source.to_string(),
                trouble: Box::new(unread.clone().or(standing.clone()).unwrap_or(Trouble::Missing)),
                copy,
            })?),
        };
        let kept = self.keep(s3, good).await;
        Ok(InForce {
            fleet: good.fleet.clone(),
            version: good.version.clone(),
            troubles: [standing, unread, kept.err()].into_iter().flatten().collect(),
        })
    }

    /// When the version in force was written, as it was last loaded: `LastModified` of the object, or the modification time
    /// of the local file. `None` where nobody knows, or nothing was loaded yet. The same bytes written again are no new
    /// version.
    pub async fn modified(&self) -> Option<Timestamp> {
        self.memory.lock().await.good.as_ref()?.modified
    }

    async fn fetch(&self, s3: &S3, seen: Option<&str>) -> Fetched {
        match &self.source {
            FleetSource::S3 { bucket, key } => match s3.get(&Location::new(bucket, key), seen, LIMIT).await {
                Ok(Got::NotModified) => Fetched::Same,
                Ok(Got::Object(object)) => Fetched::New {
                    version: object.etag,
                    modified: object.modified,
                    bytes: object.body,
                },
                Ok(Got::Absent) => Fetched::Missing,
                Err(call) => Fetched::Unread(Trouble::Call(call)),
            },
            FleetSource::File(path) => match std::fs::read(path) {
                Ok(bytes) => {
                    let digest = Sha256::digest(&bytes);
                    let version: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                    if seen == Some(version.as_str()) {
                        Fetched::Same
                    } else {
                        let modified = std::fs::metadata(path).and_then(|about| about.modified());
                        let modified = modified.ok().and_then(|at| Timestamp::try_from(at).ok());
                        Fetched::New {
                            version,
                            modified,
                            bytes,
                        }
                    }
                }
                Err(error) => Fetched::Unread(Trouble::File(format!("cannot read {}: {error}", path.display()))),
            },
        }
    }

    /// Writes the copy of a version that has none yet.
    async fn keep(&self, s3: &S3, good: &mut Good) -> Result<(), Trouble> {
        let Some(text) = &good.unsaved else { return Ok(()) };
        // A start with an unchanged file finds its copy already there.
        let there = match self.copied(s3).await {
            Ok(copy) => copy.version == good.version,
            Err(_) => false,
        };
        if !there {
            let copy = Copy {
                source: self.source.to_string(),
                version: good.version.clone(),
                modified: good.modified,
                text: text.clone(),
            };
            let body = json!(copy).to_string().into_bytes();
            let put = s3.put(&self.copy, body, "application/json", Condition::Always).await;
            put.map_err(|call| Trouble::NotKept {
                copy: self.copy.clone(),
                call,
            })?;
        }
        good.unsaved = None;
        Ok(())
    }

    /// The last good version of an earlier start.
    async fn remember(&self, s3: &S3) -> Result<Good, NoCopy> {
        let copy = self.copied(s3).await?;
        match Fleet::parse(&copy.text, &format!("{} (copy of {})", self.copy, copy.source)) {
            Ok(fleet) => Ok(Good {
                fleet: Arc::new(fleet),
                version: copy.version,
                modified: copy.modified,
                unsaved: None,
            }),
            Err(errors) => Err(NoCopy::Lost(format!(
                "the copy was good for another build, but this one cannot read it:\n{errors}"
            ))),
        }
    }

    async fn copied(&self, s3: &S3) -> Result<Copy, NoCopy> {
        let at = &self.copy;
        match s3.get(at, None, 2 * LIMIT).await {
            Ok(Got::Object(object)) => {
                let copy: Copy =
                    serde_json::from_slice(&object.body).map_err(|error| NoCopy::Lost(format!("{at}: {error}")))?;
                let source = self.source.to_string();
                if copy.source == source {
                    Ok(copy)
                } else {
                    Err(NoCopy::Lost(format!(
                        "{at} is a copy of {}, not of {source}",
                        copy.source
                    )))
                }
            }
            Ok(Got::Absent | Got::NotModified) => Err(NoCopy::Never(at.clone())),
            Err(call) => Err(NoCopy::Lost(format!("{at}: {call}. {}", call.advice()))),
        }
    }
}

enum Fetched {
    Same,
    New {
        version: String,
        modified: Option<Timestamp>,
        bytes: Vec<u8>,
    },
    Missing,
    Unread(Trouble),
}

fn read(version: &str, modified: Option<Timestamp>, bytes: Vec<u8>, source: &FleetSource) -> Result<Good, Trouble> {
    let text = String::from_utf8(bytes).map_err(|error| Trouble::NotText {
        version: version.to_owned(),
        at: error.utf8_error().valid_up_to(),
    })?;
    match Fleet::parse(&text, &source.to_string()) {
        Ok(fleet) => Ok(Good {
            fleet: Arc::new(fleet),
            version: version.to_owned(),
            modified,
            unsaved: Some(text),
        }),
        Err(errors) => Err(Trouble::Broken {
            version: version.to_owned(),
            errors,
        }),
    }
}
