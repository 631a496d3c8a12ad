//! Which variants serve, and what a rollout at work leaves in a definition.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Definition, Live, Scaled, ScaledThing};
use crate::scaling::Scaling;

/// Which variants serve, as far as another recovery point has to follow when it changes: not each step of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// Those with a weight.
    pub any: BTreeSet<String>,
    /// The one with the largest; of several the first by name, in whatever order they are described.
    pub most: Option<String>,
}

impl Serving {
    /// Of variants with these weights.
    pub fn of<'a>(weights: impl Iterator<Item = (&'a str, f64)>) -> Self {
        let mut most: Option<(&str, f64)> = None;
        let mut any = BTreeSet::new();
        for (variant, weight) in weights.filter(|(_, weight)| *weight > 0.0) {
            any.insert(variant.to_owned());
            let leads = |(name, largest): (&str, f64)| weight > largest || (weight == largest && variant < name);
            if most.is_none_or(leads) {
                most = Some((variant, weight));
            }
        }
        Self {
            any,
            most: most.map(|(variant, _)| variant.to_owned()),
        }
    }
}

/// The variant whose instances may be none: the one that the fleet file names, or the first that has instances. A rollout gives
/// the only one another name.
pub fn sleeper<'a>(live: &'a [Live], named: Option<&str>) -> Option<&'a str> {
    let mut with_instances = live.iter().filter(|live| live.instances.is_some());
    let found = match named {
        None => with_instances.next(),
        Some(name) => live.iter().find(|live| live.variant == name).or_else(|| {
            let only = with_instances.next();
            only.filter(|_| with_instances.next().is_none())
        }),
    };
    found.map(|live| live.variant.as_str())
}

impl Definition {
    /// A rollout is at work on it.
    pub fn during_rollout(&mut self, number: u64) {
        // Once only one of them is there, nothing of the traffic will move.
        self.during = (self.live.len() > 1).then_some(number);
    }

    /// Takes something for scaled as it is but for what Steward holds of it for a time, which in another Region nobody would
    /// give back. `own` is asked how that is, with how it was seen.
    pub fn rescaled(
        &mut self,
        of: &ScaledThing,
        dimension: &str,
        own: impl FnOnce(Option<&Scaling>) -> Option<Scaling>,
    ) {
        let is = |scaled: &Scaled| scaled.of == *of && scaled.dimension == dimension;
        let seen = self.scaling.iter().position(is).map(|at| self.scaling.remove(at));
        let Some(mut scaling) = own(seen.as_ref().map(|seen| &seen.scaling)) else {
            return;
        };
        // A policy has another ARN wherever it is made again, and is the same policy.
        scaling.policies.iter_mut().for_each(|policy| policy.arn = None);
        let (of, dimension) = (of.clone(), dimension.to_owned());
        let before = |scaled: &Scaled| (&scaled.of, &scaled.dimension) < (&of, &dimension);
        let at = self.scaling.partition_point(before);
        self.scaling.insert(at, Scaled { of, dimension, scaling });
    }

    /// Which variants served.
    pub fn serving(&self) -> Serving {
        let weights = self.live.iter();
        Serving::of(weights.map(|live| (live.variant.as_str(), live.weight.unwrap_or_default())))
    }

    /// That a rollout was at work when it was described, and how the traffic was shared then, in words.
    pub fn during(&self) -> Option<String> {
        let number = self.during?;
        let weights: Vec<f64> = self.live.iter().map(|live| live.weight.unwrap_or_default()).collect();
        let whole: f64 = weights.iter().sum();
        let shares = self.live.iter().zip(&weights).map(|(live, weight)| {
            let share = if whole > 0.0 { weight / whole * 100.0 } else { 0.0 };
            format!("{} {share:.0}%", live.variant)
        });
        let shares: Vec<String> = shares.collect();
        Some(format!(
            "the point was made during rollout {number}, with the traffic shared as then: {}",
            shares.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{definition::INSTANCES, fixture};

    #[test]
    fn the_shares_of_a_rollout_at_work_are_said() {
        let mut definition = fixture::definition();
        definition.live[0].weight = Some(9.0);
        definition.live[1].weight = Some(1.0);
        definition.during_rollout(3);
        assert_eq!(
            definition.during().as_deref(),
            Some("the point was made during rollout 3, with the traffic shared as then: blue 90%, green 10%")
        );
        definition.live.truncate(1);
        definition.during_rollout(3);
        assert_eq!(definition.during(), None);
    }

    #[test]
    fn what_steward_holds_for_a_time_is_taken_as_it_is_without() {
        let mut definition = fixture::definition();
        let [blue, amber] = ["blue", "amber"].map(|name| ScaledThing::Variant(name.to_owned()));
        let mut own = definition.scaling[0].scaling.clone();
        own.policies[0].arn = Some("arn".to_owned());
        definition.scaling[0].scaling.suspended.scale_in = true;
        definition.rescaled(&blue, INSTANCES, |seen| {
            assert!(seen.is_some_and(|seen| seen.suspended.scale_in));
            Some(own.clone())
        });
        definition.rescaled(&amber, INSTANCES, |seen| {
            assert_eq!(seen, None, "it was deregistered for a time");
            Some(own.clone())
        });
        let scaled: Vec<&ScaledThing> = definition.scaling.iter().map(|scaled| &scaled.of).collect();
        assert_eq!(scaled, [&amber, &blue]);
        own.policies[0].arn = None;
        assert!(definition.scaling.iter().all(|scaled| scaled.scaling == own));
        definition.rescaled(&amber, INSTANCES, |_| None);
        assert_eq!(definition.scaling.len(), 1);
    }

    #[test]
    fn the_variant_that_sleeps_is_the_one_that_is_named_or_the_only_one_that_can_be_meant() {
        let mut live = fixture::definition().live;
        assert_eq!(sleeper(&live, None), Some("blue"));
        assert_eq!(sleeper(&live, Some("green")), Some("green"));
        assert_eq!(sleeper(&live, Some("before")), None);
        live[0].instances = None;
        assert_eq!(sleeper(&live, None), Some("green"));
        assert_eq!(sleeper(&live, Some("before")), Some("green"));
    }

    #[test]
    fn other_variants_serve_when_one_begins_ends_or_takes_the_lead_and_not_with_each_step() {
        let serving = |blue: f64, green: f64| Serving::of([("blue", blue), ("green", green)].into_iter());
        let steps = [(1.0, 0.0), (0.9, 0.1), (0.6, 0.4), (0.4, 0.6), (0.1, 0.9), (0.0, 1.0)];
        let changes = steps
            .windows(2)
            .map(|pair| serving(pair[0].0, pair[0].1) != serving(pair[1].0, pair[1].1));
        assert_eq!(changes.collect::<Vec<_>>(), [true, false, true, false, true]);
    }

    #[test]
    fn variants_of_one_weight_serve_the_same_in_whatever_order_they_are_described() {
        let (blue, green) = (("blue", 1.0), ("green", 1.0));
        assert_eq!(
            Serving::of([blue, green].into_iter()),
            Serving::of([green, blue].into_iter())
        );
    }
}
