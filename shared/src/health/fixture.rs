//! A fleet on a stage, for the tests: sweeps a minute apart, and what people are told after each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Decision, Facts, decide,
    ledger::{EndpointRecord, HealthLedger},
    observation::{ActOutcome, Acted, News, Observation, ProbeResult, Seen, SweepNews, Target, Trouble, Watch},
    policy::{Flapping, FleetHealthPolicy, HealthPolicy, Probe, ProbeKind, RecoveryPolicy, Rung},
};
use crate::{
    alert::{Alert, Links},
    endpoint::{Endpoint, EndpointStatus, Variant},
    probe::{Cause, Judgement, ProbeVerdict},
};

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

pub(super) fn start() -> Timestamp {
    time("2026-03-02T08:00:00Z")
}

pub(super) const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

pub(super) fn policy() -> HealthPolicy {
    HealthPolicy {
        enabled: true,
        probes: vec![probe("smoke")],
        failure_threshold: 3,
        success_threshold: 2,
        reminder: None,
        stuck_creating: minutes(60),
        stuck_updating: minutes(90),
        flapping: Flapping {
            window: minutes(60),
            transitions: 6,
        },
        maintenance: Vec::new(),
        runbook: None,
        metrics: false,
        recovery: RecoveryPolicy {
            rungs: Vec::new(),
            cooldown: minutes(15),
            budget: 3,
            period: minutes(24 * 60),
            max_instances: None,
        },
    }
}

pub(super) fn probe(name: &str) -> Probe {
    Probe {
        name: name.into(),
        kind: ProbeKind::Sync,
        content_type: "application/json".into(),
        accept: None,
        payload: "{}".into(),
        timeout: Duration::from_secs(10),
        retries: 0,
        per_variant: false,
        degraded_after: None,
        conditions: Vec::new(),
    }
}

/// What the world shows of one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Look(pub(super) Observation);

/// Endpoint `name`, InService with one variant `blue` on two instances, probed and well.
pub(super) fn look(name: &str) -> Look {
    Look(Observation {
        endpoint: name.into(),
        at: Timestamp::MIN,
        seen: Seen::Described(Endpoint {
            name: name.into(),
            arn: format!("arn:aws:sagemaker:eu-west-1:111122223333:endpoint/{name}"),
            config: Some("fraud-config".into()),
            pending: None,
            status: EndpointStatus::InService,
            failure_reason: None,
            created: time("2026-01-01T00:00:00Z"),
            modified: time("2026-02-01T00:00:00Z"),
            variants: vec![variant("blue", 1.0, 2)],
            asynchronous: false,
        }),
        hint: None,
        probes: Vec::new(),
        jobs: BTreeMap::new(),
        asleep: false,
        scaling: Some(Vec::new()),
        tags: Some(BTreeMap::new()),
        troubles: Vec::new(),
    })
    .passed()
}

pub(super) fn variant(name: &str, weight: f64, instances: u32) -> Variant {
    Variant {
        name: name.into(),
        current_weight: weight,
        desired_weight: weight,
        current_instances: Some(instances),
        desired_instances: Some(instances),
        serverless: false,
    }
}

fn verdict(cause: Option<Cause>, judgement: Judgement) -> ProbeVerdict {
    let reason = match cause {
        None => "answered 200 in 40 ms".to_owned(),
        Some(cause) => format!("made up: {cause:?}"),
    };
    ProbeVerdict {
        judgement,
        cause,
        reason,
    }
}

impl Look {
    pub(super) fn endpoint(mut self, change: impl FnOnce(&mut Endpoint)) -> Self {
        if let Seen::Described(endpoint) = &mut self.0.seen {
            change(endpoint);
        }
        self
    }

    pub(super) fn status(self, status: EndpointStatus, since: Timestamp) -> Self {
        let mut look = self.endpoint(|endpoint| {
            endpoint.status = status;
            endpoint.modified = since;
        });
        look.0.probes.clear();
        look
    }

