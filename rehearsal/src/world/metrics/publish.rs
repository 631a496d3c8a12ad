//! What SageMaker publishes each minute: which metric, in which unit, with which dimensions, and when there is none.

use crate::world::{
    metrics::{MetricId, Piece, Stat},
    region::{Ctx, Region},
    sagemaker::Variant,
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

impl Region {
    /// Publishes the minute that ends now, or what there is of the one under way, for one endpoint.
    pub(crate) fn publish_minute(&mut self, ctx: &mut Ctx, name: &str) {
        let at = ctx.minute_ending();
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let asynchronous = endpoint.asynchronous.is_some();
        let serves = endpoint.status.serves();
        let rng = &mut endpoint.rng;
        for variant in &mut endpoint.variants {
            let minute = std::mem::take(&mut variant.minute);
            let dimensions = [("EndpointName", name), ("VariantName", variant.name.as_str())];
            let mut put = |metric: &str, unit: &str, stat: &Stat| {
                self.metrics
                    .put(MetricId::new(SAGEMAKER, metric, &dimensions), unit, at, stat);
            };
            let n = minute.invocations;
            if n > 0.0 {
                if !asynchronous {
                    put("Invocations", "None", &Stat::set(n, n, 1.0, 1.0));
                    let workers = f64::from(variant.workers()).max(1.0);
                    let per = minute.per_instance;
                    put(
                        "InvocationsPerInstance",
                        "None",
                        &Stat::set(n, per, 1.0 / workers, 1.0 / workers),
                    );
                    let mut overhead = Stat::default();
                    overhead.add(
                        rng,
                        Piece {
                            median: 4_000.0,
                            sigma: 0.3,
                            n,
                        },
                    );
                    put("OverheadLatency", "Microseconds", &overhead);
                }
                put("Invocation4XXErrors", "None", &Stat::zero_one(minute.errors_4xx, n));
                put("Invocation5XXErrors", "None", &Stat::zero_one(minute.errors_5xx, n));
                put("InvocationModelErrors", "None", &Stat::zero_one(minute.model_errors, n));
            }
            if minute.latency.count > 0.0 {
                put("ModelLatency", "Microseconds", &minute.latency);
            }
            if minute.setup.count > 0.0 {
                put("ModelSetupTime", "Microseconds", &minute.setup);
            }
            if serves && variant.current_instances.is_some_and(|instances| instances > 0) {
                let busy = if minute.seconds > 0.0 {
                    minute.busy_seconds / minute.seconds
                } else {
                    0.0
                };
                for (metric, value) in utilisation(variant, busy) {
                    let id = MetricId::new(ENDPOINTS, metric, &dimensions);
                    self.metrics.put(id, "Percent", at, &Stat::of(value));
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
