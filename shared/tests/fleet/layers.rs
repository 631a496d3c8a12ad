//! What entries come to together: nothing is refused that another layer makes right, and nothing is told without its place.

use std::collections::BTreeMap;

use shared::fleet::Fleet;

fn right(text: &str) -> Fleet {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(fleet) => fleet,
        Err(errors) => panic!("{errors}\n\n{text}"),
    }
}

/// Path and problem of everything that is told.
fn told(text: &str) -> Vec<String> {
    let errors = Fleet::parse(text, "fleet.yaml").err();
    let problems = errors.into_iter().flat_map(|errors| errors.problems);
    problems
        .map(|problem| format!("{}: {}", problem.path, problem.problem))
        .collect()
}

const STEPS: &str = "{ steps: [{ weight: 10%, bake: 10m, smoke: true }, { weight: 100%, bake: 10m }] }";

#[test]
fn globs_and_groups_are_judged_with_what_certainly_lies_under_or_over_them() {
    let file = format!(
        "
version: 1
endpoints:
  '*': {{ health: {{ probes: [{{ name: g, payload: x }}] }}, scaling: [{{ variant: main, min: 2, max: 4 }}] }}
  search-*: {{ rollout: {{ strategy: {STEPS} }} }}
  of team a:
    match: {{ tags: {{ team: a }} }}
    schedule: [{{ name: up, variant: main, cron: '0 8 ? * MON-FRI *', min: 3 }}]
"
    );
    let fleet = right(&file);
    let tags = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    assert_eq!(fleet.capacity_for("search-a", Some(&tags)).len(), 2);
    assert!(fleet.rollout_for("search-a", None).expect("selected").policy().is_ok());

    for (narrow, broad, is_right) in [
        ("search-a-*", "search-*", true),
        ("search-[ab]", "search-?", true),
        ("search-?", "search-[a-z]", false),
        ("search-*", "rank-*", false),
    ] {
        for order in [[broad, narrow], [narrow, broad]] {
            let entries = order.map(|glob| match glob == narrow {
                true => format!("  '{glob}': {{ rollout: {{ smoke: true }} }}\n"),
                false => format!("  '{glob}': {{ health: {{ probes: [{{ name: g, payload: x }}] }} }}\n"),
            });
            let told = told(&format!("version: 1\nendpoints:\n{}", entries.concat()));
            assert_eq!(told.is_empty(), is_right, "{order:?} {told:?}");
        }
    }
}

#[test]
fn what_a_group_by_tag_may_make_right_is_judged_of_the_endpoint_when_it_is_known() {
    let probed = "health: { probes: [{ name: g, payload: x }] }";
    for entry in ["search-a", "search-*", "'*-b'"] {
        let file = |others: &str| {
            format!("version: 1\nendpoints:\n  {entry}: {{ rollout: {{ smoke: true }} }}\n  others: {others}\n")
        };
        right(&file(&format!("{{ match: {{ tags: {{ team: a }} }}, {probed} }}")));
        let apart = told(&file(&format!(
            "{{ match: {{ names: [rank-a], tags: {{ team: a }} }}, {probed} }}"
        )));
        assert_eq!(apart.len(), 1, "{entry}: {apart:?}");
    }
    let file = format!(
        "
version: 1
endpoints:
  of team a: {{ match: {{ tags: {{ team: a }} }}, rollout: {{ smoke: true }} }}
  of team b: {{ match: {{ tags: {{ team: b }} }}, {probed} }}
  of any team: {{ match: {{ tags: {{ team: '*' }} }}, {probed} }}
  search-a: {{ rollout: {{ smoke: true }} }}
"
    );
    let fleet = right(&file);
    let rules = fleet.rollout_for("search-a", None).expect("selected");
    let wrong = rules.policy().expect_err("it has no probe without its tags");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
}

#[test]
fn what_is_narrower_leaves_a_broad_glob_to_be_right_by_itself() {
    let told = told(
        "
version: 1
endpoints:
  '*': { rollout: { smoke: true } }
  search-*: { health: { probes: [{ name: g, payload: x }] } }
",
    );
    assert_eq!(
        told,
        ["endpoints[\"*\"].rollout.smoke: the endpoint has no probe that green could answer"]
    );
}