    fn probed(mut self, variant: Option<&str>, cause: Option<Cause>, judgement: Judgement) -> Self {
        self.0
            .probes
            .retain(|result| result.variant.is_some() && result.variant.as_deref() != variant);
        self.0.probes.push(ProbeResult {
            probe: "smoke".into(),
            variant: variant.map(str::to_owned),
            verdict: verdict(cause, judgement),
            took_ms: 40,
        });
        self
    }

    pub(super) fn passed(self) -> Self {
        self.probed(None, None, Judgement::Passed)
    }

    pub(super) fn failed(self, cause: Cause) -> Self {
        self.probed(None, Some(cause), Judgement::Failed)
    }

    pub(super) fn degraded(self) -> Self {
        self.probed(None, Some(Cause::Slow), Judgement::Degraded)
    }

    pub(super) fn inconclusive(self, cause: Cause) -> Self {
        self.probed(None, Some(cause), Judgement::Inconclusive)
    }

    pub(super) fn variant_passed(self, variant: &str) -> Self {
        self.probed(Some(variant), None, Judgement::Passed)
    }

    pub(super) fn variant_failed(self, variant: &str, cause: Cause) -> Self {
        self.probed(Some(variant), Some(cause), Judgement::Failed)
    }

    /// Two variants with half the traffic each, `green` well and `blue` as told.
    pub(super) fn two(self, blue: Option<Cause>) -> Self {
        let look =
            self.endpoint(|endpoint| endpoint.variants = vec![variant("blue", 1.0, 2), variant("green", 1.0, 2)]);
        match blue {
            None => look.variant_passed("blue"),
            Some(cause) => look.variant_failed("blue", cause),
        }
        .variant_passed("green")
    }

    pub(super) fn absent(mut self) -> Self {
        self.0.seen = Seen::Absent;
        self.0.probes.clear();
        self
    }

    pub(super) fn unseen(mut self, trouble: Trouble) -> Self {
        self.0.seen = Seen::Nothing;
        self.0.probes.clear();
        self.0.troubles.push(trouble);
        self
    }

    pub(super) fn scaled(mut self, min: u32, max: u32) -> Self {
        self.0.scaling = Some(vec![Target {
            variant: "blue".into(),
            min,
            max,
        }]);
        self
    }
}

/// The fleet, the ledger and the time.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) now: Timestamp,
    pub(super) ledger: HealthLedger,
    pub(super) watch: Watch,
    pub(super) fleet: FleetHealthPolicy,
    pub(super) links: Links,
    pub(super) told: Vec<Alert>,
    pub(super) last: Option<Decision>,
}

/// One endpoint, `fraud`, named in the fleet file, seen well once.
pub(super) fn stage() -> Stage {
    let mut stage = bare(&["fraud"]);
    stage.sweep([look("fraud")]);
    stage
}

/// These endpoints, of which nothing is known yet.
pub(super) fn bare(names: &[&str]) -> Stage {
    Stage {
        now: start(),
        ledger: HealthLedger::default(),
        watch: Watch {
            policies: names
                .iter()
                .map(|name| ((*name).to_owned(), Arc::new(policy())))
                .collect(),
            named: names.iter().map(|name| (*name).to_owned()).collect(),
            complete: true,
        },
        fleet: FleetHealthPolicy {
            suppression_minimum: 3,
            suppression_share: 0.8,
            recoveries_per_hour: 3,
            concurrency: 64,
            labels: BTreeMap::new(),
        },
        links: Links {
            region: "eu-west-1".into(),
            runbooks: None,
        },
        told: Vec::new(),
        last: None,
    }
}

impl Stage {
    pub(super) fn with(mut self, change: impl Fn(&mut HealthPolicy)) -> Self {
        for policy in self.watch.policies.values_mut() {
            change(Arc::make_mut(policy));
        }
        self
    }

    pub(super) fn allowing(self, rungs: &[Rung]) -> Self {
        self.with(|policy| policy.recovery.rungs = rungs.to_vec())
    }

