//! Everything that scales in SageMaker's namespace, and one target, policy or scheduled action written or deleted.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use jiff::Timestamp;

use super::{AutoScaling, SERVICE, Scaled, nouns};
use crate::{
    aws::{incomplete, timestamp},
    capacity::{
        activities::{Activity, NotScaled},
        thing::{Scalable, Thing},
    },
    failure::{CallError, Failure},
    scaling::{Scaling, ScalingPolicy, ScalingRule, ScheduledAction, Suspended},
    text::printable,
};

/// Pages of activities read at most, 50 each.
const PAGES: usize = 20;

/// What was described, with its ARN where it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The target or the policy.
    pub thing: Thing,
    /// `ScalableTargetARN` or `PolicyARN`.
    pub arn: Option<String>,
}

impl From<&Scalable> for Scaled {
    fn from(of: &Scalable) -> Self {
        match of.clone() {
            Scalable::Instances { endpoint, variant } => Self::VariantInstances { endpoint, variant },
            Scalable::Concurrency { endpoint, variant } => Self::VariantConcurrency { endpoint, variant },
            Scalable::Copies { component } => Self::ComponentCopies { component },
        }
    }
}

/// `None` for what is not SageMaker's.
fn scalable(resource: &str, dimension: &ScalableDimension) -> Option<Scalable> {
    Some(match Scaled::parse(resource, dimension.as_str())? {
        Scaled::VariantInstances { endpoint, variant } => Scalable::Instances { endpoint, variant },
        Scaled::VariantConcurrency { endpoint, variant } => Scalable::Concurrency { endpoint, variant },
        Scaled::ComponentCopies { component } => Scalable::Copies { component },
    })
}

/// Reads every page of a listing of SageMaker's namespace.
macro_rules! every_page {
    ($self:ident, $operation:literal, $request:ident, $items:ident) => {{
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = $self
                .client
                .$request()
                .service_namespace(ServiceNamespace::Sagemaker)
                .set_next_token(token);
            let page = $self.bound.call(SERVICE, $operation, request.send()).await?;
            found.extend(page.$items.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                break found;
            }
        }
    }};
}

impl AutoScaling {
    /// Every scalable target, with the ARN that tags hang on.
    ///
    /// # Errors
    /// What the service says; there is no partial list.
    pub async fn every_target(&self) -> Result<Vec<Found>, CallError> {
        let targets = every_page!(
            self,
            "DescribeScalableTargets",
            describe_scalable_targets,
            scalable_targets
        );
        let found = targets.into_iter().filter_map(|target| {
            let count = |count: i32| u32::try_from(count).unwrap_or(0);
            let thing = Thing::Target {
                of: scalable(&target.resource_id, &target.scalable_dimension)?,
                min: count(target.min_capacity),
                max: count(target.max_capacity),
                suspended: nouns::suspended(target.suspended_state.as_ref()),
            };
            Some(Found {
                thing,
                arn: target.scalable_target_arn,
            })
        });
        Ok(found.collect())
    }

    /// Every policy, with the ARN that alarms name. A policy that [`ScalingRule`] has no words for is left out and logged.
    ///
    /// # Errors
    /// What the service says; there is no partial list.
    pub async fn every_policy(&self) -> Result<Vec<Found>, CallError> {
        let policies = every_page!(
            self,
            "DescribeScalingPolicies",
            describe_scaling_policies,
            scaling_policies
        );
        let found = policies.into_iter().filter_map(|described| {
            let of = scalable(&described.resource_id, &described.scalable_dimension)?;
            match nouns::policy(&described) {
                Ok(ScalingPolicy { name, rule, .. }) => Some(Found {
                    thing: Thing::Policy { of, name, rule },
                    arn: Some(described.policy_arn),
                }),
                Err(why) => {
                    tracing::warn!(%of, why, "a policy is left out");
                    None
                }
            }
        });
        Ok(found.collect())
    }

    /// Every scheduled action.
    ///
    /// # Errors
    /// What the service says; there is no partial list.
    pub async fn every_action(&self) -> Result<Vec<Thing>, CallError> {
        let actions = every_page!(
            self,
            "DescribeScheduledActions",
            describe_scheduled_actions,
            scheduled_actions
        );
        let found = actions.into_iter().filter_map(|described| {
            Some(Thing::Action {
                of: scalable(&described.resource_id, described.scalable_dimension.as_ref()?)?,
                action: nouns::action(&described),
            })
        });
        Ok(found.collect())
    }

