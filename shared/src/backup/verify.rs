//! Whether a recovery point still is what it was: everything that it names is listed again and compared.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    audit::Presence,
    copy::progress::Tally,
    manifest::{PointId, RecoveryPoint},
    references::{Names, Reference, references},
};
use crate::{location::Location, text::printable};

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The digest and tally of each listing below an artifact's root, or why it could not be listed.
    pub listings: BTreeMap<Location, Result<(String, Tally), String>>,
    /// Images, roles and keys of the restored definition, by value.
    pub things: BTreeMap<String, Presence>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// What is not as it was: the point is not to be relied upon.
    pub damaged: Vec<String>,
    /// What a restore needs and is not there: it can be put back.
    pub missing: Vec<String>,
    /// What could not be seen.
    pub unknown: Vec<String>,
}

/// The images, roles and keys that a restore from the point needs, each once.
pub fn needs(point: &RecoveryPoint) -> Vec<(Names, String)> {
    let mut needs: Vec<(Names, String)> = references(&point.restored)
        .into_iter()
        .filter(|reference| matches!(reference.names, Names::Image | Names::Role | Names::Key))
        .map(|Reference { names, value, .. }| (names, value))
        .collect();
    needs.sort();
    needs.dedup();
    needs
}

/// Compares.
pub fn judge(point: &RecoveryPoint, seen: &Seen) -> Verified {
    let mut verified = Verified::default();
    for artifact in &point.artifacts {
        let uri = printable(&artifact.uri, 300);
        match seen.listings.get(&artifact.root) {
            None => verified.unknown.push(format!("{uri}: it was not listed")),
            Some(Err(why)) => verified.unknown.push(format!("{uri}: {}", printable(why, 300))),
            Some(Ok((digest, tally))) if *digest == artifact.digest && *tally == artifact.tally => {}
            Some(Ok((_, tally))) if *tally == artifact.tally => verified.damaged.push(format!(
                "the copy of {uri} has {tally} as it had, but an object of it was overwritten"
            )),
            Some(Ok((_, tally))) => verified
                .damaged
                .push(format!("the copy of {uri} has {tally}, and had {}", artifact.tally)),
        }
    }
    for (names, value) in needs(point) {
        let what = match names {
            Names::Image => "image",
            Names::Role => "role",
            _ => "key",
        };
        let shown = printable(&value, 300);
        match seen.things.get(&value) {
            Some(Presence::There) => {}
            Some(Presence::Gone(why)) => {
                let why = printable(why, 300);
                verified
                    .missing
                    .push(format!("the {what} {shown} is not usable in {}: {why}", point.to));
            }
            Some(Presence::Unknown(why)) => verified.unknown.push(format!("{shown}: {}", printable(why, 300))),
            None => verified.unknown.push(format!("{shown}: it was not looked for")),
        }
    }
    verified
}

impl Verified {
    /// A restore from it would find everything.
    pub fn is_good(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty() && self.unknown.is_empty()
    }

    /// For people.
    pub fn summary(&self, endpoint: &str, id: &PointId, point: &RecoveryPoint) -> String {
        let mut said = String::new();
        let verdict = if self.is_good() {
            "is what it was, and everything that a restore needs is there"
        } else if !self.damaged.is_empty() {
            "is damaged"
        } else if !self.missing.is_empty() {
            "is what it was, but a restore would lack something"
        } else {
            "could not be seen as a whole"
        };
        let _ = writeln!(said, "Recovery point {id} of {endpoint} {verdict}: {}.", point.tally());
        for (lines, mark) in [
            (&self.damaged, "damaged"),
            (&self.missing, "missing"),
            (&self.unknown, "not seen"),
        ] {
            for line in lines {
                let _ = writeln!(said, "- {mark}: {line}");
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture::point;

    fn seen(point: &RecoveryPoint) -> Seen {
        let listings = point
            .artifacts
            .iter()
            .map(|one| (one.root.clone(), Ok((one.digest.clone(), one.tally))));
        let things = needs(point).into_iter().map(|(_, value)| (value, Presence::There));
        Seen {
            listings: listings.collect(),
            things: things.collect(),
        }
    }

    #[test]
    fn a_point_of_which_everything_is_there_is_good() {
        let point = point(0);
        let verified = judge(&point, &seen(&point));
        assert!(verified.is_good(), "{verified:?}");
    }

    #[test]
    fn what_is_wrong_reads_like_this() {
        let point = point(0);
        let (id, _) = point.write();
        let artifact = &point.artifacts[0];
        let root = || artifact.root.clone();
        let mut overwritten = seen(&point);
        overwritten
            .listings
            .insert(root(), Ok(("other".into(), artifact.tally)));
        let mut emptied = seen(&point);
        emptied
            .listings
            .insert(root(), Ok((artifact.digest.clone(), Tally::default())));
        let mut lacking = seen(&point);
        let image = needs(&point)
            .into_iter()
            .find(|(names, _)| *names == Names::Image)
            .unwrap()
            .1;
        lacking
            .things
            .insert(image, Presence::Gone("ImageNotFoundException".into()));
        let mut blind = seen(&point);
        blind.listings.insert(root(), Err("s3:ListBucket: denied".into()));
        blind.things.clear();
        let said: Vec<String> = [overwritten, emptied, lacking, blind, seen(&point)]
            .iter()
            .map(|seen| judge(&point, seen).summary("fraud", &id, &point))
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
