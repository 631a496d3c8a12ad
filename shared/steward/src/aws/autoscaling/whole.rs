//! All that scales one thing, read and written whole: the target, its policies, its scheduled actions.
//!
//! Application Auto Scaling is eventually consistent: right after a registration it may say that there is no such target,
//! and two changes at once are refused. Both pass within seconds and are waited for here.

use std::{future::Future, time::Duration};

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_smithy_types::error::operation::BuildError;

use super::{AutoScaling, SERVICE, Scaled, nouns};
use crate::{
    aws::{incomplete, sdk_time},
    failure::{CallError, Failure},
    scaling::{Scaling, ScalingPolicy, ScheduledAction, Suspended},
};

/// Between two attempts of one change.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

impl AutoScaling {
    /// All that scales this, `None` when it is not registered. Policies and actions come by name.
    ///
    /// # Errors
    /// What the service says; [`Failure::Unknown`] for a policy that [`Scaling`] has no words for, since a copy of it
    /// would be a different policy.
    pub async fn scaling(&self, scaled: &Scaled) -> Result<Option<Scaling>, CallError> {
        let targets = self.scalable_targets(std::slice::from_ref(scaled)).await?;
        let Some(target) = targets.into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(Scaling {
            min: target.min,
            max: target.max,
            suspended: target.suspended,
            policies: self.policies(scaled).await?,
            actions: self.actions(scaled).await?,
        }))
    }

    async fn policies(&self, scaled: &Scaled) -> Result<Vec<ScalingPolicy>, CallError> {
        let operation = "DescribeScalingPolicies";
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .describe_scaling_policies()
                .service_namespace(ServiceNamespace::Sagemaker)
                .resource_id(scaled.resource_id())
                .scalable_dimension(ScalableDimension::from(scaled.dimension()))
                .set_next_token(token);
            let page = self.bound.call(SERVICE, operation, request.send()).await?;
            for described in page.scaling_policies() {
                found.push(nouns::policy(described).map_err(|problem| CallError {
                    message: problem,
                    ..incomplete(SERVICE, operation, "")
                })?);
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    async fn actions(&self, scaled: &Scaled) -> Result<Vec<ScheduledAction>, CallError> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .describe_scheduled_actions()
                .service_namespace(ServiceNamespace::Sagemaker)
                .resource_id(scaled.resource_id())
                .scalable_dimension(ScalableDimension::from(scaled.dimension()))
                .set_next_token(token);
            let page = self
                .bound
                .call(SERVICE, "DescribeScheduledActions", request.send())
                .await?;
            found.extend(page.scheduled_actions().iter().map(nouns::action));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Makes all of `wanted` true: the range and what is suspended, and every policy and action that is missing or
    /// different. Others that are there stay.
    ///
    /// # Errors
    /// What the service says. [`Failure::Busy`] when it goes on refusing because of another change, or does not know yet
    /// what was just registered. What was done until then stays, and the next call goes on from there.
    pub async fn apply(&self, scaled: &Scaled, wanted: &Scaling) -> Result<(), CallError> {
        let now = self.scaling(scaled).await?;
        let there = now.as_ref();
        let same_target =
            there.is_some_and(|now| (now.min, now.max, now.suspended) == (wanted.min, wanted.max, wanted.suspended));
        if !same_target {
            self.settle(|| self.register_whole(scaled, wanted, &[])).await?;
        }
        for policy in &wanted.policies {
            let mut known = there.into_iter().flat_map(|now| &now.policies);
            if !known.any(|known| (&known.name, &known.rule) == (&policy.name, &policy.rule)) {
                self.settle(|| self.put_policy(scaled, policy)).await?;
            }
        }
        for action in &wanted.actions {
            if !there.is_some_and(|now| now.actions.contains(action)) {
                self.settle(|| self.put_action(scaled, action)).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn register_whole(
        &self,
        scaled: &Scaled,
        wanted: &Scaling,
        tags: &[(&str, &str)],
    ) -> Result<(), CallError> {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let tags = (tags.len() > 0).then(|| tags.collect());
        let request = self
            .client
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(scaled.resource_id())
            .scalable_dimension(ScalableDimension::from(scaled.dimension()))
            .min_capacity(nouns::capacity(wanted.min))
            .max_capacity(nouns::capacity(wanted.max))
            .suspended_state(nouns::sdk_suspended(wanted.suspended))
            .set_tags(tags);
        let sent = self.bound.call(SERVICE, "RegisterScalableTarget", request.send());
        sent.await.map(drop)
    }

    pub(super) async fn put_policy(&self, scaled: &Scaled, policy: &ScalingPolicy) -> Result<(), CallError> {
        let operation = "PutScalingPolicy";
        let rule = nouns::sdk_rule(&policy.rule).map_err(|error| unbuildable(operation, &error))?;
        let request = self
            .client
            .put_scaling_policy()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(scaled.resource_id())
            .scalable_dimension(ScalableDimension::from(scaled.dimension()))
            .policy_name(&policy.name)
            .policy_type(rule.kind)
            .set_target_tracking_scaling_policy_configuration(rule.tracking)
            .set_step_scaling_policy_configuration(rule.stepping);
        self.bound.call(SERVICE, operation, request.send()).await.map(drop)
    }

    pub(super) async fn put_action(&self, scaled: &Scaled, action: &ScheduledAction) -> Result<(), CallError> {
        let request = self
            .client
            .put_scheduled_action()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(scaled.resource_id())
            .scalable_dimension(ScalableDimension::from(scaled.dimension()))
            .scheduled_action_name(&action.name)
            .schedule(&action.schedule)
            .set_timezone(action.timezone.clone())
            .set_start_time(action.start.map(sdk_time))
            .set_end_time(action.end.map(sdk_time))
            .scalable_target_action(nouns::sdk_range(action));
        self.bound
            .call(SERVICE, "PutScheduledAction", request.send())
            .await
            .map(drop)
    }

    /// Says which kinds of scaling are suspended, and leaves the range alone.
    ///
    /// # Errors
    /// What the service says; a target that is not registered is refused by it, since it would need a range.
    pub async fn suspend(&self, scaled: &Scaled, suspended: Suspended) -> Result<(), CallError> {
        let request = || {
            let request = self
                .client
                .register_scalable_target()
                .service_namespace(ServiceNamespace::Sagemaker)
                .resource_id(scaled.resource_id())
                .scalable_dimension(ScalableDimension::from(scaled.dimension()))
                .suspended_state(nouns::sdk_suspended(suspended));
            async move {
                let sent = self.bound.call(SERVICE, "RegisterScalableTarget", request.send());
                sent.await.map(drop)
            }
        };
        self.settle(request).await
    }

    /// Deregisters a target, with its policies and scheduled actions; one that is not registered is done.
    ///
    /// # Errors
    /// What the service says.
    pub async fn deregister(&self, scaled: &Scaled) -> Result<(), CallError> {
        let gone = || {
            let request = self
                .client
                .deregister_scalable_target()
                .service_namespace(ServiceNamespace::Sagemaker)
                .resource_id(scaled.resource_id())
                .scalable_dimension(ScalableDimension::from(scaled.dimension()));
            async move {
                let sent = self.bound.call(SERVICE, "DeregisterScalableTarget", request.send());
                match sent.await {
                    Err(error) if error.failure == Failure::NotFound => Ok(()),
                    sent => sent.map(drop),
                }
            }
        };
        self.settle(gone).await
    }

    /// Makes one change, again while the service has not settled after another one.
    pub(super) async fn settle<F>(&self, change: impl Fn() -> F) -> Result<(), CallError>
    where
        F: Future<Output = Result<(), CallError>>,
    {
        let unsettled = |error: &CallError| matches!(error.failure, Failure::Busy | Failure::NotFound);
        for pause in PAUSES {
            match change().await {
                Err(error) if unsettled(&error) => {
                    tracing::debug!(%error, "once more");
                    let slept = tokio::time::sleep(pause);
                    self.bound.limit(SERVICE, error.operation, slept).await?;
                }
                done => return done,
            }
        }
        change().await.map_err(|error| CallError {
            // The registration was accepted: that it is not known yet is no reason to give up.
            failure: if unsettled(&error) {
                Failure::Busy
            } else {
                error.failure
            },
            ..error
        })
    }
}

fn unbuildable(operation: &'static str, error: &BuildError) -> CallError {
    CallError {
        service: SERVICE,
        operation,
        failure: Failure::Invalid,
        code: None,
        message: format!("not sent: {error}"),
        request_id: None,
    }
}
