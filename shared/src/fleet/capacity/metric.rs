//! A CloudWatch metric by its own names, for what has no word of its own here.

use deserr::Deserr;
use schemars::JsonSchema;

use crate::{
    fleet::text::{Name, Namespace, Statistic, Text, Words},
    scaling::TrackedMetric,
    yaml::{Found, Map},
};

/// A CloudWatch metric by its own names.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Metric")]
pub(super) struct MetricSection {
    /// Where it is: `AWS/SageMaker` has no slash before it, the other two of SageMaker have.
    #[schemars(example = "/aws/sagemaker/Endpoints")]
    pub(super) namespace: Text<Namespace>,
    /// Its name.
    #[schemars(example = &"GPUMemoryUtilization")]
    pub(super) name: Text<Name>,
    /// Which one: exactly the dimensions with which it is published.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "EndpointName": "fraud", "VariantName": "main" }]))]
    pub(super) dimensions: Option<Map<Text<Name>>>,
    /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`; for alarms also a percentile such as p99.
    #[deserr(default)]
    #[schemars(extend("default" = "Average"))]
    pub(super) statistic: Option<Text<Statistic>>,
    /// Only what was published with this unit. A wrong one finds nothing at all, so say none.
    #[deserr(default)]
    #[schemars(extend("examples" = ["Percent"]))]
    pub(super) unit: Option<Text<Words>>,
}

impl MetricSection {
    pub(super) fn dimensions(&self) -> Vec<(String, String)> {
        let entries = self.dimensions.iter().flat_map(|map| &map.0);
        entries
            .map(|(name, value)| (name.clone(), value.clone().into_string()))
            .collect()
    }

    pub(super) fn statistic(&self) -> String {
        self.statistic
            .clone()
            .map_or_else(|| "Average".to_owned(), Text::into_string)
    }

    pub(super) fn unit(&self) -> Option<String> {
        self.unit.clone().map(Text::into_string)
    }

    pub(super) fn tracked(&self) -> TrackedMetric {
        TrackedMetric::Customized {
            metric: self.name.clone().into_string(),
            namespace: self.namespace.clone().into_string(),
            dimensions: self.dimensions(),
            statistic: self.statistic(),
            unit: self.unit(),
        }
    }
}
