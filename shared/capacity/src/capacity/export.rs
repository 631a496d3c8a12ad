//! The fleet file of what is already there, so that adopting Steward takes one command.
//!
//! Everything that is written is first read back: only what means exactly what is there is written, and the rest is named with
//! why. So a plan after an export has nothing to do.

mod say;
mod yaml;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    desired::Desired,
    thing::{Key, Scalable, Thing},
    world::{Seen, World},
};
use crate::fleet::{Fleet, LISTED, SCHEDULED, Unmade};

/// A fleet file, and what it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub text: String,
    /// What is there and could not be said, each with why.
    pub left_out: Vec<String>,
}

/// What the fleet file in force says of the endpoints that are there, AWS knows nothing of, and a plan goes by: an export cannot
/// say it.
pub fn unsaid(fleet: &Fleet, world: &World, region: &str) -> Vec<String> {
    let mut unsaid = vec![];
    for Seen { name, tags, .. } in &world.endpoints {
        if fleet.wake_for(name, tags.as_ref()).is_some() {
            unsaid.push(format!(
                "endpoint {name}: `wake`, of which AWS knows nothing; take it over from the fleet file in force, or nothing wakes it"
            ));
        }
        if fleet.unmade(name, region) == Some(Unmade::StandsBy) {
            unsaid.push(format!(
                "endpoint {name}: `backup`, of which AWS knows nothing; take it over from the fleet file in force, or nobody knows \
                 that it stands by here once it is deleted after the return"
            ));
        }
    }
    unsaid
}

/// The fleet file of everything that was described. `lowest` are the minima of targets that a wake has raised for its time;
/// `left_out` is what is known not to be said.
pub fn export(world: &World, lowest: &BTreeMap<Scalable, u32>, mut left_out: Vec<String>) -> Exported {
    let mut world = world.clone();
    let asleep = world.things().filter_map(|(key, thing)| {
        let low = *lowest.get(key.scalable()?)?;
        let mut thing = thing.clone();
        match &mut thing {
            Thing::Target { min, .. } => *min = low,
            _ => return None,
        }
        Some(thing)
    });
    let asleep: Vec<Thing> = asleep.collect();
    asleep.into_iter().for_each(|thing| world.put(thing));
    let world = &world;
    let mut endpoints = Map::new();
    for seen in &world.endpoints {
        endpoints.insert(seen.name.clone(), entry(world, seen, &mut left_out));
    }
    let mut file = Map::from_iter([
        ("version".to_owned(), json!(1)),
        ("endpoints".to_owned(), endpoints.into()),
    ]);
    for (name, section) in account(world, &mut left_out) {
        file.insert(name.to_owned(), section);
    }
    for (key, thing) in world.things() {
        let orphan = key.scalable().is_some_and(|of| world.endpoint_of(of).is_none());
        match thing {
            Thing::Dashboard { .. } => left_out.push(format!("dashboard {key}: Steward writes its own")),
            Thing::Alarm(alarm) if endpoint_of_alarm(world, thing).is_none() && !of_target_tracking(&alarm.name) => {
                left_out.push(format!("alarm {key}: it watches no endpoint that is there"));
            }
            _ if orphan => left_out.push(format!("{} {key}: what it scales is not there", key.kind())),
            _ => {}
        }
    }
    let mut text =
        "# What was there when it was exported. Nothing of it is changed by adopting it as it stands.\n".to_owned();
    for line in &left_out {
        text.push_str(&format!("# Left out: {}\n", crate::text::printable(line, 300)));
    }
    text.push_str(&yaml::block(&Value::Object(file)));
    Exported { text, left_out }
}

/// Application Auto Scaling makes and deletes these by itself.
fn of_target_tracking(name: &str) -> bool {
    name.starts_with("TargetTracking-")
}

/// The file with this entry alone means these things, whatever wakes what is at zero.
fn means(endpoint: &str, entry: &Value) -> Option<Desired> {
    let targets = entry.get("scaling").and_then(Value::as_array);
    let targets = targets.into_iter().flatten();
    let components: Vec<&Value> = targets.filter_map(|target| target.get("component")).collect();
    let wake = json!({ "enabled": true, "components": components });
    let file = json!({ "version": 1, "defaults": { "wake": wake }, "endpoints": { endpoint: entry } });
    let fleet = Fleet::parse(&file.to_string(), "export").ok()?;
    Some(Desired::of_things(fleet.capacity_for(endpoint, None)))
}

/// The entry would be read as it stands.
fn is_right(endpoint: &str, entry: &Value) -> bool {
    let file = json!({ "version": 1, "endpoints": { endpoint: entry } });
    Fleet::parse(&file.to_string(), "export").is_ok()
}

/// A section that holds just this, when it means what is there.
fn fits(endpoint: &str, entry: &Value, thing: &Thing) -> bool {
    means(endpoint, entry).is_some_and(|meant| meant.get(&thing.key()) == Some(thing))
}

