//! `scaling[].policies`: each says with one field what it goes by, in the unit that people use.

use std::collections::BTreeMap;

use deserr::{Deserr, ValuePointerRef};
use schemars::JsonSchema;

use super::{
    DAY, HOUR, exactly_one,
    list::Item,
    metric::MetricSection,
    only_beside, seconds,
    step::{FromZeroSection, StepSection},
    target::Unbound,
};
use crate::{
    capacity::thing::{Action, Alarm, Scalable, Thing},
    fleet::text::{Name, PolicyName, Text},
    quantity::{Positive, Share, SpanWithin, Whole},
    scaling::{ScalingRule, TrackedMetric},
    yaml::{Found, quoted},
};

/// One scaling policy. It says one thing that it goes by.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = PolicySection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "Policy")]
pub(super) struct PolicySection {
    /// Its name in AWS; no two of a target have the same. Steward deletes only what begins with `fleet.reconcile.prefix`.
    #[schemars(example = "steward-load")]
    name: Text<PolicyName>,
    /// Keep so many requests a minute for each instance or copy.
    #[deserr(default)]
    #[schemars(extend("examples" = [1000]))]
    invocations_per_instance: Option<Positive>,
    /// Keep so many requests at the same time for each model or copy. Looked at every 10 seconds.
    #[deserr(default)]
    #[schemars(extend("examples" = [5]))]
    concurrency: Option<Positive>,
    /// Keep the average `ModelLatency` here. Sent to AWS in microseconds, in which SageMaker publishes it.
    #[deserr(default)]
    #[schemars(extend("examples" = ["500ms"]))]
    latency: Option<SpanWithin<1, HOUR>>,
    /// Keep the processors of an instance so busy. CloudWatch counts 100% for each core of a variant, hence `cores`.
    #[deserr(default)]
    #[schemars(extend("examples" = ["70%"]))]
    cpu: Option<Share>,
    /// Keep the GPUs of an instance so busy; `cores` is how many GPUs it has.
    #[deserr(default)]
    #[schemars(extend("examples" = ["70%"]))]
    gpu: Option<Share>,
    /// Cores, or GPUs, of one instance: beside `cpu` and `gpu` of a variant, and not of a component, whose metrics are
    /// normalised.
    #[deserr(default)]
    #[schemars(extend("examples" = [4]))]
    cores: Option<Whole<1, 10_000>>,
    /// Keep so many waiting requests for each instance of an asynchronous endpoint. Leaves zero only when more wait, so it
    /// needs `from_zero` beside it where `min` is 0, or `wake`.
    #[deserr(default)]
    #[schemars(extend("examples" = [5]))]
    backlog_per_instance: Option<Positive>,
    /// Keep so much of the provisioned concurrency in use.
    #[deserr(default)]
    #[schemars(extend("examples" = ["70%"]))]
    provisioned_utilization: Option<Share>,
    /// Another of the predefined metrics of Application Auto Scaling, with `target`.
    #[deserr(default)]
    #[schemars(extend("examples" = ["SageMakerVariantInvocationsPerInstance"]))]
    predefined: Option<Text<Name>>,
    /// Any other metric, with `target`. It has to fall when capacity is added.
    #[deserr(default)]
    metric: Option<MetricSection>,
    /// The value at which `predefined` or `metric` is kept, in the metric's own unit.
    #[deserr(default)]
    #[schemars(extend("examples" = [60]))]
    target: Option<Positive>,
    /// Leave zero as soon as somebody asks.
    #[deserr(default)]
    from_zero: Option<FromZeroSection>,
    /// Steps, triggered by an alarm.
    #[deserr(default)]
    step: Option<StepSection>,
    /// So long after it added something it counts that as not yet at work.
    #[deserr(default)]
    #[schemars(extend("default" = "5m"))]
    scale_out_cooldown: Option<SpanWithin<0, DAY>>,
    /// So long after anything scaled it takes nothing away.
    #[deserr(default)]
    #[schemars(extend("default" = "5m"))]
    scale_in_cooldown: Option<SpanWithin<0, DAY>>,
    /// It may take capacity away, too.
    #[deserr(default)]
    #[schemars(extend("default" = true))]
    scale_in: Option<bool>,
}

impl Item for PolicySection {
    const IDENTIFIED_BY: &[&str] = &["name"];

    fn identity(&self) -> String {
        self.quoted()
    }
}

