//! A fleet on a stage, for the tests: sweeps a minute apart, and what people are told after each.

mod look;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Decision, Facts, decide,
    ledger::{EndpointRecord, HealthLedger},
    observation::{ActOutcome, Acted, News, Observation, Obstacle, SweepNews, Watch},
    policy::{FailureShare, Flapping, FleetHealthPolicy, HealthPolicy, Probe, ProbeKind, RecoveryPolicy, Rung},
};
use crate::alert::{Alert, Links};

pub(super) use self::look::{Look, look, variant};

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
        remembers: None,
        comes_within: minutes(30),
        enabled: true,
        probes: vec![probe("smoke")],
        failure_threshold: 3,
        failure_share: FailureShare { share: 0.6, checks: 10 },
        success_threshold: 2,
        reminder: None,
        stuck_creating: minutes(60),
        stuck_updating: minutes(90),
        flapping: Flapping {
            window: minutes(60),
            transitions: 6,
            outage: minutes(20),
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
            unmade: BTreeMap::new(),
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

impl From<&str> for Obstacle {
    fn from(said: &str) -> Self {
        Self {
            kind: said.split(' ').next().unwrap_or_default().to_owned(),
            said: said.to_owned(),
            advice: format!("Advice on {said}."),
        }
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
        let published = self.ledger.outbox.take_for_publish(usize::MAX, &self.links);
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
            step: step.number,
            at: self.now,
            outcome,
            left: Vec::new(),
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
