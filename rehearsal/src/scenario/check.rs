//! What does not fit together in a scenario whose every part is right by itself.

mod names;

use std::collections::BTreeSet;

use deserr::ValuePointerRef;
use steward::{endpoint::EndpointStatus, health::ledger::State, quantity::Span, yaml::Found};

use super::Scenario;
use crate::{play, world::spec::endpoint_names};

/// What the health ledger calls the states of an endpoint.
const STATES: &str = "unknown, healthy, degraded, unhealthy, changing, deleting, stuck, rollback_failed, \
                      out_of_service, failed, vanished";

/// Finds every name that stands for nothing, and every contradiction in the world.
pub(super) fn coherent(scenario: Scenario, at: ValuePointerRef<'_>) -> Result<Scenario, Found> {
    let mut found = Found::default();
    let world = at.push_key("world");
    for problem in scenario.world.problems() {
        found.and(at_path(&problem.path, world, &mut |place| {
            Found::one(place, problem.problem.clone(), problem.accepted.clone())
        }));
    }
    if scenario.duration.duration().is_zero() {
        found.and(Found::one(
            at.push_key("duration"),
            "is no time at all",
            Span::FORM.to_owned(),
        ));
    }
    functions(&scenario, at, &mut found);
    alarm_actions(&scenario, at, &mut found);
    actions(&scenario, at, &mut found);
    expectations(&scenario, at, &mut found);
    names::calls(&scenario, at, &mut found);
    names::things(&scenario, at, &mut found);
    found.or(scenario)
}

/// Calls `then` with the place of a path such as `regions.eu-west-1.endpoints[2]` below `at`.
fn at_path(path: &str, at: ValuePointerRef<'_>, then: &mut dyn FnMut(ValuePointerRef<'_>) -> Found) -> Found {
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.is_empty() {
        return then(at);
    }
    if let Some((index, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']'))
        && let Ok(index) = index.parse()
    {
        return at_path(rest, at.push_index(index), then);
    }
    let end = path.find(['.', '[']).filter(|end| *end > 0).unwrap_or(path.len());
    at_path(&path[end..], at.push_key(&path[..end]), then)
}

fn functions(scenario: &Scenario, at: ValuePointerRef<'_>, found: &mut Found) {
    let at = at.push_key("functions");
    let mut names: Vec<&str> = Vec::new();
    for (index, function) in scenario.functions.iter().enumerate() {
        let at = at.push_index(index);
        if names.contains(&function.name.as_str()) {
            found.and(Found::one(
                at.push_key("name"),
                format!("{:?} is there twice", function.name),
                None,
            ));
        }
        names.push(&function.name);
        let handlers = play::handlers();
        if !handlers.contains(&function.handler()) {
            let key = if function.handler.is_some() { "handler" } else { "name" };
            let problem = format!("Steward has no function {:?}", function.handler());
            found.and(Found::one(at.push_key(key), problem, handlers.join(", ")));
        }
        region(scenario, function.region.as_deref(), at, found);
        let topics = scenario
            .world
            .regions
            .get(&scenario.region_of(function))
            .map(|region| region.topics.as_slice());
        if topics.unwrap_or_default().is_empty() {
            let problem = format!("the Region of function {:?} has no topic for its alerts", function.name);
            found.and(Found::one(
                at,
                problem,
                "topics: [steward-alerts] in that Region of the world".to_owned(),
            ));
        }
        for (index, topic) in function.topics.iter().enumerate() {
            if !topics.unwrap_or_default().contains(topic) {
                let at = at.push_key("topics");
                found.and(Found::one(
                    at.push_index(index),
                    format!("the function's Region has no topic {topic:?}"),
                    Some(topics.unwrap_or_default().join(", ")).filter(|topics| !topics.is_empty()),
                ));
            }
        }
    }
}

