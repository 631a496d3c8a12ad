//! What holds whatever happens: a world that is unkind for a while, and then fair.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    fake::*,
    request::Order,
    strategy::{OwnAnalysis, Step, Weight},
    *,
};
use crate::{alert::AlertKind, analysis::Verdict, endpoint::EndpointStatus};

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Minutes(u64),
    Order(Order),
    Alarm(bool),
    Event,
    Verdict(Verdict),
    Healthy(bool),
    Blind(bool),
    Call(Call),
    Fate(Fate),
    Slow(u64),
    ScaledOut,
    ForeignWeights(f64, f64),
    ForeignConfig,
    Start,
}

fn order() -> impl Strategy<Value = Order> {
    prop::sample::select(vec![
        Order::Pause,
        Order::Resume,
        Order::Promote,
        Order::PromoteFull,
        Order::Skip,
        Order::Abort,
        Order::Rollback,
    ])
}

fn call() -> impl Strategy<Value = Call> {
    prop::sample::select(vec![Call::Works, Call::Lost, Call::Dies, Call::Mumbles])
}

/// What happens to everybody.
fn fair() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (1_u64..40).prop_map(Happening::Minutes),
        2 => order().prop_map(Happening::Order),
        1 => any::<bool>().prop_map(Happening::Alarm),
        1 => Just(Happening::Event),
        2 => prop::sample::select(vec![Verdict::Pass, Verdict::Inconclusive, Verdict::Pass, Verdict::Fail]).prop_map(Happening::Verdict),
        1 => any::<bool>().prop_map(Happening::Healthy),
        1 => any::<bool>().prop_map(Happening::Blind),
        4 => call().prop_map(Happening::Call),
        2 => prop::sample::select(vec![Fate::Done, Fate::TakenBack]).prop_map(Happening::Fate),
        1 => (1_u64..20).prop_map(Happening::Slow),
        1 => Just(Happening::ScaledOut),
        1 => Just(Happening::Start),
    ]
}

/// And what should not happen.
fn unfair() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => fair(),
        1 => Just(Happening::Call(Call::Refused)),
        1 => Just(Happening::Fate(Fate::Failed)),
        1 => (0.0..3.0_f64, 0.1..3.0_f64).prop_map(|(blue, green)| Happening::ForeignWeights(blue, green)),
        1 => Just(Happening::ForeignConfig),
    ]
}

fn happen(world: &mut Fake, happening: &Happening, id: usize) {
    let settled = world.endpoint().status == EndpointStatus::InService;
    match happening {
        Happening::Minutes(count) => world.ticks(usize::try_from(*count).unwrap()),
        Happening::Order(order) => {
            world.order(*order);
        }
        Happening::Alarm(on) => {
            world.alarms.insert("errors".to_owned(), *on);
        }
        Happening::Event => {
            let alarm = AlarmNews {
                name: "errors".to_owned(),
                at: world.now,
                reason: "an event".to_owned(),
            };
            world.wake(None, Some(alarm));
        }
        Happening::Verdict(verdict) => world.verdict = *verdict,
        Happening::Healthy(healthy) => world.healthy = *healthy,
        Happening::Blind(blind) => world.blind = *blind,
        Happening::Call(call) => world.calls.push_back(*call),
        Happening::Fate(fate) => world.fates.push_back(*fate),
        Happening::Slow(count) => world.slow = minutes(*count),
        Happening::ScaledOut if settled => {
            let most: BTreeMap<String, u32> = world.scaling.iter().map(|(name, it)| (name.clone(), it.max)).collect();
            for variant in &mut world.endpoint_mut().variants {
                // Autoscaling stays within its range, and leaves what is beyond it.
                let room = |count: u32| most.get(&variant.name).is_none_or(|most| count < *most);
                variant.current_instances = variant.current_instances.map(|count| count + u32::from(room(count)));
                variant.desired_instances = variant.current_instances;
            }
        }
        Happening::ForeignWeights(blue, green) if settled => {
            for variant in &mut world.endpoint_mut().variants {
                variant.current_weight = if variant.name == "blue" { *blue } else { *green };
                variant.desired_weight = variant.current_weight;
            }
        }
        Happening::ForeignConfig if settled => world.endpoint_mut().config = Some("theirs".to_owned()),
        Happening::Start => {
            if let Ok(plan) = world.planned(&request(&format!("request-{id}"))) {
                world.command(Command::Start(Box::new(plan)));
            }
        }
        Happening::ScaledOut | Happening::ForeignWeights(..) | Happening::ForeignConfig => {}
    }
}

