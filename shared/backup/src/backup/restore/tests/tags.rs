//! The tag that tells what a restore made, where there is hardly room for it.

use std::collections::BTreeMap;

use super::super::{fake::*, *};

fn fifty() -> BTreeMap<String, String> {
    (0..50)
        .map(|index| (format!("tag-{index:02}"), "x".to_owned()))
        .collect()
}

#[test]
fn fifty_tags_of_its_own_keep_nothing_from_being_made_and_the_one_left_out_is_named() {
    for kind in [Kind::Restore, Kind::Drill] {
        let mut given = given();
        given.point.restored.tags = fifty();
        given.point.restored.config.tags = fifty();
        given.id = given.point.write().0;
        let mut fake = Fake::new();
        let plan = fake.plan(&given.ask(kind)).unwrap();
        for (thing, body) in plan.things() {
            let tags = body["Tags"].as_array().expect("the mark at least");
            assert!(tags.len() <= 50, "{thing} has {} tags", tags.len());
            assert!(tags.iter().any(|tag| tag["Key"] == "steward:restored-by"), "{thing}");
        }
        let named = |thing: &str| plan.warnings.iter().filter(|said| said.contains(thing)).count();
        let endpoint = format!("the endpoint {} has 50 tags", plan.definition.endpoint);
        assert_eq!(named(&endpoint), 1, "{:?}", plan.warnings);
        assert_eq!(named("`tag-49` is left out"), 2, "{:?}", plan.warnings);
        assert_eq!(fake.run(plan).how, Ended::Passed);
    }
}

#[test]
fn the_mark_of_an_earlier_restore_makes_room_for_the_new_one() {
    let mut given = given();
    given.point.restored.tags = fifty();
    given.point.restored.tags.remove("tag-00");
    let earlier = mark("fraud", Kind::Restore, 1, given.point.completed);
    given.point.restored.tags.insert(earlier.0, earlier.1);
    let plan = Fake::new().plan(&given.ask(Kind::Restore)).unwrap();
    assert!(
        !plan.warnings.iter().any(|said| said.contains("left out")),
        "{:?}",
        plan.warnings
    );
    let endpoint = plan
        .things()
        .into_iter()
        .find(|(thing, _)| thing.kind == ThingKind::Endpoint);
    assert_eq!(endpoint.unwrap().1["Tags"].as_array().map(Vec::len), Some(50));
}
