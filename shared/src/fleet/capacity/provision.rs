//! `provision`: an endpoint that is made when it is not there.

use deserr::{Deserr, ValuePointerRef};
use schemars::JsonSchema;

use crate::{
    capacity::provision::{Asynchronous, Capture, Provisioned},
    fleet::{
        merge::both,
        text::{Arn, Entry, Image, InstanceType, KeyId, ResourceName, S3Place, Text, Words},
    },
    quantity::{Share, Whole},
    yaml::{Found, Map},
};

/// An endpoint of one model on instances: made when it is not there, with its model and its config. What differs afterwards is
/// shown as a rollout to start, and never changed in place.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Provision")]
pub(crate) struct ProvisionSection {
    /// Make it; when not given, it is made where there is a `model.image`. An entry says `false` to be left out of what a glob or
    /// `defaults` says.
    #[deserr(default)]
    #[schemars(extend("examples" = [false]))]
    enabled: Option<bool>,
    /// What it runs.
    #[deserr(default)]
    model: Option<ModelSection>,
    /// The name of its variant.
    #[deserr(default)]
    #[schemars(extend("default" = "main"))]
    variant: Option<Text<ResourceName>>,
    /// On what it runs.
    #[deserr(default)]
    #[schemars(extend("examples" = ["ml.m5.xlarge"]))]
    instance_type: Option<Text<InstanceType>>,
    /// How many instances to begin with. SageMaker puts two or more into different Availability Zones.
    #[deserr(default)]
    #[schemars(extend("default" = 2))]
    instances: Option<Whole<1, 1000>>,
    /// Why one instance is enough, although it is gone with its Availability Zone. Without this, one is refused.
    #[deserr(default)]
    #[schemars(extend("examples" = ["a demo; an outage costs nothing"]))]
    single_instance: Option<Text<Words>>,
    /// What of the traffic is kept.
    #[deserr(default)]
    capture: Option<CaptureSection>,
    /// The KMS key of the instances' storage.
    #[deserr(default)]
    #[schemars(extend("examples" = ["alias/ml"]))]
    key: Option<Text<KeyId>>,
    /// Requests wait in a queue, and answers go to S3.
    #[deserr(default, rename = "async")]
    #[schemars(rename = "async")]
    asynchronous: Option<AsyncSection>,
}

/// The model of an endpoint: one container.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = ModelSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "Model")]
struct ModelSection {
    /// The image, in the endpoint's own Region.
    #[deserr(default)]
    #[schemars(extend("examples" = ["111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud:1"]))]
    image: Option<Text<Image>>,
    /// The artifact: one `.tar.gz`, in the endpoint's own Region.
    #[deserr(default)]
    #[schemars(extend("examples" = ["s3://models/fraud/model.tar.gz"]))]
    data: Option<Text<S3Place>>,
    /// The role that it runs as.
    #[deserr(default)]
    #[schemars(extend("examples" = ["arn:aws:iam::111122223333:role/ml"]))]
    role: Option<Text<Arn>>,
    /// Its environment variables.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "LOG_LEVEL": "warn" }]))]
    environment: Option<Map<String>>,
    /// The subnets it is put into, up to 16; with `security_groups`.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["subnet-0a1b", "subnet-2c3d"]]))]
    subnets: Option<Vec<Text<Entry>>>,
    /// Its security groups, up to 5; with `subnets`.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["sg-0a1b"]]))]
    security_groups: Option<Vec<Text<Entry>>>,
    /// Its container reaches no network.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    isolated: Option<bool>,
}

/// What of the traffic is kept in S3.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = CaptureSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "Capture")]
struct CaptureSection {
    /// Where it goes.
    #[deserr(default)]
    #[schemars(extend("examples" = ["s3://captured/fraud"]))]
    destination: Option<Text<S3Place>>,
    /// Of so many requests, in whole percent. All of them cost time and money.
    #[deserr(default)]
    #[schemars(extend("default" = "20%"))]
    sampling: Option<Share>,
    /// What was asked.
    #[deserr(default)]
    #[schemars(extend("default" = true))]
    input: Option<bool>,
    /// What was answered.
    #[deserr(default)]
    #[schemars(extend("default" = true))]
    output: Option<bool>,
    /// The KMS key it is kept under.
    #[deserr(default)]
    #[schemars(extend("examples" = ["alias/ml"]))]
    key: Option<Text<KeyId>>,
}