fn region(scenario: &Scenario, name: Option<&str>, at: ValuePointerRef<'_>, found: &mut Found) {
    if let Some(name) = name
        && !scenario.world.regions.contains_key(name)
    {
        let regions: Vec<&str> = scenario.world.regions.keys().map(String::as_str).collect();
        found.and(Found::one(
            at.push_key("region"),
            format!("the world has no Region {name:?}"),
            regions.join(", "),
        ));
    }
}

fn function(scenario: &Scenario, name: Option<&str>, at: ValuePointerRef<'_>, found: &mut Found) {
    let names: Vec<&str> = scenario
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    if let Some(name) = name
        && !names.contains(&name)
    {
        found.and(Found::one(
            at,
            format!("no function {name:?} is deployed"),
            names.join(", "),
        ));
    }
}

fn endpoint(scenario: &Scenario, name: &str, at: ValuePointerRef<'_>, found: &mut Found) {
    let all: Vec<String> = scenario
        .world
        .regions
        .values()
        .flat_map(|region| &region.endpoints)
        .flat_map(|(key, spec)| endpoint_names(key, spec))
        .collect();
    if !all.iter().any(|known| known == name) {
        let problem = format!("the world has no endpoint {name:?}");
        found.and(Found::one(at.push_key("endpoint"), problem, all.join(", ")));
    }
}

fn component(scenario: &Scenario, name: &str, at: ValuePointerRef<'_>, found: &mut Found) {
    let regions = scenario.world.regions.values();
    let endpoints = regions.flat_map(|region| region.endpoints.values());
    let all: Vec<&String> = endpoints.flat_map(|endpoint| endpoint.components.keys()).collect();
    if !all.iter().any(|known| *known == name) {
        let problem = format!("the world has no inference component {name:?}");
        let all: Vec<&str> = all.into_iter().map(String::as_str).collect();
        found.and(Found::one(at.push_key("component"), problem, all.join(", ")));
    }
}

/// An alarm's `function:NAME` is deployed in the alarm's Region.
fn alarm_actions(scenario: &Scenario, at: ValuePointerRef<'_>, found: &mut Found) {
    let at = at.push_key("world");
    let at = at.push_key("regions");
    for (region, spec) in &scenario.world.regions {
        let at = at.push_key(region);
        let at = at.push_key("alarms");
        let here: Vec<&str> = scenario
            .functions
            .iter()
            .filter(|function| scenario.region_of(function) == *region)
            .map(|function| function.name.as_str())
            .collect();
        for (name, alarm) in &spec.alarms {
            let at = at.push_key(name);
            for (key, actions) in [
                ("actions", &alarm.actions),
                ("ok_actions", &alarm.ok_actions),
                ("insufficient_data_actions", &alarm.insufficient_data_actions),
            ] {
                let names = actions.iter().filter_map(|action| action.strip_prefix("function:"));
                for name in names.filter(|name| !here.contains(name)) {
                    let problem = format!("no function {name:?} is deployed in {region}");
                    found.and(Found::one(at.push_key(key), problem, here.join(", ")));
                }
            }
        }
    }
}

fn within(scenario: &Scenario, span: Option<Span>, key: &str, at: ValuePointerRef<'_>, found: &mut Found) {
    if let Some(span) = span
        && span > scenario.duration
    {
        let problem = format!("{span} is after the end of the scenario");
        found.and(Found::one(
            at.push_key(key),
            problem,
            format!("at most {}", scenario.duration),
        ));
    }
}

