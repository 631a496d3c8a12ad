//! Which recovery points go, and which copies nobody needs afterwards.
//!
//! Nothing is deleted that was not shown before: a plan has a digest, and only the plan that was shown is carried out. The
//! newest complete point of an endpoint never goes, whatever the rules say; what cannot be read is no point, and counts for
//! nothing.

use std::{collections::BTreeSet, fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    artifact::{Vault, root_of},
    inventory::ObjectInfo,
    manifest::PointId,
    names::digest,
};
use crate::text::{self, bytes};
pub use shared::backup::policy::Retention;

/// A recovery point as a listing and a look into it show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub id: PointId,
    /// It was read, and everything that it names was listed as it should be, or nothing says otherwise.
    pub good: bool,
    /// The endpoint that was restored from it and is there, if one is.
    pub in_use: Option<String>,
}

/// Why a point stays or goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// It is the newest that is good.
    NewestGood,
    /// It is among the newest so many.
    Last,
    /// It is young enough.
    Young,
    /// It would go, but the copies that it names are those of this restored endpoint.
    InUse(String),
    /// It should go, and so many go already.
    Limit,
    /// It is old, and there are enough newer ones.
    Old,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InUse(by) => return write!(f, "in use by {by}, and kept until that endpoint is deleted"),
            Self::NewestGood => "the newest good one, which is never deleted",
            Self::Last => "among the newest ones that are kept",
            Self::Young => "young enough to be kept",
            Self::Limit => "to go, but not in this pruning, whose limit is reached",
            Self::Old => "old, and there are enough newer ones",
        })
    }
}

/// What a pruning of one endpoint's points would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunePlan {
    /// Points that go, oldest first.
    pub delete: Vec<PointId>,
    /// Points that stay, newest first, each with why.
    pub keep: Vec<(PointId, Because)>,
}

/// Decides which of an endpoint's points go.
pub fn prune(points: &[Seen], rules: &Retention, now: Timestamp) -> PrunePlan {
    let mut newest_first: Vec<&Seen> = points.iter().collect();
    newest_first.sort_by(|a, b| b.id.cmp(&a.id));
    let newest_good = newest_first.iter().find(|seen| seen.good).map(|seen| &seen.id);
    let young = now.saturating_sub(rules.within).unwrap_or(Timestamp::MIN);
    let mut good = 0;
    let mut judged: Vec<(&PointId, Because)> = vec![];
    for seen in &newest_first {
        good += u32::from(seen.good);
        let because = if Some(&seen.id) == newest_good {
            Because::NewestGood
        } else if seen.good && good <= rules.last {
            Because::Last
        } else if newest_good.is_none() || seen.id.began >= young {
            // Without a good point nothing is deleted: somebody will have to look at what there is.
            Because::Young
        } else {
            seen.in_use.clone().map_or(Because::Old, Because::InUse)
        };
        judged.push((&seen.id, because));
    }
    let mut left = rules.deletes;
    for (_, because) in judged.iter_mut().rev().filter(|(_, because)| *because == Because::Old) {
        match left {
            0 => *because = Because::Limit,
            _ => left -= 1,
        }
    }
    let (delete, keep): (Vec<_>, Vec<_>) = judged.into_iter().partition(|(_, because)| *because == Because::Old);
    PrunePlan {
        delete: delete.into_iter().rev().map(|(id, _)| id.clone()).collect(),
        keep: keep.into_iter().map(|(id, because)| (id.clone(), because)).collect(),
    }
}

/// How every point of an endpoint that is not backed up any more is deleted, in one sentence.
pub fn how_all_go(endpoint: &str) -> String {
    format!(
        "What is kept of it is paid for until it is deleted: `{{\"command\": \"prune\", \"endpoint\": \"{endpoint}\", \
         \"everything\": true}}` shows all that would go."
    )
}

impl PrunePlan {
    /// All of them go (given oldest first) that are not in use: for an endpoint that is not backed up any more.
    pub fn everything(points: impl IntoIterator<Item = (PointId, Option<String>)>) -> Self {
        let mut plan = Self {
            delete: vec![],
            keep: vec![],
        };
        for (id, in_use) in points {
            match in_use {
                Some(by) => plan.keep.insert(0, (id, Because::InUse(by))),
                None => plan.delete.push(id),
            }
        }
        plan
    }

