//! One object on its way.

mod begin;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{
    layout::Layout,
    outcome::Outcome,
    proof::{Proof, Verdict, compare, compare_found, identify},
};
use crate::{
    backup::inventory::{CopyAnswer, CopyCall, Found, ObjectInfo, Part, Upload, Wanted},
    failure::{CallError, Failure, Retry},
    location::Location,
};

/// Failed answers in a row after which a transfer waits for the next invocation.
const FAILURES: u32 = 8;

/// Throttled answers in a row after which it does: being throttled is a matter of pace, which is slowed down elsewhere.
const THROTTLED: u32 = 200;

/// Times that one transfer looks again from the beginning.
const LOOKS: u32 = 12;

/// Times that a copy may come out wrong.
const DAMAGED: u32 = 3;

/// One object, how far its copy is, and what to do next.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    wanted: Arc<Wanted>,
    stage: Stage,
    /// Uploads to abort before it may end.
    doomed: Vec<Arc<str>>,
    /// Calls handed out and not answered.
    in_flight: u32,
    failures: u32,
    throttled: u32,
    looks: u32,
    damaged: u32,
    /// A copy was made here, and not found.
    made: bool,
    /// The copy made before that this one is made from, instead of from the source.
    take: Option<Arc<Wanted>>,
    /// A copy made before did not serve: it is made from the source, whatever else is found.
    from_source: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Find,
    Weigh(Vec<ObjectInfo>),
    Whole,
    Begin,
    Parts(Work),
    Complete(Work),
    Look,
    Discard { etag: String, why: String },
    End(Outcome),
}

/// An upload being filled.
#[derive(Clone, Debug, PartialEq)]
struct Work {
    upload: Arc<str>,
    layout: Layout,
    /// By number. Shared with the call that completes: there may be 10,000.
    have: Arc<BTreeMap<u32, Part>>,
    to_do: VecDeque<u32>,
}

impl Transfer {
    /// A transfer of which nothing is known: its first call looks.
    pub fn new(wanted: Arc<Wanted>) -> Self {
        Self {
            wanted,
            stage: Stage::Find,
            doomed: vec![],
            in_flight: 0,
            failures: 0,
            throttled: 0,
            looks: 0,
            damaged: 0,
            made: false,
            take: None,
            from_source: false,
        }
    }

    /// A transfer of which it is known how far it is, from listings.
    pub fn found(wanted: Arc<Wanted>, found: Found) -> Self {
        let mut transfer = Self::new(wanted);
        transfer.plan(found);
        transfer
    }

    /// A copy that was compared before, for example because a recovery point names it with this ETag.
    pub fn proven(wanted: Arc<Wanted>, proof: Proof) -> Self {
        let mut transfer = Self::new(wanted);
        transfer.stage = Stage::End(Outcome::Present(proof));
        transfer
    }

    /// What is copied, and where to.
    pub fn wanted(&self) -> &Arc<Wanted> {
        &self.wanted
    }

    /// What the copy is made from: the source, or a copy of it.
    fn made_from(&self) -> &Arc<Wanted> {
        self.take.as_ref().unwrap_or(&self.wanted)
    }

    /// The next call that may be made now; `None` while answers are awaited, and after the end.
    pub fn next_call(&mut self) -> Option<CopyCall> {
        let wanted = Arc::clone(self.made_from());
        let alone = self.in_flight == 0;
        let call = match &mut self.stage {
            Stage::Parts(work) => {
                let number = work.to_do.pop_front()?;
                CopyCall::Part {
                    range: work.layout.range(number),
                    upload: Arc::clone(&work.upload),
                    wanted,
                    number,
                }
            }
            _ if !alone => return None,
            Stage::Find => CopyCall::Find(wanted),
            Stage::Weigh(earlier) => {
                let bucket = &self.wanted.to.bucket;
                CopyCall::Weigh {
                    at: Location::new(bucket, &earlier.last()?.key),
                    wanted,
                }
            }
            Stage::Whole => CopyCall::Whole(wanted),
            Stage::Begin => CopyCall::Begin(wanted),
            Stage::Complete(work) => CopyCall::Complete {
                upload: Arc::clone(&work.upload),
                parts: Arc::clone(&work.have),
                wanted,
            },
            Stage::Look => CopyCall::Look(wanted),
            Stage::Discard { etag, .. } => CopyCall::Discard {
                etag: etag.clone(),
                wanted,
            },
            Stage::End(_) => CopyCall::Abort {
                upload: self.doomed.pop()?,
                to: wanted.to.clone(),
            },
        };
        self.in_flight += 1;
        Some(call)
    }