fn actions(scenario: &Scenario, at: ValuePointerRef<'_>, found: &mut Found) {
    let changes = at.push_key("fleet_changes");
    for (index, change) in scenario.fleet_changes.iter().enumerate() {
        let at = changes.push_index(index);
        if change.fleet.is_some() == change.text.is_some() {
            found.and(Found::one(
                at,
                "is not one fleet file",
                "exactly one of `fleet` and `text`".to_owned(),
            ));
        }
        region(scenario, change.region.as_deref(), at, found);
        within(scenario, Some(change.at), "at", at, found);
    }
    let buckets = at.push_key("buckets");
    for (name, bucket) in &scenario.buckets.0 {
        let at = buckets.push_key(name);
        region(scenario, Some(&bucket.region), at, found);
        let here = scenario.world.regions.get(&bucket.region);
        if let (Some(key), Some(here)) = (&bucket.key, here)
            && !here.keys.contains_key(key)
        {
            let keys: Vec<&str> = here.keys.keys().map(String::as_str).collect();
            let problem = format!("the Region {} has no key {key:?}", bucket.region);
            found.and(Found::one(
                at.push_key("key"),
                problem,
                Some(keys.join(", ")).filter(|keys| !keys.is_empty()),
            ));
        }
    }
    let changes = at.push_key("object_changes");
    for (index, change) in scenario.object_changes.iter().enumerate() {
        let at = changes.push_index(index);
        let changes = [change.becomes.is_some(), change.gone, change.storage_class.is_some()];
        if changes.into_iter().filter(|change| *change).count() != 1 {
            found.and(Found::one(
                at,
                "is not one change",
                "exactly one of `becomes`, `gone: true` and `storage_class`".to_owned(),
            ));
        }
        if !scenario.buckets.0.iter().any(|(name, _)| *name == change.bucket) {
            let names: Vec<&str> = scenario.buckets.0.iter().map(|(name, _)| name.as_str()).collect();
            let problem = format!("the scenario has no bucket {:?}", change.bucket);
            found.and(Found::one(at.push_key("bucket"), problem, names.join(", ")));
        }
        within(scenario, Some(change.at), "at", at, found);
    }
    let commands = at.push_key("commands");
    let mut names: Vec<&str> = Vec::new();
    for (index, command) in scenario.commands.iter().enumerate() {
        let at = commands.push_index(index);
        if command.command.is_some() == command.event.is_some() {
            found.and(Found::one(
                at,
                "is not one invocation",
                "exactly one of `command` and `event`".to_owned(),
            ));
        }
        if command.event.is_some() && !command.args.0.is_empty() {
            found.and(Found::key(at.push_key("args"), "cannot go with `event`", None));
        }
        if names.contains(&command.name()) {
            let problem = format!("two commands are called {:?}", command.name());
            found.and(Found::one(
                at.push_key("name"),
                problem,
                "a name of its own for each".to_owned(),
            ));
        }
        names.push(command.name());
        function(scenario, command.to.as_deref(), at.push_key("to"), found);
        within(scenario, Some(command.at), "at", at, found);
    }
    let faults = at.push_key("faults");
    for (index, fault) in scenario.faults.iter().enumerate() {
        let at = faults.push_index(index);
        region(scenario, fault.region.as_deref(), at, found);
        if fault.caller.as_deref() != Some("operator") {
            function(scenario, fault.caller.as_deref(), at.push_key("caller"), found);
        }
        within(scenario, fault.from, "from", at, found);
    }
}

