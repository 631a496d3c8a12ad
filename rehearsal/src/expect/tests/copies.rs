//! What is left in buckets and of definitions at the end.

use super::*;

fn stored(key: &str, seed: u64, team: &str, current: bool) -> Stored {
    let look = Look {
        content: Content::of_length(1 << 30, seed),
        etag: format!("etag of {seed}"),
        checksum: None,
        composite: false,
        parts: 0,
        content_type: None,
        metadata: [("steward-source".to_owned(), key.to_owned())].into(),
        tags: [("team".to_owned(), team.to_owned())].into(),
        storage_class: None,
        key: None,
    };
    Stored {
        key: key.into(),
        look,
        current,
    }
}

#[test]
fn copies_definitions_and_uploads_are_judged_at_the_end() {
    let text = "title: t
duration: 1h
world: {regions: {eu-west-1: {topics: [alerts], endpoints: {fraud: {}}}}}
fleet: {version: 1, endpoints: {fraud: }}
buckets: {models: eu-west-1}
expect:
  copies:
    - {of: models, prefix: a/, to: backup, under: points/}
    - {of: models, prefix: a/, to: backup, under: points/, each: 1, nothing_else: true}
    - {of: models, prefix: b/, to: backup}
    - {of: models, to: backup}
    - {of: models, prefix: nothing/, to: backup}
  definitions:
    - {region: eu-west-1, models: [risk, 'drill-*'], configs: [fraud-1], endpoints: []}
    - {region: eu-west-1, components: []}
";
    let scenario = Scenario::parse(text, "t.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let mut record = record();
    let sources = vec![
        stored("a/1", 0, "risk", false),
        stored("a/1", 1, "risk", true),
        stored("b/2", 2, "risk", true),
    ];
    let copies = vec![
        stored("points/x", 0, "risk", true),
        stored("points/y", 1, "risk", true),
        stored("points/z", 2, "other", true),
    ];
    record.objects = [("models".to_owned(), sources), ("backup".to_owned(), copies)].into();
    record.uploads = vec!["s3://backup/points/w".into()];
    let defined = |kind, name: &str| Defined {
        region: "eu-west-1".into(),
        kind,
        name: name.into(),
        left_by: None,
    };
    record.definitions = vec![
        defined("model", "risk"),
        defined("model", "left"),
        defined("endpoint config", "fraud-1"),
        defined("endpoint", "fraud"),
    ];
    let lines: Vec<String> = judge(&scenario, &record)
        .iter()
        .map(|it| {
            format!(
                "{} | {} | {}",
                if it.holds { "holds" } else { "fails" },
                it.expected,
                it.seen
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    holds | each object of s3://models/a/ has a copy in s3://backup/points/ | 1 sources, 3 objects there
    fails | each object of s3://models/a/ has one copy in s3://backup/points/, and nothing else is there | 1 sources, 3 objects there; copies of nothing: points/z
    fails | each object of s3://models/b/ has a copy in s3://backup/ | 1 sources, 3 objects there; copies: b/2 has 0
    fails | each object of s3://models/ has a copy in s3://backup/ | 2 sources, 3 objects there; copies: b/2 has 0
    fails | each object of s3://models/nothing/ has a copy in s3://backup/ | 0 sources, 3 objects there
    fails | of kind model, eu-west-1 has risk, drill-* at the end | no drill-*, also left
    holds | of kind endpoint config, eu-west-1 has fraud-1 at the end | 1 of them
    fails | of kind endpoint, eu-west-1 has nothing at the end | also fraud
    holds | of kind inference component, eu-west-1 has nothing at the end | 0 of them
    holds | every invocation ends ok | 1 invocations
    holds | no event is given up | none was
    fails | no multipart upload is left unfinished | s3://backup/points/w
    holds | every alert is published once | 2 alerts, 2 ids
    "#);
}

#[test]
fn what_a_drill_leaves_fails_any_scenario_and_what_a_failed_restore_leaves_is_told() {
    let scenario = scenario("  alerts: []\n");
    let mut record = record();
    let left = |name: &str, mark: &str| Defined {
        region: "eu-central-1".into(),
        kind: "model",
        name: name.into(),
        left_by: Some(mark.into()),
    };
    record.definitions = vec![left("m-1", "fraud/restore-1/1"), left("m-2", "fraud/drill-2/1")];
    let failed = |record: &Record| -> Vec<String> {
        let all = judge(&scenario, record).into_iter();
        all.filter(|it| !it.holds).map(|it| it.seen).collect()
    };
    assert_eq!(
        failed(&record),
        ["model m-1 in eu-central-1 of fraud/restore-1/1, model m-2 in eu-central-1 of fraud/drill-2/1"]
    );
    record.alerts.push(sent(5, "backup.restore-failed", "1", false));
    assert_eq!(failed(&record), ["model m-2 in eu-central-1 of fraud/drill-2/1"]);
}
