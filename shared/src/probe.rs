//! What one answer to a synthetic inference says, and about whom.
//!
//! An endpoint must never be called sick because the monitor is: a throttled, denied or unconnected call, or a payload
//! that the model never accepted, says nothing about the endpoint. [`Cause`] is the table of who is to blame for what.

mod conditions;
pub mod fit;
#[cfg(test)]
mod tests;
pub mod tries;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::health::policy::{Condition, Probe};

/// What came back from one probe, after its retries.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeAnswer {
    /// From sending to the whole answer, the last attempt only.
    pub latency: Duration,
    /// What it was.
    pub outcome: Outcome,
}

/// The ways in which a probe ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The model answered, or an asynchronous probe's output object is there.
    Answered {
        /// HTTP status; 200 for an output object.
        status: u16,
        /// The body, or its beginning.
        body: Vec<u8>,
        /// `body` is all of it; otherwise it was too large to be kept ([`kept_of_body`]).
        whole: bool,
    },
    /// `ModelError` (424): the container answered, but not with 2xx, or an asynchronous probe's failure object is there.
    ModelError {
        /// `OriginalStatusCode`.
        original_status: Option<u16>,
        /// `OriginalMessage`, or the content of the failure object.
        message: String,
    },
    /// SageMaker Runtime (or S3, for an asynchronous probe) answered with an error of its own.
    Refused {
        /// HTTP status.
        status: u16,
        /// The error code, such as `ThrottlingException`.
        code: String,
        /// Its message.
        message: String,
    },
    /// No answer within [`Probe::timeout`].
    TimedOut,
    /// No answer within less than [`Probe::timeout`], because whoever asked had no more time: nothing is known.
    CutShort {
        /// How long was waited; zero when it was not even sent.
        after: Duration,
    },
    /// No connection could be made: DNS, TCP, TLS, or no credentials.
    NoConnection {
        /// What the client said.
        message: String,
    },
    /// An asynchronous probe has had no output for longer than it may take.
    Overdue {
        /// How long it may take.
        within: Duration,
    },
}

impl Outcome {
    /// A container answered, well or not.
    pub fn is_of_a_container(&self) -> bool {
        matches!(self, Self::Answered { .. } | Self::ModelError { .. })
    }
}

/// What one probe says of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Every condition held.
    Passed,
    /// Every condition held, but slower than `degraded-after`.
    Degraded,
    /// The endpoint did not do what the probe expects of it.
    Failed,
    /// Nothing is known: the trouble is the monitor's.
    Inconclusive,
}

/// Why a probe did not pass, and so whose trouble it is and which recovery could help.
///
/// | answer | cause | judged |
/// |---|---|---|
/// | 2xx, a `latency` condition broken | `Slow` | failed |
/// | 2xx, slower than `degraded-after` | `Slow` | degraded |
/// | 2xx, another condition broken | `WrongAnswer` | failed |
/// | no answer in time | `TimedOut` | failed |
/// | `ModelError` with another original status, 500, 503, 530 | `ServerError` | failed |
/// | 429 `ModelNotReadyException` | `NotReady` | failed |
/// | 400 `ValidationError` saying the endpoint is not found | `NotFound` | failed |
/// | asynchronous output overdue | `Backlog` | failed |
/// | `ModelError` with original status 400, 406, 413, 415 or 422; other 4xx of SageMaker | `PayloadRefused` | inconclusive, see below |
/// | 400 saying that an inference component has no capacity | `Asleep` | inconclusive |
/// | 2xx, a condition on a body that is larger than what is kept of it | `TooLarge` | inconclusive |
/// | no answer, and no time to wait for as long as it may take | `CutShort` | inconclusive |
/// | 429 otherwise | `Throttled` | inconclusive |
/// | 401, 403, any status with an access or token error | `Denied` | inconclusive |
/// | no connection | `Network` | inconclusive |
///
/// A refused payload is most probably a wrong probe. Once the very same probe has passed on this endpoint, it is the
/// endpoint that changed: `health` then counts `PayloadRefused` as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Answered, but too slowly.
    Slow,
    /// Answered with something else than the conditions ask.
    WrongAnswer,
    /// Did not answer in time.
    TimedOut,
    /// The container or SageMaker failed to answer.
    ServerError,
    /// The model is still being loaded.
    NotReady,
    /// SageMaker Runtime does not know the endpoint.
    NotFound,
    /// The queue of an asynchronous endpoint does not drain.
    Backlog,
    /// The input was refused before or by the model.
    PayloadRefused,
    /// Scaled to zero: to probe it would wake it.
    Asleep,
    /// Nothing is in service of what is asked, although something should be.
    Unserved,
    /// The monitor calls too often.
    Throttled,
    /// The monitor may not call.
    Denied,
    /// The monitor reaches nothing.
    Network,
    /// The monitor keeps no answer of this size, and a condition needs all of it.
    TooLarge,
    /// The monitor had no time to wait for as long as the answer may take.
    CutShort,
}

