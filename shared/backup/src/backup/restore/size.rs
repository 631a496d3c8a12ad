//! How many instances and copies what is restored gets.

use serde_json::{Value, json};

use super::record::Kind;
use crate::backup::definition::{Definition, Scaled, ScaledThing};

/// The definition with the instances that it gets: for a restore at least `instances`, at least what served when the point
/// was made, and the weights of then; for a drill exactly `instances`, and one copy of each component. Registering a
/// scalable target moves the count into its range, so the ranges follow, and a variant begins within its own. A component
/// begins with the copies that it had: more may not find a place, and one that is made in vain fails, while one that serves
/// waits for it. SageMaker makes none without a copy, so one that slept is made with one, and its own minimum lets it sleep
/// again.
pub(super) fn sized(definition: &Definition, kind: Kind, instances: u32) -> Definition {
    let mut sized = definition.clone();
    let live = definition.live.clone();
    for scaled in &mut sized.scaling {
        size_range(scaled, kind, instances);
    }
    let scaled = sized.scaling.clone();
    for list in ["ProductionVariants", "ShadowProductionVariants"] {
        let variants = sized.config.body.get_mut(list).and_then(Value::as_array_mut);
        for variant in variants.into_iter().flatten() {
            let name = variant
                .get("VariantName")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let was = live.iter().find(|live| live.variant == name);
            let configured = variant.get("InitialInstanceCount").and_then(Value::as_u64);
            if let Some(configured) = configured {
                let count = match kind {
                    Kind::Drill => u64::from(instances),
                    Kind::Restore => {
                        let served = was.and_then(|was| was.instances).map_or(configured, u64::from);
                        served.max(u64::from(instances))
                    }
                };
                let count = within_range(&scaled, &name, count);
                variant["InitialInstanceCount"] = json!(within_managed(variant, count));
            }
            if let Some(weight) = was.and_then(|was| was.weight)
                && kind == Kind::Restore
                && variant.get("InitialVariantWeight").is_some()
            {
                variant["InitialVariantWeight"] = json!(weight);
            }
        }
    }
    for component in &mut sized.components {
        let copies = component
            .body
            .pointer("/RuntimeConfig/CopyCount")
            .and_then(Value::as_u64);
        if let Some(copies) = copies {
            component.body["RuntimeConfig"]["CopyCount"] = json!(match kind {
                Kind::Drill => 1,
                Kind::Restore => copies.max(1),
            });
        }
    }
    sized
}

/// The range that a scalable target gets where each variant has at least `instances`, or in a drill at most.
pub(super) fn size_range(Scaled { of, scaling, .. }: &mut Scaled, kind: Kind, instances: u32) {
    let instances = match of {
        ScaledThing::Variant(_) => instances,
        ScaledThing::Component(_) => 1,
    };
    match kind {
        Kind::Drill => scaling.min = scaling.min.min(instances),
        // What may scale to zero may do so there too.
        Kind::Restore if scaling.min > 0 => scaling.min = scaling.min.max(instances),
        Kind::Restore => {}
    }
    scaling.max = scaling.max.max(scaling.min);
}

/// The count moves into the range when that is registered. What may sleep is awake until it is proven.
fn within_range(scaled: &[Scaled], variant: &str, count: u64) -> u64 {
    let Some(Scaled { scaling, .. }) = scaled.iter().find(|scaled| scaled.counts_instances_of(variant)) else {
        return count;
    };
    count.clamp(u64::from(scaling.min.max(1)), u64::from(scaling.max.max(1)))
}

/// SageMaker wants the initial count within the range of `ManagedInstanceScaling`, and at least one.
fn within_managed(variant: &Value, count: u64) -> u64 {
    let limit = |field: &str| variant.pointer(&format!("/ManagedInstanceScaling/{field}"))?.as_u64();
    let count = limit("MaxInstanceCount").map_or(count, |most| count.min(most));
    limit("MinInstanceCount").map_or(count, |least| count.max(least)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture;

    fn counts(definition: &Definition) -> Vec<(u64, f64)> {
        let variants = definition.config.body["ProductionVariants"].as_array().unwrap();
        variants
            .iter()
            .map(|variant| {
                let count = variant["InitialInstanceCount"].as_u64().unwrap();
                (count, variant["InitialVariantWeight"].as_f64().unwrap())
            })
            .collect()
    }

    #[test]
    fn a_restore_has_what_served_and_never_less_than_two_zones_hold() {
        let restored = sized(&fixture::definition(), Kind::Restore, 2);
        assert_eq!(counts(&restored), [(3, 1.0), (2, 0.0)]);
    }

    #[test]
    fn a_restore_begins_with_the_minimum_of_its_range() {
        let mut definition = fixture::definition();
        definition.scaling[0].scaling.min = 6;
        assert_eq!(counts(&sized(&definition, Kind::Restore, 2)), [(6, 1.0), (2, 0.0)]);
        definition.scaling[0].dimension = "sagemaker:variant:DesiredProvisionedConcurrency".into();
        assert_eq!(counts(&sized(&definition, Kind::Restore, 2)), [(3, 1.0), (2, 0.0)]);
    }

    #[test]
    fn a_drill_costs_as_little_as_it_may() {
        let drilled = sized(&fixture::definition(), Kind::Drill, 1);
        assert_eq!(counts(&drilled), [(1, 1.0), (1, 0.0)]);
    }

    #[test]
    fn a_component_that_slept_is_made_with_a_copy_as_sagemaker_makes_none_without() {
        for (kind, slept, copies) in [
            (Kind::Restore, 0, 1),
            (Kind::Restore, 3, 3),
            (Kind::Drill, 0, 1),
            (Kind::Drill, 3, 1),
        ] {
            let definition = fixture::with_components(&[("llm", slept)]);
            let component = &sized(&definition, kind, 2).components[0].body;
            assert_eq!(component["RuntimeConfig"]["CopyCount"], copies, "{kind:?} of {slept}");
        }
    }

    #[test]
    fn autoscaling_does_not_undo_it() {
        let mut definition = fixture::definition();
        let range = |definition: &Definition| (definition.scaling[0].scaling.min, definition.scaling[0].scaling.max);
        definition.scaling[0].scaling.max = 1;
        assert_eq!(range(&sized(&definition, Kind::Restore, 2)), (2, 2));
        definition.scaling[0].scaling.min = 0;
        assert_eq!(range(&sized(&definition, Kind::Restore, 2)), (0, 1));
        definition.scaling[0].scaling.min = 5;
        definition.scaling[0].scaling.max = 9;
        assert_eq!(range(&sized(&definition, Kind::Drill, 1)), (1, 9));
    }

    #[test]
    fn serverless_variants_and_the_range_of_managed_scaling_are_respected() {
        let mut definition = fixture::definition();
        let variants = definition.config.body["ProductionVariants"].as_array_mut().unwrap();
        variants[0].as_object_mut().unwrap().remove("InitialInstanceCount");
        variants[1]["ManagedInstanceScaling"] = json!({"MinInstanceCount": 5, "MaxInstanceCount": 6});
        let restored = sized(&definition, Kind::Restore, 2);
        let variants = &restored.config.body["ProductionVariants"];
        assert_eq!(variants[0].get("InitialInstanceCount"), None);
        assert_eq!(variants[1]["InitialInstanceCount"], 5);
    }
}
