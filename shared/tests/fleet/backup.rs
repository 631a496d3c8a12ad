//! What `backup` means, and what is wrong with it.

use std::time::Duration;

use shared::fleet::Fleet;

fn fleet(text: &str) -> Fleet {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(fleet) => fleet,
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn an_endpoint_is_backed_up_when_something_says_where() {
    let fleet = fleet(
        "
version: 1
defaults:
  backup:
    roles: { 'arn:aws:iam::1:role/a': 'arn:aws:iam::1:role/b' }
    subnets: { subnet-1: subnet-2 }
    retention: { last: 3 }
endpoints:
  'fraud-*': { backup: { destination: { region: eu-central-1, bucket: models-dr } } }
  fraud-eu:
    backup:
      destination: { prefix: '' }
      subnets: { subnet-1: subnet-9, subnet-3: subnet-4 }
      drill: { every: 30d }
  fraud-test: { backup: { enabled: false } }
  search: {}
",
    );
    assert_eq!(fleet.backup_for("search", None), None);
    assert_eq!(fleet.backup_for("fraud-test", None), None);
    assert_eq!(fleet.backup_for("unknown", None), None);
    let policy = fleet.backup_for("fraud-eu", None).expect("backed up");
    assert_eq!(
        (policy.vault.bucket.as_str(), policy.vault.prefix.as_str()),
        ("models-dr", "")
    );
    let prefixes: Vec<String> = fleet.vaults().into_iter().map(|vault| vault.prefix).collect();
    assert_eq!(prefixes, ["steward/", ""], "of the glob, and of the one that is named");
    assert!(fleet.drills(), "fraud-eu is");
    assert_eq!(policy.retention.last, 3);
    assert_eq!(policy.drill.every, Some(Duration::from_secs(30 * 86_400)));
    let subnets: Vec<(&str, &str)> = policy
        .mappings
        .subnets
        .iter()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .collect();
    assert_eq!(subnets, [("subnet-1", "subnet-9"), ("subnet-3", "subnet-4")]);
    assert_eq!(policy.mappings.roles.len(), 1, "entries of the defaults hold too");
    let other = fleet.backup_for("fraud-us", None).expect("backed up");
    assert_eq!(
        (other.vault.prefix.as_str(), other.mappings.subnets.len()),
        ("steward/", 1)
    );
}

#[test]
fn everything_that_is_wrong_with_it_is_told_at_once() {
    let text = "
version: 1
defaults:
  backup: { concurrency: 0, images: { a: '' }, colour: blue }
endpoints:
  one: { backup: { destination: { region: Europe, bucket: My_Bucket, prefix: no-slash } } }
  two: { backup: { retention: { last: 0, within: 10 }, drill: { every: 1h }, objectives: { rpo: never } } }
";
    insta::assert_snapshot!(Fleet::parse(text, "fleet.yaml").expect_err("wrong").to_string());
}

#[test]
fn what_is_missing_is_told_where_something_was_said() {
    let text = "
version: 1
defaults:
  backup: { destination: { bucket: models-dr } }
endpoints:
  one: {}
  two: { backup: { destination: { region: eu-central-1 }, restore: { deadline: 30m }, objectives: { rto: 2h } } }
  three: { backup: { enabled: false } }
";
    insta::assert_snapshot!(Fleet::parse(text, "fleet.yaml").expect_err("wrong").to_string());
    let text = "
version: 1
endpoints:
  four: { backup: { enabled: true } }
";
    insta::assert_snapshot!(Fleet::parse(text, "fleet.yaml").expect_err("wrong").to_string());
}

#[test]
fn what_was_kept_of_an_endpoint_is_looked_for_where_the_file_sends_or_sent_anything() {
    let fleet = fleet(
        "
version: 1
defaults:
  backup: { destination: { region: eu-central-1, bucket: models-dr }, retention: { last: 3 } }
endpoints:
  fraud: { backup: { enabled: false, destination: { bucket: old }, retention: { last: 5 } } }
  search: { backup: { destination: { key: alias/search } } }
",
    );
    let places = |endpoint: &str| {
        let (vaults, retention) = fleet.left_behind(endpoint);
        let buckets: Vec<String> = vaults.into_iter().map(|vault| vault.bucket).collect();
        (buckets, retention.last)
    };
    assert_eq!(places("fraud"), (vec!["old".into(), "models-dr".into()], 5));
    assert_eq!(places("gone"), (vec!["models-dr".into(), "old".into()], 3));
    assert_eq!(
        Fleet::parse("version: 1\nendpoints: { fraud: {} }", "fleet.yaml").map(|fleet| fleet.left_behind("fraud").0),
        Ok(vec![])
    );
}