/// How an asynchronous endpoint answers.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Async")]
struct AsyncSection {
    /// Where answers go.
    #[deserr(default)]
    #[schemars(extend("examples" = ["s3://answers/images/"]))]
    output: Option<Text<S3Place>>,
    /// Where it is told that a request failed.
    #[deserr(default)]
    #[schemars(extend("examples" = ["s3://answers/failed/"]))]
    failures: Option<Text<S3Place>>,
    /// So many requests at once on each instance; SageMaker chooses when not given.
    #[deserr(default)]
    #[schemars(extend("examples" = [4]))]
    concurrency: Option<Whole<1, 1000>>,
    /// The SNS topic that learns of answers.
    #[deserr(default)]
    #[schemars(extend("examples" = ["arn:aws:sns:us-east-1:111122223333:answers"]))]
    success_topic: Option<Text<Arn>>,
    /// The SNS topic that learns of failures.
    #[deserr(default)]
    #[schemars(extend("examples" = ["arn:aws:sns:us-east-1:111122223333:failures"]))]
    error_topic: Option<Text<Arn>>,
    /// The KMS key of what it writes.
    #[deserr(default)]
    #[schemars(extend("examples" = ["alias/ml"]))]
    key: Option<Text<KeyId>>,
}

impl ModelSection {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        for (field, list, most) in [
            ("subnets", &self.subnets, 16),
            ("security_groups", &self.security_groups, 5),
        ] {
            if list.as_ref().is_some_and(|list| list.len() > most) {
                found.and(Found::one(
                    at.push_key(field),
                    "are too many",
                    format!("at most {most}"),
                ));
            }
        }
        found.or(self)
    }
}

impl CaptureSection {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        if self.sampling.is_some_and(|share| share.percent().fract() != 0.0) {
            found.and(Found::one(
                at.push_key("sampling"),
                "is too fine",
                "whole percent".to_owned(),
            ));
        }
        if self.input == Some(false) && self.output == Some(false) {
            let wrong = Found::one(at, "captures nothing", "`input`, `output` or both".to_owned());
            found.and(wrong.whatever_is_in_it());
        }
        found.or(self)
    }
}