    /// How it ended, once every call is answered and nothing is left to clear away.
    pub fn ended(&self) -> Option<&Outcome> {
        match &self.stage {
            Stage::End(outcome) if self.in_flight == 0 && self.doomed.is_empty() => Some(outcome),
            _ => None,
        }
    }

    /// Takes in the answer to a call that [`Transfer::next_call`] handed out.
    pub fn answer(&mut self, call: &CopyCall, answer: CopyAnswer) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let CopyAnswer::Failed(error) = answer {
            return self.failed(call, error);
        }
        self.failures = 0;
        self.throttled = 0;
        if matches!(self.stage, Stage::End(_)) {
            return;
        }
        match (call, answer) {
            (CopyCall::Weigh { .. }, CopyAnswer::SourceChanged) => self.end(Outcome::SourceChanged),
            (_, CopyAnswer::SourceChanged) if self.take.is_some() => {
                self.look_again("the copy that it was made from is gone");
            }
            // Of a call from before that: it says nothing of the source.
            (call, CopyAnswer::SourceChanged) if call.is_taken() => {}
            (_, CopyAnswer::SourceChanged) => self.end(Outcome::SourceChanged),
            (CopyCall::Find(_), CopyAnswer::Found(found)) => self.plan(found),
            (CopyCall::Begin(_), CopyAnswer::Begun(upload)) => self.begun(upload),
            (CopyCall::Part { upload, number, .. }, CopyAnswer::Part(part)) => self.part(upload, *number, part),
            (CopyCall::Whole(_) | CopyCall::Complete { .. }, CopyAnswer::Copied { etag, checksum }) => {
                self.made = true;
                let verdict = compare(&self.made_from().object, &etag, checksum.as_ref());
                self.judge(verdict, &etag, Stage::Look);
            }
            (CopyCall::Weigh { .. }, CopyAnswer::Seen { source, copy }) => self.weighed(source, copy),
            (CopyCall::Look(_), CopyAnswer::Seen { source, copy }) => {
                let Some(copy) = copy else {
                    return self.look_again("the copy that was made is not there");
                };
                let source = ObjectInfo {
                    checksum: source,
                    ..self.made_from().object.clone()
                };
                let open = match self.wanted.pinned || self.made {
                    true => Stage::End(self.present(Proof::Size)),
                    false => match identify(&self.wanted, &source, &copy) {
                        Some(proof) => Stage::End(self.present(proof)),
                        None => Stage::Discard {
                            etag: copy.etag.clone(),
                            why: "it is not known of which version it is a copy".to_owned(),
                        },
                    },
                };
                self.judge(compare_found(&source, &copy), &copy.etag, open);
            }
            (CopyCall::Discard { .. }, CopyAnswer::Gone) => self.discarded(),
            (_, CopyAnswer::AlreadyThere) => self.look_again("something else is written under the copy's key"),
            (CopyCall::Part { upload, .. }, CopyAnswer::UploadGone) if !self.fills(upload) => {}
            (_, CopyAnswer::UploadGone) => self.look_again("the upload was ended by somebody else"),
            (_, answer) => self.look_again(&format!("S3's answer makes no sense here: {answer:?}")),
        }
    }

    fn part(&mut self, upload: &Arc<str>, number: u32, part: Part) {
        if !self.fills(upload) {
            return;
        }
        let Stage::Parts(work) = &mut self.stage else { return };
        if part.number != number || !work.layout.has(&part) {
            let bytes = part.size;
            return self.look_again(&format!(
                "part {number} came out as {bytes} bytes of part {}",
                part.number
            ));
        }
        Arc::make_mut(&mut work.have).insert(number, part);
        if work.have.len() == work.layout.count() as usize {
            self.stage = Stage::Complete(work.clone());
        }
    }

    /// The copy is what was copied, or is not, or else `open`.
    fn judge(&mut self, verdict: Verdict, etag: &str, open: Stage) {
        match verdict {
            Verdict::Same(proof) => {
                let outcome = self.present(proof);
                self.stage = Stage::End(outcome);
            }
            Verdict::Different(why) => {
                let etag = etag.to_owned();
                self.stage = Stage::Discard { etag, why };
            }
            Verdict::Open => self.stage = open,
        }
    }

    fn present(&self, proof: Proof) -> Outcome {
        match (self.made, self.take.as_deref().and_then(|take| take.taken.as_ref())) {
            (true, Some(taken)) => Outcome::Taken(proof.min(taken.proof)),
            (true, None) => Outcome::Copied(proof),
            (false, _) => Outcome::Present(proof),
        }
    }

    /// A wrong copy is gone. One that was only found may have been damaged by anybody; those made here are counted.
    fn discarded(&mut self) {
        let Stage::Discard { why, .. } = &self.stage else {
            return;
        };
        let why = why.clone();
        self.damaged += u32::from(self.made);
        self.made = false;
        if self.damaged >= DAMAGED {
            return self.end(Outcome::Damaged(why));
        }
        self.look_again(&why);
    }

    fn failed(&mut self, call: &CopyCall, error: CallError) {
        if call.is_taken() && self.take.is_none() {
            // Of a call from before the copy was given up that it read: it says nothing of the source.
            return;
        }
        match error.failure {
            Failure::Throttled => self.throttled += 1,
            _ => self.failures += 1,
        }
        let over = self.failures >= FAILURES || self.throttled >= THROTTLED;
        if let CopyCall::Abort { upload, .. } = call {
            // What cannot be aborted now is swept up later: see `leftovers`.
            if !over && error.failure.retry() != Retry::Never {
                self.doomed.push(Arc::clone(upload));
            }
            return;
        }
        if matches!(self.stage, Stage::End(_)) {
            return;
        }
        let earlier = call.is_taken() || matches!(call, CopyCall::Weigh { .. });
        if earlier && error.failure.retry() != Retry::Soon {
            // It may be of a key that nobody may use any more. The source makes up for it.
            self.from_source = true;
            return match call {
                CopyCall::Weigh { .. } => self.stage = self.first(),
                _ => self.look_again(&format!("the copy that it was made from does not serve: {error}")),
            };
        }
        if error.failure.retry() == Retry::Never {
            return self.end(Outcome::Failed(error));
        }
        if over {
            self.stage = Stage::End(Outcome::Later(error.to_string()));
            return;
        }
        match (&mut self.stage, call) {
            (Stage::Parts(work), CopyCall::Part { upload, number, .. }) if work.upload == *upload => {
                work.to_do.push_front(*number);
            }
            (_, CopyCall::Whole(_) | CopyCall::Begin(_) | CopyCall::Complete { .. } | CopyCall::Discard { .. })
                if error.failure != Failure::Throttled =>
            {
                self.look_again(&error.to_string());
            }
            _ => {}
        }
    }

    /// From the beginning, with whatever there is by then.
    fn look_again(&mut self, why: &str) {
        self.looks += 1;
        self.take = None;
        // What is found under a key of several versions may be another's.
        self.made &= self.wanted.pinned;
        self.stage = match self.looks >= LOOKS {
            true => Stage::End(Outcome::Later(why.to_owned())),
            false => Stage::Find,
        };
    }

    /// It ends for good: the upload in hand is of no use to anybody.
    fn end(&mut self, outcome: Outcome) {
        if let Stage::Parts(work) | Stage::Complete(work) = &self.stage {
            self.doomed.push(Arc::clone(&work.upload));
        }
        self.stage = Stage::End(outcome);
    }

    fn doom(&mut self, uploads: impl IntoIterator<Item = Upload>) {
        self.doomed.extend(uploads.into_iter().map(|upload| upload.id.into()));
    }

    fn fills(&self, upload: &Arc<str>) -> bool {
        matches!(&self.stage, Stage::Parts(work) | Stage::Complete(work) if work.upload == *upload)
    }
}