    pub(super) fn by_pattern(mut self) -> Self {
        self.watch.named = BTreeSet::new();
        self
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            now: self.now,
            fleet: &self.fleet,
            links: &self.links,
        }
    }

    /// A sweep a minute after the last one.
    pub(super) fn sweep(&mut self, looks: impl IntoIterator<Item = Look>) -> &mut Self {
        self.later(minutes(1)).check(looks)
    }

    pub(super) fn sweeps(&mut self, times: u32, look: &Look) -> &mut Self {
        for _ in 0..times {
            self.sweep([look.clone()]);
        }
        self
    }

    pub(super) fn later(&mut self, span: Duration) -> &mut Self {
        self.now = self.now.checked_add(span).expect("not the end of time");
        self
    }

    /// A sweep now.
    pub(super) fn check(&mut self, looks: impl IntoIterator<Item = Look>) -> &mut Self {
        let now = self.now;
        let observations = looks
            .into_iter()
            .map(|look| Observation { at: now, ..look.0 })
            .collect();
        self.hear(&News {
            observations,
            sweep: Some(SweepNews::default()),
            ..News::default()
        })
    }

    /// Decides, checks that deciding again changes nothing, and publishes.
    pub(super) fn hear(&mut self, news: &News) -> &mut Self {
        let decision = decide(&self.facts(), &self.watch, &self.ledger, news);
        let again = decide(&self.facts(), &self.watch, &decision.ledger, news);
        assert_same(&decision, &again);
        self.ledger = decision.ledger.clone();
        let published = self.ledger.outbox.take_for_publish(usize::MAX);
        let ids: Vec<&str> = published.iter().map(|alert| alert.id.as_str()).collect();
        self.ledger.outbox.clear(&ids);
        self.told.extend(published);
        self.last = Some(decision);
        self
    }

    /// AWS took every step of the last decision.
    pub(super) fn accepted(&mut self) -> &mut Self {
        let outcomes = self
            .steps()
            .iter()
            .map(|step| self.acted(step, ActOutcome::Accepted))
            .collect();
        self.hear(&News {
            acted: outcomes,
            ..News::default()
        })
    }

    pub(super) fn acted(&self, step: &super::Step, outcome: ActOutcome) -> Acted {
        Acted {
            endpoint: step.endpoint.clone(),
            intent: step.intent.clone(),
            at: self.now,
            outcome,
        }
    }

    pub(super) fn steps(&self) -> Vec<super::Step> {
        self.last
            .as_ref()
            .map(|decision| decision.steps.clone())
            .unwrap_or_default()
    }

    pub(super) fn record(&self, name: &str) -> &EndpointRecord {
        &self.ledger.endpoints[name]
    }

    /// What people were told since the last call: `08:04 fraud endpoint.unhealthy critical: errors`.
    pub(super) fn heard(&mut self) -> String {
        let lines = self.told.drain(..).map(|alert| {
            let who = alert.subject_of.as_deref().unwrap_or("-");
            let at = alert.at.strftime("%H:%M");
            let reminder = if alert.reminder > 0 {
                format!(" reminder {}", alert.reminder)
            } else {
                String::new()
            };
            format!(
                "{at} {who} {} {}{reminder}: {}",
                alert.kind, alert.severity, alert.title
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Deciding again on the same news changes nothing; what does is shown line by line.
fn assert_same(first: &Decision, again: &Decision) {
    if first.ledger == again.ledger {
        return;
    }
    let lines = |decision: &Decision| serde_json::to_string_pretty(&decision.ledger).expect("JSON");
    let (first, again) = (lines(first), lines(again));
    let only = |these: &str, those: &str| {
        let others: BTreeSet<&str> = those.lines().collect();
        these
            .lines()
            .filter(|line| !others.contains(line))
            .collect::<Vec<_>>()
            .join("\n")
    };
    panic!(
        "deciding again on the same news changes the ledger; before:\n{}\nafter:\n{}",
        only(&first, &again),
        only(&again, &first)
    );
}
