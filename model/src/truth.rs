//! Whether the world is what the end of a rollout says.

use steward::{
    endpoint::EndpointStatus,
    rollout::{Plan, policy::Engine},
};

use super::world::{Target, World};

impl World {
    /// Green alone serves, scaled as blue was.
    ///
    /// # Errors
    /// What is otherwise.
    pub(crate) fn serves_green(&self, plan: &Plan, scaled: Option<&Target>) -> Result<(), String> {
        if let Some(component) = &self.component {
            let right = Some(&component.model) == plan.green.model.as_ref();
            return if right && component.pending.is_none() && !component.failed {
                Ok(())
            } else {
                Err(format!("{component:?}"))
            };
        }
        let only = plan.only.as_ref().map(|only| only.name.as_str());
        if only != Some(self.config.as_str()) {
            return Err(format!("{} is in force", self.config));
        }
        if plan.engine() == Engine::Variants && self.fleets.contains_key(&plan.blue.variant) {
            return Err("blue is there".to_owned());
        }
        self.serves(&plan.green.variant, plan.green.model.as_deref(), scaled)
    }

    /// Blue serves everything, scaled as before.
    ///
    /// # Errors
    /// What is otherwise.
    pub(crate) fn serves_blue(&self, plan: &Plan, scaled: Option<&Target>) -> Result<(), String> {
        if let Some(component) = &self.component {
            let right = Some(&component.model) == plan.blue.model.as_ref();
            return if right && component.pending.is_none() && !component.failed {
                Ok(())
            } else {
                Err(format!("{component:?}"))
            };
        }
        if plan.engine() == Engine::Variants && self.fleets.contains_key(&plan.green.variant) {
            return Err("green is there".to_owned());
        }
        self.serves(&plan.blue.variant, plan.blue.model.as_deref(), scaled)
    }

    fn serves(&self, variant: &str, model: Option<&str>, scaled: Option<&Target>) -> Result<(), String> {
        if self.status != EndpointStatus::InService {
            return Err(format!("the endpoint is {}", self.status));
        }
        let Some(fleet) = self.fleets.get(variant) else {
            return Err(format!("{variant} is gone"));
        };
        if Some(fleet.model.as_str()) != model {
            return Err(format!("{variant} has model {}", fleet.model));
        }
        if self.share(variant) != 10_000 || fleet.weight == 0 {
            return Err(format!("{variant} does not have all traffic"));
        }
        if fleet.count == 0 {
            return Err(format!("{variant} has no instances"));
        }
        if let Some(left) = self.targets.keys().find(|scaled| !self.fleets.contains_key(*scaled)) {
            return Err(format!("{left} is gone and its scalable target is not"));
        }
        let target = self.targets.get(variant);
        let same = |target: &Target, scaled: &Target| {
            *target
                == Target {
                    id: target.id,
                    ..scaled.clone()
                }
        };
        if let Some(scaled) = scaled
            && !target.is_some_and(|target| same(target, scaled))
        {
            return Err(format!("{variant} is scaled by {target:?} instead of {scaled:?}"));
        }
        Ok(())
    }
}
