//! What `wake` means, and what is wrong with it.

use std::time::Duration;

use shared::{fleet::Fleet, wake::Thing};

fn fleet(text: &str) -> Fleet {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(fleet) => fleet,
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn an_endpoint_is_woken_when_something_enables_it() {
    let fleet = fleet(
        "
version: 1
defaults:
  wake: { cooldown: 15m, max_instances: 8 }
fleet: { simultaneous_wakes: 2 }
endpoints:
  'llm-*':
    wake:
      enabled: true
      components: [llm-7b, llm-70b]
      prewarm:
        - { name: office, cron: 'cron(0 8 ? * MON-FRI *)', zone: Europe/Berlin, for: 10h, instances: 2 }
  llm-test: { wake: { components: [llm-test], prewarm: [] } }
  images: { wake: { enabled: true, idle_after: 30m } }
  llm-off: { wake: { enabled: false } }
  search: {}
",
    );
    assert_eq!(fleet.simultaneous_wakes(), 2);
    for never in ["search", "llm-off", "unknown"] {
        assert_eq!(fleet.wake_for(never, None), None, "{never}");
    }
    let images = fleet.wake_for("images", None).expect("woken");
    assert_eq!(images.things(), [Thing::Variant]);
    assert_eq!((images.cooldown, images.max_instances), (Duration::from_secs(900), 8));
    assert_eq!(images.idle_after, Some(Duration::from_secs(1800)));
    let test = fleet.wake_for("llm-test", None).expect("woken");
    assert_eq!(test.things(), [Thing::Component("llm-test".to_owned())]);
    assert_eq!(test.prewarm, [], "lists are replaced as a whole");
    let llm = fleet.wake_for("llm-eu", None).expect("woken");
    let office = &llm.prewarm[0];
    let open = |at: &str| {
        office
            .open_at(at.parse().expect("a time"))
            .map(|(began, ends)| format!("{began} {ends}"))
    };
    assert_eq!(
        open("2026-07-01T15:59:59Z").as_deref(),
        Some("2026-07-01T06:00:00Z 2026-07-01T16:00:00Z")
    );
    assert_eq!(open("2026-07-01T16:00:00Z"), None);
    assert_eq!(open("2026-07-04T08:00:00Z"), None, "a Saturday");
}

#[test]
fn everything_that_is_wrong_with_it_is_told_at_once() {
    let errors = Fleet::parse(
        "
version: 1
defaults:
  wake: { instances: 0, colour: blue, cooldown: 1m }
fleet: { simultaneous_wakes: 0 }
endpoints:
  one:
    wake:
      components: [llm, llm, 'no name']
      prewarm:
        - { name: office, cron: '0 8 * * MON-FRI *', zone: Europe/Berlyn, for: 10h }
        - { name: night, cron: 0 8 * * 1, for: 1m }
        - { name: night, cron: '0 22 * * ? *', for: 1h }
        - { cron: 8 }
  two: { wake: { idle_after: 10, deadline: never, enabled: maybe } }
",
        "fleet.yaml",
    )
    .expect_err("wrong");
    insta::assert_snapshot!(errors.to_string());
}

#[test]
fn what_contradicts_itself_is_told_where_it_was_said() {
    let errors = Fleet::parse(
        "
version: 1
defaults:
  wake: { max_instances: 2 }
endpoints:
  one: { wake: { enabled: true, instances: 3 } }
  two:
    wake:
      enabled: true
      prewarm: [{ name: office, cron: '0 8 * * ? *', for: 1h, instances: 4 }]
  three: { wake: { enabled: true, variant: main, components: [llm] } }
",
        "fleet.yaml",
    )
    .expect_err("wrong");
    insta::assert_snapshot!(errors.to_string());
}
