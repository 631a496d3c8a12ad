//! What one rollout may and must do: fleet file and command merged, every default filled in.

use std::{fmt, time::Duration};

use deserr::Deserr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::strategy::{OwnAnalysis, Strategy};
use crate::{analysis::AnalysisPolicy, yaml::Found};

/// What carries the traffic over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[deserr(error = Found)]
pub enum Engine {
    /// Both variants on one endpoint; Steward moves the weights. Any shares, any bake.
    #[deserr(rename = "variants")]
    Variants,
    /// SageMaker's own blue/green deployment; Steward checks, starts, watches and verifies it.
    #[deserr(rename = "guardrails")]
    Guardrails,
    /// SageMaker's own rolling deployment, in batches: of an endpoint with one variant, or of an inference component.
    #[deserr(rename = "rolling")]
    Rolling,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variants => "variants",
            Self::Guardrails => "guardrails",
            Self::Rolling => "rolling",
        })
    }
}

/// What becomes of a rollout that nobody promoted in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[deserr(error = Found)]
pub enum OnDeadline {
    /// Back to blue. The default.
    #[deserr(rename = "abort")]
    Abort,
    /// Only where nothing but the promotion is missing (a manual gate, with every check passed); otherwise back to blue.
    #[deserr(rename = "promote")]
    Promote,
}

/// The whole policy of one rollout, fixed at its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutPolicy {
    /// What carries the traffic over. Default `variants`; `rolling` for inference components.
    pub engine: Engine,
    /// The steps.
    pub strategy: Strategy,
    /// CloudWatch alarms, metric or composite: any of them in ALARM takes the rollout back. At most 100; at most 10 with
    /// SageMaker's own engines.
    pub alarms: Vec<String>,
    /// How green is compared; `None` leaves it to alarms and probes.
    pub analysis: Option<AnalysisPolicy>,
    /// Probe green before it gets any traffic, with the endpoint's own probes (`health.probes`).
    pub smoke: bool,
    /// Passed rounds of probes in a row that smoke asks for. Default 2.
    pub smoke_passes: u32,
    /// Failed rounds in a row after which smoke has failed. Default 3.
    pub smoke_failures: u32,
    /// Go back when the health checker finds green, or with its traffic the endpoint, unhealthy, and on only while it is
    /// not ill. Default true.
    #[serde(default = "yes")]
    pub health: bool,
    /// How long blue is kept, without traffic and at its size, after the last bake. Default 1 hour.
    pub keep_blue: Duration,
    /// How long after its end a completed rollout can be taken back with `rollback`. Default 1 day.
    pub rollback_window: Duration,
    /// The whole rollout, from its start to the end of the last bake. Default: the bakes, the waits for `promote` and 4 hours.
    pub deadline: Duration,
    /// Each phase in which SageMaker works or smoke runs. Default 1 hour.
    pub phase_deadline: Duration,
    /// Each wait for `promote`. Default 1 day, never beyond `deadline`.
    pub gate_deadline: Duration,
    /// What becomes of a rollout that nobody promoted in time.
    pub on_deadline: OnDeadline,
    /// Metrics are trusted this long after their minute ended. Default 2 minutes.
    pub metrics_delay: Duration,
    /// Green's capacity at a share: `ceil(blue's instances * share * (1 + headroom))`, in ten-thousandths; at least 1.
    /// Default 0.
    pub headroom: u16,
    /// `rolling`: instances or copies replaced at a time, 5 to 50 percent. Default 20.
    pub batch_percent: u8,
}

const fn yes() -> bool {
    true
}

impl RolloutPolicy {
    /// The alarms that count in these steps (by index), none twice: the rollout's, then the steps' own.
    pub fn alarms_in(&self, steps: impl IntoIterator<Item = usize>) -> Vec<String> {
        let own = steps
            .into_iter()
            .filter_map(|step| self.strategy.steps.get(step))
            .flat_map(|step| &step.alarms);
        let mut alarms = self.alarms.clone();
        for alarm in own {
            if !alarms.contains(alarm) {
                alarms.push(alarm.clone());
            }
        }
        alarms
    }

    /// Every alarm that counts at some time, none twice.
    pub fn every_alarm(&self) -> Vec<String> {
        self.alarms_in(0..self.strategy.steps.len())
    }

    /// How green is judged in a step (by index); `None`: by alarms and probes alone.
    pub fn analysis_in(&self, step: usize) -> Option<&AnalysisPolicy> {
        match self.strategy.steps.get(step).and_then(|step| step.analysis.as_ref()) {
            None => self.analysis.as_ref(),
            Some(OwnAnalysis::Off) => None,
            Some(OwnAnalysis::On(own)) => Some(own),
        }
    }

    /// How green is judged at 100%, in the last step and while blue is kept.
    pub fn analysis_at_the_end(&self) -> Option<&AnalysisPolicy> {
        self.analysis_in(self.strategy.last())
    }

    /// The alarms that count at 100%, in the last step and while blue is kept.
    pub fn alarms_at_the_end(&self) -> Vec<String> {
        self.alarms_in([self.strategy.last()])
    }

    /// The rollout's analysis and those of steps that have one of their own, each once.
    pub fn every_analysis(&self) -> impl Iterator<Item = &AnalysisPolicy> {
        let own = self.strategy.steps.iter().filter_map(|step| match &step.analysis {
            Some(OwnAnalysis::On(own)) => Some(own),
            Some(OwnAnalysis::Off) | None => None,
        });
        self.analysis.iter().chain(own)
    }
}
