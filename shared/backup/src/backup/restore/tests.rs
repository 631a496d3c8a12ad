mod awake;
mod beside;
mod claims;
mod later;
mod names;
mod ranges;
mod scheduled;
mod serving;
mod tags;

use std::time::Duration;

use serde_json::json;

use super::{fake::*, *};
use crate::backup::{
    artifact::{Artifact, Listed},
    audit::Presence,
    definition::Document,
    fixture::{at, listed},
    manifest::RecoveryPoint,
    references::Names,
    verify,
};

fn names(fake: &Fake) -> Vec<String> {
    fake.things.keys().map(ToString::to_string).collect()
}

fn begun(given: &Given, fake: &Fake, kind: Kind) -> Result<Restoration, Past> {
    Ok(Restoration::new(fake.plan(&given.ask(kind)).unwrap(), fake.now, None))
}

fn thing(kind: ThingKind, name: &str) -> Thing {
    Thing {
        kind,
        name: name.into(),
    }
}

#[test]
fn a_restore_ends_with_an_endpoint_that_answers_and_its_figures() {
    let (given, mut fake) = (given(), Fake::new());
    let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    assert_eq!(past.how, Ended::Passed);
    assert_eq!(
        past.figures,
        Figures {
            rpo: Duration::from_secs(3600),
            rto: Some(Duration::from_secs(180)),
            probed: true,
        }
    );
    assert_eq!(
        names(&fake),
        [
            "model fraud-pipeline",
            "model fraud-v1",
            "endpoint config fraud-config",
            "endpoint fraud"
        ]
    );
    assert_eq!(fake.scaling.len(), 1);
    let log: Vec<String> = past
        .log
        .iter()
        .map(|line| format!("{:.0} {}", line.at, line.what))
        .collect();
    insta::assert_snapshot!(log.join("\n"));
}

#[test]
fn a_drill_ends_with_its_figures_and_nothing_left() {
    let (given, mut fake) = (given(), Fake::new());
    fake.someone_makes(thing(ThingKind::Model, "fraud-v1"), json!({"ModelName": "fraud-v1"}));
    let past = fake.run(fake.plan(&given.ask(Kind::Drill)).unwrap());
    assert_eq!(past.how, Ended::Passed);
    assert_eq!(past.endpoint, "fraud-drill-7");
    assert_eq!(past.figures.rto, Some(Duration::from_secs(180)));
    assert_eq!(names(&fake), ["model fraud-v1"], "somebody else's");
    assert!(fake.scaling.is_empty());
}

#[test]
fn what_would_be_made_reads_like_this() {
    let (given, mut fake) = (given(), Fake::new());
    fake.someone_makes(thing(ThingKind::Model, "fraud-v1"), json!({"ModelName": "fraud-v1"}));
    let pipeline = given.point.restored.models[0].body.clone();
    fake.someone_makes(thing(ThingKind::Model, "fraud-pipeline"), pipeline);
    let plans = [Kind::Restore, Kind::Drill].map(|kind| fake.plan(&given.ask(kind)).unwrap());
    let good = seen(&given.point);
    insta::assert_snapshot!(plans.map(|plan| table(&plan, &given.point, &good)).join("\n"));
}

fn seen(point: &RecoveryPoint) -> verify::Seen {
    let listing = |one: &Artifact| (one.root.clone(), Ok(listed(one)));
    let needs = verify::needs(point).into_iter();
    verify::Seen {
        listings: point.artifacts.iter().map(listing).collect(),
        things: needs.map(|need| (need, Presence::There)).collect(),
        keys: point.artifacts.iter().map(|one| (one.root.clone(), Ok(None))).collect(),
        ..verify::Seen::default()
    }
}