fn entry(world: &World, seen: &Seen, left_out: &mut Vec<String>) -> Value {
    let name = seen.name.as_str();
    let mut entry = Map::new();
    let on_it = |of: &Scalable| world.endpoint_of(of).is_some_and(|on| on.name == name);
    let key = Key::Endpoint(name.to_owned());
    match (world.get(&key), &seen.unsayable) {
        (Some(thing @ Thing::Endpoint { made, .. }), _) => {
            let section = say::provision(made);
            match fits(name, &json!({ "provision": section }), thing) {
                true => drop(entry.insert("provision".to_owned(), section)),
                false => left_out.push(format!(
                    "endpoint {name}: `provision` has no words for what it is made of"
                )),
            }
        }
        (_, Some(why)) => left_out.push(format!(
            "endpoint {name}: `provision` has no words for it, because {why}"
        )),
        _ => {}
    }
    let (mut targets, mut actions): (Vec<(String, Value)>, Vec<Value>) = (vec![], vec![]);
    for (key, thing) in world.things() {
        let Thing::Target { of, .. } = thing else { continue };
        if !on_it(of) {
            continue;
        }
        let target = say::target(thing);
        if !fits(name, &json!({ "scaling": [target] }), thing) {
            left_out.push(format!(
                "scalable target {key}, and what hangs on it: its range cannot be declared"
            ));
            continue;
        }
        let mut policies = vec![];
        for hanging in world.hanging_on(of) {
            match world.get(hanging) {
                Some(policy @ Thing::Policy { of, name: own, rule }) => {
                    let says = |said: &Value| {
                        fits(
                            name,
                            &json!({ "scaling": [with(&target, "policies", json!([said]))] }),
                            policy,
                        )
                    };
                    match say::policy(of, own, rule).into_iter().find(says) {
                        Some(said) => policies.push(said),
                        None => left_out.push(format!("scaling policy {hanging}: there are no words for what it does")),
                    }
                }
                Some(thing @ Thing::Action { of, action }) => {
                    let said = say::action(of, action);
                    match said.filter(|said| fits(name, &json!({ "scaling": [target], "schedule": [said] }), thing)) {
                        Some(said) => actions.push(said),
                        None => left_out.push(format!(
                            "scheduled action {hanging}: {} cannot be declared",
                            crate::text::printable(&action.schedule, 80)
                        )),
                    }
                }
                _ => {}
            }
        }
        let target = match policies.is_empty() {
            true => target,
            false => with(&target, "policies", policies.into()),
        };
        targets.push((key.to_string(), target));
    }
    unique(&mut actions, left_out);
    let mut targets = that_wake(name, targets, &mut actions, left_out);
    bounded(&mut targets, LISTED, "scalable target", name, left_out);
    bounded(&mut actions, SCHEDULED, "scheduled action", name, left_out);
    let alarms = alarms(world, name, &mut targets, left_out);
    for (section, list) in [("scaling", targets), ("schedule", actions), ("alarms", alarms)] {
        if !list.is_empty() {
            entry.insert(section.to_owned(), list.into());
        }
    }
    entry.into()
}

/// An entry lists no more than so many.
fn bounded(list: &mut Vec<Value>, most: usize, what: &str, endpoint: &str, left_out: &mut Vec<String>) {
    for one in list.drain(most.min(list.len())..) {
        let names = ["name", "variant", "component", "serverless"];
        let name = names.iter().find_map(|field| one.get(field)?.as_str());
        left_out.push(format!(
            "{what} {} of {endpoint}: an entry lists at most {most}",
            name.unwrap_or_default()
        ));
    }
}

/// The targets without those that may be at zero with nothing to bring them back, which no fleet file may say.
fn that_wake(
    endpoint: &str,
    targets: Vec<(String, Value)>,
    actions: &mut Vec<Value>,
    left_out: &mut Vec<String>,
) -> Vec<Value> {
    let mut kept = vec![];
    for (key, target) in targets {
        let is_for = |action: &Value| {
            let fields = ["variant", "component", "serverless"];
            fields.iter().all(|field| action.get(field) == target.get(field))
        };
        let own: Vec<&Value> = actions.iter().filter(|action| is_for(action)).collect();
        if is_right(endpoint, &json!({ "scaling": [target], "schedule": own })) {
            kept.push(target);
            continue;
        }
        left_out.push(format!(
            "scalable target {key}, and what hangs on it: its minimum is 0, and nothing in it brings it back from there; say \
             it with a policy `from_zero`, or with `wake`"
        ));
        actions.retain(|action| !is_for(action));
    }
    kept
}