#[test]
fn what_another_layer_says_is_told_with_the_entries_that_it_is_wrong_for() {
    let probed = "{ health: { probes: [{ name: g, payload: x }] } }";
    let file = |more: &str| {
        format!(
            "version: 1\ndefaults: {{ rollout: {{ strategy: {STEPS} }} }}\nendpoints:\n  a: {probed}\n  b: {probed}\n  d:\n{more}"
        )
    };
    let problem = "defaults.rollout.strategy: the endpoint has no probe that green could answer";
    assert_eq!(told(&file("")), [format!("{problem} (entry \"d\")")]);
    assert_eq!(
        told(&file("  e:\n  f-*:\n  g:\n  h:\n")),
        [format!("{problem} (entries \"d\", \"e\", \"f-*\" and 2 more)")]
    );
    let all = told(&file("").replace(probed, "{}"));
    assert_eq!(all, [problem], "what is wrong for all needs no names");
}

#[test]
fn a_minimum_of_0_is_refused_where_nothing_leaves_it_at_the_first_request() {
    let backlog = "{ name: b, backlog_per_instance: 100 }";
    let refused = |target: &str, more: &str| {
        let told = told(&format!(
            "version: 1\nendpoints:\n  images: {{ scaling: [{target}]{more} }}\n"
        ));
        told.iter().filter(|told| told.contains("brings")).count()
    };
    let variant = |policies: &str| format!("{{ variant: main, min: 0, max: 5, policies: [{policies}] }}");
    let component = |policies: &str| format!("{{ component: llm, min: 0, max: 5, policies: [{policies}] }}");
    let wrong = [
        (variant(backlog), ""),
        (variant(""), ""),
        (component("{ name: c, concurrency: 4 }"), ""),
        (variant("{ name: s, step: { steps: [{ from: 0, by: -1 }] } }"), ""),
        (
            variant("{ name: s, step: { adjust: percent, steps: [{ from: 0, by: 50 }] } }"),
            "",
        ),
        (variant(backlog), ", wake: { enabled: false }"),
        (variant(backlog), ", wake: { instances: 2 }"),
        (variant(backlog), ", wake: { enabled: true, components: [llm] }"),
        (component(""), ", wake: { enabled: true }"),
        (component(""), ", wake: { enabled: true, components: [other] }"),
        (
            variant(backlog),
            ", schedule: [{ name: once, at: '2026-12-24T08:00:00', min: 2 }]",
        ),
        (
            variant(backlog),
            ", schedule: [{ name: down, cron: '0 20 * * ? *', min: 0 }]",
        ),
        (
            format!("{}, {{ variant: more, min: 1, max: 2 }}", variant(backlog)),
            ", wake: { enabled: true, variant: more }",
        ),
    ];
    for (target, more) in &wrong {
        assert_eq!(refused(target, more), 1, "{target}{more}");
    }
    let fine = [
        (variant("{ name: f, from_zero: {} }"), ""),
        (variant("{ name: s, step: { steps: [{ from: 0, by: 1 }] } }"), ""),
        (
            variant("{ name: s, step: { alarm: a, adjust: percent, at_least: 1, steps: [{ from: 0, by: 50 }] } }"),
            ", alarms: [{ name: a, no_capacity: true }]",
        ),
        (component("{ name: f, from_zero: {} }"), ""),
        (variant(backlog), ", wake: { enabled: true }"),
        (variant(backlog), ", wake: { enabled: true, variant: green }"),
        (component(""), ", wake: { enabled: true, components: [llm] }"),
        (
            variant(backlog),
            ", schedule: [{ name: up, cron: '0 8 * * ? *', min: 1 }]",
        ),
        (variant(backlog).replace("min: 0", "min: 1"), ""),
        ("{ variant: main, min: 0, max: 0 }".to_owned(), ""),
        ("{ serverless: main, min: 0, max: 5 }".to_owned(), ""),
    ];
    for (target, more) in &fine {
        assert_eq!(refused(target, more), 0, "{target}{more}");
    }
}