#[test]
fn what_is_missing_stands_against_it_and_what_could_not_be_seen_does_not() {
    let (given, fake) = (given(), Fake::new());
    let mut seen = seen(&given.point);
    let needs = verify::needs(&given.point);
    let value = |wanted| needs.iter().find(|(names, _)| *names == wanted).unwrap().clone();
    seen.things.insert(
        value(Names::Image),
        Presence::Gone("ecr:BatchGetImage found none".into()),
    );
    seen.things
        .insert(value(Names::Role), Presence::Unknown("IAM does not answer".into()));
    seen.listings.insert(
        given.point.artifacts[0].root.clone(),
        Ok(Listed {
            digest: "other".into(),
            ..Listed::default()
        }),
    );
    let verified = verify::judge(&given.point, &seen);
    let notes = ["the newest point, of an hour ago, is damaged".to_owned()];
    let ask = Ask {
        verified: &verified,
        notes: &notes,
        ..given.ask(Kind::Restore)
    };
    let proposal = plan(&ask, &Look::default());
    let table = table(&proposal.plan, &given.point, &seen);
    let refused = proposal.agreed().unwrap_err();
    insta::assert_snapshot!(format!("{table}\n{refused}"));
    let blind = verify::judge(&given.point, &verify::Seen::default());
    let ask = Ask {
        verified: &blind,
        ..given.ask(Kind::Restore)
    };
    assert!(fake.plan(&ask).is_ok(), "us-east-1 may be dark, and IAM with it");
}

#[test]
fn components_come_up_side_by_side_after_those_that_they_are_based_on() {
    let mut given = given();
    let component = |name: &str, base: Option<&str>| Document {
        name: name.into(),
        body: json!({
            "InferenceComponentName": name, "EndpointName": "fraud", "VariantName": "blue",
            "Specification": {"ModelName": "fraud-v1", "BaseInferenceComponentName": base},
        }),
        tags: Default::default(),
    };
    given.point.restored.components = vec![
        component("base", None),
        component("other", None),
        component("adapter", Some("base")),
    ];
    given.id = given.point.write().0;
    let mut fake = Fake::new();
    let past = fake.run(fake.plan(&given.ask(Kind::Drill)).unwrap());
    assert_eq!(past.how, Ended::Passed);
    // The endpoint, both components, the adapter: 180 seconds each, found at the next minute.
    assert_eq!(past.figures.rto, Some(Duration::from_secs(3 * 180)));
    let plan = Fake::new().plan(&given.ask(Kind::Drill)).unwrap();
    let called: Vec<&str> = plan.components.values().map(String::as_str).collect();
    assert_eq!(called, ["adapter-drill-7", "base-drill-7", "other-drill-7"]);
}

#[test]
fn what_a_failed_restore_made_is_named() {
    let (given, mut fake) = (given(), Fake::new());
    fake.doomed = true;
    let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    let left: Vec<String> = past.left.iter().map(ToString::to_string).collect();
    let mut there = names(&fake);
    there.sort_by_key(|name| left.iter().position(|one| one == name));
    assert_eq!(left, there);
    assert_eq!(fake.run(fake.plan(&given.ask(Kind::Drill)).unwrap()).left, []);
    // Tried again, what is there is used.
    fake.doomed = false;
    fake.things.retain(|thing, _| thing.kind != ThingKind::Endpoint);
    let again = fake.plan(&given.ask(Kind::Restore)).unwrap();
    assert_eq!(again.reused.len(), 3);
    assert_eq!(fake.run(again).how, Ended::Passed);
}

#[test]
fn names_that_others_have_are_gone_around_and_what_is_the_same_is_used() {
    let (given, mut fake) = (given(), Fake::new());
    fake.someone_makes(thing(ThingKind::Model, "fraud-v1"), json!({"ModelName": "fraud-v1"}));
    let pipeline = given.point.restored.models[0].body.clone();
    fake.someone_makes(thing(ThingKind::Model, "fraud-pipeline"), pipeline);
    let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    assert_eq!(past.how, Ended::Passed);
    let other = format!("model fraud-v1-{}", given.id.digest);
    assert!(names(&fake).contains(&other), "{:?}", names(&fake));
    let config = &fake.things[&thing(ThingKind::Config, "fraud-config")].body;
    assert_eq!(
        config["ProductionVariants"][0]["ModelName"],
        format!("fraud-v1-{}", given.id.digest)
    );
}

