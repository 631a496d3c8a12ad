//! Names that stand for nothing in what is counted and in what goes wrong: an operation that nobody has, a function, an
//! endpoint or a variant that nothing calls so.

use deserr::ValuePointerRef;
use steward::yaml::Found;

use super::{Scenario, function};
use crate::{
    cloud::service_name,
    wire::S3_OPERATIONS,
    world::{Service, spec::endpoint_names},
};

/// The services of fault plans and the call log, with the operations simulated.
fn services() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let simulated = Service::ALL.map(|service| (service_name(service), service.operations()));
    simulated.into_iter().chain([("s3", S3_OPERATIONS)])
}

/// The operation, in which `*` stands for any text where `patterns` are, is one of the service's, or of any.
fn operation(service: Option<&str>, name: &str, patterns: bool, at: ValuePointerRef<'_>, found: &mut Found) {
    let of = |of: &str| service.is_none_or(|service| service == of);
    let known: Vec<&str> = services()
        .filter(|(name, _)| of(name))
        .flat_map(|it| it.1)
        .copied()
        .collect();
    let is = |known: &&str| match patterns {
        true => crate::expect::matches(name, known),
        false => name == *known,
    };
    // A service that is not known is told by itself.
    if known.is_empty() || known.iter().any(|known| is(known)) {
        return;
    }
    let elsewhere: Vec<&str> = services()
        .filter(|(_, all)| all.contains(&name))
        .map(|it| it.0)
        .collect();
    let (problem, accepted) = match (service, elsewhere.is_empty()) {
        (Some(service), false) => (
            format!("{name} is no operation of {service}"),
            format!("`service: {}`", elsewhere.join("`, `service: ")),
        ),
        (Some(service), true) => (format!("{service} has no operation {name:?}"), known.join(", ")),
        (None, _) => (
            format!("no service has an operation {name:?}"),
            near(name, &known).unwrap_or_else(|| "an operation such as DescribeEndpoint".to_owned()),
        ),
    };
    found.and(Found::one(at.push_key("operation"), problem, accepted));
}

/// Those that begin alike.
fn near(name: &str, known: &[&str]) -> Option<String> {
    let shares = |other: &&&str| {
        let same = name.chars().zip(other.chars()).take_while(|(one, other)| one == other);
        same.count() >= 4
    };
    let near: Vec<&str> = known.iter().filter(shares).copied().collect();
    (!near.is_empty()).then(|| near.join(", "))
}

fn service(name: Option<&str>, at: ValuePointerRef<'_>, found: &mut Found) {
    let all: Vec<&str> = services().map(|it| it.0).collect();
    if let Some(name) = name
        && !all.contains(&name)
    {
        found.and(Found::one(
            at.push_key("service"),
            format!("{name:?} is not known"),
            all.join(", "),
        ));
    }
}

/// What is to be called, and what goes wrong with it.
pub(super) fn calls(scenario: &Scenario, at: ValuePointerRef<'_>, found: &mut Found) {
    let faults = at.push_key("faults");
    for (index, fault) in scenario.faults.iter().enumerate() {
        if let Some(name) = &fault.operation {
            operation(fault.service.as_deref(), name, false, faults.push_index(index), found);
        }
    }
    let expect = at.push_key("expect");
    let calls = expect.push_key("calls");
    for (index, expected) in scenario.expect.calls.iter().enumerate() {
        let at = calls.push_index(index);
        service(expected.service.as_deref(), at, found);
        operation(expected.service.as_deref(), &expected.operation, true, at, found);
        if expected.by.as_deref() != Some("operator") {
            function(scenario, expected.by.as_deref(), at.push_key("by"), found);
        }
    }
}

/// Whom alerts are about, and whose shares and instances are looked at.
pub(super) fn things(scenario: &Scenario, at: ValuePointerRef<'_>, found: &mut Found) {
    let regions = || scenario.world.regions.values();
    let endpoints = || regions().flat_map(|region| &region.endpoints);
    let named: Vec<String> = endpoints().flat_map(|(key, spec)| endpoint_names(key, spec)).collect();
    let variants: Vec<&str> = endpoints()
        .flat_map(|(_, spec)| spec.variants.keys().map(String::as_str))
        .collect();
    let said = said(scenario);
    let is_said = |name: &str| said.iter().any(|text| text.contains(name));
    let at = at.push_key("expect");
    let alerts = at.push_key("alerts");
    for (index, expected) in scenario.expect.alerts.iter().enumerate() {
        if let Some(name) = &expected.endpoint
            && !named.contains(name)
            && !is_said(name)
        {
            found.and(Found::one(
                alerts.push_index(index).push_key("endpoint"),
                format!("nothing in this scenario is called {name:?}"),
                named.join(", "),
            ));
        }
    }
    let checks = at.push_key("endpoints");
    for (index, expected) in scenario.expect.endpoints.iter().enumerate() {
        let at = checks.push_index(index);
        let of_shares = expected.shares.0.iter().map(|(name, _)| ("shares", name));
        let of_instances = expected.instances.0.iter().map(|(name, _)| ("instances", name));
        for (key, name) in of_shares.chain(of_instances) {
            // A rollout calls the new one so by itself.
            let made = ["blue", "green"].contains(&name.as_str());
            if !made && !variants.contains(&name.as_str()) && !is_said(name) {
                let mut known = variants.clone();
                known.extend(["blue", "green"]);
                known.sort_unstable();
                known.dedup();
                let at = at.push_key(key);
                let problem = format!("nothing in this scenario is called {name:?}");
                found.and(Found::one(at.push_key(name), problem, known.join(", ")));
            }
        }
    }
}

/// Whatever else may bring a name into being: fleet files, and what operators say.
fn said(scenario: &Scenario) -> Vec<String> {
    let changes = scenario.fleet_changes.iter();
    let changed = changes.flat_map(|change| change.fleet.iter().map(|it| it.text()).chain(change.text.clone()));
    let commands = scenario.commands.iter();
    let asked = commands.map(|command| serde_json::Value::Object(command.args.0.clone()).to_string());
    let events = scenario.commands.iter().filter_map(|command| command.event.as_ref());
    std::iter::once(scenario.fleet.text())
        .chain(changed)
        .chain(asked)
        .chain(events.map(ToString::to_string))
        .collect()
}
