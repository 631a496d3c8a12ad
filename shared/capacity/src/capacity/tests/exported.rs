//! What an export says, and what it leaves out.

use super::*;
use crate::{capacity::export::unsaid, fleet::Fleet};

#[test]
fn an_export_is_a_fleet_file_that_changes_nothing() {
    let mut world = with_declared(usual_world(), DECLARED);
    world.put(Thing::Throttle {
        api: "a1b2".to_owned(),
        stage: "prod".to_owned(),
        route: Some(Route {
            path: "/predict".to_owned(),
            method: "POST".to_owned(),
        }),
        rate: 0.5,
        burst: 1,
    });
    world.put(Thing::Action {
        of: main_of("search"),
        action: ScheduledAction {
            name: "ScaleUpForBusinessHours".to_owned(),
            schedule: "cron(0 8 * * MON-FRI *)".to_owned(),
            timezone: None,
            start: None,
            end: None,
            min: Some(3),
            max: Some(10),
        },
    });
    world.put(target(main_of("search"), 1, 10));
    world.put(target(main_of("gone"), 1, 10));
    let exported = export(&world, &BTreeMap::new(), vec![]);
    insta::assert_snapshot!(exported.text);
    let plan = planned(&world, &desired(&exported.text, &world), false);
    assert!(plan.is_empty(), "{plan}");
}

#[test]
fn an_export_says_the_minimum_that_a_wake_gives_back() {
    let mut world = with_declared(usual_world(), DECLARED);
    world.put(target(main_of("images"), 2, 4));
    let lowest = BTreeMap::from([(main_of("images"), 0)]);
    let wanted = desired(&export(&world, &lowest, vec![]).text, &world);
    let said = wanted.get(&Key::Target(main_of("images")));
    assert_eq!(said, Some(&target(main_of("images"), 0, 4)));
}

#[test]
fn what_is_more_than_a_fleet_file_may_list_is_left_out_of_an_export_by_name() {
    let mut world = usual_world();
    let on = [("EndpointName", "fraud"), ("VariantName", "main")];
    for number in 0..53 {
        let name = format!("slow-{number:02}");
        world.put(Thing::Alarm(Box::new(alarm(&name, "ModelLatency", &on, 1.0))));
    }
    let exported = export(&world, &BTreeMap::new(), vec![]);
    let left_out: Vec<&str> = exported.left_out.iter().map(String::as_str).collect();
    let many: Vec<&&str> = left_out
        .iter()
        .filter(|line| line.contains("lists at most 50"))
        .collect();
    assert_eq!(many.len(), 3, "{left_out:#?}");
    let plan = planned(&world, &desired(&exported.text, &world), false);
    assert!(plan.is_empty() && plan.same.len() >= 50, "{plan}");
}

#[test]
fn what_aws_knows_nothing_of_is_named_with_the_endpoint_that_needs_it() {
    let fleet = parsed(
        "
version: 1
endpoints:
  images: { wake: { enabled: true } }
  fraud: { backup: { destination: { region: eu-central-1, bucket: models-dr } } }
",
    );
    let world = usual_world();
    assert!(unsaid(&Fleet::default(), &world, "eu-central-1").is_empty());
    assert_eq!(unsaid(&fleet, &world, "eu-west-1").len(), 1);
    let left_out = unsaid(&fleet, &world, "eu-central-1");
    let named: Vec<&str> = left_out.iter().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(named, ["endpoint fraud: `backup`", "endpoint images: `wake`"]);
    let exported = export(&world, &BTreeMap::new(), left_out);
    for line in exported.left_out.iter().take(2) {
        assert!(exported.text.contains(line.as_str()), "{}", exported.text);
    }
}
