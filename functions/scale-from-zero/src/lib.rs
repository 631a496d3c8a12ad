//! Scale from zero: wakes what has no capacity when a request, a schedule or a person asks for it, follows it to the first
//! success, and puts it to sleep again when nobody uses it.
//!
//! `handle` is the whole of it: read the trigger, and for each endpoint that it is about go round: look, decide
//! (`steward::wake`), commit, act. The decisions are in `shared`; here is only the wiring.
//!
//! An alarm acts in its own invocation. It is only a reason to look, and may be lost: the schedule reads the same metrics.
//!
//! Which failures are errors of the function? A ledger that cannot be read or written, and a fleet file that cannot be
//! used; they ring the alarm on the function itself, and an alarm's event is tried again. Where none was written yet there is
//! nothing to wake. What is not understood, or cannot be, is a report whose `outcome` is `refused`; what AWS does not do now
//! is noted in the ledger and asked again at the next tick.

mod act;
mod commands;
mod drive;
mod ledgers;
mod look;
mod outcome;
mod selected;
mod services;
mod woken;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use steward::{
    aws::{
        Base, Deployed, Invocation,
        fleet_source::NoFleet,
        lambda::{self, Failed, refused},
        ledger::LedgerError,
    },
    command::WakeCommand,
    failure::CallError,
    report::Report,
    settings::{Settings, SettingsErrors},
    trigger::Trigger,
};

use self::{ledgers::Memory, selected::TagCache, services::Clients};

/// What an instance of the function keeps between invocations. Nothing in it must survive: it only saves calls.
#[derive(Clone, Debug)]
pub struct Context {
    deployed: Deployed,
    clients: Arc<Clients>,
    ledgers: Arc<Memory>,
    tags: Arc<TagCache>,
}

impl Context {
    /// Reads the settings; nothing is called.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn new(env: &BTreeMap<String, String>, base: Base) -> Result<Self, SettingsErrors> {
        Ok(Self {
            clients: Arc::new(Clients::new(&base)),
            ledgers: Arc::default(),
            tags: Arc::default(),
            deployed: Deployed::new(env, base)?,
        })
    }

    /// What the environment says.
    pub fn settings(&self) -> &Settings {
        &self.deployed.settings
    }
}

/// Why an invocation failed. Its message is what Lambda reports.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// What is remembered of an endpoint's wakes cannot be read or written. Those of other endpoints went on.
    #[error("the wake ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// Nobody can say which wakes are at work.
    #[error("the list of wakes: {0}. {advice}", advice = .0.advice())]
    List(CallError),
    /// No fleet file is in force, and there is or was one.
    #[error("the fleet: {0}")]
    NoFleet(#[from] NoFleet),
    /// Nobody can say what may sleep. Nothing is taken to be no longer named because of that.
    #[error("the fleet: {0}")]
    Fleet(String),
}

impl Failed for HandlerError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "Ledger",
            Self::List(_) => "List",
            Self::NoFleet(_) => "NoFleet",
            Self::Fleet(_) => "Fleet",
        }
    }
}

/// Handles one event and answers the report of it.
///
/// # Errors
/// [`HandlerError`]; safe to repeat with the same event.
pub async fn handle(ctx: &Context, call: &Invocation, event: Value) -> Result<Value, HandlerError> {
    // On the heap: the states of all calls together are large, and would be moved about by every caller.
    lambda::answer(call, Box::pin(respond(ctx, call, &event))).await
}

async fn respond(ctx: &Context, call: &Invocation, event: &Value) -> Result<Report, HandlerError> {
    let trigger = match ctx.deployed.trigger(event) {
        Ok(trigger) => trigger,
        Err(error) => return Ok(refused(&error)),
    };
    tracing::info!(trigger = trigger.kind(), "woken");
    match trigger {
        Trigger::Schedule(_) => woken::tick(ctx, call).await,
        Trigger::EndpointStateChange(change) => woken::endpoint(ctx, call, &change.endpoint).await,
        Trigger::Alarms(changes) => woken::alarms(ctx, call, &changes).await,
        Trigger::Command(command) => match WakeCommand::parse(&command) {
            Ok(command) => commands::run(ctx, call, command).await,
            Err(error) => Ok(refused(&error)),
        },
    }
}
