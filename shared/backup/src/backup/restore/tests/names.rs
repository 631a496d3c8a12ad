//! What is there already under the names of what is to be made.

use super::*;
use crate::backup::manifest::PointId;

fn config_names(fake: &Fake, config: &str) -> String {
    let body = &fake.things[&thing(ThingKind::Config, config)].body;
    body["ProductionVariants"][0]["ModelName"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The point of a later backup: the artifact of the first model was replaced.
fn later(given: &Given) -> Given {
    let mut later = super::given();
    later.point = given.point.clone();
    let container = &mut later.point.restored.models[0].body;
    container["ExecutionRoleArn"] = json!("arn:aws:iam::111122223333:role/other");
    later.id = PointId {
        digest: "0badcafe".into(),
        ..given.id.clone()
    };
    later
}

/// An earlier restore, under another name, left all its models and its config.
fn restored_under_another_name(given: &Given) -> Fake {
    let mut fake = Fake::new();
    let ask = Ask {
        name: Some("fraud-trial"),
        ..given.ask(Kind::Restore)
    };
    assert_eq!(fake.run(fake.plan(&ask).unwrap()).how, Ended::Passed);
    fake
}

#[test]
fn what_names_a_model_that_gets_another_name_gets_one_too() {
    let given = given();
    let mut fake = restored_under_another_name(&given);
    let before = fake.things.clone();
    let later = later(&given);
    let past = fake.run(fake.plan(&later.ask(Kind::Restore)).unwrap());
    assert_eq!((past.how, past.endpoint.as_str()), (Ended::Passed, "fraud"));
    let left: Vec<String> = past.left.iter().map(ToString::to_string).collect();
    let renamed = &later.point.restored.models[0].name;
    let made = [
        format!("model {renamed}-0badcafe"),
        "endpoint config fraud-config-0badcafe".into(),
        "endpoint fraud".into(),
    ];
    assert_eq!(left, made, "the other model is used as it is");
    for (thing, made) in before {
        assert_eq!(fake.things[&thing].body, made.body, "{thing} is another endpoint's");
    }
}

#[test]
fn what_a_restore_left_under_other_names_is_used_by_the_next_one() {
    let given = given();
    let mut fake = restored_under_another_name(&given);
    let later = later(&given);
    fake.doomed = true;
    assert!(matches!(
        fake.run(fake.plan(&later.ask(Kind::Restore)).unwrap()).how,
        Ended::Failed(_)
    ));
    fake.doomed = false;
    fake.things.remove(&thing(ThingKind::Endpoint, "fraud"));
    let before = fake.things.len();
    assert_eq!(
        fake.run(fake.plan(&later.ask(Kind::Restore)).unwrap()).how,
        Ended::Passed
    );
    assert_eq!(fake.things.len(), before + 1, "only the endpoint was lacking");
    // It goes on with the endpoint, too, when that is what serves.
    fake.scaling.clear();
    let again = fake.plan(&later.ask(Kind::Restore)).unwrap();
    assert_eq!(again.reused.len(), 4);
    assert_eq!(fake.run(again).how, Ended::Passed);
}

#[test]
fn a_config_that_names_the_new_name_of_a_model_already_is_used() {
    let (given, mut fake) = (given(), Fake::new());
    fake.someone_makes(thing(ThingKind::Model, "fraud-v1"), json!({"ModelName": "fraud-v1"}));
    fake.doomed = true;
    fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    let renamed = format!("fraud-v1-{}", given.id.digest);
    assert_eq!(config_names(&fake, "fraud-config"), renamed);
    fake.doomed = false;
    fake.things.remove(&thing(ThingKind::Endpoint, "fraud"));
    let again = fake.plan(&given.ask(Kind::Restore)).unwrap();
    assert_eq!(again.reused.len(), 3, "{:?}", again.reused);
    assert_eq!(fake.run(again).how, Ended::Passed);
}

/// It has an inference component.
fn with_a_component() -> Given {
    let mut given = given();
    given.point.restored.components = vec![Document {
        name: "german".into(),
        body: json!({
            "InferenceComponentName": "german", "EndpointName": "fraud", "VariantName": "blue",
            "Specification": {"ModelName": "fraud-v1"},
        }),
        tags: Default::default(),
    }];
    given.id = given.point.write().0;
    given
}

#[test]
fn a_component_is_restored_beside_one_of_another_endpoint_and_names_the_new_model() {
    let (given, mut fake) = (with_a_component(), Fake::new());
    fake.someone_makes(thing(ThingKind::Endpoint, "other"), json!({"EndpointName": "other"}));
    fake.someone_makes(thing(ThingKind::Model, "fraud-v1"), json!({"ModelName": "fraud-v1"}));
    fake.someone_makes(thing(ThingKind::Component, "german"), json!({"EndpointName": "other"}));
    let past = fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap());
    assert_eq!(past.how, Ended::Passed);
    let german = format!("german-{}", given.id.digest);
    let made = &fake.things[&thing(ThingKind::Component, &german)].body;
    assert_eq!(
        made["Specification"]["ModelName"],
        format!("fraud-v1-{}", given.id.digest)
    );
    // Lost since, it is made again, and nothing else.
    fake.things.remove(&thing(ThingKind::Component, &german));
    let before = fake.things.len();
    assert_eq!(
        fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap()).how,
        Ended::Passed
    );
    assert_eq!(fake.things.len(), before + 1);
}

#[test]
fn where_both_names_are_taken_people_are_told_what_to_do() {
    let (given, mut fake) = (given(), Fake::new());
    let other = format!("fraud-config-{}", given.id.digest);
    for name in ["fraud-config", other.as_str()] {
        fake.someone_makes(thing(ThingKind::Config, name), json!({"EndpointConfigName": name}));
    }
    assert_eq!(
        fake.plan(&given.ask(Kind::Restore)).unwrap_err().to_string(),
        format!(
            "- There is another endpoint config fraud-config already, and another endpoint config {other} too, which is the \
             name it would get instead. Delete one of them if nobody needs it, or restore from another `point`."
        )
    );
}

#[test]
fn a_component_that_an_endpoint_left_behind_is_in_the_way_and_not_gone_around() {
    let german = thing(ThingKind::Component, "german");
    let delete = "Delete it, and wait until it is gone: \
                  `aws sagemaker delete-inference-component --inference-component-name german --region eu-west-1`.";
    // Its own after failing back, or that of an endpoint of another name.
    for (name, owner) in [(None, "fraud"), (Some("fraud-eu"), "fraud")] {
        let (given, mut fake) = (with_a_component(), Fake::new());
        assert_eq!(
            fake.run(fake.plan(&given.ask(Kind::Restore)).unwrap()).how,
            Ended::Passed
        );
        fake.things.remove(&thing(ThingKind::Endpoint, owner));
        let ask = Ask {
            name,
            ..given.ask(Kind::Restore)
        };
        let refused = fake.plan(&ask).unwrap_err();
        let left = format!("The inference component german is left of the endpoint {owner}, which is gone. {delete}");
        assert_eq!(refused.0, [left]);
        let left = fake.things.get_mut(&german).expect("there");
        (left.going, left.settles) = (true, fake.now + jiff::SignedDuration::from_secs(60));
        let refused = fake.plan(&ask).unwrap_err().to_string();
        assert!(
            refused.contains("still being deleted: wait until it is gone"),
            "{refused}"
        );
        fake.pass(60);
        let again = fake.plan(&ask).unwrap();
        assert_eq!(again.components.len(), 0, "it has its name");
        assert_eq!(fake.run(again).how, Ended::Passed);
    }
}
