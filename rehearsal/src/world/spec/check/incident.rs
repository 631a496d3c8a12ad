//! Contradictions in an incident.

use std::collections::BTreeSet;

use super::{Found, check_traffic, endpoint_names};
use crate::world::spec::{Becomes, EndpointSpec, IncidentSpec, WorldSpec};

impl WorldSpec {
    pub(super) fn check_incident(&self, found: &mut Found, path: &str, incident: &IncidentSpec) {
        let effects = [
            ("behaves", incident.behaves.is_some()),
            ("becomes", incident.becomes.is_some()),
            ("deploys", incident.deploys.is_some()),
            ("next_change", incident.next_change.is_some()),
            ("traffic", incident.traffic.is_some()),
            ("requests", incident.requests.is_some()),
            ("no_capacity", incident.no_capacity.is_some()),
            ("zone_lost", incident.zone_lost.is_some()),
            ("metrics_late_by", incident.metrics_late_by.is_some()),
            ("pushes", incident.pushes.is_some()),
            ("expires", incident.expires.is_some()),
            ("dark", incident.dark.is_some()),
        ];
        let names = effects.map(|(name, _)| name).join(", ");
        let given: Vec<&str> = effects
            .iter()
            .filter(|(_, there)| *there)
            .map(|(name, _)| *name)
            .collect();
        match given.as_slice() {
            [] => found.add(path, "has no effect", format!("exactly one of {names}")),
            [_] => {}
            several => found.add(
                path,
                format!("has several effects: {}", several.join(", ")),
                format!("exactly one of {names}"),
            ),
        }
        if let Some(traffic) = &incident.traffic {
            check_traffic(found, &format!("{path}.traffic"), traffic);
        }
        for (field, there, problem) in [
            (
                "next_change",
                incident.next_change.is_some(),
                "a change's end does not last",
            ),
            (
                "deploys",
                incident.deploys.is_some(),
                "an update of the endpoint does not last",
            ),
            (
                "requests",
                incident.requests.is_some(),
                "requests that come at once do not last",
            ),
            (
                "zone_lost",
                incident.zone_lost.is_some(),
                "what was lost is replaced by and by",
            ),
            ("pushes", incident.pushes.is_some(), "a push does not last"),
            ("expires", incident.expires.is_some(), "what is deleted stays deleted"),
        ] {
            if there && incident.lasts.is_some() {
                let accepted = format!("no `for` beside `{field}`");
                found.add(&format!("{path}.for"), problem, accepted);
            }
        }
        if incident.behaves.is_none() && !incident.cured_by.is_empty() {
            found.add(
                &format!("{path}.cured_by"),
                "only behaviour can be cured",
                "`cured_by` beside `behaves`",
            );
        }
        for (field, there, fits, problem, accepted) in [
            (
                "variant",
                incident.variant.is_some(),
                incident.behaves.is_some() || incident.no_capacity.is_some(),
                "only behaviour and capacity are a variant's own",
                "`variant` beside `behaves` or `no_capacity`",
            ),
            (
                "variant",
                incident.variant.is_some(),
                incident.endpoint.is_some(),
                "whose variant is not said",
                "`endpoint` beside `variant`",
            ),
            (
                "model",
                incident.model.is_some(),
                incident.behaves.is_some(),
                "only behaviour is a model's own",
                "`model` beside `behaves`",
            ),
            (
                "instance_type",
                incident.instance_type.is_some(),
                incident.no_capacity.is_some(),
                "only capacity is of an instance type",
                "`instance_type` beside `no_capacity`",
            ),
            (
                "component",
                incident.component.is_some(),
                incident.requests.is_some() || incident.becomes == Some(Becomes::Failed),
                "only requests and failures are of a component",
                "`component` beside `requests` or `becomes: failed`",
            ),
            (
                "zones",
                incident.zones.is_some(),
                incident.zone_lost.is_some(),
                "only what stands in Availability Zones is spread",
                "`zones` beside `zone_lost`",
            ),
            (
                "of",
                incident.of.is_some(),
                incident.next_change.is_some(),
                "only the next change is of a kind",
                "`of` beside `next_change`",
            ),
            (
                "build",
                incident.build.is_some(),
                incident.pushes.is_some(),
                "only what is pushed is a build",
                "`build` beside `pushes`",
            ),
            (
                "pushes",
                incident.pushes.is_some(),
                incident.build.is_some(),
                "which build is pushed is not said",
                "`build` beside `pushes`",
            ),
        ] {
            if there && !fits {
                found.add(&format!("{path}.{field}"), problem, accepted);
            }
        }
        for (field, effect) in [("no_capacity", incident.no_capacity), ("zone_lost", incident.zone_lost)] {
            if effect == Some(false) {
                found.add(&format!("{path}.{field}"), "has no effect", "`true`");
            }
        }
        if incident.zones == Some(0) {
            found.add(&format!("{path}.zones"), "no Zone at all", "1 or more");
        }
        if let Some(region) = &incident.region
            && !self.regions.contains_key(region)
        {
            let regions = self.regions.keys().cloned().collect::<Vec<_>>().join(", ");
            found.add(
                &format!("{path}.region"),
                format!("no Region `{region}` in this world"),
                regions,
            );
            return;
        }
        let of_an_image = incident.pushes.is_some() || incident.expires.is_some();
        if of_an_image && self.regions.values().all(|region| region.images.is_empty()) {
            found.add(
                path,
                "without a list of images everything is taken to be there",
                "`images` in a Region of this world",
            );
        }
        let of_every_endpoint = incident.zone_lost.is_some() && incident.endpoint.is_none();
        let of_the_region =
            incident.dark.is_some() || incident.metrics_late_by.is_some() || of_every_endpoint || of_an_image;
        let of_a_type = incident.instance_type.is_some() && incident.endpoint.is_none();
        if of_the_region || of_a_type {
            if incident.region.is_none() && self.regions.len() > 1 {
                found.add(
                    path,
                    "which Region is meant is not said",
                    "`region`, as there is more than one",
                );
            }
            return;
        }
        if let Some(model) = &incident.model {
            self.check_model(found, path, incident, model);
            if incident.endpoint.is_none() {
                return;
            }
        }
        let Some(endpoint) = &incident.endpoint else {
            found.add(path, "whose incident is not said", "`endpoint`");
            return;
        };
        let homes: Vec<(&String, &EndpointSpec)> = self
            .regions
            .iter()
            .filter(|(name, _)| incident.region.as_ref().is_none_or(|region| region == *name))
            .flat_map(|(name, region)| region.endpoints.iter().map(move |(key, spec)| (name, key, spec)))
            .filter(|(_, key, spec)| endpoint_names(key, spec).contains(endpoint))
            .map(|(name, _, spec)| (name, spec))
            .collect();
        match homes.as_slice() {
            [] => {
                let all: BTreeSet<&str> = self
                    .regions
                    .values()
                    .flat_map(|region| region.endpoints.keys().map(String::as_str))
                    .collect();
                let all = all.into_iter().collect::<Vec<_>>().join(", ");
                found.add(
                    &format!("{path}.endpoint"),
                    format!("no endpoint `{endpoint}` in this world"),
                    all,
                );
            }
            [(_, spec)] => {
                if incident.requests.is_some() || incident.component.is_some() {
                    check_asked(found, path, endpoint, incident, spec);
                }
                if let Some(variant) = &incident.variant
                    && !spec.variants.is_empty()
                    && !spec.variants.contains_key(variant)
                {
                    let all = spec.variants.keys().cloned().collect::<Vec<_>>().join(", ");
                    found.add(
                        &format!("{path}.variant"),
                        format!("`{endpoint}` has no variant `{variant}`"),
                        all,
                    );
                }
            }
            several => {
                let regions = several
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                found.add(
                    path,
                    format!("`{endpoint}` is in several Regions"),
                    format!("`region`, one of {regions}"),
                );
            }
        }
    }

