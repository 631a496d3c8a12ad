//! The traffic shifter: rolls a new model out to a live endpoint step by step, watches it, and takes it back by itself
//! when it is worse.
//!
//! `handle` is the whole of it: read the trigger, and for each endpoint that it is about go round: look, decide
//! (`steward::rollout`), commit, act. The decisions are in `shared`; here is only the wiring.
//!
//! Every trigger is only a reason to look, and the schedule looks each minute, so that nothing depends on an event. An
//! alarm acts in its own invocation: the time from ALARM to all traffic on blue is that of one call.
//!
//! Which failures are errors of the function? A ledger that cannot be read or written, since nothing can be decided then;
//! it rings the alarm on the function itself. So is an alarm's event that came to no decision, for Lambda to bring it again. What is not understood, or cannot be, is a report whose `outcome` is
//! `refused`; what AWS does not do now is noted in the ledger and asked again at the next wake-up.

mod act;
mod commands;
mod drive;
mod ledgers;
mod look;
mod outcome;
mod services;
mod start;
mod wake;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use steward::{
    aws::{
        Base, Deployed, Invocation,
        lambda::{self, Failed, refused},
        ledger::LedgerError,
    },
    command::RolloutCommand,
    failure::CallError,
    report::Report,
    settings::{Settings, SettingsErrors},
    trigger::Trigger,
};

use self::{ledgers::Memory, services::Clients};

/// What an instance of the function keeps between invocations. Nothing in it must survive: it only saves calls.
#[derive(Clone, Debug)]
pub struct Context {
    deployed: Deployed,
    clients: Arc<Clients>,
    ledgers: Arc<Memory>,
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
    /// A rollout's ledger cannot be read or written. The rollouts of other endpoints went on.
    #[error("the rollout ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// Nobody can say which rollouts there are.
    #[error("the list of rollouts: {0}. {advice}", advice = .0.advice())]
    List(CallError),
    /// An alarm was not decided on. A retry does it; nothing else would, once the alarm is OK again.
    #[error("alarms that nothing was decided on yet: {0}. A retry of the event decides on them")]
    Unheard(String),
}

impl Failed for HandlerError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "Ledger",
            Self::List(_) => "List",
            Self::Unheard(_) => "Unheard",
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
        Trigger::Schedule(_) => wake::tick(ctx, call).await,
        Trigger::EndpointStateChange(change) => wake::endpoint(ctx, call, &change.endpoint).await,
        Trigger::Alarms(changes) => wake::alarms(ctx, call, &changes).await,
        Trigger::Command(command) => match RolloutCommand::parse(&command) {
            Ok(command) => commands::run(ctx, call, command).await,
            Err(error) => Ok(refused(&error)),
        },
    }
}