    /// The digest that the command has to name: it says that this very plan was seen.
    pub fn digest(&self) -> String {
        let ids: Vec<String> = self.delete.iter().map(PointId::to_string).collect();
        digest(ids.join("\n"))[..12].to_owned()
    }

    /// For people.
    pub fn summary(&self, endpoint: &str) -> String {
        let mut lines = vec![match self.delete.len() {
            0 => format!("No recovery point of {endpoint} is to be deleted."),
            1 => format!("One recovery point of {endpoint} is to be deleted:"),
            n => format!("{n} recovery points of {endpoint} are to be deleted:"),
        }];
        lines.extend(self.delete.iter().map(|id| format!("- {id}")));
        match (self.keep.is_empty(), self.delete.is_empty()) {
            (false, _) => lines.push(format!("{} stay:", self.keep.len())),
            (true, false) => lines.push(format!("None stays: {endpoint} cannot be restored afterwards.")),
            (true, true) => {}
        }
        lines.extend(self.keep.iter().map(|(id, because)| format!("- {id}: {because}")));
        lines.join("\n")
    }
}

/// Copies that no remaining point names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Keys to delete.
    pub keys: Vec<String>,
    /// Bytes in them.
    pub bytes: u64,
    /// Keys that are no copies of Steward's making: never deleted.
    pub strange: u64,
    /// Copies that nobody names, but that are too young: a backup at work may be about to name them.
    pub young: u64,
}

/// Decides which objects below [`Vault::artifacts`] go: those of no root that a remaining point names, unless they are
/// younger than `grace`.
pub fn orphans(
    vault: &Vault,
    objects: &[ObjectInfo],
    roots_named: &BTreeSet<String>,
    grace: Duration,
    now: Timestamp,
) -> Orphans {
    let old = now.saturating_sub(grace).unwrap_or(Timestamp::MIN);
    let mut orphans = Orphans::default();
    for object in objects {
        match root_of(vault, &object.key) {
            None => orphans.strange += 1,
            Some(root) if roots_named.contains(root) => {}
            Some(_) if object.modified >= old => orphans.young += 1,
            Some(_) => {
                orphans.keys.push(object.key.clone());
                orphans.bytes = orphans.bytes.saturating_add(object.size);
            }
        }
    }
    orphans
}

impl fmt::Display for Orphans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "copies that no point names any more: {}, {}",
            self.keys.len(),
            bytes(self.bytes)
        )?;
        if self.young > 0 {
            write!(f, "; too young to go: {}", self.young)?;
        }
        if self.strange > 0 {
            write!(f, "; not Steward's, and left alone: {}", self.strange)?;
        }
        Ok(())
    }
}

/// The age of the newest good point, for `status` and alerts: what would be lost now.
pub fn age(points: &[Seen], now: Timestamp) -> Option<Duration> {
    let newest = points.iter().filter(|seen| seen.good).map(|seen| seen.id.began).max()?;
    Duration::try_from(now.duration_since(newest)).ok()
}

