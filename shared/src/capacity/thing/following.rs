//! The same things about another variant: a rollout gives it another name.

use super::{Action, Scalable, Thing};
use crate::scaling::{ScalingRule, TrackedMetric};

impl Scalable {
    /// Of the variant `to`, where it was of `from`.
    fn follow(&mut self, at: &str, from: &str, to: &str) {
        match self {
            Self::Instances { endpoint, variant } | Self::Concurrency { endpoint, variant }
                if endpoint == at && variant == from =>
            {
                to.clone_into(variant);
            }
            _ => {}
        }
    }
}

impl Thing {
    /// The same about the variant `to` of an endpoint, where it was about its variant `from`: what scales, the metrics that
    /// policies and alarms look at, and the policies that alarms trigger.
    #[must_use]
    pub fn following(mut self, endpoint: &str, from: &str, to: &str) -> Self {
        match &mut self {
            Self::Target { of, .. } | Self::Action { of, .. } => of.follow(endpoint, from, to),
            Self::Policy { of, rule, .. } => {
                of.follow(endpoint, from, to);
                if let ScalingRule::TargetTracking {
                    metric: TrackedMetric::Customized { dimensions, .. },
                    ..
                } = rule
                {
                    let here = |name: &str, value: &str| dimensions.iter().any(|(at, is)| at == name && is == value);
                    if here("EndpointName", endpoint) && here("VariantName", from) {
                        for (_, value) in dimensions.iter_mut().filter(|(name, _)| name == "VariantName") {
                            to.clone_into(value);
                        }
                    }
                }
            }
            Self::Alarm(alarm) => {
                let is = |name: &str, value: &str| alarm.dimensions.get(name).is_some_and(|is| is == value);
                if is("EndpointName", endpoint) && is("VariantName", from) {
                    alarm.dimensions.insert("VariantName".to_owned(), to.to_owned());
                }
                let actions = [
                    &mut alarm.actions,
                    &mut alarm.ok_actions,
                    &mut alarm.insufficient_actions,
                ];
                for action in actions.into_iter().flatten() {
                    if let Action::Policy { of, .. } = action {
                        of.follow(endpoint, from, to);
                    }
                }
            }
            Self::Endpoint { .. }
            | Self::Reserved { .. }
            | Self::Warm { .. }
            | Self::Throttle { .. }
            | Self::Dashboard { .. } => {}
        }
        self
    }
}