impl Cause {
    /// The monitor is to blame, and the operator of the monitor must do something.
    pub fn is_monitors(self) -> bool {
        matches!(
            self,
            Self::PayloadRefused | Self::Throttled | Self::Denied | Self::Network | Self::TooLarge | Self::CutShort
        )
    }
}

/// The judgement on one answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProbeVerdict {
    /// What it says of the endpoint.
    pub judgement: Judgement,
    /// Why it is not `Passed`; `None` when it is.
    pub cause: Option<Cause>,
    /// For people: what was expected and what came, with an excerpt of the body. Printable, at most some 400 characters.
    pub reason: String,
}

impl ProbeVerdict {
    /// The model answered, rightly or not, so that the time it took is the time to an answer. Errors, refusals and answers
    /// that did not come say nothing of that.
    pub fn is_of_an_answer(&self) -> bool {
        matches!(self.cause, None | Some(Cause::Slow | Cause::WrongAnswer))
    }
}

/// Judges one answer. Total: any bytes, any policy.
pub fn judge(answer: &ProbeAnswer, probe: &Probe) -> ProbeVerdict {
    let took = answer.latency;
    match &answer.outcome {
        Outcome::Answered { status, body, whole } => conditions::judge(*status, (body, *whole), took, probe),
        Outcome::ModelError {
            original_status: Some(status),
            message,
        } if asks_for_status(probe, *status) => conditions::judge(*status, (message.as_bytes(), true), took, probe),
        Outcome::ModelError {
            original_status,
            message,
        } => model_error(*original_status, message),
        Outcome::Refused { status, code, message } => refused(*status, code, message),
        Outcome::TimedOut => failed(Cause::TimedOut, format!("no answer within {}", seconds(probe.timeout))),
        Outcome::CutShort { after } if after.is_zero() => {
            inconclusive(Cause::CutShort, "not sent: there was no time left for it".to_owned())
        }
        Outcome::CutShort { after } => inconclusive(
            Cause::CutShort,
            format!(
                "no answer within {}, and no time left for the {} that it may take",
                seconds(*after),
                seconds(probe.timeout)
            ),
        ),
        Outcome::NoConnection { message } => inconclusive(
            Cause::Network,
            format!("no connection to SageMaker Runtime: {}", excerpt(message.as_bytes())),
        ),
        Outcome::Overdue { within } => failed(
            Cause::Backlog,
            format!(
                "no output after {}, expected within {}: the queue does not drain",
                seconds(took),
                seconds(*within)
            ),
        ),
    }
}

/// The most of an answer's body that is kept for conditions on it, in bytes. A sweep holds as many answers at once as the
/// fleet file's `concurrency` allows, each with all probes of its endpoint, in a function of 256 MB; SageMaker allows 25 MB
/// for a synchronous answer and 1 GB for an asynchronous one.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The most of an answer's body that is kept when no condition looks into it, in bytes: enough for an excerpt.
const GLANCE: usize = 4 * 1024;

