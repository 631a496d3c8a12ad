//! What must hold for any history: any looks, in any order, any number of times, with any policy.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::{
    decide,
    fixture::{Look, Stage, bare, look, minutes, variant},
    ledger::between,
    observation::{ActOutcome, News, Observation, SweepNews, Trouble, TroubleKind},
    policy::Rung,
    recovery::Verb,
};
use crate::{endpoint::EndpointStatus, probe::Cause};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// One thing that a sweep may see.
#[derive(Clone, Copy, Debug)]
enum Sight {
    Well,
    Errors,
    TimedOut,
    Slow,
    Throttled,
    BlueSick,
    BlueShiftedWell,
    Updating,
    Failed,
    OtherConfig,
    Absent,
    Unseen,
    Reborn,
}

fn any_sight() -> impl Strategy<Value = Sight> {
    prop_oneof![
        4 => Just(Sight::Well),
        4 => Just(Sight::Errors),
        2 => Just(Sight::TimedOut),
        2 => Just(Sight::Slow),
        1 => Just(Sight::Throttled),
        3 => Just(Sight::BlueSick),
        2 => Just(Sight::BlueShiftedWell),
        1 => Just(Sight::Updating),
        1 => Just(Sight::Failed),
        1 => Just(Sight::OtherConfig),
        1 => Just(Sight::Absent),
        1 => Just(Sight::Unseen),
        1 => Just(Sight::Reborn),
    ]
}

fn shown(name: &str, sight: Sight, now: jiff::Timestamp) -> Look {
    let look = look(name).scaled(1, 4);
    match sight {
        Sight::Well => look,
        Sight::Errors => look.failed(Cause::ServerError),
        Sight::TimedOut => look.failed(Cause::TimedOut),
        Sight::Slow => look.degraded(),
        Sight::Throttled => look.inconclusive(Cause::Throttled),
        Sight::BlueSick => look.two(Some(Cause::ServerError)),
        Sight::BlueShiftedWell => look
            .two(None)
            .endpoint(|endpoint| endpoint.variants = vec![variant("blue", 0.0, 2), variant("green", 1.0, 2)]),
        Sight::Updating => look.status(EndpointStatus::Updating, now),
        Sight::Failed => {
            let mut look = look.status(EndpointStatus::Failed, now);
            look.0.scaling = Some(Vec::new());
            look
        }
        Sight::OtherConfig => look.endpoint(|endpoint| endpoint.config = Some("other".into())),
        Sight::Absent => look.absent(),
        Sight::Unseen => look.unseen(Trouble {
            kind: TroubleKind::Network,
            what: "sagemaker:DescribeEndpoint".into(),
            endpoint: None,
            detail: "no route".into(),
        }),
        Sight::Reborn => look.endpoint(|endpoint| endpoint.created = now),
    }
}

#[derive(Clone, Debug)]
struct Round {
    after: Duration,
    sights: Vec<(usize, Sight)>,
    accepted: u8,
}

fn any_history() -> impl Strategy<Value = Vec<Round>> {
    let round = (
        prop_oneof![4 => Just(60u64), 1 => 0u64..40, 1 => 60u64..7200],
        proptest::collection::vec((0..NAMES.len(), any_sight()), 0..5),
        0u8..3,
    )
        .prop_map(|(after, sights, accepted)| Round {
            after: Duration::from_secs(after),
            sights,
            accepted,
        });
    proptest::collection::vec(round, 1..24)
}

fn any_stage() -> impl Strategy<Value = Stage> {
    let rungs = proptest::sample::subsequence(
        vec![Rung::ShiftAway, Rung::AddInstance, Rung::Redeploy, Rung::Recreate],
        0..=4,
    );
    (
        rungs.prop_shuffle(),
        0u32..4,
        0u32..4,
        0u32..4,
        0u32..4,
        0u64..40,
        0u32..5,
        any::<bool>(),
    )
        .prop_map(
            |(rungs, failures, successes, budget, per_hour, cooldown, transitions, named)| {
                let mut stage = bare(&NAMES).with(|policy| {
                    policy.failure_threshold = failures;
                    policy.success_threshold = successes;
                    policy.reminder = Some(minutes(7));
                    policy.flapping.transitions = transitions;
                    policy.recovery.rungs.clone_from(&rungs);
                    policy.recovery.budget = budget;
                    policy.recovery.cooldown = minutes(cooldown);
                    policy.recovery.period = minutes(180);
                });
                stage.fleet.recoveries_per_hour = per_hour;
                if named { stage } else { stage.by_pattern() }
            },
        )
}

impl Stage {
    fn play(&mut self, round: &Round) {
        self.later(round.after);
        let now = self.now;
        let observations: Vec<Observation> = round
            .sights
            .iter()
            .map(|(n, sight)| Observation {
                at: now,
                ..shown(NAMES[*n], *sight, now).0
            })
            .collect();
        self.hear(&News {
            observations,
            sweep: Some(SweepNews::default()),
            ..News::default()
        });
        let outcome = match round.accepted {
            0 => return,
            1 => ActOutcome::Accepted,
            _ => ActOutcome::Later("busy".into()),
        };
        let acted = self
            .steps()
            .iter()
            .map(|step| self.acted(step, outcome.clone()))
            .collect();
        self.hear(&News {
            acted,
            ..News::default()
        });
    }
}

