//! What comes to nothing beside what does not, and what others make at the same time.

use super::*;
use crate::backup::{
    definition::{Definition, LeftOut, Scaled, ScaledThing},
    fixture,
};

/// Of an endpoint with these components, each scaled from its minimum.
fn with_components(components: &[(&str, u32)]) -> Given {
    let mut given = given();
    let mut definition = fixture::with_components(components);
    let like = definition.scaling[0].clone();
    for (name, min) in components {
        let mut scaled = Scaled {
            of: ScaledThing::Component((*name).into()),
            dimension: "sagemaker:inference-component:DesiredCopyCount".into(),
            ..like.clone()
        };
        scaled.scaling.min = *min;
        definition.scaling.push(scaled);
    }
    given.point.restored = definition;
    given.id = given.point.write().0;
    given
}

fn scaled(fake: &Fake) -> Vec<(&ScaledThing, u32)> {
    fake.scaling
        .iter()
        .map(|((of, _), scaling)| (of, scaling.min))
        .collect()
}

#[test]
fn a_component_that_slept_is_restored_with_a_copy_and_may_sleep_again() {
    let given = with_components(&[("llm", 0)]);
    let mut fake = Fake::new();
    let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    assert_eq!(past.how, Ended::Passed);
    let llm = &fake.things[&thing(ThingKind::Component, "llm")];
    assert_eq!(llm.body["RuntimeConfig"]["CopyCount"], 1);
    assert!(scaled(&fake).contains(&(&ScaledThing::Component("llm".into()), 0)));
}

#[test]
fn a_component_that_fails_takes_no_other_with_it_and_is_judged_when_all_else_is_made_and_scaled() {
    let given = with_components(&[("broken", 0), ("good", 1)]);
    for kind in [Kind::Restore, Kind::Drill] {
        let mut fake = Fake::new();
        fake.broken = vec!["broken".into(), "broken-drill-7".into()];
        let plan = fake.plan(&given.ask(kind)).unwrap();
        let broken = plan.components.get("broken").map_or("broken", String::as_str);
        let said = format!("the inference component {broken} is Failed: no capacity. All else is made and scaled");
        let past = fake.run(plan);
        assert_eq!(past.how, Ended::Failed(said));
        if kind == Kind::Drill {
            assert!(fake.things.is_empty() && fake.scaling.is_empty());
            continue;
        }
        assert!(
            names(&fake).contains(&"inference component good".to_owned()),
            "{:?}",
            names(&fake)
        );
        let components: Vec<_> = scaled(&fake)
            .into_iter()
            .filter(|(of, _)| matches!(of, ScaledThing::Component(_)))
            .collect();
        assert_eq!(components, [(&ScaledThing::Component("good".into()), 1)]);
        // Once it is deleted, the next restore makes what is lacking, though the good one has other copies by now.
        fake.things.remove(&thing(ThingKind::Component, "broken"));
        let good = fake.things.get_mut(&thing(ThingKind::Component, "good")).unwrap();
        good.body["RuntimeConfig"]["CopyCount"] = json!(4);
        fake.broken.clear();
        assert_eq!(
            fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap()).how,
            Ended::Passed
        );
    }
}

#[test]
fn a_component_that_sagemaker_refuses_takes_only_those_with_it_that_are_based_on_it() {
    let mut given = with_components(&[("base", 1), ("good", 1), ("late", 1), ("adapter", 1)]);
    let definition: &mut Definition = &mut given.point.restored;
    definition.components[3].body["Specification"]["BaseInferenceComponentName"] = json!("base");
    given.id = given.point.write().0;
    let mut fake = Fake::new();
    let mut state = begun(&given, &fake, Kind::Restore);
    for _ in 0..100 {
        fake.tick(&mut state, |effect| match effect {
            Effect::Create { thing, .. } if thing.name == "base" => Some(Fault::Refused),
            _ => Some(Fault::None),
        });
        fake.pass(60);
    }
    assert_eq!(
        state.unwrap_err().how.to_string(),
        "failed: the inference component adapter is based on base; create inference component base was refused: denied. \
         All else is made and scaled"
    );
    let made = names(&fake);
    for name in ["good", "late"] {
        assert!(made.contains(&format!("inference component {name}")), "{made:?}");
    }
    assert!(!made.iter().any(|name| name.contains("adapter")), "{made:?}");
}

#[test]
fn two_restores_at_once_of_endpoints_that_share_a_model_both_pass() {
    let (mine, mut theirs) = (given(), given());
    theirs.point.endpoint = "claims".into();
    theirs.point.restored.endpoint = "claims".into();
    theirs.id = theirs.point.write().0;
    let mut fake = Fake::new();
    let mut states = [&mine, &theirs].map(|given| begun(given, &fake, Kind::Restore));
    for _ in 0..100 {
        for state in &mut states {
            // One call each, in turn.
            let mut calls = 0;
            fake.tick(state, |_| {
                calls += 1;
                (calls == 1).then_some(Fault::None)
            });
        }
        fake.pass(20);
    }
    let [mine, theirs] = states.map(Result::unwrap_err);
    assert_eq!((&mine.how, &theirs.how), (&Ended::Passed, &Ended::Passed));
    // Each thing was made by one of them, and only that one says so.
    let mut left: Vec<String> = [mine.left, theirs.left]
        .concat()
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut there = names(&fake);
    left.sort();
    there.sort();
    assert_eq!(left, there);
}

#[test]
fn what_another_restore_made_meanwhile_is_used_only_where_it_is_the_same() {
    let given = given();
    let model = thing(ThingKind::Model, "fraud-v1");
    let pipeline = thing(ThingKind::Model, "fraud-pipeline");
    let mut fake = Fake::new();
    let plan = fake.plan(&given.ask(Kind::Restore)).unwrap();
    let body = |name: &str| {
        let models = &given.point.restored.models;
        models.iter().find(|model| model.name == name).unwrap().body.clone()
    };
    fake.someone_makes(model, body("fraud-v1"));
    fake.someone_makes(pipeline, json!({"ModelName": "fraud-pipeline"}));
    let past = fake.run(plan);
    assert_eq!(
        past.how,
        Ended::Failed("another model fraud-pipeline is there, which this restore did not make".into())
    );
}

#[test]
fn what_the_point_leaves_out_is_in_the_plan() {
    let mut given = given();
    given.point.source.left_out = vec![LeftOut {
        component: "broken".into(),
        why: "is Failed: no capacity".into(),
    }];
    let plan = Fake::new().plan(&given.ask(Kind::Restore)).unwrap();
    let said = "not in the point, so not made: the inference component broken is Failed: no capacity";
    assert!(
        plan.warnings.iter().any(|warning| warning == said),
        "{:?}",
        plan.warnings
    );
}
