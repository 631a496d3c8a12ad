//! One endpoint's rollout, driven as far as it goes now: look, decide, commit, act, and again.
//!
//! Nothing is done before the ledger that names it is written, and what was done is not believed before it is seen. A
//! ledger that somebody else wrote meanwhile is read again, and decided on with a new look.

use std::collections::{BTreeMap, VecDeque};

use steward::{
    analysis::AnalysisPolicy,
    aws::ledger::{LedgerError, Loaded},
    rollout::{
        AlarmNews, Answer, Command, Decision, Facts, News, RolloutLedger, Transition, decide, effect::Acted,
        look::Needs, needs_told, wake, would_count,
    },
};

use crate::{
    act::{self, Actor},
    look,
    services::Services,
};

/// Looks at one endpoint in one invocation; a rollout that goes well needs five between two waits.
const ROUNDS: u32 = 20;

/// What to tell the decision, besides what is seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) command: Option<Command>,
    pub(crate) alarms: VecDeque<AlarmNews>,
}

/// How far it went.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) endpoint: String,
    pub(crate) ledger: Loaded<RolloutLedger>,
    /// Why it stopped there.
    pub(crate) why: String,
    pub(crate) transitions: Vec<Transition>,
    /// What the command is answered.
    pub(crate) answer: Option<Answer>,
    /// Alarms that no decision was told of, by name, and that green could still go back on.
    pub(crate) unheard: Vec<String>,
    /// Alerts that SNS took.
    pub(crate) published: usize,
}

impl Driven {
    fn idle(endpoint: &str, ledger: Loaded<RolloutLedger>) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            ledger,
            why: "nothing to do".to_owned(),
            transitions: Vec::new(),
            answer: None,
            unheard: Vec::new(),
            published: 0,
        }
    }
}

/// Drives one endpoint.
///
/// # Errors
/// When its ledger cannot be read or written.
pub(crate) async fn drive(services: &Services<'_>, endpoint: &str, heard: Heard) -> Result<Driven, LedgerError> {
    let ledger = services.ledger(endpoint);
    let loaded = ledger.load().await?;
    if heard.command.is_none() && wake(&loaded.document).is_none() {
        return Ok(Driven::idle(endpoint, loaded));
    }
    let labels = match services.fleet().await {
        Ok(fleet) => fleet.fleet_health().labels,
        // A rollout goes on without the fleet file: all that it needs was written down at its start.
        Err(_) => BTreeMap::new(),
    };
    let drive = Drive {
        services,
        endpoint,
        labels,
        was_at_work: loaded.document.active.is_some(),
        driven: Driven::idle(endpoint, loaded),
    };
    drive.run(heard).await
}

struct Drive<'a> {
    services: &'a Services<'a>,
    endpoint: &'a str,
    labels: BTreeMap<String, String>,
    /// A rollout was at work when this began: it has the lease.
    was_at_work: bool,
    driven: Driven,
}

