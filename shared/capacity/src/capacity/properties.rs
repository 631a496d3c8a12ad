use std::{collections::BTreeMap, fmt};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    desired::Desired,
    drift::{Applied, drift},
    export::export,
    fixture::{NOW, parsed, planned, usual_world, with_all_of},
    plan::{Plan, Verb},
    thing::{Key, Scalable, Thing},
    world::World,
};
use crate::{
    fleet::Fleet,
    scaling::{ScalingRule, ScheduledAction, Suspended, TrackedMetric},
};

fn any_policy() -> impl Strategy<Value = Value> {
    (
        prop_oneof![
            (1_u32..5000).prop_map(|n| json!({ "invocations_per_instance": n })),
            (1_u32..9).prop_map(|n| json!({ "concurrency": n })),
            (1_u32..5000).prop_map(|n| json!({ "latency": format!("{n}ms") })),
            (1_u32..=100).prop_map(|n| json!({ "backlog_per_instance": n })),
            (1_u32..=100, 1_u32..9).prop_map(|(n, cores)| json!({ "cpu": format!("{n}%"), "cores": cores })),
            (1_i32..9).prop_map(
                |n| json!({ "step": { "steps": [{ "from": 0, "to": n, "by": 1 }, { "from": n, "by": n }] } })
            ),
            (1_u32..9, 1_u32..3)
                .prop_map(|(n, minutes)| json!({ "from_zero": { "instances": n, "minutes": minutes } })),
        ],
        0_usize..4,
    )
        .prop_map(|(mut policy, name)| {
            policy["name"] = json!(["steward-a", "steward-b", "c", "d"][name]);
            policy
        })
}

fn any_action() -> impl Strategy<Value = Value> {
    (
        0_usize..4,
        prop_oneof![
            (0_u32..24).prop_map(|hour| json!({ "cron": format!("0 {hour} ? * MON-FRI *"), "zone": "Europe/Berlin" })),
            (1_u32..9).prop_map(|hours| json!({ "rate": format!("{hours} hours") })),
            (1_u32..29).prop_map(|day| json!({ "at": format!("2026-12-{day:02}T08:00:00") })),
        ],
        0_u32..4,
    )
        .prop_map(|(name, mut action, min)| {
            action["name"] = json!(["steward-a", "steward-b", "c", "d"][name]);
            action["min"] = json!(min);
            action["max"] = json!(min + 4);
            action
        })
}

fn any_alarm() -> impl Strategy<Value = Value> {
    (
        0_usize..4,
        prop_oneof![
            (1_u32..100).prop_map(|n| json!({ "errors": format!("{n}%"), "variant": "main" })),
            (1_u32..9000).prop_map(|n| json!({ "latency": format!("{n}ms"), "variant": "main", "percentile": "p99" })),
            (1_u32..60)
                .prop_map(|n| json!({ "waiting": format!("{n}m"), "missing": "ignore", "datapoints": 2, "of": 3 })),
        ],
    )
        .prop_map(|(name, mut alarm)| {
            alarm["name"] = json!(
                [
                    "steward-<endpoint>-a",
                    "steward-<endpoint>-b",
                    "<endpoint>-c",
                    "<endpoint>-d"
                ][name]
            );
            alarm
        })
}

fn unique(values: Vec<Value>) -> Vec<Value> {
    let mut names: Vec<Value> = vec![];
    values
        .into_iter()
        .filter(|value| {
            let new = !names.contains(&value["name"]);
            names.push(value["name"].clone());
            new
        })
        .collect()
}

fn any_entry() -> impl Strategy<Value = Value> {
    (
        proptest::option::of((
            (0_u32..3, 0_u32..6),
            proptest::collection::vec(any_policy(), 0..3),
            any::<(bool, bool, bool)>(),
        )),
        proptest::collection::vec(any_action(), 0..3),
        proptest::collection::vec(any_alarm(), 0..2),
    )
        .prop_map(|(target, actions, alarms)| {
            let mut entry = json!({ "alarms": unique(alarms) });
            if let Some(((min, more), policies, (scale_in, scale_out, scheduled))) = target {
                let mut policies = unique(policies);
                if min == 0 {
                    policies.push(json!({ "name": "steward-first", "from_zero": {} }));
                }
                entry["scaling"] = json!([{
                    "variant": "main",
                    "min": min,
                    "max": min + more,
                    "policies": policies,
                    "suspended": { "scale_in": scale_in, "scale_out": scale_out, "scheduled": scheduled },
                }]);
                entry["schedule"] = json!(unique(actions));
            }
            entry
        })
}

