//! The copies that a recovery point names, and the keys that encrypt them: what of a point is Steward's own, and cannot be
//! put back once it is deleted.

use std::collections::BTreeSet;

use super::Seen;
use crate::{
    backup::{artifact::Listed, audit::Presence, manifest::RecoveryPoint, references::Names, retention::Condition},
    text::printable,
};

/// The copies, against what they were.
pub(super) struct Listings {
    /// What is not as it was.
    pub(super) damaged: Vec<String>,
    /// What could not be listed.
    pub(super) unseen: Vec<String>,
    /// What is archived, and can be read for some days.
    pub(super) for_now: Vec<String>,
}

/// The keys that encrypt the copies, each once.
pub(super) struct Keys {
    /// What cannot be used.
    pub(super) unusable: Vec<String>,
    /// What could not be seen.
    pub(super) unseen: Vec<String>,
}

/// How a point is, by its own copies and their keys alone. That an image, a role, or an artifact that is no copy of
/// Steward's is missing or could not be seen says nothing of it.
pub fn condition(point: &RecoveryPoint, seen: &Seen) -> Condition {
    let (listings, keys) = (listings(point, seen), keys(point, seen));
    let unasked = point.artifacts.iter().filter(|one| !seen.keys.contains_key(&one.root));
    let unasked = unasked.map(|one| {
        format!(
            "the key of the copy of {}: it was not looked for",
            printable(&one.uri, 300)
        )
    });
    let mut unseen = listings.unseen.into_iter().chain(keys.unseen).chain(unasked);
    let locked = keys.unusable.into_iter().next();
    match (listings.damaged.is_empty(), locked, unseen.next()) {
        (false, ..) => Condition::Damaged,
        (true, Some(why), _) => Condition::Locked(why),
        (true, None, Some(why)) => Condition::Unseen(why),
        (true, None, None) => Condition::Good,
    }
}

pub(super) fn listings(point: &RecoveryPoint, seen: &Seen) -> Listings {
    let (mut damaged, mut unseen, mut for_now) = (vec![], vec![], vec![]);
    for artifact in &point.artifacts {
        let uri = printable(&artifact.uri, 300);
        match seen.listings.get(&artifact.root) {
            None => unseen.push(format!("{uri}: it was not listed")),
            Some(Err(why)) => unseen.push(format!("{uri}: {}", printable(why, 300))),
            Some(Ok(listed)) if listed.is(artifact) => {
                let archived = listed
                    .archived()
                    .map(|archived| format!("the copy of {uri}: {archived}"));
                match listed.unreadable {
                    0 => for_now.extend(archived),
                    _ => damaged.extend(archived),
                }
            }
            Some(Ok(Listed { tally, .. })) if *tally == artifact.tally => damaged.push(format!(
                "the copy of {uri} has {tally} as it had, but an object of it was overwritten"
            )),
            Some(Ok(Listed { tally, .. })) => {
                damaged.push(format!("the copy of {uri} has {tally}, and had {}", artifact.tally));
            }
        }
    }
    Listings {
        damaged,
        unseen,
        for_now,
    }
}

pub(super) fn keys(point: &RecoveryPoint, seen: &Seen) -> Keys {
    let (mut unusable, mut unseen) = (vec![], vec![]);
    let mut judged = BTreeSet::new();
    for artifact in &point.artifacts {
        let uri = printable(&artifact.uri, 300);
        let key = match seen.keys.get(&artifact.root) {
            Some(Ok(None)) | None => continue,
            Some(Ok(Some(key))) => key,
            Some(Err(why)) => {
                let why = printable(why, 300);
                unseen.push(format!("the key of the copy of {uri}: {why}"));
                continue;
            }
        };
        if !judged.insert(key) {
            continue;
        }
        let shown = printable(key, 300);
        match seen.things.get(&(Names::Key, key.clone())) {
            Some(Presence::There | Presence::Image(_)) => {}
            Some(Presence::Archived(why) | Presence::Gone(why)) => unusable.push(format!(
                "the key {shown}, which encrypts the copy of {uri}, is not usable in {}: {}. Enable it again, or say \
                 another `destination.key`, by its ARN, which is also the stacks' `BackupKeyArn`, and the next backup \
                 copies anew",
                point.to,
                printable(why, 300)
            )),
            Some(Presence::Unknown(why)) => unseen.push(format!(
                "{shown}, which encrypts the copy of {uri}: {}",
                printable(why, 300)
            )),
            None => unseen.push(format!(
                "{shown}, which encrypts the copy of {uri}: it was not looked for"
            )),
        }
    }
    Keys { unusable, unseen }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture::{listed, point};

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/copies";

    /// The copies are what they were, under a key, and nothing else was looked for.
    fn seen(point: &RecoveryPoint) -> Seen {
        let roots = || point.artifacts.iter().map(|one| one.root.clone());
        Seen {
            listings: roots().zip(point.artifacts.iter().map(|one| Ok(listed(one)))).collect(),
            things: [((Names::Key, KEY.to_owned()), Presence::There)].into(),
            keys: roots().map(|root| (root, Ok(Some(KEY.to_owned())))).collect(),
            ..Seen::default()
        }
    }

    #[test]
    fn a_point_is_good_when_its_copies_are_whatever_else_could_not_be_seen() {
        let point = point(0);
        let seen = seen(&point);
        assert!(!super::super::judge(&point, &seen).unknown.is_empty());
        assert_eq!(condition(&point, &seen), Condition::Good);
    }

    #[test]
    fn a_point_of_which_a_copy_or_its_key_could_not_be_looked_at_is_neither_good_nor_damaged() {
        let point = point(0);
        let root = || point.artifacts[0].root.clone();
        let denied = || "s3:ListBucket: denied".to_owned();
        let blind: [fn(&mut Seen); 2] = [|seen| seen.listings.clear(), |seen| seen.keys.clear()];
        let mut all: Vec<Seen> = blind
            .map(|blinded| {
                let mut seen = seen(&point);
                blinded(&mut seen);
                seen
            })
            .into();
        let mut one = seen(&point);
        one.listings.insert(root(), Err(denied()));
        all.push(one);
        let mut one = seen(&point);
        one.keys.insert(root(), Err(denied()));
        all.push(one);
        let mut one = seen(&point);
        one.things
            .insert((Names::Key, KEY.to_owned()), Presence::Unknown(denied()));
        all.push(one);
        for seen in all {
            let found = condition(&point, &seen);
            assert!(matches!(found, Condition::Unseen(_)), "{found:?}");
        }
    }

    #[test]
    fn a_point_whose_copies_are_under_a_key_that_cannot_be_used_is_not_good() {
        let point = point(0);
        let mut seen = seen(&point);
        seen.things
            .insert((Names::Key, KEY.to_owned()), Presence::Gone("it is Disabled".into()));
        let Condition::Locked(why) = condition(&point, &seen) else {
            panic!("{:?}", condition(&point, &seen))
        };
        assert!(why.contains(KEY) && why.contains("it is Disabled"), "{why}");
        seen.listings
            .insert(point.artifacts[0].root.clone(), Ok(Listed::default()));
        assert_eq!(condition(&point, &seen), Condition::Damaged, "the copy is gone");
    }
}