/// From here on the world is kind.
fn calm(world: &mut Fake) {
    world.blind = false;
    world.calls.clear();
    world.fates.clear();
    world.slow = minutes(3);
    if world
        .ledger
        .active
        .as_ref()
        .is_some_and(|rollout| rollout.paused.is_some())
    {
        world.order(Order::Resume);
    }
}

/// What is said of the end is so.
fn the_truth_is_told(world: &Fake) {
    let past = world.ledger.history.last().unwrap();
    let plan = &past.plan;
    let endpoint = world.endpoint();
    let variant = |name: &str| endpoint.variants.iter().find(|variant| variant.name == name);
    let scaled = &world.scaling;
    let was = if world.triggers.is_empty() {
        scaling()
    } else {
        Fake::stepped().scaling["blue"].clone()
    };
    match past.outcome {
        Ended::Completed => {
            assert_eq!(endpoint.config, plan.only.as_ref().map(|only| only.name.clone()));
            assert_eq!(endpoint.share(&plan.green.variant), Some(1.0));
            assert!(world.scales(&plan.green.variant), "{:?}", world.triggers);
            assert!(variant(&plan.blue.variant).is_none());
            assert!(scaled[&plan.green.variant].does(&was), "{scaled:?}");
            assert_eq!(scaled.len(), 1);
        }
        Ended::RolledBack => {
            assert_eq!(endpoint.share(&plan.blue.variant), Some(1.0));
            assert!(world.scales(&plan.blue.variant), "{:?}", world.triggers);
            assert!(variant(&plan.green.variant).is_none());
            assert!(variant(&plan.blue.variant).unwrap().current_instances >= plan.blue.instances);
            assert!(scaled[&plan.blue.variant].does(&was), "{scaled:?}");
            assert_eq!(scaled.len(), 1);
        }
        Ended::Failed => panic!("{:?}", past.cause),
    }
    assert_eq!(world.ledger.last_good, endpoint.config);
}

fn ids_differ(world: &Fake) {
    let ids: std::collections::BTreeSet<&str> = world.alerts.iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(ids.len(), world.alerts.len());
    for alert in &world.alerts {
        assert!(alert.id.len() <= 128, "{}", alert.id);
    }
}

fn each_end_is_told_once(world: &Fake) {
    let ends = [
        AlertKind::RolloutCompleted,
        AlertKind::RolloutRolledBack,
        AlertKind::RolloutFailed,
    ];
    let told = world.kinds().iter().filter(|kind| ends.contains(kind)).count();
    assert_eq!(told, world.ledger.history.len(), "{:?}", world.kinds());
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = |weight: u16, bake: u64, smoke: bool| Step {
        smoke,
        ..Step::new(Weight::from_ten_thousandths(weight).unwrap(), minutes(bake))
    };
    prop::collection::btree_map(1_u16..10_000, (0_u64..30, any::<bool>()), 0..4).prop_map(move |steps| {
        let mut steps: Vec<Step> = steps
            .into_iter()
            .map(|(weight, (bake, smoke))| step(weight, bake, smoke))
            .collect();
        steps.push(step(10_000, 5, false));
        steps
    })
}