#[test]
fn what_wakes_it_may_come_from_any_layer_and_the_refusal_stands_at_the_minimum() {
    let target = "scaling: [{ variant: main, min: 0, max: 5 }]";
    let file = |defaults: &str, entries: &str| format!("version: 1\ndefaults: {{ {defaults} }}\nendpoints:\n{entries}");
    let alone = format!("  img-a: {{ {target} }}\n");
    let fate = "is 0, and nothing brings the variant main back from there when requests come: a few may wait for ever";
    assert_eq!(
        told(&file("", &alone)),
        [format!("endpoints.img-a.scaling[0].min: {fate}")]
    );
    right(&file("wake: { enabled: true }", &alone));
    right(&file("", &format!("  img-*: {{ wake: {{ enabled: true }} }}\n{alone}")));
    let tagged = "  asleep: { match: { tags: { sleeps: '*' } }, wake: { enabled: true } }\n";
    right(&file("", &format!("{alone}{tagged}")));
    assert_eq!(
        told(&file(target, "  img-a: { wake: { enabled: true } }\n  img-b: {}\n")),
        [format!("defaults.scaling[0].min: {fate} (entry \"img-b\")")]
    );
    assert_eq!(
        told(&file("", &format!("  img-*: {{ {target} }}\n"))),
        [format!("endpoints[\"img-*\"].scaling[0].min: {fate}")]
    );
    let unread = told(&file("wake: { enabled: perhaps }", &alone));
    assert_eq!(
        unread,
        ["defaults.wake.enabled: is the text \"perhaps\""],
        "mending that may make it right"
    );
}

#[test]
fn two_endpoints_that_are_named_have_no_two_alarms_of_one_name() {
    let file = |first: &str, second: &str| {
        format!(
            "version: 1\nendpoints:\n  a: {{ alarms: [{{ name: b, waiting: 1m }}, {first}] }}\n  c: {{ alarms: [{second}] }}\n"
        )
    };
    let errors = "{ name: al, variant: blue, errors: 5% }";
    let problem = "is the name of an alarm of a, and of another one of c";
    assert_eq!(
        told(&file(errors, errors)),
        [format!("endpoints.c.alarms[0].name: \"al\" {problem}")]
    );
    assert_eq!(
        told(&file(
            "{ name: al-c, variant: blue, errors: 5% }",
            "{ name: al-<endpoint>, variant: blue, errors: 5% }"
        )),
        [format!("endpoints.c.alarms[0].name: \"al-c\" {problem}")]
    );
    right(&file(
        "{ name: al-<endpoint>, variant: blue, errors: 5% }",
        "{ name: al-<endpoint>, variant: blue, errors: 5% }",
    ));
    let gateway = "{ name: al, metric: { namespace: AWS/ApiGateway, name: 5XXError }, threshold: 5 }";
    right(&file(gateway, gateway));
    let from_zero = "version: 1
defaults: { scaling: [{ variant: main, min: 0, max: 2, policies: [{ name: f, from_zero: { alarm: wake } }] }] }
endpoints: { a: {}, c: {}, d: {} }
";
    assert_eq!(
        told(from_zero),
        [format!("defaults.scaling[0].policies[0]: \"wake\" {problem}")],
        "once, however many endpoints it is wrong for"
    );
}

#[test]
fn a_wrong_image_hides_nothing_else_that_is_wrong_with_what_is_provisioned() {
    let told = told(
        "
version: 1
endpoints:
  a:
    provision: { model: { image: not an image }, instances: 1, capture: {} }
",
    );
    assert_eq!(
        told,
        [
            "endpoints.a.provision: says nothing of `model.role` and `instance_type`",
            "endpoints.a.provision: one instance is gone with its Availability Zone",
            "endpoints.a.provision: `capture` does not say where it goes",
            "endpoints.a.provision.model.image: is the text \"not an image\"",
        ]
    );
}
