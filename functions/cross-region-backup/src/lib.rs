//! The cross-Region backup: keeps recovery points of endpoints in another Region, shows that they are good, and makes
//! endpoints from them.
//!
//! `handle` is the whole of it: read the trigger, look at what it is about, decide (`steward::backup`), commit, act. The
//! decisions are in `shared`; here is only the wiring.
//!
//! The function runs in the endpoints' Region, where it backs them up, and equally in the Region of the backups, where it
//! restores them while the other one is dark: all that a restore needs lies there.
//!
//! Which failures are errors of the function? A ledger that cannot be read or written, recovery points that cannot be read
//! where drills are to be made of them, and a fleet file that cannot be used when the schedule asks what there is to do;
//! they ring the alarm on the function itself, after everything else went on. Where no fleet file was written yet, nothing is
//! backed up. What is not understood, or cannot be, is a report
//! whose `outcome` is `refused`; a backup that comes to nothing is in the ledger, is told, and is made again.

mod audit;
mod backup;
mod claims;
mod commands;
mod outcome;
mod points;
mod presence;
mod restore;
mod services;
mod tick;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use steward::{
    aws::{
        Base, Deployed, Invocation,
        fleet_source::NoFleet,
        lambda::{self, Failed, refused},
        ledger::LedgerError,
    },
    command::BackupCommand,
    failure::CallError,
    report::Report,
    settings::{Settings, SettingsErrors},
    trigger::Trigger,
};

use self::{
    services::{Clients, Services},
    tick::TagCache,
};

/// What an instance of the function keeps between invocations. Nothing in it must survive: it only saves calls.
#[derive(Clone, Debug)]
pub struct Context {
    deployed: Deployed,
    clients: Arc<Clients>,
    tags: Arc<TagCache>,
    ledgers: Arc<restore::Memory>,
}

impl Context {
    /// Reads the settings; nothing is called.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn new(env: &BTreeMap<String, String>, base: Base) -> Result<Self, SettingsErrors> {
        Ok(Self {
            clients: Arc::new(Clients::new(&base)),
            tags: Arc::default(),
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
    /// What is remembered of an endpoint's backups cannot be read or written. Those of other endpoints went on.
    #[error("the backup ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// Nobody can say which restores and drills are at work.
    #[error("the list of restores: {0}. {advice}", advice = .0.advice())]
    List(CallError),
    /// Nobody can say which drills are due. What is at work went on.
    #[error("the recovery points of this Region, of which drills are to be made: {0}. {advice}", advice = .0.advice())]
    Points(CallError),
    /// No fleet file is in force, and there is or was one.
    #[error("the fleet: {0}")]
    NoFleet(#[from] NoFleet),
    /// Nobody can say what is to be backed up.
    #[error("the fleet: {0}")]
    Fleet(String),
}

impl Failed for HandlerError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "Ledger",
            Self::List(_) => "List",
            Self::Points(_) => "Points",
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
    let services = Services::new(ctx, call);
    match trigger {
        Trigger::Command(command) => match BackupCommand::parse(&command) {
            Ok(command) => commands::run(&services, command).await,
            Err(error) => Ok(refused(&error)),
        },
        // Restores first: nothing that keeps backups from being made may keep them.
        Trigger::Schedule(_) => {
            let woken = restore::tick(&services).await;
            let report = tick::all(&services).await?;
            Ok(woken?.onto(report))
        }
        Trigger::EndpointStateChange(change) => {
            let woken = restore::changed(&services, &change.endpoint).await;
            let report = tick::changed(&services, &change).await?;
            Ok(woken?.onto(report))
        }
        Trigger::Alarms(_) => Ok(refused(
            &"no alarm has a meaning for backups; subscribe the function to the schedule and to SageMaker's events",
        )),
    }
}
