//! What of the Region's endpoints is gone: one entry for each thing, with every endpoint that lacks it.
//!
//! An execution role is shared by a thousand endpoints, and its deletion is one piece of news. All that follows from it is
//! read from the same entry: who is told, who is told for, what `status` says, and when it is news again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Audits, Check, Finding, Presence, judge, there};
use crate::backup::references::Names;

/// For so long after a thing was told, endpoints that are found to lack it are not told one by one: the largest account
/// has 5,000, looked at in a little more than four hours.
pub const TOLD_FOR: Duration = Duration::from_secs(6 * 3600);

/// Something that is gone, until an endpoint is found to have it, or nobody is known to lack it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// When it was found.
    pub since: Timestamp,
    /// When it was told last.
    pub told: Timestamp,
    /// It is there, and archived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// What was answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The endpoints that were found to lack it.
    pub endpoints: BTreeSet<String>,
}

/// What was seen of what one endpoint is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What is there, by [`Check::thing`].
    pub there: BTreeSet<String>,
    /// What could not be seen, by [`Check::thing`].
    pub unseen: BTreeSet<String>,
    /// What is gone.
    pub findings: Vec<Finding>,
}

/// What came of looking at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// This was seen.
    Seen(Look),
    /// There is no endpoint of that name.
    Absent,
    /// Nobody knows what it is made of.
    Unknown,
}

/// What one round of looks showed.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// Now.
    pub now: Timestamp,
    /// This Region.
    pub region: &'a str,
    /// The user's labels, which go into alerts.
    pub labels: &'a BTreeMap<String, String>,
    /// The endpoints that are audited here.
    pub endpoints: &'a BTreeSet<&'a str>,
    /// These are all of them: what is remembered of others is forgotten.
    pub all: bool,
    /// Endpoints that a restore made here, and from whose recovery points.
    pub restored: &'a BTreeMap<String, String>,
    /// Those looked at.
    pub looks: &'a [(&'a str, Looked)],
}

impl Look {
    /// What was found of each thing, and of the definitions: which there are, and which there are not.
    pub fn new(seen: Vec<(Check, Presence)>, defined: BTreeSet<String>, undefined: Vec<Finding>) -> Self {
        let unknown = |presence: &Presence| matches!(presence, Presence::Unknown(_));
        let unseen = seen.iter().filter(|(_, presence)| unknown(presence));
        let unseen = unseen.map(|(check, _)| check.thing()).collect();
        let mut there = there(&seen);
        there.extend(defined);
        let mut findings = judge(seen).0;
        findings.extend(undefined);
        Self {
            there,
            unseen,
            findings,
        }
    }

    /// Nothing says that it has this by now, or does without.
    fn may_lack(&self, thing: &str) -> bool {
        // Without its definitions nobody knows what else it is made of.
        let partial = self.findings.iter().any(|one| one.check.names == Names::Own);
        partial || self.unseen.contains(thing) || self.findings.iter().any(|one| one.check.thing() == thing)
    }
}

impl Gone {
    /// It was told so lately that those who are found to lack it now were told for.
    fn covers(&self, now: Timestamp) -> bool {
        self.told.checked_add(TOLD_FOR).is_ok_and(|until| now < until)
    }
}

impl Round<'_> {
    fn seen(&self) -> impl Iterator<Item = (&str, &Look)> {
        self.looks.iter().filter_map(|(endpoint, looked)| match looked {
            Looked::Seen(look) => Some((*endpoint, look)),
            _ => None,
        })
    }

    /// What one endpoint of this round has, and another one lacks: it came or went meanwhile.
    fn unsettled(&self) -> BTreeSet<String> {
        let there: BTreeSet<&String> = self.seen().flat_map(|(_, look)| &look.there).collect();
        let findings = self.seen().flat_map(|(_, look)| &look.findings);
        let things = findings.map(|finding| finding.check.thing());
        things.filter(|thing| there.contains(thing)).collect()
    }
}

impl Audits {
    /// What a round showed, and the alerts of it: one for each endpoint that is the first of this round to lack something
    /// that was not told.
    pub fn round(&mut self, round: &Round<'_>) {
        let unsettled = round.unsettled();
        let settled = |looked: &Looked| match looked {
            Looked::Seen(look) => !look.findings.iter().any(|one| unsettled.contains(&one.check.thing())),
            _ => true,
        };
        let looked = round.looks.iter().filter(|(_, looked)| settled(looked));
        let looked: Vec<&str> = looked.map(|(endpoint, _)| *endpoint).collect();
        self.took(&looked, round.now);
        if round.all {
            self.forget_all_but(round.endpoints);
        }
        self.leave(round);
        let mut news: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (thing, found) in found(round, &unsettled) {
            if let Some(teller) = self.lacked(&thing, &found, round.now) {
                news.entry(teller).or_default().insert(thing);
            }
        }
        for (endpoint, look) in round.seen() {
            if let Some(things) = news.get(endpoint) {
                self.tell(round, endpoint, look, things);
            }
        }
    }

    /// What is there for one is there for all, and what nobody lacks any more is over.
    fn leave(&mut self, round: &Round<'_>) {
        for thing in round.seen().flat_map(|(_, look)| &look.there) {
            self.gone.remove(thing);
        }
        for (endpoint, looked) in round.looks {
            self.gone.retain(|thing, gone| {
                let stays = match looked {
                    Looked::Seen(look) => look.may_lack(thing),
                    Looked::Absent => false,
                    Looked::Unknown => true,
                };
                if !stays {
                    gone.endpoints.remove(*endpoint);
                }
                !gone.endpoints.is_empty()
            });
        }
    }

    /// These endpoints lack it. `Some`: it is news, and this one tells.
    fn lacked<'a>(&mut self, thing: &str, found: &[(&'a str, &Finding)], now: Timestamp) -> Option<&'a str> {
        let (_, finding) = found.iter().find(|(_, one)| !one.archived).or(found.first())?;
        let known = self.gone.remove(thing);
        let same = known.as_ref().filter(|known| known.archived == finding.archived);
        let is_new = |(endpoint, _): &&(&'a str, &Finding)| same.is_none_or(|same| !same.endpoints.contains(*endpoint));
        let teller = found.iter().find(is_new).map(|(endpoint, _)| *endpoint);
        let teller = teller.filter(|_| same.is_none_or(|same| !same.covers(now)));
        let mut gone = Gone {
            since: same.map_or(now, |same| same.since),
            told: same.filter(|_| teller.is_none()).map_or(now, |same| same.told),
            archived: finding.archived,
            why: finding.why.clone(),
            endpoints: known.map(|known| known.endpoints).unwrap_or_default(),
        };
        gone.endpoints
            .extend(found.iter().map(|(endpoint, _)| (*endpoint).to_owned()));
        self.gone.insert(thing.to_owned(), gone);
        teller
    }
}

/// By thing, the endpoints that were found to lack it, in the order of the looks.
fn found<'a>(round: &'a Round<'_>, unsettled: &BTreeSet<String>) -> BTreeMap<String, Vec<(&'a str, &'a Finding)>> {
    let mut found: BTreeMap<String, Vec<(&str, &Finding)>> = BTreeMap::new();
    for (endpoint, look) in round.seen() {
        for finding in &look.findings {
            let thing = finding.check.thing();
            if !unsettled.contains(&thing) {
                found.entry(thing).or_default().push((endpoint, finding));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
