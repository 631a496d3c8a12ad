//! One change of a plan, as one or a few calls. Each may be made again: what is there already is left, what is gone is gone.

use serde_json::{Value, json};

use super::Capacity;
use crate::{
    aws::sagemaker::{Document, Noun},
    capacity::{
        plan::{Change, Verb},
        provision::Provisioned,
        thing::{Action, Alarm, Key, Thing},
        world::OWNER_TAG,
    },
    failure::{CallError, Failure},
};

impl Capacity {
    /// Makes one change. What is created bears the tag [`OWNER_TAG`] with `owner`, where it can have tags.
    ///
    /// # Errors
    /// What the service says. [`Failure::NotFound`] also for an alarm whose policy is not there.
    pub async fn change(&self, change: &Change, owner: &str) -> Result<(), CallError> {
        match (change.verb, &change.after) {
            // Nothing is made of these by a plan.
            (Verb::Rollout, _) | (Verb::Create | Verb::Change, None) => Ok(()),
            (Verb::Delete, _) => Box::pin(self.delete(&change.key)).await,
            (Verb::Create, Some(thing)) => Box::pin(self.make(thing, &[(OWNER_TAG, owner)])).await,
            (Verb::Change, Some(thing)) => Box::pin(self.make(thing, &[])).await,
        }
    }

    async fn make(&self, thing: &Thing, tags: &[(&str, &str)]) -> Result<(), CallError> {
        match thing {
            Thing::Endpoint { name, made } => self.provision(name, made, tags).await,
            Thing::Target {
                of,
                min,
                max,
                suspended,
            } => self.autoscaling.put_target(of, (*min, *max), *suspended, tags).await,
            Thing::Policy { of, name, rule } => self.autoscaling.put_one_policy(of, name, rule).await,
            Thing::Action { of, action } => self.autoscaling.put_one_action(of, action).await,
            Thing::Alarm(alarm) => {
                let actions = [
                    self.arns(alarm, &alarm.actions).await?,
                    self.arns(alarm, &alarm.ok_actions).await?,
                    self.arns(alarm, &alarm.insufficient_actions).await?,
                ];
                self.cloudwatch.put_alarm(alarm, actions, tags).await
            }
            Thing::Reserved { function, concurrency } => self.lambda.reserve(function, *concurrency).await,
            Thing::Warm {
                function,
                qualifier,
                concurrency,
            } => self.lambda.provision(function, qualifier, *concurrency).await,
            Thing::Throttle {
                api,
                stage,
                route,
                rate,
                burst,
            } => {
                let at = (api.as_str(), stage.as_str());
                self.gateway.throttle(at, route.as_ref(), (*rate, *burst)).await
            }
            Thing::Dashboard { name, body } => self.cloudwatch.put_dashboard(name, body).await,
        }
    }

    /// The model and the config are named after their content, so what is there under the name is the same.
    async fn provision(&self, endpoint: &str, made: &Provisioned, tags: &[(&str, &str)]) -> Result<(), CallError> {
        let requests = made.requests(endpoint);
        let tags: Vec<Value> = tags
            .iter()
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect();
        let parts = [
            (Noun::Model, requests.model),
            (Noun::EndpointConfig, requests.config),
            (Noun::Endpoint, requests.endpoint),
        ];
        for (noun, body) in parts {
            let mut document: Document = body.as_object().cloned().unwrap_or_default();
            if !tags.is_empty() {
                document.insert("Tags".to_owned(), tags.clone().into());
            }
            match self.sagemaker.create(noun, &document).await {
                Err(error) if error.failure == Failure::AlreadyThere => {}
                created => created?,
            }
        }
        Ok(())
    }

    async fn arns(&self, alarm: &Alarm, actions: &[Action]) -> Result<Vec<String>, CallError> {
        let mut arns = vec![];
        for action in actions {
            arns.push(match action {
                Action::Arn(arn) => arn.clone(),
                Action::Policy { of, name } => {
                    let arn = self.autoscaling.policy_arn(of, name).await?;
                    arn.ok_or_else(|| {
                        let message = format!(
                            "not sent: the policy {name} of {of}, which the alarm {} triggers, is not there",
                            alarm.name
                        );
                        not_sent("cloudwatch", "PutMetricAlarm", Failure::NotFound, message)
                    })?
                }
            });
        }
        Ok(arns)
    }

    async fn delete(&self, key: &Key) -> Result<(), CallError> {
        match key {
            Key::Target(of) => self.autoscaling.deregister(&of.into()).await,
            Key::Policy(of, name) => self.autoscaling.delete_policy(of, name).await,
            Key::Action(of, name) => self.autoscaling.delete_action(of, name).await,
            Key::Alarm(name) => self.cloudwatch.delete_alarm(name).await,
            Key::Dashboard(name) => self.cloudwatch.delete_dashboard(name).await,
            Key::Endpoint(_) | Key::Reserved(_) | Key::Warm(..) | Key::Throttle(..) => {
                let message = format!("not sent: {} {key} is never deleted", key.kind());
                Err(not_sent("steward", "Delete", Failure::Invalid, message))
            }
        }
    }
}

fn not_sent(service: &'static str, operation: &'static str, failure: Failure, message: String) -> CallError {
    CallError {
        service,
        operation,
        failure,
        code: None,
        message,
        request_id: None,
    }
}