    /// The tags of a scalable target; none for one that is gone.
    ///
    /// # Errors
    /// What the service says.
    pub async fn target_tags(&self, arn: &str) -> Result<Vec<(String, String)>, CallError> {
        let request = self.client.list_tags_for_resource().resource_arn(arn);
        match self.bound.call(SERVICE, "ListTagsForResource", request.send()).await {
            Ok(listed) => Ok(listed.tags.unwrap_or_default().into_iter().collect()),
            Err(error) if error.failure == Failure::NotFound => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// Registers a target, or makes its range and what is suspended of it these; a new one bears these tags. The present
    /// capacity is moved into the range by the service.
    ///
    /// # Errors
    /// What the service says; [`Failure::Busy`] while it works on another change.
    pub async fn put_target(
        &self,
        of: &Scalable,
        (min, max): (u32, u32),
        suspended: Suspended,
        tags: &[(&str, &str)],
    ) -> Result<(), CallError> {
        let scaled = Scaled::from(of);
        let wanted = Scaling {
            min,
            max,
            suspended,
            policies: vec![],
            actions: vec![],
        };
        self.settle(|| self.register_whole(&scaled, &wanted, tags)).await
    }

    /// Makes a policy this one.
    ///
    /// # Errors
    /// What the service says; [`Failure::Busy`] also while a new target is not known yet.
    pub async fn put_one_policy(&self, of: &Scalable, name: &str, rule: &ScalingRule) -> Result<(), CallError> {
        let policy = ScalingPolicy {
            arn: None,
            name: name.to_owned(),
            rule: rule.clone(),
            alarms: vec![],
        };
        let scaled = Scaled::from(of);
        self.settle(|| self.put_policy(&scaled, &policy)).await
    }

    /// Makes a scheduled action this one.
    ///
    /// # Errors
    /// What the service says; [`Failure::Busy`] also while a new target is not known yet.
    pub async fn put_one_action(&self, of: &Scalable, action: &ScheduledAction) -> Result<(), CallError> {
        let scaled = Scaled::from(of);
        self.settle(|| self.put_action(&scaled, action)).await
    }

    /// `PolicyARN` of a policy; `None` when there is none of that name.
    ///
    /// # Errors
    /// What the service says.
    pub async fn policy_arn(&self, of: &Scalable, name: &str) -> Result<Option<String>, CallError> {
        let request = self
            .client
            .describe_scaling_policies()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(of.resource())
            .scalable_dimension(ScalableDimension::from(of.dimension()))
            .policy_names(name);
        let described = self
            .bound
            .call(SERVICE, "DescribeScalingPolicies", request.send())
            .await?;
        let mut policies = described.scaling_policies.unwrap_or_default().into_iter();
        let found = policies.find(|policy| policy.policy_name == name);
        Ok(found.map(|policy| policy.policy_arn))
    }

    /// Deletes a policy; one that is gone is done. The alarms of target tracking go with it.
    ///
    /// # Errors
    /// What the service says.
    pub async fn delete_policy(&self, of: &Scalable, name: &str) -> Result<(), CallError> {
        let request = self
            .client
            .delete_scaling_policy()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(of.resource())
            .scalable_dimension(ScalableDimension::from(of.dimension()))
            .policy_name(name);
        let sent = self.bound.call(SERVICE, "DeleteScalingPolicy", request.send()).await;
        gone(sent.map(drop))
    }

    /// Deletes a scheduled action; one that is gone is done.
    ///
    /// # Errors
    /// What the service says.
    pub async fn delete_action(&self, of: &Scalable, name: &str) -> Result<(), CallError> {
        let request = self
            .client
            .delete_scheduled_action()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(of.resource())
            .scalable_dimension(ScalableDimension::from(of.dimension()))
            .scheduled_action_name(name);
        let sent = self.bound.call(SERVICE, "DeleteScheduledAction", request.send()).await;
        gone(sent.map(drop))
    }

    /// What scaled one thing, or did not, since `from`; the newest first, at most a thousand.
    ///
    /// # Errors
    /// What the service says.
    pub async fn whole_activities(&self, of: &Scalable, from: Timestamp) -> Result<Vec<Activity>, CallError> {
        let operation = "DescribeScalingActivities";
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..PAGES {
            let request = self
                .client
                .describe_scaling_activities()
                .service_namespace(ServiceNamespace::Sagemaker)
                .resource_id(of.resource())
                .scalable_dimension(ScalableDimension::from(of.dimension()))
                .include_not_scaled_activities(true)
                .set_next_token(token);
            let page = self.bound.call(SERVICE, operation, request.send()).await?;
            let mut older = false;
            for described in page.scaling_activities() {
                let start = timestamp(&described.start_time);
                let start = start.ok_or_else(|| incomplete(SERVICE, operation, "StartTime"))?;
                let count = |count: Option<i32>| count.and_then(|count| u32::try_from(count).ok());
                let activity = Activity {
                    id: described.activity_id.clone(),
                    of: of.clone(),
                    description: printable(&described.description, 500),
                    cause: printable(&described.cause, 500),
                    start,
                    end: described.end_time.as_ref().and_then(timestamp),
                    status: described.status_code.as_str().to_owned(),
                    message: described.status_message.as_deref().map(|said| printable(said, 500)),
                    reasons: described
                        .not_scaled_reasons()
                        .iter()
                        .map(|reason| NotScaled {
                            code: reason.code.clone(),
                            min: count(reason.min_capacity),
                            max: count(reason.max_capacity),
                            current: count(reason.current_capacity),
                        })
                        .collect(),
                };
                older |= activity.end.unwrap_or(activity.start) < from;
                found.push(activity);
            }
            token = page.next_token;
            if token.is_none() || older {
                break;
            }
        }
        Ok(found)
    }
}

fn gone(sent: Result<(), CallError>) -> Result<(), CallError> {
    match sent {
        Err(error) if error.failure == Failure::NotFound => Ok(()),
        sent => sent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scales_is_named_as_the_service_names_it_and_read_back() {
        let (endpoint, variant) = ("fraud".to_owned(), "main".to_owned());
        for of in [
            Scalable::Instances {
                endpoint: endpoint.clone(),
                variant: variant.clone(),
            },
            Scalable::Concurrency { endpoint, variant },
            Scalable::Copies {
                component: "llm".to_owned(),
            },
        ] {
            let scaled = Scaled::from(&of);
            assert_eq!(
                (scaled.resource_id(), scaled.dimension()),
                (of.resource(), of.dimension())
            );
            assert_eq!(scalable(&of.resource(), &of.dimension().into()), Some(of));
        }
    }

    #[test]
    fn deleting_what_is_gone_is_done() {
        let missing = |failure| CallError {
            failure,
            ..incomplete(SERVICE, "DeleteScalingPolicy", "")
        };
        assert_eq!(gone(Err(missing(Failure::NotFound))), Ok(()));
        assert!(gone(Err(missing(Failure::Denied))).is_err());
    }
}
