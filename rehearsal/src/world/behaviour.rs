//! How a container answers: how fast, how often wrong, with what.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::spec::{BehaviourSpec, ComponentSpec, ModelSpec, VariantSpec};

/// The spread of latencies: the standard deviation of the logarithm.
pub(crate) const SPREAD: f64 = 0.2;

/// How long SageMaker waits for a container.
pub(crate) const MODEL_TIMEOUT: Duration = Duration::from_secs(60);

/// Requests an instance works on at the same time, where no capacity is said.
const WORKERS: f64 = 8.0;

/// What is said of a container; what is not said is taken from what lies beneath, at last from the defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Behaviour {
    pub(crate) latency: Option<Duration>,
    pub(crate) slower_by: Option<Duration>,
    pub(crate) errors: Option<f64>,
    pub(crate) status: Option<u16>,
    pub(crate) times_out: Option<f64>,
    pub(crate) answer: Option<Value>,
    pub(crate) content_type: Option<String>,
    pub(crate) capacity: Option<f64>,
    pub(crate) cold_start: Option<Duration>,
    pub(crate) stays_warm: Option<Duration>,
}

impl Behaviour {
    /// `above` where it says something, otherwise this.
    pub(crate) fn under(self, above: &Self) -> Self {
        let slower_by = match (self.slower_by, above.slower_by) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        Self {
            latency: above.latency.or(self.latency),
            slower_by,
            errors: above.errors.or(self.errors),
            status: above.status.or(self.status),
            times_out: above.times_out.or(self.times_out),
            answer: above.answer.clone().or(self.answer),
            content_type: above.content_type.clone().or(self.content_type),
            capacity: above.capacity.or(self.capacity),
            cold_start: above.cold_start.or(self.cold_start),
            stays_warm: above.stays_warm.or(self.stays_warm),
        }
    }

    /// Median latency without load.
    pub(crate) fn median(&self) -> Duration {
        self.latency.unwrap_or(Duration::from_millis(50)) + self.slower_by.unwrap_or_default()
    }

    /// Requests per second one instance serves. Slowness eats capacity unless capacity is said.
    pub(crate) fn capacity(&self) -> f64 {
        self.capacity
            .unwrap_or_else(|| WORKERS / self.median().as_secs_f64().max(0.001))
            .max(0.001)
    }

    /// Share of requests that fail.
    pub(crate) fn error_share(&self) -> f64 {
        self.errors.unwrap_or(0.0)
    }

    /// Share of requests never answered.
    pub(crate) fn timeout_share(&self) -> f64 {
        self.times_out.unwrap_or(0.0)
    }

    /// What a failing container answers with.
    pub(crate) fn failure_status(&self) -> u16 {
        self.status.unwrap_or(500)
    }

    /// The body of a good answer.
    pub(crate) fn body(&self) -> String {
        match &self.answer {
            None => json!({"score": 0.93}).to_string(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        }
    }

    /// The `ContentType` of a good answer.
    pub(crate) fn content_type(&self) -> String {
        self.content_type
            .clone()
            .unwrap_or_else(|| "application/json".to_owned())
    }

    /// What waiting for a worker makes of the latency at a load of `utilisation` (offered over capacity): nothing much
    /// until three quarters, then steeply, bounded as a full queue refuses.
    pub(crate) fn load_factor(utilisation: f64) -> f64 {
        let busy = utilisation.clamp(0.0, 0.95);
        1.0 + busy.powi(4) / (1.0 - busy)
    }
}

impl From<&ModelSpec> for Behaviour {
    fn from(spec: &ModelSpec) -> Self {
        Self {
            latency: spec.latency.map(|span| span.duration()),
            errors: spec.errors.map(|share| share.fraction()),
            status: spec.status,
            answer: spec.answer.clone(),
            content_type: spec.content_type.clone(),
            capacity: spec.capacity.map(|rate| rate.0),
            cold_start: spec.cold_start.map(|span| span.duration()),
            stays_warm: spec.stays_warm.map(|span| span.duration()),
            ..Self::default()
        }
    }
}

impl From<&VariantSpec> for Behaviour {
    fn from(spec: &VariantSpec) -> Self {
        Self {
            latency: spec.latency.map(|span| span.duration()),
            errors: spec.errors.map(|share| share.fraction()),
            status: spec.status,
            answer: spec.answer.clone(),
            content_type: spec.content_type.clone(),
            capacity: spec.capacity.map(|rate| rate.0),
            cold_start: spec
                .serverless
                .as_ref()
                .map(|serverless| serverless.cold_start.duration()),
            stays_warm: spec
                .serverless
                .as_ref()
                .map(|serverless| serverless.stays_warm.duration()),
            ..Self::default()
        }
    }
}

impl From<&ComponentSpec> for Behaviour {
    fn from(spec: &ComponentSpec) -> Self {
        Self {
            latency: spec.latency.map(|span| span.duration()),
            errors: spec.errors.map(|share| share.fraction()),
            answer: spec.answer.clone(),
            ..Self::default()
        }
    }
}

impl From<&BehaviourSpec> for Behaviour {
    fn from(spec: &BehaviourSpec) -> Self {
        Self {
            latency: spec.latency.map(|span| span.duration()),
            slower_by: spec.slower_by.map(|span| span.duration()),
            errors: spec.errors.map(|share| share.fraction()),
            status: spec.status,
            times_out: spec.times_out.map(|share| share.fraction()),
            answer: spec.answer.clone(),
            content_type: spec.content_type.clone(),
            capacity: spec.capacity.map(|rate| rate.0),
            ..Self::default()
        }
    }
}