/// A fleet file, read once however often it is planned; shown as its text.
#[derive(Clone)]
struct File {
    text: String,
    fleet: Fleet,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for File {
    fn from(text: String) -> Self {
        Self {
            fleet: parsed(&text),
            text,
        }
    }
}

/// Some fleet file; it is right, or the strategy is wrong.
fn any_file() -> impl Strategy<Value = File> {
    (
        proptest::collection::vec(proptest::option::of(any_entry()), 3),
        proptest::bool::ANY,
        (proptest::option::of(10_u32..30), proptest::option::of(1_u32..10)),
        proptest::option::of((1_u32..1000, 1_u32..1000)),
        proptest::bool::ANY,
    )
        .prop_map(|(entries, made, (reserved, warm), throttle, dashboard)| {
            let mut file = json!({ "version": 1, "endpoints": {} });
            for (name, entry) in ["fraud", "search", "images"].iter().zip(entries) {
                if let Some(entry) = entry {
                    file["endpoints"][*name] = entry;
                }
            }
            if made {
                file["endpoints"]["new"] = json!({
                    "provision": {
                        "model": { "image": "a/b:1", "role": "arn:aws:iam::111122223333:role/ml" },
                        "instance_type": "ml.m5.xlarge",
                        "capture": { "destination": "s3://captured/new" },
                    },
                    "scaling": [{ "variant": "main", "min": 2, "max": 3, "policies": [{ "name": "p", "latency": "1s" }] }],
                });
            }
            if let Some(reserved) = reserved {
                file["lambdas"]["predict"]["reserved"] = json!(reserved);
            }
            if let Some(warm) = warm {
                file["lambdas"]["predict"]["provisioned"] = json!({ "live": warm });
            }
            if let Some((rate, burst)) = throttle {
                file["apis"] = json!({ "a1": { "stages": { "prod": { "rate": rate, "burst": burst } } } });
            }
            if dashboard {
                file["dashboard"] = json!({});
            }
            File::from(file.to_string())
        })
}

fn desired(file: &File, world: &World) -> Desired {
    Desired::of(&file.fleet, world, "eu-central-1")
}

/// Plans and applies until nothing is left, each time cut off after `steps` changes; the plans that it took.
fn converged(world: &mut World, file: &File, prune: bool, steps: usize) -> Vec<Plan> {
    let mut plans = vec![];
    for _ in 0..60 {
        let wanted = desired(file, world);
        let plan = planned(world, &wanted, prune);
        if plan.is_empty() {
            return plans;
        }
        let left = plan.remaining(&plan.id, &wanted, world).expect("just planned");
        let left: Vec<_> = left.into_iter().take(steps).cloned().collect();
        left.iter().for_each(|change| world.apply(change));
        if left.is_empty() {
            world.settle();
        }
        plans.push(plan);
    }
    panic!("never empty: {}", plans.last().expect("a plan"));
}

fn things(world: &World) -> Vec<Thing> {
    world.things().map(|(_, thing)| thing.clone()).collect()
}

/// Metrics, targets, schedules that nobody would write with Steward.
fn any_foreign() -> impl Strategy<Value = Thing> {
    let of = || Scalable::Instances {
        endpoint: "fraud".to_owned(),
        variant: "main".to_owned(),
    };
    let name = || proptest::sample::select(vec!["x", "y z", "ü", " w", ""]);
    prop_oneof![
        (
            name(),
            any::<f64>(),
            proptest::option::of(any::<u32>()),
            any::<bool>(),
            0_usize..4
        )
            .prop_map(move |(name, target, cooldown, disabled, kind)| {
                let metric = match kind {
                    0 => TrackedMetric::Predefined {
                        kind: "Odd".to_owned(),
                        label: None,
                    },
                    1 => TrackedMetric::Math(vec![]),
                    _ => TrackedMetric::Customized {
                        metric: ["CPUUtilization", "ModelLatency"][kind - 2].to_owned(),
                        namespace: "/aws/sagemaker/Endpoints".to_owned(),
                        dimensions: of().dimensions(),
                        statistic: "Average".to_owned(),
                        unit: disabled.then(|| "Percent".to_owned()),
                    },
                };
                Thing::Policy {
                    of: of(),
                    name: name.to_owned(),
                    rule: ScalingRule::TargetTracking {
                        target,
                        metric,
                        scale_out_cooldown: cooldown,
                        scale_in_cooldown: None,
                        disable_scale_in: disabled,
                    },
                }
            }),
        (
            name(),
            "[a-z]{1,4}\\([0-9 *?/:T-]{0,12}\\)",
            any::<u32>(),
            proptest::option::of("[A-Z][a-z]{2,6}")
        )
            .prop_map(move |(name, schedule, min, timezone)| Thing::Action {
                of: of(),
                action: ScheduledAction {
                    name: name.to_owned(),
                    schedule,
                    timezone,
                    start: None,
                    end: Some("2026-01-01T00:00:00Z".parse().expect("a time")),
                    min: Some(min),
                    max: None,
                },
            }),
        (any::<u32>(), any::<u32>(), any::<bool>()).prop_map(move |(min, max, scale_in)| Thing::Target {
            of: of(),
            min,
            max,
            suspended: Suspended {
                scale_in,
                ..Suspended::default()
            },
        }),
        ("[a-z$]{1,4}", "[$A-Za-z ]{1,8}", any::<u32>()).prop_map(|(function, qualifier, concurrency)| Thing::Warm {
            function,
            qualifier,
            concurrency,
        }),
        ("[a-z1-]{1,4}", any::<f64>(), any::<u32>()).prop_map(|(api, rate, burst)| Thing::Throttle {
            api,
            stage: "prod".to_owned(),
            route: None,
            rate,
            burst,
        }),
    ]
}

proptest! {
    #[test]
    fn after_a_plan_is_applied_there_is_nothing_left_to_do(before in any_file(), file in any_file(), prune: bool) {
        let mut world = with_all_of(usual_world(), &before.fleet);
        let plans = converged(&mut world, &file, prune, usize::MAX);
        // What can be done at once, the dashboard that then shows the new endpoint, waiting for it, what waited.
        prop_assert!(plans.len() <= 4, "{} plans", plans.len());
        let wanted = desired(&file, &world);
        for (key, thing) in wanted.things() {
            let there = world.get(key);
            prop_assert!(there.is_some(), "{} is not there", key);
            if !matches!(key, Key::Target(_) | Key::Endpoint(_)) {
                prop_assert_eq!(there, Some(thing));
            }
        }
        prop_assert!(!prune || world.things().all(|(key, _)| wanted.mentions(key) || !world.is_own(key, "steward-")));
    }

    #[test]
    fn cut_off_between_any_two_changes_it_ends_the_same(before in any_file(), file in any_file(), steps in 1_usize..4) {
        let start = with_all_of(usual_world(), &before.fleet);
        let (mut whole, mut cut) = (start.clone(), start);
        converged(&mut whole, &file, true, usize::MAX);
        converged(&mut cut, &file, true, steps);
        prop_assert_eq!(things(&whole), things(&cut));
    }

    #[test]
    fn nobody_elses_is_ever_deleted_and_nothing_without_prune(before in any_file(), file in any_file(), prune: bool) {
        let world = with_all_of(usual_world(), &before.fleet);
        let plan = planned(&world, &desired(&file, &world), prune);
        for change in plan.changes.iter().filter(|change| change.verb == Verb::Delete) {
            prop_assert!(prune && world.is_own(&change.key, "steward-"));
        }
    }

    #[test]
    fn the_same_plan_has_the_same_id_and_another_has_another(before in any_file(), file in any_file(), other in any_file()) {
        let world = with_all_of(usual_world(), &before.fleet);
        let (one, two) = (desired(&file, &world), desired(&other, &world));
        prop_assert_eq!(planned(&world, &one, true), planned(&world, &one, true));
        if one != two {
            prop_assert_ne!(planned(&world, &one, true).id, planned(&world, &two, true).id);
        }
    }

    #[test]
    fn what_was_applied_has_not_drifted(before in any_file(), file in any_file()) {
        let mut world = with_all_of(usual_world(), &before.fleet);
        converged(&mut world, &file, true, usize::MAX);
        let (wanted, now) = (desired(&file, &world), NOW.parse().expect("a time"));
        let keys: Vec<Key> = wanted.things().map(|(key, _)| key.clone()).collect();
        let applied = Applied::default().adopting(&wanted, keys, now);
        prop_assert_eq!(drift(&applied, &world, "steward-", &BTreeMap::new(), now), vec![]);
    }

    #[test]
    fn what_is_exported_is_a_fleet_file_that_changes_nothing(
        file in any_file(),
        foreign in proptest::collection::vec(any_foreign(), 0..4),
    ) {
        let mut world = with_all_of(usual_world(), &file.fleet);
        foreign.into_iter().for_each(|thing| world.put(thing));
        let exported = export(&world, &BTreeMap::new(), vec![]);
        let fleet = Fleet::parse(&exported.text, "fleet.yaml");
        prop_assert!(fleet.is_ok(), "{}\n{}", fleet.expect_err("wrong"), exported.text);
        let plan = planned(&world, &desired(&File::from(exported.text.clone()), &world), false);
        prop_assert!(plan.is_empty(), "{}\n{}", plan, exported.text);
    }
}