/// Two targets of an endpoint may have actions of the same name; the file keeps names apart.
fn unique(actions: &mut Vec<Value>, left_out: &mut Vec<String>) {
    let mut names: Vec<Value> = vec![];
    actions.retain(|action| {
        let name = action.get("name").cloned().unwrap_or_default();
        let known = names.contains(&name);
        if known {
            left_out.push(format!(
                "scheduled action {name}: another one of the endpoint has the same name"
            ));
        }
        names.push(name);
        !known
    });
}

fn with(of: &Value, field: &str, value: Value) -> Value {
    let mut of = of.clone();
    of[field] = value;
    of
}

/// The endpoint in whose entry an alarm stands.
fn endpoint_of_alarm<'a>(world: &'a World, thing: &Thing) -> Option<&'a str> {
    let Thing::Alarm(alarm) = thing else { return None };
    let by_dimension = alarm
        .dimensions
        .get("EndpointName")
        .and_then(|name| world.endpoint(name));
    let component = alarm.dimensions.get("InferenceComponentName");
    let by_component = || world.endpoint(world.components.get(component?)?);
    by_dimension.or_else(by_component).map(|seen| seen.name.as_str())
}

fn alarms(world: &World, endpoint: &str, targets: &mut [Value], left_out: &mut Vec<String>) -> Vec<Value> {
    let mut said: Vec<(Value, &Key, &Thing)> = vec![];
    for (key, thing) in world.things() {
        let Thing::Alarm(alarm) = thing else { continue };
        if endpoint_of_alarm(world, thing) != Some(endpoint) || of_target_tracking(&alarm.name) {
            continue;
        }
        said.push((say::alarm(alarm), key, thing));
        // The policies that it triggers name it.
        for target in targets.iter_mut() {
            say::trigger(target, alarm);
        }
    }
    let mut kept = vec![];
    for (value, key, thing) in said {
        let entry = json!({ "scaling": only_triggered(targets, &key.to_string()), "alarms": [value] });
        let fitting = fits(endpoint, &entry, thing);
        if fitting && kept.len() < LISTED {
            kept.push(value);
            continue;
        }
        left_out.push(match fitting {
            true => format!("alarm {key} of {endpoint}: an entry lists at most {LISTED}"),
            false => format!("alarm {key}: there are no words for what it watches or does"),
        });
        for target in targets.iter_mut() {
            say::untrigger(target, &key.to_string());
        }
    }
    kept
}

/// The targets as they would be with this alarm alone.
fn only_triggered(targets: &[Value], alarm: &str) -> Vec<Value> {
    let mut targets = targets.to_vec();
    for target in &mut targets {
        for name in say::triggers(target) {
            if name != alarm {
                say::untrigger(target, &name);
            }
        }
    }
    targets
}

fn account(world: &World, left_out: &mut Vec<String>) -> Vec<(&'static str, Value)> {
    let (mut lambdas, mut apis) = (json!({}), json!({}));
    let mut insert = |sections: &mut Value, name: &str, path: &[&str], value: Value, key: &Key, thing: &Thing| {
        let mut trial = sections.clone();
        let mut at = &mut trial;
        for step in path {
            at = &mut at[*step];
        }
        *at = value;
        let file = json!({ "version": 1, "endpoints": {}, name: trial }).to_string();
        let meant = Fleet::parse(&file, "export").map(|fleet| Desired::of_things(fleet.account()));
        match meant.is_ok_and(|meant| meant.get(key) == Some(thing)) {
            true => *sections = trial,
            false => left_out.push(format!("{} {key}: it cannot be declared", key.kind())),
        }
    };
    for (key, thing) in world.things() {
        match thing {
            Thing::Reserved { function, concurrency } => {
                insert(
                    &mut lambdas,
                    "lambdas",
                    &[function, "reserved"],
                    json!(concurrency),
                    key,
                    thing,
                );
            }
            Thing::Warm {
                function,
                qualifier,
                concurrency,
            } => {
                let path = [function.as_str(), "provisioned", qualifier];
                insert(&mut lambdas, "lambdas", &path, json!(concurrency), key, thing);
            }
            Thing::Throttle {
                api,
                stage,
                route,
                rate,
                burst,
            } => match route {
                None => {
                    let limits = json!({ "rate": say::number(*rate), "burst": burst });
                    insert(&mut apis, "apis", &[api, "stages", stage], limits, key, thing);
                }
                Some(route) => {
                    let (limits, route) = (json!({ "rate": say::number(*rate), "burst": burst }), route.to_string());
                    let path = [api.as_str(), "stages", stage, "methods", &route];
                    insert(&mut apis, "apis", &path, limits, key, thing);
                }
            },
            _ => {}
        }
    }
    let some = |section: &Value| section.as_object().is_some_and(|map| !map.is_empty());
    let sections = [("lambdas", lambdas), ("apis", apis)];
    sections.into_iter().filter(|(_, section)| some(section)).collect()
}
