//! Reading everything that a plan, drift, an audit or an export is made from.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::Capacity;
use crate::{
    aws::{autoscaling::Found, cloudwatch::Which, sagemaker::Noun},
    capacity::{
        desired::Desired,
        drift::Applied,
        needs::{Depth, Named, depth, undeclared, untaggable},
        provision::Provisioned,
        thing::{Action, Alarm, Key, Scalable, Thing},
        world::{OWNER_TAG, Seen, SeenVariant, World},
    },
    endpoint::Listed,
    failure::{CallError, Failure},
    fleet::Fleet,
};

/// Endpoints described at the same time. SageMaker throttles an account's Describe calls early.
const AT_ONCE: usize = 8;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// What the fleet file declares, what Steward made, and everything that scales.
    Declared,
    /// That, and every endpoint and every alarm as a whole.
    Everything,
}

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The fleet file.
    pub fleet: &'a Fleet,
    /// What Steward made last.
    pub applied: &'a Applied,
    /// How much.
    pub breadth: Breadth,
    /// The function's Region.
    pub region: &'a str,
    /// The name of this installation, which what it made bears as a tag.
    pub owner: &'a str,
}

impl Capacity {
    /// Everything that was asked for, as it is there now.
    ///
    /// # Errors
    /// The first call that failed; there is no partial world.
    pub async fn look(&self, asked: Asked<'_>) -> Result<World, CallError> {
        let together = Box::pin(async {
            tokio::try_join!(
                self.sagemaker.list_endpoints(),
                self.sagemaker.placed_components(),
                self.autoscaling.every_target(),
                self.autoscaling.every_policy(),
                self.autoscaling.every_action(),
            )
        });
        let (listed, components, targets, policies, actions) = together.await?;
        let things = targets.iter().chain(&policies).map(|found| found.thing.clone());
        let mut world = World::of(things.chain(actions));
        world.components = components.into_iter().collect();
        let describing = listed.into_iter().map(|listed| self.endpoint(asked, listed));
        let described: Vec<Option<Described>> = stream::iter(describing).buffered(AT_ONCE).try_collect().await?;
        for Described { seen, made } in described.into_iter().flatten() {
            let name = seen.name.clone();
            world.endpoints.push(seen);
            if let Some(made) = made {
                world.put(Thing::Endpoint { name, made });
            }
        }
        let desired = Desired::of(asked.fleet, &world, asked.region);
        let named = Named::of(&desired, asked.applied);
        Box::pin(self.alarms(asked, &named, &policies, &mut world)).await?;
        Box::pin(self.account(&named, &mut world)).await?;
        Box::pin(self.tags(asked, &desired, &targets, &mut world)).await?;
        Ok(world)
    }

    /// `None` for one that is gone since it was listed.
    async fn endpoint(&self, asked: Asked<'_>, listed: Listed) -> Result<Option<Described>, CallError> {
        let everything = asked.breadth == Breadth::Everything;
        let tags = match asked.fleet.selects_by_tags_of(&listed.name) {
            true => match there(self.sagemaker.list_tags(&listed.arn).await)? {
                Some(tags) => Some(tags),
                None => return Ok(None),
            },
            false => None,
        };
        let mut seen = Seen {
            name: listed.name,
            tags,
            status: listed.status,
            asynchronous: false,
            variants: vec![],
            unsayable: None,
            config: None,
            rolled_out: false,
        };
        let depth = match everything {
            true => Depth::Whole,
            false => depth(asked.fleet, &seen.name, seen.tags.as_ref()),
        };
        if depth == Depth::Listed {
            return Ok(Some(Described { seen, made: None }));
        }
        let Some(endpoint) = there(self.sagemaker.describe_endpoint(&seen.name).await)? else {
            return Ok(None);
        };
        seen.status = endpoint.status;
        seen.asynchronous = endpoint.asynchronous;
        seen.config.clone_from(&endpoint.config);
        seen.variants = endpoint
            .variants
            .iter()
            .map(|variant| SeenVariant {
                name: variant.name.clone(),
                instances: variant.current_instances,
                instance_type: None,
                serverless: variant.serverless,
            })
            .collect();
        if depth == Depth::Described {
            return Ok(Some(Described { seen, made: None }));
        }
        let config = match &endpoint.config {
            Some(config) => there(self.sagemaker.document(Noun::EndpointConfig, config).await)?,
            None => None,
        };
        let made = match config {
            None => Err("its config is gone".to_owned()),
            Some(config) => {
                let config = Value::Object(config);
                for variant in &mut seen.variants {
                    variant.instance_type = text_of(&config, &variant.name, "InstanceType");
                }
                self.made(&config, &seen).await?
            }
        };
        let made = match made {
            Ok(made) => Some(Box::new(made)),
            Err(why) => {
                seen.unsayable = Some(why);
                None
            }
        };
        Ok(Some(Described { seen, made }))
    }

    /// `Err` within says why it has no words.
    async fn made(&self, config: &Value, seen: &Seen) -> Result<Result<Provisioned, String>, CallError> {
        let [variant] = seen.variants.as_slice() else {
            return Ok(Err(match seen.variants.len() {
                0 => "it has no variant yet".to_owned(),
                count => format!("it has {count} variants"),
            }));
        };
        let Some(model) = text_of(config, &variant.name, "ModelName") else {
            return Ok(Err("its variant names no model".to_owned()));
        };
        Ok(match there(self.sagemaker.document(Noun::Model, &model).await)? {
            None => Err(format!("its model {model} is gone")),
            Some(model) => Provisioned::described(config, &Value::Object(model), &variant.name),
        })
    }

