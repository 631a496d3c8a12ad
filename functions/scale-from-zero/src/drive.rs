//! One endpoint, driven as far as it goes now: look, decide, commit, act, and again.
//!
//! Nothing is done before the ledger that names it is written, and what was done is not believed before it is seen. A
//! ledger that somebody else wrote meanwhile is read again, and decided on with a new look.

use std::collections::BTreeMap;

use steward::{
    aws::ledger::{LedgerError, Loaded},
    lease::Urgency,
    wake::{
        Acted, AlarmNews, Answer, Command, Decision, Facts, Look, News, Phase, Thing, Transition, WakeLedger,
        WakePolicy, Why, decide, needs,
    },
};

use crate::{
    act::{self, Actor},
    look,
    services::Services,
};

/// Decisions on one endpoint in one invocation. A wake needs six up to the accepted call, and each component of an
/// endpoint may need as many.
const ROUNDS: usize = 40;

/// One endpoint, and what to tell the decision besides what is seen.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) endpoint: String,
    pub(crate) policy: Option<WakePolicy>,
    pub(crate) command: Option<Command>,
    pub(crate) alarms: Vec<AlarmNews>,
}

impl Asked {
    /// Nobody asks for anything.
    pub(crate) fn tick(endpoint: String, policy: Option<WakePolicy>) -> Self {
        Self {
            endpoint,
            policy,
            command: None,
            alarms: vec![],
        }
    }
}

/// What holds for all endpoints of an invocation.
#[derive(Clone, Debug)]
pub(crate) struct Wide {
    /// The user's labels, for alerts.
    pub(crate) labels: BTreeMap<String, String>,
    /// Wakes of the fleet that may be under way.
    pub(crate) most: u32,
}

/// How far it went.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) endpoint: String,
    pub(crate) ledger: Loaded<WakeLedger>,
    /// Why it stopped there, for each thing.
    pub(crate) why: Vec<(Thing, Why)>,
    /// The invocation's time was over before everything was decided.
    pub(crate) late: bool,
    pub(crate) transitions: Vec<Transition>,
    /// What the command is answered.
    pub(crate) answer: Option<Answer>,
    /// Alerts that SNS took.
    pub(crate) published: usize,
}

/// Drives one endpoint.
///
/// # Errors
/// When its ledger cannot be read or written.
pub(crate) async fn drive(services: &Services<'_>, wide: &Wide, asked: Asked) -> Result<Driven, LedgerError> {
    let ledger = services.ledger(&asked.endpoint).load().await?;
    let drive = Drive {
        services,
        wide,
        was_starting: starting(&ledger.document).is_some(),
        driven: Driven {
            endpoint: asked.endpoint.clone(),
            ledger,
            why: vec![],
            late: false,
            transitions: vec![],
            answer: None,
            published: 0,
        },
    };
    drive.run(asked).await
}

struct Drive<'a> {
    services: &'a Services<'a>,
    wide: &'a Wide,
    /// Capacity was on its way when this began: the lease may be its.
    was_starting: bool,
    driven: Driven,
}

impl Drive<'_> {
    async fn run(mut self, mut asked: Asked) -> Result<Driven, LedgerError> {
        let mut prompted = asked.command.is_some() || !asked.alarms.is_empty();
        let mut acted: Option<Acted> = None;
        let mut seen: Option<Look> = None;
        let mut held = false;
        let mut urgency = Urgency::Routine;
        for round in 0..=ROUNDS {
            if round == ROUNDS || !self.services.in_time() {
                self.driven.late = true;
                break;
            }
            Box::pin(self.publish()).await?;
            let looked = match seen.take() {
                Some(seen) => seen,
                None => Box::pin(self.look(&asked, prompted)).await,
            };
            let news = News {
                look: Some(&looked),
                alarms: &asked.alarms,
                command: asked.command.as_ref(),
                acted: acted.as_ref(),
            };
            let decision = decide(&self.facts(&asked), &self.driven.ledger.document, &news);
            if !Box::pin(self.commit(&decision)).await? {
                continue;
            }
            (acted, asked.command, prompted) = (None, None, false);
            asked.alarms.clear();
            urgency = decision.urgency;
            let again = decision.again;
            let effect = decision.effect.clone();
            self.note(decision);
            match effect {
                Some(effect) => {
                    // Slots are Steward's own: what was seen of AWS is as true as before.
                    match effect.target() {
                        None => seen = Some(looked),
                        Some(_) => held = true,
                    }
                    let actor = self.actor();
                    acted = Some(Box::pin(act::act(self.services, &actor, effect, urgency, self.wide.most)).await);
                }
                None if again => {}
                None => break,
            }
        }
        Box::pin(self.publish()).await?;
        match starting(&self.driven.ledger.document) {
            None if held || self.was_starting => act::release(self.services, &self.driven.endpoint).await,
            Some(_) if !held && self.was_starting => {
                if let Err(other) = act::hold(self.services, &self.actor(), urgency.max(Urgency::Planned)).await {
                    tracing::info!("the lease was not prolonged: {other}");
                }
            }
            _ => {}
        }
        Ok(self.driven)
    }

    fn facts<'a>(&'a self, asked: &'a Asked) -> Facts<'a> {
        Facts {
            now: self.services.now(),
            endpoint: &asked.endpoint,
            labels: &self.wide.labels,
            policy: asked.policy.as_ref(),
        }
    }

    async fn look(&self, asked: &Asked, prompted: bool) -> Look {
        let policy = asked.policy.as_ref();
        let needs = needs(self.services.now(), policy, &self.driven.ledger.document, prompted);
        let variant = policy.and_then(|policy| policy.variant.as_deref());
        look::look(self.services, &asked.endpoint, variant, &needs).await
    }

    /// True when the decision stands; false when somebody else wrote first and it has to be made anew.
    async fn commit(&mut self, decision: &Decision) -> Result<bool, LedgerError> {
        if decision.ledger == self.driven.ledger.document {
            return Ok(true);
        }
        let ledger = self.services.ledger(&self.driven.endpoint);
        match ledger.commit(&self.driven.ledger, decision.ledger.clone()).await {
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

    fn note(&mut self, decision: Decision) {
        for transition in &decision.transitions {
            let (thing, wake) = (&transition.thing, transition.wake);
            tracing::info!(%thing, wake, to = ?transition.to, "transition");
        }
        for (thing, why) in &decision.why {
            tracing::info!(%thing, "{why}");
        }
        self.driven.transitions.extend(decision.transitions);
        self.driven.why = decision.why;
        if decision.answer.is_some() {
            self.driven.answer = decision.answer;
        }
    }

    fn actor(&self) -> Actor {
        let things = self.driven.ledger.document.things.values();
        let wakes = things.filter_map(|one| one.wake.as_ref());
        let wakes: Vec<String> = wakes.map(|wake| wake.number.to_string()).collect();
        let purpose = match wakes.as_slice() {
            [] => "putting it to sleep".to_owned(),
            [one] => format!("wake {one}"),
            many => format!("wakes {}", many.join(", ")),
        };
        Actor {
            endpoint: self.driven.endpoint.clone(),
            purpose,
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

/// The wake whose capacity is on its way: nobody else is to change the endpoint then.
fn starting(ledger: &WakeLedger) -> Option<u64> {
    let wakes = ledger.things.values().filter_map(|one| one.wake.as_ref());
    let mut starting = wakes.filter(|wake| matches!(wake.phase, Phase::Raising | Phase::Starting));
    starting.next().map(|wake| wake.number)
}