proptest! {
    #[test]
    fn a_rollout_ends_well_or_as_it_began_whatever_happens_on_the_way(
        steps in steps(),
        smoke in any::<bool>(),
        by_steps in any::<bool>(),
        keeps_actions in any::<bool>(),
        happenings in prop::collection::vec(fair(), 0..25),
    ) {
        let mut world = if by_steps { Fake::stepped() } else { Fake::new() };
        world.keeps_actions = keeps_actions;
        let mut request = request("first");
        request.policy.strategy.steps = steps;
        request.policy.smoke = smoke;
        world.start(&request);
        for (id, happening) in happenings.iter().enumerate() {
            happen(&mut world, happening, id);
        }
        calm(&mut world);
        world.run();
        the_truth_is_told(&world);
        ids_differ(&world);
        each_end_is_told_once(&world);
        // Everything that was made is deleted in the end, but for what people made and what is in force.
        world.pass(minutes(25 * 60));
        world.ticks(3);
        let kept: Vec<&String> = world.configs.keys().filter(|name| *name != "fraud-1").collect();
        prop_assert!(kept.iter().all(|name| Some(*name) == world.ledger.last_good.as_ref()), "{kept:?}");
        prop_assert_eq!(world.ledger.litter, BTreeMap::new());
    }

    #[test]
    fn nothing_panics_and_everything_ends_in_the_worst_of_worlds(
        by_steps in any::<bool>(),
        keeps_actions in any::<bool>(),
        happenings in prop::collection::vec(unfair(), 0..40),
    ) {
        let mut world = if by_steps { Fake::stepped() } else { Fake::new() };
        world.keeps_actions = keeps_actions;
        world.start(&request("first"));
        for (id, happening) in happenings.iter().enumerate() {
            happen(&mut world, happening, id);
        }
        calm(&mut world);
        for _ in 0..3000 {
            if world.ledger.active.is_none() {
                break;
            }
            world.ticks(1);
        }
        prop_assert!(world.ledger.active.is_none(), "{:?}", world.ledger.active);
        ids_differ(&world);
        let text = serde_json::to_string(&world.ledger).unwrap();
        prop_assert_eq!(serde_json::from_str::<RolloutLedger>(&text).unwrap(), world.ledger);
    }

    #[test]
    fn a_strategy_that_says_of_each_step_what_the_rollout_says_anyway_is_decided_as_one_that_says_nothing(
        steps in steps(),
        smoke in any::<bool>(),
        happenings in prop::collection::vec(unfair(), 0..25),
    ) {
        let mut plain = request("first");
        plain.policy.strategy.steps = steps;
        plain.policy.smoke = smoke;
        let mut spelled = plain.clone();
        for step in &mut spelled.policy.strategy.steps {
            step.alarms.clone_from(&plain.policy.alarms);
            step.analysis = plain.policy.analysis.clone().map(OwnAnalysis::On);
        }
        let mut worlds = [plain, spelled].map(|request| {
            let mut world = Fake::new();
            world.start(&request);
            world
        });
        for (id, happening) in happenings.iter().enumerate() {
            for world in &mut worlds {
                happen(world, happening, id);
            }
        }
        for world in &mut worlds {
            calm(world);
            world.ticks(1500);
        }
        let [plain, spelled] = worlds;
        prop_assert_eq!(plain.effects, spelled.effects);
        prop_assert_eq!(plain.alerts, spelled.alerts);
        let told = |world: &RolloutLedger| world.history.iter().map(|past| past.log.clone()).collect::<Vec<_>>();
        prop_assert_eq!(told(&plain.ledger), told(&spelled.ledger));
    }

    #[test]
    fn weights_conserve(weight in 1e-3..1e6_f64, share in 0_u16..=10_000) {
        let mut plan = Fake::new().planned(&request("one")).unwrap();
        plan.blue.weight = weight;
        let weights = plan.weights(Weight::from_ten_thousandths(share).unwrap());
        let sum: f64 = weights.values().sum();
        prop_assert!((sum - weight).abs() <= weight * 1e-12);
        prop_assert!(weights.values().all(|weight| *weight >= 0.0));
        prop_assert!(sum > 0.0);
        prop_assert_eq!(weights["green"] == 0.0, share == 0);
        prop_assert_eq!(weights["blue"] == 0.0, share == 10_000);
    }
}
