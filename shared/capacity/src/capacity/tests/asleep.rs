use std::collections::BTreeMap;

use super::{desired, main_of, target};
use crate::{
    capacity::{
        export::export,
        fixture::{planned, usual_world},
        thing::{Scalable, Thing},
        world::World,
    },
    scaling::{ScalingRule, ScheduledAction},
};

fn exported(world: &World) -> (String, Vec<String>) {
    let exported = export(world, &BTreeMap::new(), vec![]);
    let plan = planned(world, &desired(&exported.text, world), false);
    assert!(plan.is_empty(), "{plan}");
    (exported.text, exported.left_out)
}

fn action(min: u32) -> Thing {
    Thing::Action {
        of: main_of("images"),
        action: ScheduledAction {
            name: "office".to_owned(),
            schedule: "cron(0 8 ? * MON-FRI *)".to_owned(),
            timezone: None,
            start: None,
            end: None,
            min: Some(min),
            max: None,
        },
    }
}

#[test]
fn an_export_leaves_out_what_may_be_at_zero_with_nothing_to_bring_it_back_and_says_so() {
    let mut world = usual_world();
    world.put(target(main_of("images"), 0, 4));
    world.put(action(0));
    let (text, left_out) = exported(&world);
    assert!(!text.contains("min: 0") && !text.contains("office"), "{text}");
    let told: Vec<&String> = left_out.iter().filter(|line| line.contains("minimum is 0")).collect();
    assert_eq!(told.len(), 1, "{left_out:?}");

    world.put(action(2));
    let (text, left_out) = exported(&world);
    assert!(text.contains("min: 0") && text.contains("office"), "{text}");
    assert!(
        !left_out.iter().any(|line| line.contains("minimum is 0")),
        "{left_out:?}"
    );
}

#[test]
fn an_export_keeps_what_a_step_brings_back_from_zero() {
    for of in [
        main_of("images"),
        Scalable::Copies {
            component: "llm".to_owned(),
        },
    ] {
        let mut world = usual_world();
        world.put(target(of.clone(), 0, 4));
        world.put(Thing::Policy {
            of,
            name: "first".to_owned(),
            rule: ScalingRule::Step {
                adjustment: "ChangeInCapacity".to_owned(),
                steps: vec![(Some(0.0), None, 1)],
                magnitude: None,
                cooldown: Some(300),
                aggregation: Some("Average".to_owned()),
            },
        });
        let (text, _) = exported(&world);
        assert!(text.contains("min: 0"), "{text}");
    }
}
