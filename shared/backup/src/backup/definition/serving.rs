//! Which variants serve, and what a rollout at work leaves in a definition.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Definition, ScaledThing};
use crate::scaling::Suspended;

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

impl Definition {
    /// A rollout is at work on it, which suspended the scale-in of this variant: it is taken as it was suspended before,
    /// since in another Region nobody would end that.
    pub fn during_rollout(&mut self, number: u64, variant: &str, before: Option<Suspended>) {
        // Once only one of them is there, nothing of the traffic will move.
        self.during = (self.live.len() > 1).then_some(number);
        let Some(before) = before else { return };
        let of = ScaledThing::Variant(variant.to_owned());
        for scaled in self.scaling.iter_mut().filter(|scaled| scaled.of == of) {
            scaled.scaling.suspended = before;
        }
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
    use crate::backup::fixture;

    #[test]
    fn a_rollout_s_suspension_is_not_kept_and_its_shares_are_said() {
        let mut definition = fixture::definition();
        let held = Suspended {
            scale_in: true,
            ..Suspended::default()
        };
        definition.scaling[0].scaling.suspended = held;
        definition.live[0].weight = Some(9.0);
        definition.live[1].weight = Some(1.0);
        let mut other = definition.clone();
        definition.during_rollout(3, "blue", Some(Suspended::default()));
        assert_eq!(definition.scaling[0].scaling.suspended, Suspended::default());
        assert_eq!(
            definition.during().as_deref(),
            Some("the point was made during rollout 3, with the traffic shared as then: blue 90%, green 10%")
        );
        other.during_rollout(3, "blue", Some(held));
        assert_eq!(other.scaling[0].scaling.suspended, held, "somebody wants it so");
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
