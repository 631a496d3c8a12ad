use proptest::prelude::*;

use super::*;
use crate::backup::fixture::{at, object, vault};

const DAY: u64 = 86_400;

fn point(day: i64, condition: Condition) -> Seen {
    let id = PointId {
        began: at(day * DAY as i64),
        digest: format!("{day:08x}"),
    };
    Seen {
        id,
        condition,
        in_use: None,
    }
}

fn seen(day: i64, good: bool) -> Seen {
    let condition = if good { Condition::Good } else { Condition::Damaged };
    point(day, condition)
}

fn unseen() -> Condition {
    Condition::Unseen("s3:ListBucket: denied".into())
}

fn locked() -> Condition {
    Condition::Locked("the key new is Disabled".into())
}

fn because(plan: &PrunePlan) -> Vec<Because> {
    plan.keep.iter().map(|(_, because)| because.clone()).collect()
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
    let plan = prune(&points, &rules(1, 0, 9), at(99 * DAY as i64));
    assert_eq!(plan.delete, []);
    assert_eq!(
        because(&plan),
        [Because::NoneGood, Because::NoneGood],
        "they are not young"
    );
}

#[test]
fn a_point_that_could_not_be_looked_at_stays_and_takes_no_other_s_place() {
    let points = [
        seen(0, true),
        seen(1, true),
        seen(2, true),
        seen(3, false),
        point(4, unseen()),
    ];
    let plan = prune(&points, &rules(2, 0, 9), at(99 * DAY as i64));
    assert_eq!(plan.delete, [points[0].id.clone(), points[3].id.clone()]);
    assert_eq!(
        because(&plan),
        [
            Because::Unseen("s3:ListBucket: denied".into()),
            Because::NewestGood,
            Because::Last
        ]
    );
    let said = plan.summary("fraud");
    let line = format!(
        "- {}: kept, since its copies could not be looked at: s3:ListBucket: denied",
        points[4].id
    );
    assert!(said.contains(&line), "{said}");
    let blind: Vec<Seen> = (0..5).map(|day| point(day, unseen())).collect();
    assert_eq!(prune(&blind, &rules(1, 0, 9), at(99 * DAY as i64)).delete, []);
}

#[test]
fn a_point_whose_key_cannot_be_used_is_not_the_newest_good_one_and_stays() {
    let points = [seen(0, true), seen(1, true), point(2, locked())];
    let plan = prune(&points, &rules(1, 0, 9), at(99 * DAY as i64));
    assert_eq!(plan.delete, [points[0].id.clone()]);
    assert_eq!(
        because(&plan),
        [Because::Locked("the key new is Disabled".into()), Because::NewestGood]
    );
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

/// What `prune` is told of points (oldest first), each of them complete or not and looked at or not: all that are newer than
/// the newest one that is known to be complete are looked at, the others count when they can be read.
fn told(points: &[(bool, bool)]) -> Vec<Seen> {
    let newest_known = points.iter().rposition(|(complete, looked_at)| *complete && *looked_at);
    let conditions = points.iter().enumerate().map(|(index, (complete, looked_at))| {
        match (newest_known.is_some_and(|newest| index < newest), looked_at, complete) {
            (true, ..) | (false, true, true) => Condition::Good,
            (false, true, false) => Condition::Damaged,
            (false, false, _) => unseen(),
        }
    });
    (0..)
        .zip(conditions)
        .map(|(day, condition)| point(day, condition))
        .collect()
}

proptest! {
    #[test]
    fn whatever_could_not_be_looked_at_the_newest_complete_point_is_never_deleted(
        points in proptest::collection::vec(any::<(bool, bool)>(), 0..20),
        last in 0..5_u32,
        days in 0..30_u64,
        deletes in 0..30_u32,
    ) {
        let all = told(&points);
        let plan = prune(&all, &rules(last, days, deletes), at(30 * DAY as i64));
        if let Some(newest) = points.iter().rposition(|(complete, _)| *complete) {
            prop_assert!(!plan.delete.contains(&all[newest].id));
        }
        for seen in all.iter().filter(|seen| seen.condition == unseen()) {
            prop_assert!(!plan.delete.contains(&seen.id));
        }
    }

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
        let newest = points.iter().filter(|seen| seen.is_good()).map(|seen| &seen.id).max();
        match newest {
            Some(newest) => prop_assert!(!plan.delete.contains(newest)),
            None => prop_assert!(plan.delete.is_empty()),
        }
        let mut good: Vec<&PointId> = points.iter().filter(|seen| seen.is_good()).map(|seen| &seen.id).collect();
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