/// An age for people.
pub fn spoken(age: Duration) -> String {
    text::lasting(i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backup::fixture::{at, object, vault};

    const DAY: u64 = 86_400;

    fn seen(day: i64, good: bool) -> Seen {
        let id = PointId {
            began: at(day * DAY as i64),
            digest: format!("{day:08x}"),
        };
        Seen { id, good, in_use: None }
    }

    fn rules(last: u32, days: u64, deletes: u32) -> Retention {
        Retention {
            last,
            within: Duration::from_secs(days * DAY),
            deletes,
        }
    }

    #[test]
    fn a_plan_reads_like_this() {
        let points: Vec<Seen> = (0..8).map(|day| seen(day, day != 6)).collect();
        let plan = prune(&points, &rules(3, 1, 2), at(7 * DAY as i64));
        insta::assert_snapshot!(plan.summary("fraud"));
    }

    #[test]
    fn all_points_of_an_endpoint_that_is_not_backed_up_go_when_that_is_asked_for() {
        let all = PrunePlan::everything([seen(0, true), seen(1, true)].map(|seen| (seen.id, None)));
        assert_eq!((all.delete.len(), all.keep.len()), (2, 0));
        let said = all.summary("fraud");
        assert!(
            said.contains("None stays: fraud cannot be restored afterwards"),
            "{said}"
        );
        let none = PrunePlan::everything([]).summary("fraud");
        assert_eq!(none, "No recovery point of fraud is to be deleted.");
    }

    #[test]
    fn a_point_whose_copies_a_restored_endpoint_uses_stays_and_the_plan_says_so() {
        let in_use = |seen: Seen| Seen {
            in_use: Some("fraud in eu-central-1, made by restore-2".into()),
            ..seen
        };
        let points = [
            in_use(seen(0, true)),
            seen(1, true),
            in_use(seen(2, true)),
            seen(3, true),
        ];
        let plan = prune(&points, &rules(2, 0, 9), at(99 * DAY as i64));
        assert_eq!(plan.delete, [seen(1, true).id]);
        let said = plan.summary("fraud");
        let line = format!(
            "- {}: in use by fraud in eu-central-1, made by restore-2, and kept until that endpoint is deleted",
            points[0].id
        );
        assert!(said.contains(&line), "{said}");
        assert!(
            said.contains(&format!("- {}: among the newest", points[2].id)),
            "{said}"
        );
        let all = PrunePlan::everything(points.map(|seen| (seen.id, seen.in_use)));
        assert_eq!((all.delete.len(), all.keep.len()), (2, 2));
        assert!(all.summary("fraud").contains("2 stay:"));
    }

    #[test]
    fn without_a_good_point_nothing_goes() {
        let points = [seen(0, false), seen(1, false)];
        assert_eq!(prune(&points, &rules(1, 0, 9), at(99 * DAY as i64)).delete, []);
    }

    #[test]
    fn copies_that_no_point_names_go_unless_they_are_young_or_not_ours() {
        let vault = vault();
        let root = |digit: char| format!("steward/artifacts/objects/{}/", digit.to_string().repeat(32));
        let objects = [
            object(&format!("{}kept.tar.gz", root('a')), 10, "\"1\""),
            object(&format!("{}gone.tar.gz", root('b')), 20, "\"1\""),
            ObjectInfo {
                modified: at(9 * DAY as i64),
                ..object(&format!("{}young.tar.gz", root('c')), 30, "\"1\"")
            },
            object("steward/artifacts/README", 40, "\"1\""),
        ];
        let named = [root('a')].into();
        let orphans = orphans(
            &vault,
            &objects,
            &named,
            Duration::from_secs(2 * DAY),
            at(10 * DAY as i64),
        );
        assert_eq!(orphans.keys, [format!("{}gone.tar.gz", root('b'))]);
        assert_eq!(
            orphans.to_string(),
            "copies that no point names any more: 1, 20 B; too young to go: 1; not Steward's, and left alone: 1"
        );
    }

    proptest! {
        #[test]
        fn the_newest_good_point_stays_whatever_the_rules(
            points in proptest::collection::btree_map(0..400_i64, any::<bool>(), 0..40),
            last in prop_oneof![0..3_u32, 0..50_u32],
            days in prop_oneof![Just(0_u64), 0..500_u64],
            deletes in 0..50_u32,
            now in -500..900_i64,
        ) {
            let points: Vec<Seen> = points.into_iter().map(|(day, good)| seen(day, good)).collect();
            let rules = rules(last, days, deletes);
            let plan = prune(&points, &rules, at(now * DAY as i64));
            prop_assert_eq!(plan.delete.len() + plan.keep.len(), points.len());
            prop_assert!(plan.delete.len() <= deletes as usize);
            let newest = points.iter().filter(|seen| seen.good).map(|seen| &seen.id).max();
            match newest {
                Some(newest) => prop_assert!(!plan.delete.contains(newest)),
                None => prop_assert!(plan.delete.is_empty()),
            }
            let mut good: Vec<&PointId> = points.iter().filter(|seen| seen.good).map(|seen| &seen.id).collect();
            good.sort();
            for id in good.iter().rev().take(last as usize) {
                prop_assert!(!plan.delete.contains(id));
            }
            // Carried out and planned again, again, it comes to an end, and the newest good one is still there.
            let mut left = points.clone();
            left.retain(|seen| !plan.delete.contains(&seen.id));
            let again = prune(&left, &Retention { deletes: 1000, ..rules }, at(now * DAY as i64));
            left.retain(|seen| !again.delete.contains(&seen.id));
            prop_assert!(prune(&left, &rules, at(now * DAY as i64)).delete.is_empty());
            prop_assert_eq!(newest.is_some(), left.iter().any(|seen| Some(&seen.id) == newest));
        }
    }
}