    async fn alarms(
        &self,
        asked: Asked<'_>,
        named: &Named,
        policies: &[Found],
        world: &mut World,
    ) -> Result<(), CallError> {
        let prefix = asked.fleet.reconcile().prefix.as_str();
        let found = match asked.breadth {
            Breadth::Everything => self.cloudwatch.whole_alarms(Which::All).await?,
            Breadth::Declared => {
                let mut found = self.cloudwatch.whole_alarms(Which::Prefix(prefix)).await?;
                let others: Vec<String> = named
                    .alarms
                    .iter()
                    .filter(|name| !name.starts_with(prefix))
                    .cloned()
                    .collect();
                if !others.is_empty() {
                    found.extend(self.cloudwatch.whole_alarms(Which::Named(&others)).await?);
                }
                found
            }
        };
        let by_arn: BTreeMap<&str, (&Scalable, &str)> = policies
            .iter()
            .filter_map(|found| match &found.thing {
                Thing::Policy { of, name, .. } => Some((found.arn.as_deref()?, (of, name.as_str()))),
                _ => None,
            })
            .collect();
        // One that watches an expression has no words; where one of its name is declared, it is not that one.
        let found = found
            .into_iter()
            .filter(|found| !found.expression || named.alarms.contains(&found.alarm.name));
        for found in found {
            let key = Key::Alarm(found.alarm.name.clone());
            world.put(Thing::Alarm(Box::new(triggering(found.alarm, &by_arn))));
            world.arns.extend(found.arn.map(|arn| (key, arn)));
        }
        Ok(())
    }

    async fn account(&self, named: &Named, world: &mut World) -> Result<(), CallError> {
        for name in &named.dashboards {
            if let Some(body) = self.cloudwatch.dashboard(name).await? {
                let name = name.clone();
                world.put(Thing::Dashboard { name, body });
            }
        }
        for function in &named.functions {
            let Some(reserved) = there(self.lambda.reserved(function).await)? else {
                world.missing.insert(format!("function {function}"));
                continue;
            };
            if let Some(concurrency) = reserved {
                let function = function.clone();
                world.put(Thing::Reserved { function, concurrency });
            }
            let provisioned = there(self.lambda.provisioned(function).await)?;
            for (qualifier, concurrency) in provisioned.unwrap_or_default() {
                let function = function.clone();
                world.put(Thing::Warm {
                    function,
                    qualifier,
                    concurrency,
                });
            }
        }
        for (api, stage) in &named.stages {
            match there(self.gateway.throttles(api, stage).await)? {
                Some(throttles) => throttles.into_iter().for_each(|throttle| world.put(throttle)),
                None => drop(world.missing.insert(format!("stage {api}/{stage}"))),
            }
        }
        Ok(())
    }

    /// Tags say whose something is. They are asked only where something is that nobody declares, since what is declared is not
    /// deleted.
    async fn tags(
        &self,
        asked: Asked<'_>,
        desired: &Desired,
        targets: &[Found],
        world: &mut World,
    ) -> Result<(), CallError> {
        let owners = asked.owner;
        let made: Vec<Key> = untaggable(asked.applied, world).collect();
        let asked: BTreeSet<Key> = undeclared(asked.applied, desired, world, &asked.fleet.reconcile().prefix);
        for key in asked {
            let tags = match &key {
                Key::Target(_) => {
                    let found = targets.iter().find(|found| found.thing.key() == key);
                    match found.and_then(|found| found.arn.as_deref()) {
                        Some(arn) => self.autoscaling.target_tags(arn).await?,
                        None => vec![],
                    }
                }
                key => match world.arns.get(key) {
                    Some(arn) => self.cloudwatch.alarm_tags(arn).await?,
                    None => vec![],
                },
            };
            if tags.iter().any(|(name, owner)| name == OWNER_TAG && owner == owners) {
                world.tagged.insert(key);
            }
        }
        world.tagged.extend(made);
        Ok(())
    }
}

struct Described {
    seen: Seen,
    made: Option<Box<Provisioned>>,
}

/// What is not found is known not to be there.
fn there<T>(asked: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match asked {
        Err(error) if error.failure == Failure::NotFound => Ok(None),
        asked => asked.map(Some),
    }
}

fn of_variant<'a>(config: &'a Value, variant: &str) -> Option<&'a Value> {
    let variants = config.get("ProductionVariants")?.as_array()?;
    let mut named = variants.iter();
    named.find(|of| of.get("VariantName").and_then(Value::as_str) == Some(variant))
}

fn text_of(config: &Value, variant: &str, member: &str) -> Option<String> {
    of_variant(config, variant)?.get(member)?.as_str().map(str::to_owned)
}

/// The same with policies that are there in place of their ARNs.
fn triggering(mut alarm: Alarm, by_arn: &BTreeMap<&str, (&Scalable, &str)>) -> Alarm {
    for actions in [
        &mut alarm.actions,
        &mut alarm.ok_actions,
        &mut alarm.insufficient_actions,
    ] {
        for action in actions {
            if let Action::Arn(arn) = action
                && let Some((of, name)) = by_arn.get(arn.as_str())
            {
                *action = Action::Policy {
                    of: (*of).clone(),
                    name: (*name).to_owned(),
                };
            }
        }
    }
    alarm
}