#[test]
fn an_endpoint_that_is_there_is_never_overwritten() {
    let (given, mut fake) = (given(), Fake::new());
    fake.someone_makes(thing(ThingKind::Endpoint, "fraud"), json!(null));
    let refused = fake.plan(&given.ask(Kind::Restore)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "- There is an endpoint fraud already. Restore under another `name`, for which the \
         fleet file here needs an entry, or delete it first if it is not needed."
    );
    let ask = Ask {
        name: Some("fraud-eu"),
        ..given.ask(Kind::Restore)
    };
    let past = fake.run(fake.plan(&ask).unwrap());
    assert_eq!((past.how, past.endpoint.as_str()), (Ended::Passed, "fraud-eu"));
}

#[test]
fn a_restore_that_was_refused_in_its_middle_goes_on_with_the_endpoint_that_it_made() {
    let (given, mut fake) = (given(), Fake::new());
    fake.probes = ProbeRound::Failed("score 0.9, expected 0.1".into());
    let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    assert!(matches!(past.how, Ended::Failed(_)));
    (fake.probes, fake.scaling) = (ProbeRound::Passed, Default::default());
    let before = fake.things.clone();
    let again = fake.plan(&given.ask(Kind::Restore)).unwrap();
    assert_eq!(again.reused.len(), 4);
    assert_eq!(fake.run(again).how, Ended::Passed);
    assert_eq!((fake.things.clone(), fake.scaling.len()), (before, 1));
    // One of another config is somebody else's business.
    fake.things.get_mut(&thing(ThingKind::Endpoint, "fraud")).unwrap().body["EndpointConfigName"] = json!("other");
    assert!(fake.plan(&given.ask(Kind::Restore)).is_err());
}

#[test]
fn an_endpoint_that_fails_ends_the_restore_with_its_reason_and_a_drill_is_torn_down() {
    let given = given();
    for kind in [Kind::Restore, Kind::Drill] {
        let mut fake = Fake::new();
        fake.doomed = true;
        let past = fake.run(fake.plan(&given.ask(kind)).unwrap());
        let name = &past.endpoint;
        assert_eq!(
            past.how,
            Ended::Failed(format!("the endpoint {name} is Failed: no capacity"))
        );
        assert_eq!(past.figures.rto, None);
        assert_eq!(fake.things.is_empty(), kind == Kind::Drill);
    }
}

#[test]
fn an_endpoint_that_answers_wrongly_is_not_called_restored() {
    let (given, mut fake) = (given(), Fake::new());
    fake.probes = ProbeRound::Failed("score 0.9, expected 0.1".into());
    let past = fake.run(fake.plan(&given.ask(Kind::Drill)).unwrap());
    assert!(
        matches!(&past.how, Ended::Failed(why) if why.contains("score 0.9")),
        "{}",
        past.how
    );
    assert_eq!(past.figures.rto, None);
    assert!(fake.things.is_empty());
}

#[test]
fn a_restore_that_cannot_be_probed_ends_by_its_deadline() {
    let (given, mut fake) = (given(), Fake::new());
    fake.probes = ProbeRound::Blind("sagemaker:InvokeEndpoint is denied".into());
    let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    assert_eq!(
        past.how,
        Ended::Failed("not done within 2h: still to do: probe fraud (sagemaker:InvokeEndpoint is denied)".into())
    );
}