impl PolicySection {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let given = [
            ("invocations_per_instance", self.invocations_per_instance.is_some()),
            ("concurrency", self.concurrency.is_some()),
            ("latency", self.latency.is_some()),
            ("cpu", self.cpu.is_some()),
            ("gpu", self.gpu.is_some()),
            ("backlog_per_instance", self.backlog_per_instance.is_some()),
            ("provisioned_utilization", self.provisioned_utilization.is_some()),
            ("predefined", self.predefined.is_some()),
            ("metric", self.metric.is_some()),
            ("from_zero", self.from_zero.is_some()),
            ("step", self.step.is_some()),
        ];
        let by = exactly_one(&given, at, "what it goes by", &mut found);
        if matches!(by, Some("from_zero" | "step")) {
            let tracking = [
                ("scale_out_cooldown", self.scale_out_cooldown.is_some()),
                ("scale_in_cooldown", self.scale_in_cooldown.is_some()),
                ("scale_in", self.scale_in.is_some()),
            ];
            only_beside(
                &tracking,
                "what a policy keeps; `step` and `from_zero` have a `cooldown` of their own",
                &given,
                at,
                &mut found,
            );
        }
        if by.is_some() {
            match (by, &self.target) {
                (Some("predefined" | "metric"), None) => found.and(Found::one(
                    at.push_key("target"),
                    "is missing",
                    "the value at which it is kept, in the metric's own unit".to_owned(),
                )),
                (Some("predefined" | "metric"), Some(_)) | (_, None) => {}
                (_, Some(_)) => {
                    only_beside(&[("target", true)], "`predefined` or `metric`", &given, at, &mut found);
                }
            }
            let counted = matches!(by, Some("cpu" | "gpu"));
            only_beside(
                &[("cores", self.cores.is_some() && !counted)],
                "`cpu` or `gpu`",
                &given,
                at,
                &mut found,
            );
        }
        for (field, share) in [
            ("cpu", self.cpu),
            ("gpu", self.gpu),
            ("provisioned_utilization", self.provisioned_utilization),
        ] {
            if share.is_some_and(|share| share.fraction() == 0.0) {
                let problem = "0% would add capacity without end";
                found.and(Found::one(at.push_key(field), problem, "more than 0%".to_owned()));
            }
        }
        found.or(self)
    }

    /// What does not fit what the policy scales.
    pub(super) fn misfit(&self, of: &Unbound, at: ValuePointerRef<'_>) -> Found {
        let mut found = Found::default();
        let mut refuse = |field: &str, given: bool, accepted: &str| {
            if given {
                let problem = format!("{of} has no such metric");
                found.and(Found::key(at.push_key(field), problem, accepted.to_owned()));
            }
        };
        let instances = "only for the instances of a variant";
        let not_serverless = "only for a variant with instances or a component";
        let (variant, serverless) = (matches!(of, Unbound::Variant(_)), matches!(of, Unbound::Serverless(_)));
        refuse(
            "backlog_per_instance",
            self.backlog_per_instance.is_some() && !variant,
            instances,
        );
        refuse("cores", self.cores.is_some() && !variant, instances);
        refuse("cpu", self.cpu.is_some() && serverless, not_serverless);
        refuse("gpu", self.gpu.is_some() && serverless, not_serverless);
        refuse("concurrency", self.concurrency.is_some() && serverless, not_serverless);
        refuse(
            "invocations_per_instance",
            self.invocations_per_instance.is_some() && serverless,
            not_serverless,
        );
        refuse("from_zero", self.from_zero.is_some() && serverless, not_serverless);
        let only_serverless = self.provisioned_utilization.is_some() && !serverless;
        refuse(
            "provisioned_utilization",
            only_serverless,
            "only for a serverless variant",
        );
        if variant && (self.cpu.is_some() || self.gpu.is_some()) && self.cores.is_none() {
            let problem = "is missing: CloudWatch counts 100% for each core or GPU of an instance";
            found.and(Found::one(
                at.push_key("cores"),
                problem,
                "how many cores, or GPUs, one instance has".to_owned(),
            ));
        }
        found
    }

    pub(super) fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn quoted(&self) -> String {
        quoted(self.name())
    }

    /// The alarm of `alarms` that triggers it.
    pub(super) fn alarm(&self) -> Option<&str> {
        Some(self.step.as_ref()?.alarm.as_ref()?.as_str())
    }

    /// An alarm makes it add to nothing. What keeps a value adds only when that is exceeded, and to no copies never.
    pub(super) fn leaves_zero(&self) -> bool {
        self.from_zero.is_some() || self.step.as_ref().is_some_and(StepSection::adds_to_nothing)
    }

    pub(super) fn thing(&self, of: &Scalable) -> Thing {
        Thing::Policy {
            of: of.clone(),
            name: self.name().to_owned(),
            rule: self.rule(of),
        }
    }

    fn rule(&self, of: &Scalable) -> ScalingRule {
        let component = matches!(of, Scalable::Copies { .. });
        if let Some(step) = &self.step {
            return step.rule();
        }
        if let Some(from_zero) = &self.from_zero {
            let usual = if component { 60 } else { 300 };
            return ScalingRule::Step {
                adjustment: "ChangeInCapacity".to_owned(),
                steps: vec![(
                    Some(0.0),
                    None,
                    from_zero
                        .instances
                        .map_or(1, |number| i32::try_from(number.0).unwrap_or(i32::MAX)),
                )],
                magnitude: None,
                cooldown: Some(from_zero.cooldown.map_or(usual, seconds)),
                aggregation: Some(if component { "Maximum" } else { "Average" }.to_owned()),
            };
        }
        let (target, metric) = self.tracked(of, component);
        ScalingRule::TargetTracking {
            target,
            metric,
            scale_out_cooldown: self.scale_out_cooldown.map(seconds),
            scale_in_cooldown: self.scale_in_cooldown.map(seconds),
            disable_scale_in: self.scale_in == Some(false),
        }
    }

    fn tracked(&self, of: &Scalable, component: bool) -> (f64, TrackedMetric) {
        let predefined = |kind: &str| TrackedMetric::Predefined {
            kind: kind.to_owned(),
            label: None,
        };
        let custom = |namespace: &str, metric: &str, dimensions| TrackedMetric::Customized {
            metric: metric.to_owned(),
            namespace: namespace.to_owned(),
            dimensions,
            statistic: "Average".to_owned(),
            unit: None,
        };
        let busy = |share: Share, kind: &str| {
            let cores = f64::from(self.cores.map_or(1, |number| number.0));
            match component {
                true => {
                    let metric = format!("{kind}UtilizationNormalized");
                    let metric = custom("/aws/sagemaker/InferenceComponents", &metric, of.dimensions());
                    (share.percent(), metric)
                }
                false => {
                    let metric = custom(
                        "/aws/sagemaker/Endpoints",
                        &format!("{kind}Utilization"),
                        of.dimensions(),
                    );
                    (share.percent() * cores, metric)
                }
            }
        };
        if let Some(target) = self.invocations_per_instance {
            let kind = match component {
                true => "SageMakerInferenceComponentInvocationsPerCopy",
                false => "SageMakerVariantInvocationsPerInstance",
            };
            return (target.get(), predefined(kind));
        }
        if let Some(target) = self.concurrency {
            let kind = match component {
                true => "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
                false => "SageMakerVariantConcurrentRequestsPerModelHighResolution",
            };
            return (target.get(), predefined(kind));
        }
        if let Some(latency) = self.latency {
            let microseconds = u32::try_from(latency.duration().as_millis()).map_or(0.0, f64::from) * 1000.0;
            return (microseconds, custom("AWS/SageMaker", "ModelLatency", of.dimensions()));
        }
        if let Some(share) = self.cpu {
            return busy(share, "CPU");
        }
        if let Some(share) = self.gpu {
            return busy(share, "GPU");
        }
        if let Some(target) = self.backlog_per_instance {
            // Published by endpoint only: with a VariantName there is never any data.
            let mut dimensions = of.dimensions();
            dimensions.retain(|(name, _)| name == "EndpointName");
            let metric = custom("AWS/SageMaker", "ApproximateBacklogSizePerInstance", dimensions);
            return (target.get(), metric);
        }
        if let Some(share) = self.provisioned_utilization {
            return (
                share.fraction(),
                predefined("SageMakerVariantProvisionedConcurrencyUtilization"),
            );
        }
        let target = self.target.map_or(1.0, Positive::get);
        match (&self.metric, &self.predefined) {
            (Some(metric), _) => (target, metric.tracked()),
            (None, Some(kind)) => (target, predefined(kind.as_str())),
            // Reading refuses a policy that goes by nothing.
            (None, None) => (target, predefined("SageMakerVariantInvocationsPerInstance")),
        }
    }

    /// The alarm that comes with `from_zero`.
    pub(super) fn own_alarm(&self, of: &Scalable, endpoint: &str) -> Option<Alarm> {
        let from_zero = self.from_zero.as_ref()?;
        let (metric, dimensions, statistic, about) = match of {
            Scalable::Copies { component } => (
                "NoCapacityInvocationFailures",
                ("InferenceComponentName", component.as_str()),
                "Sum",
                component.as_str(),
            ),
            Scalable::Instances { .. } | Scalable::Concurrency { .. } => (
                "HasBacklogWithoutCapacity",
                ("EndpointName", endpoint),
                "Average",
                endpoint,
            ),
        };
        let minutes = from_zero.minutes.map_or(1, |number| number.0);
        let name = match &from_zero.alarm {
            Some(name) => super::alarm::named(name.as_str(), endpoint),
            None => format!("steward-{about}-{}", self.name()).chars().take(255).collect(),
        };
        Some(Alarm {
            name,
            description: Some(format!(
                "Requests for {about} find no capacity; triggers the policy {}.",
                self.name()
            )),
            namespace: "AWS/SageMaker".to_owned(),
            metric: metric.to_owned(),
            dimensions: BTreeMap::from([(dimensions.0.to_owned(), dimensions.1.to_owned())]),
            statistic: statistic.to_owned(),
            unit: None,
            period: 60,
            periods: minutes,
            datapoints: minutes,
            comparison: "GreaterThanOrEqualToThreshold".to_owned(),
            threshold: 1.0,
            missing: "notBreaching".to_owned(),
            enabled: true,
            actions: vec![Action::Policy {
                of: of.clone(),
                name: self.name().to_owned(),
            }],
            ok_actions: vec![],
            insufficient_actions: vec![],
        })
    }
}
