//! What is written elsewhere holds too: the examples of the documentation, and the world of `rehearse serve`.

use std::{fs, path::Path, time::Duration};

use rehearsal::{
    play::{Options, play},
    record::Called,
    scenario::{Scenario, served},
    timeline::Silent,
};

use super::played;

#[test]
fn every_example_of_the_documentation_parses_and_holds() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rehearsal.md");
    let text = fs::read_to_string(page).expect("docs/rehearsal.md");
    let mut examples = 0;
    for part in text.split("```yaml scenario\n").skip(1) {
        let (example, _) = part.split_once("```").expect("an example that ends");
        let scenario = Scenario::parse(example, "docs/rehearsal.md").unwrap_or_else(|problems| panic!("{problems}"));
        let outcome = played(&scenario);
        let failed: Vec<_> = outcome.checks.iter().filter(|check| !check.holds).collect();
        assert!(failed.is_empty(), "{}: {failed:#?}", scenario.title);
        examples += 1;
    }
    assert!(
        examples >= 5,
        "only {examples} examples found: is the fence still written as here?"
    );
    assert_eq!(
        text.matches("```yaml").count(),
        examples,
        "an example without `scenario` is not checked"
    );
}

#[test]
fn the_world_of_serve_parses() {
    let scenario = Scenario::parse(served(), "serve.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(scenario.world.regions.len(), 3);
}

#[test]
fn nothing_is_wrong_in_the_world_of_serve_in_either_region() {
    let functions = "\nfunctions:\n  - {name: health-checker, region: eu-west-1}\n  - {name: health-checker-us, handler: health-checker, region: us-east-1}\n";
    let scenario = Scenario::parse(&format!("{}{functions}", served()), "serve.yaml");
    let options = Options {
        until: Some(Duration::from_secs(1200)),
        ..Options::default()
    };
    let outcome = play(
        &scenario.unwrap_or_else(|problems| panic!("{problems}")),
        &options,
        &mut Silent,
    )
    .unwrap();
    let record = outcome.record;
    assert!(record.alerts.is_empty(), "{:?}", record.alerts);
    for region in ["eu-west-1", "us-east-1"] {
        let probed = |call: &&Called| call.region == region && call.operation.starts_with("InvokeEndpoint");
        assert!(record.calls.iter().filter(probed).count() > 10, "{region} is watched");
    }
}