fn expectations(scenario: &Scenario, at: ValuePointerRef<'_>, found: &mut Found) {
    let at = at.push_key("expect");
    let endpoints = at.push_key("endpoints");
    for (index, expected) in scenario.expect.endpoints.iter().enumerate() {
        let at = endpoints.push_index(index);
        region(scenario, expected.region.as_deref(), at, found);
        for (key, span) in [
            ("at", expected.at),
            ("by", expected.by),
            ("from", expected.from),
            ("until", expected.until),
        ] {
            within(scenario, span, key, at, found);
        }
        for health in expected.health.iter().flat_map(|text| text.split('|')).map(str::trim) {
            if serde_json::from_value::<State>(health.into()).is_err() {
                let problem = format!("{health:?} is no state of the health ledger");
                found.and(Found::one(at.push_key("health"), problem, STATES.to_owned()));
            }
        }
        for status in expected.status.iter().flat_map(|text| text.split('|')).map(str::trim) {
            if status != "gone" && EndpointStatus::parse(status) == EndpointStatus::Unknown {
                let mut accepted: Vec<&str> = EndpointStatus::ALL.iter().map(|status| status.as_str()).collect();
                accepted.push("gone");
                found.and(Found::one(
                    at.push_key("status"),
                    format!("{status:?} is no status of an endpoint"),
                    accepted.join(", "),
                ));
            }
        }
    }
    let requests = at.push_key("requests");
    for (index, expected) in scenario.expect.requests.iter().enumerate() {
        let at = requests.push_index(index);
        region(scenario, expected.region.as_deref(), at, found);
        for (key, span) in [("from", expected.from), ("until", expected.until)] {
            within(scenario, span, key, at, found);
        }
        endpoint(scenario, &expected.endpoint, at, found);
    }
    let costs = at.push_key("costs");
    for (index, expected) in scenario.expect.costs.iter().enumerate() {
        let at = costs.push_index(index);
        region(scenario, expected.region.as_deref(), at, found);
        for (key, span) in [("from", expected.from), ("until", expected.until)] {
            within(scenario, span, key, at, found);
        }
        endpoint(scenario, &expected.endpoint, at, found);
        if scenario.world.prices.is_empty() {
            let accepted = "`prices` in the world, such as `{ml.m5.xlarge: 0.23}`".to_owned();
            found.and(Found::one(at, "nothing has a price", accepted));
        }
    }
    let configs = at.push_key("configs");
    for (index, expected) in scenario.expect.configs.iter().enumerate() {
        region(scenario, expected.region.as_deref(), configs.push_index(index), found);
    }
    let definitions = at.push_key("definitions");
    for (index, expected) in scenario.expect.definitions.iter().enumerate() {
        region(scenario, Some(&expected.region), definitions.push_index(index), found);
    }
    let copies = at.push_key("copies");
    for (index, expected) in scenario.expect.copies.iter().enumerate() {
        let at = copies.push_index(index);
        if scenario.buckets.get(&expected.of).is_none() {
            let names: Vec<&str> = scenario.buckets.0.iter().map(|(name, _)| name.as_str()).collect();
            let problem = format!("the scenario has no bucket {:?}", expected.of);
            found.and(Found::one(at.push_key("of"), problem, names.join(", ")));
        }
    }
    let targets = at.push_key("scalable_targets");
    for (index, expected) in scenario.expect.scalable_targets.iter().enumerate() {
        let at = targets.push_index(index);
        region(scenario, expected.region.as_deref(), at, found);
        if let Some(name) = &expected.endpoint {
            endpoint(scenario, name, at, found);
        }
        if let Some(name) = &expected.component {
            component(scenario, name, at, found);
        }
    }
    let alerts = at.push_key("alerts");
    for (index, expected) in scenario.expect.alerts.iter().enumerate() {
        region(scenario, expected.region.as_deref(), alerts.push_index(index), found);
        for (key, span) in [("from", expected.from), ("until", expected.until)] {
            within(scenario, span, key, alerts.push_index(index), found);
        }
    }
    let calls = at.push_key("calls");
    for (index, expected) in scenario.expect.calls.iter().enumerate() {
        region(scenario, expected.region.as_deref(), calls.push_index(index), found);
    }
    let answers = at.push_key("answers");
    let names: Vec<&str> = scenario.commands.iter().map(|command| command.name()).collect();
    for (index, expected) in scenario.expect.answers.iter().enumerate() {
        if !names.contains(&expected.to.as_str()) {
            let at = answers.push_index(index);
            let problem = format!("no command is called {:?}", expected.to);
            let accepted = (!names.is_empty()).then(|| each_once(&names));
            found.and(Found::one(at.push_key("to"), problem, accepted));
        }
    }
    let invocations = at.push_key("invocations");
    for (index, expected) in scenario.expect.invocations.iter().enumerate() {
        let at = invocations.push_index(index);
        function(scenario, expected.function.as_deref(), at.push_key("function"), found);
    }
}

/// `a, b`, each name once: several commands may go by the same one.
fn each_once(names: &[&str]) -> String {
    let once: BTreeSet<&str> = names.iter().copied().collect();
    once.into_iter().collect::<Vec<_>>().join(", ")
}