impl Drive<'_> {
    async fn run(mut self, mut heard: Heard) -> Result<Driven, LedgerError> {
        let mut acted: Option<Acted> = None;
        let mut held = false;
        for _ in 0..ROUNDS {
            if !self.services.in_time() {
                self.driven.why = "the invocation's time is over; the next one goes on".to_owned();
                break;
            }
            Box::pin(self.publish()).await?;
            let news = News {
                look: Box::pin(self.look(&heard)).await,
                command: heard.command.clone(),
                alarm: heard.alarms.front().cloned(),
                acted: acted.clone(),
            };
            let decision = decide(&self.facts(), &self.driven.ledger.document, &news);
            if !Box::pin(self.commit(&decision)).await? {
                continue;
            }
            acted = None;
            heard.command = None;
            heard.alarms.pop_front();
            let more = decision.again || !heard.alarms.is_empty();
            self.note(&decision);
            match decision.effect {
                Some(effect) => {
                    let actor = actor(self.endpoint, &self.driven.ledger.document);
                    acted = Some(Box::pin(act::act(self.services, &actor, effect, decision.urgency)).await);
                    held = true;
                }
                None if more => {}
                None => {
                    if !held && self.driven.ledger.document.active.is_some() {
                        let actor = actor(self.endpoint, &self.driven.ledger.document);
                        if let Err(other) = act::hold(self.services, &actor, decision.urgency).await {
                            tracing::info!("the lease was not prolonged: {other}");
                        }
                    }
                    break;
                }
            }
        }
        Box::pin(self.publish()).await?;
        let document = &self.driven.ledger.document;
        let unheard = heard.alarms.into_iter().filter(|alarm| would_count(document, alarm));
        self.driven.unheard = unheard.map(|alarm| alarm.name).collect();
        if self.driven.ledger.document.active.is_none() && (held || self.was_at_work) {
            act::release(self.services, self.endpoint).await;
        }
        Ok(self.driven)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            now: self.services.now(),
            endpoint: self.endpoint,
            labels: &self.labels,
        }
    }

    /// `None` when there is nothing to look at: no rollout, nothing to tidy, nobody who asks.
    async fn look(&self, heard: &Heard) -> Option<steward::rollout::look::Look> {
        let document = &self.driven.ledger.document;
        let (alarm, command) = (heard.alarms.front(), heard.command.as_ref());
        let needs = needs_told(self.services.now(), document, alarm, command);
        if document.active.is_none() && heard.command.is_none() && needs == Needs::default() {
            return None;
        }
        Some(look::look(self.services, self.endpoint, &needs, analysis(document)).await)
    }

    /// True when the decision stands; false when somebody else wrote first and it has to be made anew.
    async fn commit(&mut self, decision: &Decision) -> Result<bool, LedgerError> {
        if decision.ledger == self.driven.ledger.document {
            return Ok(true);
        }
        let ledger = self.services.ledger(self.endpoint);
        match ledger.commit(&self.driven.ledger, decision.ledger.clone()).await {
            Ok(written) => {
                self.driven.ledger = written;
                Ok(true)
            }
            Err(LedgerError::Conflict { .. }) => {
                tracing::info!("somebody else wrote first: looking and deciding again");
                self.driven.why = "others wrote its ledger first, each time; the next look goes on".to_owned();
                self.driven.ledger = ledger.load().await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn note(&mut self, decision: &Decision) {
        self.driven.why = decision.why.to_string();
        for transition in &decision.transitions {
            let from = transition.from.as_ref().map(|phase| phase.name());
            let cause = transition.cause.as_ref().map(ToString::to_string);
            let (rollout, to) = (transition.rollout.as_str(), transition.to.name());
            tracing::info!(rollout, from, to, cause, "transition");
        }
        let active = decision.ledger.active.as_ref();
        let rollout = active.map(|active| active.plan.id());
        let phase = active.map(|active| active.phase.to_string());
        tracing::info!(rollout, phase, "{}", decision.why);
        self.driven.transitions.extend(decision.transitions.iter().cloned());
        if decision.answer.is_some() {
            self.driven.answer.clone_from(&decision.answer);
        }
    }

    async fn publish(&mut self) -> Result<(), LedgerError> {
        let ledger = self.services.ledger(self.endpoint);
        let (loaded, published) = self.services.teller.drain(&ledger, self.driven.ledger.clone()).await?;
        self.driven.ledger = loaded;
        self.driven.published += published;
        Ok(())
    }
}

/// What judges the present metrics of the rollout at work.
pub(crate) fn analysis(document: &RolloutLedger) -> Option<&AnalysisPolicy> {
    document.active.as_ref()?.analysis()
}

fn actor(endpoint: &str, document: &RolloutLedger) -> Actor {
    let purpose = match &document.active {
        Some(active) => format!("rollout {}", active.plan.id()),
        None => "tidying up after a rollout".to_owned(),
    };
    Actor {
        endpoint: endpoint.to_owned(),
        purpose,
        trial: document
            .active
            .as_ref()
            .filter(|active| active.plan.both.is_some())
            .map(|active| active.plan.green.variant.clone()),
    }
}
