//! The fleet reconciler: makes declared capacity true, and tells what differs.
//!
//! `handle` is the whole of it: read the trigger, look at what is there, decide (`steward::capacity`), commit, make the
//! changes of a plan, tell. The decisions are in `shared`; here is only the wiring.
//!
//! Only what was planned is applied, and a plan is shown before: by the command `plan`, or never, where the fleet file says
//! `reconcile: { apply: true }` and the schedule does both. What an invocation does not come to, another one goes on with.
//!
//! Which failures are errors of the function? A ledger that cannot be read or written, and a fleet file that cannot be
//! used; they ring the alarm on the function itself. Where none was written yet, nothing is declared. What is not understood, or cannot be, is a report whose `outcome` is `refused`; what AWS
//! does not do is told in the report and in an alert.

mod apply;
mod commands;
mod outcome;
mod services;
mod tick;
mod view;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use steward::{
    aws::{
        Base, Deployed, Invocation,
        fleet_source::NoFleet,
        lambda::{self, Failed, refused},
        ledger::LedgerError,
    },
    command::CapacityCommand,
    report::Report,
    settings::{Settings, SettingsErrors},
    trigger::Trigger,
};

use self::services::Clients;

/// What an instance of the function keeps between invocations. Nothing in it must survive: it only saves calls.
#[derive(Clone, Debug)]
pub struct Context {
    deployed: Deployed,
    clients: Arc<Clients>,
}

impl Context {
    /// Reads the settings; nothing is called.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn new(env: &BTreeMap<String, String>, base: Base) -> Result<Self, SettingsErrors> {
        Ok(Self {
            clients: Arc::new(Clients::new(&base)),
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
    /// What is remembered of capacity cannot be read or written.
    #[error("the capacity ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// No fleet file is in force, and there is or was one.
    #[error("the fleet: {0}")]
    NoFleet(#[from] NoFleet),
}

impl Failed for HandlerError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "Ledger",
            Self::NoFleet(_) => "NoFleet",
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
        Trigger::Schedule(_) => tick::tick(ctx, call).await,
        Trigger::Command(command) => match CapacityCommand::parse(&command) {
            Ok(command) => commands::run(ctx, call, command).await,
            Err(error) => Ok(refused(&error)),
        },
        Trigger::EndpointStateChange(_) | Trigger::Alarms(_) => Ok(Report::done(
            "Capacity is compared by schedule and by command; events and alarms change nothing about it.",
        )),
    }
}
