use proptest::prelude::*;

use super::*;

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

const GOOD: [(&str, &str); 4] = [
    ("STEWARD_FLEET", "s3://my-state/fleet.yaml"),
    ("STEWARD_STATE", "s3://my-state"),
    ("STEWARD_TOPIC_ARN", "arn:aws:sns:eu-west-1:111122223333:alerts"),
    ("AWS_REGION", "eu-west-1"),
];

fn with(name: &'static str, value: &'static str) -> Result<Settings, SettingsErrors> {
    let mut env = env(&GOOD);
    env.insert(name.into(), value.into());
    Settings::from_env(&env)
}

#[test]
fn four_variables_are_enough() {
    insta::assert_debug_snapshot!(Settings::from_env(&env(&GOOD)).unwrap());
}

#[test]
fn every_variable_is_read() {
    let all = env(&[
        ("STEWARD_FLEET", "file:/var/task/fleet.yaml"),
        ("STEWARD_STATE", "s3://my.state/steward/prod/"),
        (
            "STEWARD_TOPIC_ARN",
            "arn:aws-us-gov:sns:us-gov-west-1:111122223333:alerts",
        ),
        ("STEWARD_NAME", "ml-prod"),
        ("STEWARD_RUNBOOKS", "https://wiki.example.com/steward/"),
        ("STEWARD_METRICS_NAMESPACE", "Team/Steward"),
        ("STEWARD_LOG", "DEBUG"),
        ("AWS_REGION", "us-gov-west-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "ml-prod-health-checker"),
        ("PATH", "/usr/bin"),
    ]);
    let settings = Settings::from_env(&all).unwrap();
    assert_eq!(settings.state.key("health.json"), "steward/prod/health.json");
    assert_eq!(settings.fleet.to_string(), "file:/var/task/fleet.yaml");
    insta::assert_debug_snapshot!(settings);
}

#[test]
fn an_empty_value_is_as_good_as_none() {
    assert_eq!(with("STEWARD_RUNBOOKS", "").unwrap().runbooks, None);
    assert!(
        with("STEWARD_FLEET", " ")
            .unwrap_err()
            .to_string()
            .contains("STEWARD_FLEET is not set")
    );
}

#[test]
fn nothing_set_names_everything_that_is_needed() {
    insta::assert_snapshot!(Settings::from_env(&BTreeMap::new()).unwrap_err());
}

#[test]
fn everything_wrong_is_told_at_once() {
    let wrong = env(&[
        ("STEWARD_FLEET", "https://example.com/fleet.yaml"),
        ("STEWARD_STATE", "s3://My_Bucket/x"),
        ("STEWARD_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:alerts"),
        ("STEWARD_NAME", "1 steward"),
        ("STEWARD_RUNBOOKS", "wiki/steward"),
        ("STEWARD_METRICS_NAMESPACE", "AWS/Steward"),
        ("STEWARD_LOG", "loud\u{1b}[31m"),
        ("STEWARD_TOPIC", "x"),
        ("STEWARD_ENDPOINTS", "a,b"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "no spaces please"),
    ]);
    insta::assert_snapshot!(Settings::from_env(&wrong).unwrap_err());
}

#[test]
fn each_way_of_being_wrong_has_its_words() {
    let wrong = [
        ("STEWARD_FLEET", "s3://my-state"),
        ("STEWARD_FLEET", "s3://my-state/folder/"),
        ("STEWARD_FLEET", "s3:///fleet.yaml"),
        ("STEWARD_FLEET", "file:"),
        ("STEWARD_STATE", "my-state"),
        ("STEWARD_TOPIC_ARN", "alerts"),
        ("STEWARD_TOPIC_ARN", "arn:aws:sns:eu-west-1:111122223333:alerts.lifo"),
        ("STEWARD_TOPIC_ARN", "arn:aws:sns:eu-west-1:1111:alerts"),
        ("STEWARD_TOPIC_ARN", "arn:aws:sns:eu-west-1:111122223333:al erts"),
        ("STEWARD_RUNBOOKS", "https://wiki.example.com/?page="),
        ("STEWARD_METRICS_NAMESPACE", "Steward metrics"),
        ("AWS_REGION", "Ireland"),
    ];
    let problems = wrong.map(|(name, value)| {
        let errors = with(name, value).unwrap_err();
        // A wrong Region leaves the topic unchecked against it.
        let error = errors.0.iter().find(|error| error.variable == name).unwrap();
        assert_eq!(errors.0.len(), 1, "{errors}");
        format!("{name}={value}: {}\n", error.problem)
    });
    insta::assert_snapshot!(problems.concat());
}

#[test]
fn every_example_is_accepted() {
    let examples = KNOWN.into_iter().chain([&REGION, &FUNCTION]).map(|variable| {
        let (name, value) = variable.example.split_once('=').unwrap();
        assert_eq!(name, variable.name);
        (name.to_owned(), value.to_owned())
    });
    Settings::from_env(&examples.collect()).unwrap();
}

proptest! {
    #[test]
    fn no_value_panics_or_shows_control_characters(which in 0..KNOWN.len(), value in "\\PC{0,40}|.{0,300}") {
        let mut env = env(&GOOD);
        env.insert(KNOWN[which].name.into(), value);
        if let Err(errors) = Settings::from_env(&env) {
            prop_assert!(!errors.to_string().chars().any(|c| c != '\n' && crate::text::unsafe_to_show(c)));
        }
    }
}