#[test]
fn a_thing_that_somebody_made_under_the_drills_name_is_neither_used_nor_deleted() {
    let (given, mut fake) = (given(), Fake::new());
    let plan = fake.plan(&given.ask(Kind::Drill)).unwrap();
    fake.someone_makes(thing(ThingKind::Config, "fraud-config-f02b95-drill-7"), json!({}));
    let past = fake.run(plan);
    assert_eq!(
        past.how,
        Ended::Failed(
            "another endpoint config fraud-config-f02b95-drill-7 is there, which this drill did not make".into()
        )
    );
    assert_eq!(names(&fake), ["endpoint config fraud-config-f02b95-drill-7"]);
}

#[test]
fn a_thing_that_somebody_made_while_the_drill_was_about_to_is_left_to_them() {
    let (given, mut fake) = (given(), Fake::new());
    let mut state = begun(&given, &fake, Kind::Drill);
    // The function dies after it has named the first model, and before the call.
    let mut named = None;
    fake.tick(&mut state, |effect| {
        named = Some(effect.clone());
        None
    });
    let Some(Effect::Create { thing, .. }) = named else {
        panic!("the first effect makes something")
    };
    fake.someone_makes(thing.clone(), json!({}));
    for _ in 0..20 {
        fake.tick(&mut state, |_| Some(Fault::None));
        fake.pass(60);
    }
    assert!(matches!(state.unwrap_err().how, Ended::Failed(why) if why.starts_with("another model")));
    assert_eq!(names(&fake), [thing.to_string()]);
}

#[test]
fn an_operators_word_tears_a_drill_down_and_leaves_a_restore_as_it_is() {
    let given = given();
    for kind in [Kind::Restore, Kind::Drill] {
        let mut fake = Fake::new();
        let mut state = begun(&given, &fake, kind);
        fake.tick(&mut state, |_| Some(Fault::None));
        let world = World {
            now: fake.now,
            look: None,
            acted: None,
            abort: Some("ana: wrong point"),
        };
        state = decide(&state.unwrap(), &world).state;
        for _ in 0..100 {
            fake.tick(&mut state, |_| Some(Fault::None));
            fake.pass(60);
        }
        let past = state.unwrap_err();
        assert_eq!(past.how, Ended::Aborted("ana: wrong point".into()));
        assert_eq!(fake.things.is_empty(), kind == Kind::Drill);
    }
}

#[test]
fn a_late_call_is_waited_for_before_a_drill_has_ended() {
    let (given, mut fake) = (given(), Fake::new());
    let mut state = begun(&given, &fake, Kind::Drill);
    // The first model's call is under way when the operator ends the drill.
    let mut late = None;
    fake.tick(&mut state, |effect| {
        late = Some(effect.clone());
        None
    });
    let world = World {
        now: fake.now,
        look: None,
        acted: None,
        abort: Some("ana"),
    };
    state = decide(&state.unwrap(), &world).state;
    fake.tick(&mut state, |_| Some(Fault::None));
    assert!(state.is_ok(), "nothing is there, and something may still come");
    fake.take(&late.unwrap(), Fault::None);
    for _ in 0..20 {
        fake.pass(60);
        fake.tick(&mut state, |_| Some(Fault::None));
    }
    assert!(state.is_err() && fake.things.is_empty());
}

#[test]
fn drills_of_the_same_number_share_no_model_where_their_endpoints_do() {
    let (mine, mut theirs) = (given(), given());
    theirs.point.restored.endpoint = "scorer".into();
    theirs.id = theirs.point.write().0;
    let made = |given: &Given| {
        let things = candidates(&given.ask(Kind::Drill));
        std::collections::BTreeSet::from_iter(things)
    };
    assert!(
        made(&mine).is_disjoint(&made(&theirs)),
        "{:?} {:?}",
        made(&mine),
        made(&theirs)
    );
}

#[test]
fn the_mark_tells_drills_of_the_same_number_apart() {
    let mark = |second| mark("fraud", Kind::Drill, 7, at(second));
    assert_ne!(mark(0), mark(1));
    assert!(mark(0).1.len() <= 256);
}
