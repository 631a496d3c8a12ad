//! What is said of a step's own before a start: in refusals, plans and notes.

use super::*;

#[test]
fn every_alarm_of_every_step_is_there_and_quiet_before_a_start() {
    let asked = own();
    let mut world = Fake::new();
    world.alarms = [("errors", false), ("ten", true), ("all", false)]
        .map(|(name, on)| (name.to_owned(), on))
        .into();
    insta::assert_snapshot!(world.planned(&asked).unwrap_err());
}

#[test]
fn what_is_wrong_with_the_analysis_of_a_step_is_said_before_a_start_once() {
    let nothing = AnalysisPolicy {
        errors: Some(ErrorCheck {
            against_blue: None,
            ..ErrorCheck::default()
        }),
        ..AnalysisPolicy::default()
    };
    let mut asked = request("one");
    for step in &mut asked.policy.strategy.steps[..2] {
        step.analysis = Some(OwnAnalysis::On(nothing.clone()));
    }
    let wrong = Fake::new().planned(&asked).unwrap_err();
    assert_eq!(wrong.0.len(), 1, "{wrong}");
    // And what would watch nothing at 100% is refused by what the last step has, whatever the others have.
    let compared = AnalysisPolicy {
        errors: None,
        latency: vec![crate::analysis::LatencyCheck::against_blue(
            crate::analysis::Percentile::P99,
        )],
        ..AnalysisPolicy::default()
    };
    let mut blind = request("one");
    blind.policy.alarms.clear();
    blind.policy.strategy.steps[2].analysis = Some(OwnAnalysis::On(compared));
    let wrong = Fake::new().planned(&blind).unwrap_err();
    assert!(
        wrong.to_string().contains("At 100% nothing would watch green"),
        "{wrong}"
    );
    blind.policy.strategy.steps[2].alarms.push("errors".to_owned());
    assert!(Fake::new().planned(&blind).is_ok());
}

#[test]
fn an_alarm_on_blue_that_takes_missing_data_for_breaching_is_refused_at_100_percent_only() {
    let planned = |step: usize| {
        let mut asked = request("one");
        asked.policy.alarms.clear();
        asked.policy.strategy.steps[step].alarms.push("errors".to_owned());
        let mut world = Fake::new();
        world.watched = ["blue".to_owned()].into();
        world.missing = MissingData::Breaching;
        world.planned(&asked)
    };
    assert!(planned(0).is_ok() && planned(1).is_ok());
    let refused = planned(2).unwrap_err().to_string();
    assert!(refused.contains("takes missing data for breaching"), "{refused}");
}

#[test]
fn sagemakers_engines_refuse_what_a_step_has_of_its_own_and_name_the_other_engine() {
    for engine in [Engine::Guardrails, Engine::Rolling] {
        let mut asked = request("one");
        asked.policy.engine = engine;
        asked.policy.smoke = false;
        asked.policy.strategy.kind = match engine {
            Engine::Guardrails => StrategyKind::Canary,
            _ => StrategyKind::AllAtOnce,
        };
        asked.policy.strategy.steps = match engine {
            Engine::Guardrails => strategy(&[10, 100]).steps,
            _ => strategy(&[100]).steps,
        };
        assert!(Fake::new().planned(&asked).is_ok(), "{engine}");
        let mut alarmed = asked.clone();
        alarmed.policy.strategy.steps[0].alarms.push("errors".to_owned());
        let mut judged = asked.clone();
        judged.policy.strategy.steps[0].analysis = Some(OwnAnalysis::Off);
        for own in [alarmed, judged] {
            let said = Fake::new().planned(&own).unwrap_err().to_string();
            assert!(
                said.contains("no step can have alarms or an analysis of its own"),
                "{said}"
            );
            assert!(said.contains("Use `engine: variants`"), "{said}");
            let wrong = limits::contradictions(&own.policy);
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert!(wrong[0].to_string().contains("or `engine: variants`"), "{}", wrong[0]);
        }
    }
}

#[test]
fn a_plan_and_a_status_show_what_each_step_has_of_its_own() {
    let mut asked = own();
    asked.policy.strategy.steps[0].analysis = requests(10);
    asked.policy.strategy.steps[1].analysis = Some(OwnAnalysis::Off);
    asked.policy.strategy.steps[1].alarms.push("errors".to_owned());
    let mut at_full = AnalysisPolicy::default();
    at_full.errors.as_mut().unwrap().limit = Some(ShareLimit::new("2%".parse().unwrap()));
    asked.policy.strategy.steps[2].analysis = Some(OwnAnalysis::On(at_full));
    let mut world = Fake::new();
    world.alarms = asked
        .policy
        .every_alarm()
        .into_iter()
        .map(|name| (name, false))
        .collect();
    insta::assert_snapshot!(world.planned(&asked).unwrap());
    world.start(&asked);
    until(&mut world, "baking", 1);
    world.ticks(4);
    let look = world.look(&needs(world.now, &world.ledger));
    insta::assert_snapshot!(status(&world.facts(), &world.ledger, Some(&look)));
}

#[test]
fn a_plan_names_the_steps_that_nothing_watches() {
    let mut asked = request("one");
    asked.policy.alarms.clear();
    asked.policy.strategy.steps[1].analysis = Some(OwnAnalysis::Off);
    let warnings = Fake::new().planned(&asked).unwrap().warnings.join("\n");
    assert!(
        warnings.contains("neither alarms nor analysis in step 2: nothing but a person can find a bad green there"),
        "{warnings}"
    );
    asked.policy.strategy.steps[1].alarms.push("errors".to_owned());
    let warnings = Fake::new().planned(&asked).unwrap().warnings.join("\n");
    assert!(!warnings.contains("neither alarms"), "{warnings}");
}
