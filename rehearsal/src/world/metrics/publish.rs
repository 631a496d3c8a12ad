//! What SageMaker publishes each minute: which metric, in which unit, with which dimensions, and when there is none.

use std::time::Duration;

use jiff::Timestamp;

use crate::world::{
    metrics::{MetricId, Metrics, Piece, Stat},
    region::{Ctx, Region},
    sagemaker::Variant,
    scaling::provisioned,
    traffic::Minute,
};

const SAGEMAKER: &str = "AWS/SageMaker";
const ENDPOINTS: &str = "/aws/sagemaker/Endpoints";

/// Cores by the size in an instance type's name.
fn cores(instance_type: &str) -> f64 {
    match instance_type.rsplit('.').next().unwrap_or_default() {
        "medium" => 1.0,
        "large" => 2.0,
        "xlarge" => 4.0,
        size => size
            .strip_suffix("xlarge")
            .and_then(|times| times.parse::<f64>().ok())
            .map_or(4.0, |times| 4.0 * times),
    }
}

/// One variant's minute, with the dimensions it is published under.
struct Published<'a> {
    variant: &'a Variant,
    minute: Minute,
    dimensions: Vec<Vec<(&'a str, &'a str)>>,
}

impl Published<'_> {
    /// Puts one datapoint under each set of dimensions.
    fn put(&self, metrics: &mut Metrics, at: Timestamp, (namespace, metric, unit): (&str, &str, &str), stat: &Stat) {
        for dimensions in &self.dimensions {
            metrics.publish(MetricId::new(namespace, metric, dimensions), unit, at, stat);
        }
    }

    fn requests(&self, metrics: &mut Metrics, rng: &mut fastrand::Rng, at: Timestamp, asynchronous: bool) {
        let minute = &self.minute;
        let n = minute.invocations;
        if n > 0.0 {
            if !asynchronous {
                let whole = Stat::set(n, n, 1.0, 1.0);
                self.put(metrics, at, (SAGEMAKER, "Invocations", "None"), &whole);
                let workers = f64::from(self.variant.workers()).max(1.0);
                let per = Stat::set(n, minute.per_instance, 1.0 / workers, 1.0 / workers);
                self.put(metrics, at, (SAGEMAKER, "InvocationsPerInstance", "None"), &per);
                if minute.seconds > 0.0 {
                    let concurrent = minute.concurrent_seconds / minute.seconds;
                    match self
                        .variant
                        .serverless
                        .as_ref()
                        .and_then(provisioned)
                        .filter(|kept| *kept > 0)
                    {
                        Some(kept) => {
                            let used = (SAGEMAKER, "ServerlessProvisionedConcurrencyUtilization", "None");
                            self.put(metrics, at, used, &Stat::of(concurrent / f64::from(kept)));
                        }
                        None => self.high_resolution(metrics, at, "ConcurrentRequestsPerModel", concurrent),
                    }
                }
                let mut overhead = Stat::default();
                let piece = Piece::new(4_000.0, 0.3, n);
                overhead.add(rng, piece);
                self.put(metrics, at, (SAGEMAKER, "OverheadLatency", "Microseconds"), &overhead);
            }
            for (metric, count) in [
                ("Invocation4XXErrors", minute.errors_4xx),
                ("Invocation5XXErrors", minute.errors_5xx),
                ("InvocationModelErrors", minute.model_errors),
            ] {
                self.put(metrics, at, (SAGEMAKER, metric, "None"), &Stat::zero_one(count, n));
            }
        }
        for (metric, stat) in [("ModelLatency", &minute.latency), ("ModelSetupTime", &minute.setup)] {
            if stat.count > 0.0 {
                self.put(metrics, at, (SAGEMAKER, metric, "Microseconds"), stat);
            }
        }
    }

    /// One datapoint every ten seconds of the minute.
    fn high_resolution(&self, metrics: &mut Metrics, at: Timestamp, metric: &str, value: f64) {
        for second in (0..60).step_by(10) {
            let at = at + Duration::from_secs(second);
            self.put(metrics, at, (SAGEMAKER, metric, "None"), &Stat::of(value));
        }
    }

    fn instances(&self, metrics: &mut Metrics, at: Timestamp) {
        if self.variant.current_instances.is_none_or(|instances| instances == 0) {
            return;
        }
        let busy = if self.minute.seconds > 0.0 {
            self.minute.busy_seconds / self.minute.seconds
        } else {
            0.0
        };
        for (metric, value) in utilisation(self.variant, busy) {
            self.put(metrics, at, (ENDPOINTS, metric, "Percent"), &Stat::of(value));
        }
    }
}

impl Region {
    /// Publishes the minute that ends now, or what there is of the one under way, for one endpoint. The fleet that an update
    /// has brought is published under its config's name, too.
    pub(crate) fn publish_minute(&mut self, ctx: &mut Ctx, name: &str) {
        let at = ctx.minute_ending();
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let asynchronous = endpoint.asynchronous.is_some();
        let serves = endpoint.status.serves();
        let share = endpoint.green_share();
        let rng = &mut endpoint.rng;
        let metrics = &mut self.metrics;
        let in_place = (endpoint.variants.iter_mut(), &endpoint.config, endpoint.updated, serves);
        let coming = endpoint
            .green
            .iter_mut()
            .map(|green| (green.variants.iter_mut(), &green.config, true, serves && share > 0.0));
        for (variants, config, named, reports) in std::iter::once(in_place).chain(coming) {
            for variant in variants {
                let minute = std::mem::take(&mut variant.minute);
                let plain = vec![("EndpointName", name), ("VariantName", variant.name.as_str())];
                let mut dimensions = vec![plain.clone()];
                if named {
                    dimensions.push([plain, vec![("EndpointConfigName", config.as_str())]].concat());
                }
                let published = Published {
                    variant,
                    minute,
                    dimensions,
                };
                published.requests(metrics, rng, at, asynchronous);
                if reports {
                    published.instances(metrics, at);
                }
            }
        }
        if asynchronous {
            self.publish_backlog(ctx, name);
        }
    }
}

/// What the instances of a variant report when `busy` (0 to 1) of their capacity is in use.
fn utilisation(variant: &Variant, busy: f64) -> Vec<(&'static str, f64)> {
    let mut all = vec![
        ("CPUUtilization", (4.0 + 90.0 * busy) * cores(&variant.instance_type)),
        ("MemoryUtilization", 38.0 + 12.0 * busy),
        ("DiskUtilization", 21.0),
    ];
    if variant.instance_type.starts_with("ml.g") || variant.instance_type.starts_with("ml.p") {
        all.push(("GPUUtilization", 95.0 * busy));
        all.push(("GPUMemoryUtilization", 55.0 + 20.0 * busy));
    }
    all
}