proptest! {
    // `Stage::hear` asserts on every round that deciding again on the same news changes nothing.
    #[test]
    fn every_alert_has_an_id_of_its_own_and_budgets_hold(mut stage in any_stage(), history in any_history()) {
        let mut ids = BTreeSet::new();
        let mut begun = Vec::new();
        for round in &history {
            let known = stage.ledger.recoveries.len();
            stage.play(round);
            for alert in stage.told.drain(..) {
                prop_assert!(ids.insert(alert.id.clone()), "twice: {}", alert.id);
                prop_assert!(alert.id.len() <= 128);
            }
            let fresh = stage.ledger.recoveries.iter().filter(|started| started.at == stage.now);
            prop_assert!(known + 4 >= stage.ledger.recoveries.len());
            for started in fresh {
                if !begun.contains(started) {
                    begun.push(started.clone());
                }
            }
            let policy = &stage.watch.policies["a"].recovery;
            for name in NAMES {
                let own = begun.iter().filter(|started| started.endpoint == name);
                let spent = own.filter(|started| between(started.at, stage.now) < policy.period).count();
                prop_assert!(spent as u64 <= u64::from(policy.budget), "{name} spent {spent}");
            }
            let fleet = begun.iter().filter(|started| between(started.at, stage.now) < minutes(60)).count();
            prop_assert!(fleet as u64 <= u64::from(stage.fleet.recoveries_per_hour));
        }
    }

    #[test]
    fn a_step_is_only_handed_out_for_a_committed_intent_and_never_empties_the_weights(
        mut stage in any_stage(),
        history in any_history(),
    ) {
        for round in &history {
            stage.play(round);
            for step in stage.steps() {
                let record = stage.record(&step.endpoint);
                let intent = record.recovery.intent.as_ref();
                prop_assert_eq!(intent.map(|intent| &intent.id), Some(&step.intent));
                match &step.verb {
                    Verb::SetWeights(weights) => prop_assert!(weights.values().sum::<f64>() > 0.0),
                    Verb::Redeploy { from, to } => prop_assert!(from != to && to.len() <= 63 && !to.is_empty()),
                    Verb::SetInstances { count, .. } => prop_assert!(*count >= 1),
                    Verb::SetMinimum { .. } | Verb::Delete { .. } | Verb::Create { .. } => {}
                }
            }
        }
    }

    #[test]
    fn the_order_and_number_of_observations_do_not_matter(
        stage in any_stage(),
        sights in proptest::collection::vec((0..NAMES.len(), any_sight(), 0u64..600), 1..12),
        seed in any::<u64>(),
    ) {
        let looks: Vec<Observation> = sights
            .iter()
            .map(|(n, sight, after)| {
                let at = stage.now.checked_add(Duration::from_secs(*after)).expect("in time");
                Observation { at, ..shown(NAMES[*n], *sight, at).0 }
            })
            .collect();
        let mut shuffled: Vec<Observation> = looks.iter().chain(looks.iter().take(3)).cloned().collect();
        let length = shuffled.len() as u64;
        for n in 0..shuffled.len() {
            shuffled.swap(n, usize::try_from(seed.wrapping_mul(n as u64 + 7) % length).expect("small"));
        }
        let news = |observations| News { observations, ..News::default() };
        let mut facts = stage.facts();
        facts.now = facts.now.checked_add(minutes(10)).expect("in time");
        let one = decide(&facts, &stage.watch, &stage.ledger, &news(looks));
        let other = decide(&facts, &stage.watch, &stage.ledger, &news(shuffled));
        prop_assert_eq!(one.ledger, other.ledger);
        prop_assert_eq!(one.steps, other.steps);
    }

    #[test]
    fn what_comes_late_changes_no_endpoint(mut stage in any_stage(), history in any_history(), late in any_sight()) {
        for round in &history {
            stage.play(round);
        }
        let seen: BTreeMap<_, _> = stage.ledger.endpoints.iter().map(|(name, record)| (name.clone(), record.clone())).collect();
        for (name, record) in seen {
            let earlier = Observation { at: record.seen, ..shown(&name, late, record.seen).0 };
            stage.hear(&News { observations: vec![earlier], ..News::default() });
            prop_assert_eq!(&stage.ledger.endpoints[&name].streak, &record.streak);
            prop_assert_eq!(stage.ledger.endpoints[&name].state, record.state);
        }
    }

    #[test]
    fn the_monitors_troubles_never_make_sick_and_never_recover(
        mut stage in any_stage(),
        troubles in proptest::collection::vec(prop_oneof![Just(Sight::Unseen), Just(Sight::Throttled)], 1..60),
    ) {
        stage.sweep(NAMES.map(look));
        for sight in troubles {
            let now = stage.now;
            stage.sweep(NAMES.map(|name| shown(name, sight, now)));
            prop_assert!(stage.steps().is_empty());
        }
        prop_assert!(stage.told.iter().all(|alert| alert.kind == crate::alert::AlertKind::MonitorTrouble));
        prop_assert!(stage.ledger.recoveries.is_empty());
    }

    #[test]
    fn unhealthy_is_told_at_exactly_the_threshold(threshold in 1u32..12, extra in 0u32..5) {
        let mut stage = bare(&["fraud"]).with(|policy| policy.failure_threshold = threshold);
        stage.sweep([look("fraud")]).sweeps(threshold - 1, &look("fraud").failed(Cause::ServerError));
        prop_assert!(stage.told.is_empty());
        stage.sweeps(1 + extra, &look("fraud").failed(Cause::ServerError));
        prop_assert_eq!(stage.told.len(), 1);
    }
}
