//! SageMaker as far as a restore goes: things that take time, and calls that go wrong.

mod driven;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

pub(super) use self::driven::{Given, given};
use super::{decide::Effect, *};
use crate::{
    backup::{definition::ScaledThing, fixture::at},
    health::inference::AsyncJob,
    scaling::Scaling,
};

/// Seconds that an endpoint or component is Creating or Deleting.
const TAKES: i64 = 180;

/// Seconds within which an asynchronous probe has to be answered.
pub(super) const WITHIN: i64 = 900;

#[derive(Clone, Debug)]
pub(super) struct Fake {
    pub now: Timestamp,
    pub things: BTreeMap<Thing, Made>,
    pub scaling: BTreeMap<(ScaledThing, String), Scaling>,
    /// Endpoints end Failed.
    pub doomed: bool,
    /// Components of these names end Failed.
    pub broken: Vec<String>,
    /// What probes say, asynchronous ones too.
    pub probes: ProbeRound,
    /// Asynchronous probes that the fleet file has.
    pub later: Vec<Wanted>,
    /// Seconds until one of them is answered.
    pub answers_after: i64,
    /// What is queued: where the answer will be, and when.
    pub queue: BTreeMap<String, Timestamp>,
    /// What lies in S3.
    pub objects: BTreeSet<String>,
    /// Everything that was asked, by its input.
    pub asked: Vec<String>,
    /// S3 removes nothing: it does not answer, or for good.
    pub keeps: Option<Outcome>,
    /// Things that somebody else made: they must never go.
    pub foreign: Vec<Thing>,
    pub deleted: Vec<Thing>,
    /// What restores hold.
    pub claimed: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    pub body: Value,
    pub tags: BTreeMap<String, String>,
    pub settles: Timestamp,
    pub going: bool,
    pub failed: bool,
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    LostBefore,
    LostAfter,
    Refused,
}

fn split_tags(body: &Value) -> (Value, BTreeMap<String, String>) {
    let mut body = body.clone();
    let tags = body.as_object_mut().and_then(|body| body.remove("Tags"));
    let text = |tag: &Value, field: &str| tag[field].as_str().unwrap_or_default().to_owned();
    let tags = tags.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let tags = tags.iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect();
    (body, tags)
}

impl Fake {
    pub(super) fn new() -> Self {
        Self {
            now: at(3600),
            things: BTreeMap::new(),
            scaling: BTreeMap::new(),
            doomed: false,
            broken: vec![],
            probes: ProbeRound::Passed,
            later: vec![],
            answers_after: 20,
            queue: BTreeMap::new(),
            objects: BTreeSet::new(),
            asked: vec![],
            keeps: None,
            foreign: vec![],
            deleted: vec![],
            claimed: BTreeSet::new(),
        }
    }

    fn takes_time(thing: &Thing) -> bool {
        matches!(thing.kind, ThingKind::Endpoint | ThingKind::Component)
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += jiff::SignedDuration::from_secs(seconds);
        let now = self.now;
        self.things.retain(|_, made| !(made.going && made.settles <= now));
        // The queue goes with its endpoint.
        if self.things.keys().any(|thing| thing.kind == ThingKind::Endpoint) {
            let done = self.queue.iter().filter(|(_, at)| **at <= now);
            self.objects.extend(done.map(|(output, _)| output.clone()));
        }
        self.queue.retain(|_, at| *at > now);
    }

    fn status(&self, thing: &Thing, made: &Made) -> Option<String> {
        Self::takes_time(thing).then(|| {
            let status = match (made.going, made.settles > self.now, made.failed) {
                (true, ..) => "Deleting",
                (false, true, _) => "Creating",
                (false, false, true) => "Failed",
                (false, false, false) => "InService",
            };
            status.to_owned()
        })
    }

    pub(super) fn look(&self, things: &[Thing], scaled: &[(ScaledThing, String)]) -> Look {
        let seen = |thing: &Thing| match self.things.get(thing) {
            None => Seen::Absent,
            Some(made) => Seen::There(Existing {
                status: self.status(thing, made),
                reason: made.failed.then(|| "no capacity".to_owned()),
                body: made.body.clone(),
                tags: made.tags.clone(),
            }),
        };
        Look {
            things: things.iter().map(|thing| (thing.clone(), seen(thing))).collect(),
            scaling: scaled
                .iter()
                .map(|key| (key.clone(), Ok(self.scaling.get(key).cloned())))
                .collect(),
        }
    }

    pub(super) fn someone_makes(&mut self, thing: Thing, body: Value) {
        let made = Made {
            body,
            tags: BTreeMap::new(),
            settles: self.now,
            going: false,
            failed: false,
        };
        self.foreign.push(thing.clone());
        self.things.insert(thing, made);
    }

    pub(super) fn take(&mut self, effect: &Effect, fault: Fault) -> Outcome {
        match fault {
            Fault::LostBefore => return Outcome::Later("no answer".into()),
            Fault::Refused => return Outcome::Refused("denied".into()),
            Fault::None | Fault::LostAfter => {}
        }
        let answer = self.act(effect);
        match fault {
            Fault::LostAfter => Outcome::Later("no answer".into()),
            _ => answer,
        }
    }

