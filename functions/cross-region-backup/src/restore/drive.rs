//! One restore or drill, driven as far as it goes now: look, decide, commit, act, and again.
//!
//! Nothing is made before the ledger names it, and what was made is not believed before it is seen.

use std::collections::BTreeMap;

use steward::{
    aws::ledger::{LedgerError, Loaded},
    backup::{
        ledger::BackupLedger,
        restore::{Acted, Decision, Past, Plan, Restoration, World, decide},
        tell::Facts,
    },
};

use super::{act, look, target};
use crate::services::Services;

/// Decisions in one invocation at most. Each thing that is made takes two.
const ROUNDS: u32 = 200;

/// An operator's word to end what is driven.
#[derive(Clone, Debug)]
pub(crate) struct Abort {
    /// The command's id.
    pub(crate) id: String,
    /// Who, and why.
    pub(crate) who: String,
}

/// How far it went.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) endpoint: String,
    pub(crate) ledger: Loaded<BackupLedger>,
    /// The number of the one that was driven, if one was at work.
    pub(crate) job: Option<u64>,
    /// Why it stopped there.
    pub(crate) why: String,
    /// It ended here, after this plan.
    pub(crate) ended: Option<(Past, Plan)>,
    /// Metrics with this endpoint as a dimension are wanted.
    pub(crate) metrics: bool,
    /// Alerts that SNS took.
    pub(crate) published: usize,
}

impl Driven {
    /// It, while it is at work.
    pub(crate) fn active(&self) -> Option<&Restoration> {
        self.ledger.document.restoration(self.job?)
    }
}

/// Drives the restore or drill of this number, of one endpoint. Without a number, only what is to be told is told.
///
/// # Errors
/// When its ledger cannot be read or written.
pub(crate) async fn drive(
    services: &Services<'_>,
    endpoint: &str,
    ledger: Loaded<BackupLedger>,
    job: Option<u64>,
    abort: Option<Abort>,
) -> Result<Driven, LedgerError> {
    let (labels, metrics) = match job.is_some() {
        false => (BTreeMap::new(), false),
        // It goes on without the fleet file: all that it needs was written down at its start.
        true => match target::of(services, endpoint).await {
            Ok(target) => (target.labels, target.metrics),
            Err(_) => (BTreeMap::new(), false),
        },
    };
    let drive = Drive {
        services,
        labels,
        driven: Driven {
            endpoint: endpoint.to_owned(),
            ledger,
            job,
            why: "nothing is at work".to_owned(),
            ended: None,
            metrics,
            published: 0,
        },
    };
    drive.run(abort).await
}

struct Drive<'a> {
    services: &'a Services<'a>,
    labels: BTreeMap<String, String>,
    driven: Driven,
}

impl Drive<'_> {
    async fn run(mut self, mut abort: Option<Abort>) -> Result<Driven, LedgerError> {
        let mut acted: Option<Acted> = None;
        let mut held = false;
        for _ in 0..ROUNDS {
            Box::pin(self.publish()).await?;
            // By its number: a restore may have begun meanwhile, for which a drill makes way.
            let Some(restoration) = self.driven.active().cloned() else {
                break;
            };
            if !self.services.in_time() {
                self.driven.why = "the invocation's time is over; the next one goes on".to_owned();
                break;
            }
            // A word to end it needs no look.
            let look = match abort {
                Some(_) => None,
                None => Some(Box::pin(look::look(self.services, &restoration)).await),
            };
            let decision = decide(
                &restoration,
                &World {
                    now: self.services.now(),
                    look: look.as_ref(),
                    acted: acted.as_ref(),
                    abort: abort.as_ref().map(|abort| abort.who.as_str()),
                },
            );
            if !Box::pin(self.commit(&restoration.plan, &decision, abort.as_ref())).await? {
                continue;
            }
            acted = None;
            abort = None;
            tracing::info!(job = restoration.plan.id(), "{}", decision.why);
            self.driven.why = decision.why;
            match (decision.state, decision.effect) {
                (Err(past), _) => {
                    act::release(self.services, &restoration.plan).await;
                    self.driven.ended = Some((past, restoration.plan));
                    break;
                }
                (Ok(state), Some(effect)) => {
                    acted = Some(Box::pin(act::act(self.services, &self.driven.endpoint, &state, effect)).await);
                    held = true;
                }
                (Ok(_), None) if decision.again => {}
                (Ok(state), None) => {
                    if !held && let Err(other) = act::hold(self.services, &state.plan).await {
                        tracing::info!("the lease was not prolonged: {other}");
                    }
                    break;
                }
            }
        }
        Box::pin(self.publish()).await?;
        Ok(self.driven)
    }

    /// True when the decision stands; false when somebody else wrote first and it has to be made anew.
    async fn commit(&mut self, plan: &Plan, decision: &Decision, abort: Option<&Abort>) -> Result<bool, LedgerError> {
        let facts = facts(self.services, &self.driven.endpoint, &self.labels);
        let mut document = self.driven.ledger.document.clone();
        match &decision.state {
            Ok(state) => {
                let stuck = state.is_stuck(facts.now);
                document.keep(state.clone());
                if stuck {
                    document.not_torn_down(&facts, plan.number);
                }
            }
            Err(past) => document.restored(&facts, past.clone(), &plan.promised()),
        }
        if let Some(abort) = abort {
            document.obeyed(&abort.id);
        }
        if document == self.driven.ledger.document {
            return Ok(true);
        }
        let ledger = self.services.ledger(&self.driven.endpoint);
        match ledger.commit(&self.driven.ledger, document).await {
            Ok(written) => {
                self.driven.ledger = written;
                Ok(true)
            }
            Err(LedgerError::Conflict { .. }) => {
                tracing::info!("somebody else wrote first: looking and deciding again");
                self.driven.ledger = ledger.load().await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn publish(&mut self) -> Result<(), LedgerError> {
        let ledger = self.services.ledger(&self.driven.endpoint);
        let (loaded, published) = self.services.teller.drain(&ledger, self.driven.ledger.clone()).await?;
        self.driven.ledger = loaded;
        self.driven.published += published;
        Ok(())
    }
}

/// What every alert says.
pub(super) fn facts<'a>(
    services: &'a Services<'_>,
    endpoint: &'a str,
    labels: &'a BTreeMap<String, String>,
) -> Facts<'a> {
    Facts {
        now: services.now(),
        endpoint,
        region: services.home(),
        labels,
    }
}