/// How much of an answer's body a probe needs, in bytes.
pub fn kept_of_body(probe: &Probe) -> usize {
    let looks_into = |condition: &Condition| {
        matches!(
            condition,
            Condition::Contains(_) | Condition::NotContains(_) | Condition::Json { .. }
        )
    };
    match probe.conditions.iter().any(looks_into) {
        true => BODY_LIMIT,
        false => GLANCE,
    }
}

fn asks_for_status(probe: &Probe, status: u16) -> bool {
    probe.conditions.contains(&Condition::Status(status))
}

fn model_error(status: Option<u16>, message: &str) -> ProbeVerdict {
    let said = excerpt(message.as_bytes());
    match status {
        Some(status @ (400 | 406 | 413 | 415 | 422)) => inconclusive(
            Cause::PayloadRefused,
            format!("the model refuses this probe's input with {status}: {said}"),
        ),
        Some(status) => failed(
            Cause::ServerError,
            format!("the model container answered {status}: {said}"),
        ),
        None => failed(
            Cause::ServerError,
            format!("the model container failed without a status: {said}"),
        ),
    }
}

fn refused(status: u16, code: &str, message: &str) -> ProbeVerdict {
    let said = format!("{status} {}: {}", excerpt(code.as_bytes()), excerpt(message.as_bytes()));
    let lower = message.to_ascii_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| code.contains(word));
    if about(&["ModelNotReady"]) {
        return failed(Cause::NotReady, format!("the model is not ready: {said}"));
    }
    if about(&["Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown"]) || status == 429 {
        return inconclusive(Cause::Throttled, format!("this probe was throttled: {said}"));
    }
    if about(&[
        "AccessDenied",
        "ExpiredToken",
        "UnrecognizedClient",
        "InvalidSignature",
        "NotAuthorized",
    ]) || matches!(status, 401 | 403)
    {
        return inconclusive(Cause::Denied, format!("this probe is not allowed: {said}"));
    }
    if lower.contains("no capacity") {
        return inconclusive(Cause::Asleep, format!("scaled to zero: {said}"));
    }
    match status {
        400..500 if lower.contains("not found") && lower.contains("endpoint") && !lower.contains("variant") => {
            failed(Cause::NotFound, format!("SageMaker does not find the endpoint: {said}"))
        }
        400..500 => inconclusive(Cause::PayloadRefused, format!("SageMaker refuses this probe: {said}")),
        _ => failed(Cause::ServerError, format!("SageMaker could not answer: {said}")),
    }
}

fn failed(cause: Cause, reason: String) -> ProbeVerdict {
    ProbeVerdict {
        judgement: Judgement::Failed,
        cause: Some(cause),
        reason,
    }
}

fn inconclusive(cause: Cause, reason: String) -> ProbeVerdict {
    ProbeVerdict {
        judgement: Judgement::Inconclusive,
        cause: Some(cause),
        reason,
    }
}

/// The longest excerpt of foreign text in a reason, in characters.
const EXCERPT: usize = 120;

/// Foreign bytes as one printable line: lossy UTF-8, controls escaped, cut at [`EXCERPT`] characters.
pub fn excerpt(bytes: &[u8]) -> String {
    // Four bytes a character at most: never decode a large body for the sake of its beginning.
    let head = &bytes[..bytes.len().min(4 * (EXCERPT + 1))];
    let text = String::from_utf8_lossy(head);
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == EXCERPT {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    if out.is_empty() { "(empty)".to_owned() } else { out }
}

/// A duration as people read it: `90 ms`, `2.5 s`, `12 min`, `3 h 20 min`.
pub fn seconds(duration: Duration) -> String {
    let ms = duration.as_millis();
    let (minutes, whole) = (duration.as_secs() / 60, duration.as_secs());
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 if ms.is_multiple_of(1_000) => format!("{whole} s"),
        1_000..120_000 => format!("{:.1} s", duration.as_secs_f64()),
        120_000..7_200_000 => format!("{minutes} min"),
        _ if minutes < 48 * 60 && minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        _ if minutes < 48 * 60 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} days", minutes / (24 * 60)),
    }
}