    fn act(&mut self, effect: &Effect) -> Outcome {
        match effect {
            Effect::Claim(hold) => {
                self.claimed.insert(hold.claim.roots.join(" "));
                Outcome::Accepted
            }
            Effect::Create { thing, body } => {
                if self.things.contains_key(thing) {
                    return Outcome::Accepted;
                }
                let needs = |kind, field: &str| {
                    let name = body[field].as_str().map(str::to_owned)?;
                    Some(Thing { kind, name })
                };
                let needed = match thing.kind {
                    ThingKind::Endpoint => needs(ThingKind::Config, "EndpointConfigName"),
                    ThingKind::Component => needs(ThingKind::Endpoint, "EndpointName"),
                    _ => None,
                };
                if let Some(needed) = needed.filter(|needed| !self.things.contains_key(needed)) {
                    return Outcome::Refused(format!("Could not find {needed}"));
                }
                let (body, tags) = split_tags(body);
                let time = if Self::takes_time(thing) { TAKES } else { 0 };
                let made = Made {
                    body,
                    tags,
                    settles: self.now + jiff::SignedDuration::from_secs(time),
                    going: false,
                    failed: match thing.kind {
                        ThingKind::Endpoint => self.doomed,
                        ThingKind::Component => self.broken.contains(&thing.name),
                        ThingKind::Model | ThingKind::Config => false,
                    },
                };
                self.things.insert(thing.clone(), made);
                Outcome::Accepted
            }
            Effect::Scale(scaled) => {
                let serving = |(thing, made): (&Thing, &Made)| thing.kind == ThingKind::Endpoint && !made.going;
                if !self.things.iter().any(serving) {
                    return Outcome::Refused("Could not find endpoint".into());
                }
                if scaled.scaling.still_to_come(self.now) != scaled.scaling {
                    return Outcome::Refused("a scheduled action is over".into());
                }
                let key = (scaled.of.clone(), scaled.dimension.clone());
                // What is there and not wanted stays.
                let made = match self.scaling.get(&key) {
                    Some(before) => scaled.scaling.completed(before),
                    None => scaled.scaling.clone(),
                };
                self.scaling.insert(key, made);
                Outcome::Accepted
            }
            Effect::Probe(_) if self.later.is_empty() => Outcome::Probed(self.probes.clone()),
            Effect::Probe(_) => Outcome::Probed(ProbeRound::Wanted(self.later.clone())),
            Effect::Ask(endpoint, later) => self.ask(endpoint, later),
            Effect::Await(awaited) => Outcome::Answers(awaited.iter().filter_map(|later| self.answer(later)).collect()),
            Effect::Remove(objects) => {
                if let Some(keeps) = &self.keeps {
                    return keeps.clone();
                }
                self.objects.retain(|object| !objects.contains(object));
                Outcome::Accepted
            }
            Effect::Unscale(of, dimension) => {
                self.scaling.remove(&(of.clone(), dimension.clone()));
                Outcome::Accepted
            }
            Effect::Delete(thing) => {
                assert!(!self.foreign.contains(thing), "{thing} is somebody else's");
                let Some(made) = self.things.get_mut(thing) else {
                    return Outcome::Accepted;
                };
                if Self::takes_time(thing) {
                    if thing.kind == ThingKind::Endpoint && made.settles <= self.now {
                        self.scaling.clear();
                    }
                    if made.settles > self.now {
                        return Outcome::Refused(format!("Cannot update in-progress {thing}"));
                    }
                    made.going = true;
                    made.settles = self.now + jiff::SignedDuration::from_secs(TAKES);
                } else {
                    let serving = thing.kind == ThingKind::Config
                        && self.things.iter().any(|(other, made)| {
                            other.kind == ThingKind::Endpoint && made.body["EndpointConfigName"] == thing.name.as_str()
                        });
                    assert!(!serving, "the live config was deleted");
                    self.things.remove(thing);
                }
                self.deleted.push(thing.clone());
                Outcome::Accepted
            }
        }
    }

    fn ask(&mut self, endpoint: &str, later: &Later) -> Outcome {
        let thing = Thing {
            kind: ThingKind::Endpoint,
            name: endpoint.to_owned(),
        };
        let serves = self.things.get(&thing).is_some_and(|made| made.settles <= self.now);
        assert!(serves, "{endpoint} was asked before it served");
        self.objects.insert(later.input.clone());
        self.asked.push(later.input.clone());
        let output = format!("s3://out/{}.out", self.asked.len());
        self.queue.insert(
            output.clone(),
            self.now + jiff::SignedDuration::from_secs(self.answers_after),
        );
        Outcome::Asked(AsyncJob {
            input: later.input.clone(),
            failure: Some(format!("s3://out/{}.error", self.asked.len())),
            output,
            started: self.now,
            late: false,
            over: false,
            cleaned: false,
        })
    }

    fn answer(&self, later: &Later) -> Option<(String, ProbeRound)> {
        let job = later.job.as_ref()?;
        let round = match self.objects.contains(&job.output) {
            true => self.probes.clone(),
            false if self.now.duration_since(job.started).as_secs() >= WITHIN => ProbeRound::Failed("no output".into()),
            false => return None,
        };
        Some((later.probe.clone(), round))
    }
}