    /// The behaviour of a model can only change where the world knows the model.
    fn check_model(&self, found: &mut Found, path: &str, incident: &IncidentSpec, model: &str) {
        let here = |name: &String| incident.region.as_ref().is_none_or(|region| region == name);
        let regions = self.regions.iter().filter(|(name, _)| here(name));
        let homes = regions
            .clone()
            .filter(|(_, region)| region.models.contains_key(model))
            .count();
        let path = &format!("{path}.model");
        match homes {
            0 => {
                let all: BTreeSet<&str> = regions
                    .flat_map(|(_, region)| region.models.keys().map(String::as_str))
                    .collect();
                let all = all.into_iter().collect::<Vec<_>>().join(", ");
                found.add(path, format!("no `{model}` among the `models` of this world"), all);
            }
            1 => {}
            _ if incident.endpoint.is_some() => {}
            _ => found.add(path, format!("`{model}` is in several Regions"), "`region`"),
        }
    }
}

/// Requests at once go to a queue, or to a component that there is, and only such a one fails.
fn check_asked(found: &mut Found, path: &str, endpoint: &str, incident: &IncidentSpec, spec: &EndpointSpec) {
    match &incident.component {
        None if spec.asynchronous.is_none() => found.add(
            &format!("{path}.requests"),
            format!("`{endpoint}` is not asynchronous"),
            "an asynchronous endpoint, or `component` beside `requests`",
        ),
        Some(component) if !spec.components.contains_key(component) => {
            let all = spec.components.keys().cloned().collect::<Vec<_>>().join(", ");
            found.add(
                &format!("{path}.component"),
                format!("`{endpoint}` has no component `{component}`"),
                all,
            );
        }
        _ => {}
    }
}