impl ProvisionSection {
    /// What this layer says, and below it what `under` says.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            enabled: self.enabled.or(under.enabled),
            model: both(self.model, under.model, |over, under| ModelSection {
                image: over.image.or(under.image),
                data: over.data.or(under.data),
                role: over.role.or(under.role),
                environment: over.environment.or(under.environment),
                subnets: over.subnets.or(under.subnets),
                security_groups: over.security_groups.or(under.security_groups),
                isolated: over.isolated.or(under.isolated),
            }),
            variant: self.variant.or(under.variant),
            instance_type: self.instance_type.or(under.instance_type),
            instances: self.instances.or(under.instances),
            single_instance: self.single_instance.or(under.single_instance),
            capture: both(self.capture, under.capture, |over, under| CaptureSection {
                destination: over.destination.or(under.destination),
                sampling: over.sampling.or(under.sampling),
                input: over.input.or(under.input),
                output: over.output.or(under.output),
                key: over.key.or(under.key),
            }),
            key: self.key.or(under.key),
            asynchronous: both(self.asynchronous, under.asynchronous, |over, under| AsyncSection {
                output: over.output.or(under.output),
                failures: over.failures.or(under.failures),
                concurrency: over.concurrency.or(under.concurrency),
                success_topic: over.success_topic.or(under.success_topic),
                error_topic: over.error_topic.or(under.error_topic),
                key: over.key.or(under.key),
            }),
        }
    }

    /// What is missing or contradicts itself: the problem, what is accepted, what it rests on. `image_refused`: an image is
    /// said, and wrong.
    pub(super) fn contradictions(
        &self,
        image_refused: bool,
    ) -> impl Iterator<Item = (String, String, Vec<&'static str>)> {
        let mut wrong: Vec<(String, String, Vec<&'static str>)> = vec![];
        let model = self.model.clone().unwrap_or_default();
        // Without an image it only holds for those that have one.
        let imaged = model.image.is_some() || image_refused;
        if self.enabled.unwrap_or(imaged) {
            let missing: Vec<&str> = [
                ("`model.image`", !imaged),
                ("`model.role`", model.role.is_none()),
                ("`instance_type`", self.instance_type.is_none()),
            ]
            .into_iter()
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect();
            if !missing.is_empty() {
                let problem = format!("says nothing of {}", crate::text::and_list(&missing));
                wrong.push((
                    problem,
                    "`model` with `image` and `role`, and `instance_type`".to_owned(),
                    vec![
                        "provision.enabled",
                        "provision.model.image",
                        "provision.model.role",
                        "provision.instance_type",
                    ],
                ));
            }
            let placed =
                [&model.subnets, &model.security_groups].map(|list| list.as_ref().is_some_and(|list| !list.is_empty()));
            if placed[0] != placed[1] {
                wrong.push((
                    "has `subnets` or `security_groups`, and not the other".to_owned(),
                    "both, or neither".to_owned(),
                    vec![
                        "provision.enabled",
                        "provision.model.image",
                        "provision.model.subnets",
                        "provision.model.security_groups",
                    ],
                ));
            }
            if self.instances.is_some_and(|number| number.0 == 1) && self.single_instance.is_none() {
                wrong.push((
                    "one instance is gone with its Availability Zone".to_owned(),
                    "`instances` of 2 or more, or `single_instance` with the reason why one is enough".to_owned(),
                    vec![
                        "provision.enabled",
                        "provision.model.image",
                        "provision.instances",
                        "provision.single_instance",
                    ],
                ));
            }
            if self
                .capture
                .as_ref()
                .is_some_and(|capture| capture.destination.is_none())
            {
                wrong.push((
                    "`capture` does not say where it goes".to_owned(),
                    "`capture.destination`, such as s3://captured/fraud".to_owned(),
                    vec![
                        "provision.enabled",
                        "provision.model.image",
                        "provision.capture.destination",
                    ],
                ));
            }
            if self
                .asynchronous
                .as_ref()
                .is_some_and(|asynchronous| asynchronous.output.is_none())
            {
                wrong.push((
                    "`async` does not say where answers go".to_owned(),
                    "`async.output`, such as s3://answers/images/".to_owned(),
                    vec!["provision.enabled", "provision.model.image", "provision.async.output"],
                ));
            }
        }
        // What is wrong with the image is told, and mending it leaves these as they are.
        wrong
            .iter_mut()
            .for_each(|(_, _, rests)| rests.retain(|path| !image_refused || *path != "provision.model.image"));
        wrong.into_iter()
    }

    /// What is to be made; `None` when nothing is.
    pub(super) fn resolve(&self) -> Option<Provisioned> {
        if self.enabled == Some(false) {
            return None;
        }
        fn text<R>(text: Option<&Text<R>>) -> Option<String> {
            text.map(|text| text.as_str().to_owned())
        }
        let texts = |list: &Option<Vec<Text<Entry>>>| -> Vec<String> {
            list.iter().flatten().map(|text| text.as_str().to_owned()).collect()
        };
        let model = self.model.as_ref()?;
        Some(Provisioned {
            image: text(model.image.as_ref())?,
            data: text(model.data.as_ref()),
            role: text(model.role.as_ref())?,
            environment: model.environment.iter().flat_map(|map| map.0.clone()).collect(),
            subnets: texts(&model.subnets),
            security_groups: texts(&model.security_groups),
            isolated: model.isolated.unwrap_or(false),
            variant: text(self.variant.as_ref()).unwrap_or_else(|| "main".to_owned()),
            instance_type: text(self.instance_type.as_ref())?,
            instances: self.instances.map_or(2, |number| number.0),
            key: text(self.key.as_ref()),
            capture: self.capture.as_ref().and_then(|capture| {
                Some(Capture {
                    destination: text(capture.destination.as_ref())?,
                    percent: capture.sampling.map_or(20, |share| share.percent() as u32),
                    input: capture.input.unwrap_or(true),
                    output: capture.output.unwrap_or(true),
                    key: text(capture.key.as_ref()),
                })
            }),
            asynchronous: self.asynchronous.as_ref().and_then(|asynchronous| {
                Some(Asynchronous {
                    output: text(asynchronous.output.as_ref())?,
                    failures: text(asynchronous.failures.as_ref()),
                    key: text(asynchronous.key.as_ref()),
                    concurrency: asynchronous.concurrency.map(|number| number.0),
                    success_topic: text(asynchronous.success_topic.as_ref()),
                    error_topic: text(asynchronous.error_topic.as_ref()),
                })
            }),
        })
    }
}
