//! The health checker: looks at every endpoint of the fleet, tells people what changed, and recovers what it may.
//!
//! `handle` is the whole of it: read the trigger, observe, decide (`steward::health`), commit, act, publish, report. The
//! decisions are in `shared`; here is only the wiring.
//!
//! Which failures are errors of the function? What a repetition could mend, or what must ring the alarm on the function
//! itself: no ledger, a fleet file that cannot be used. Where none was written yet there is nothing to watch: that is told
//! people, again and again, and answered. An event or a command that is not understood is answered with a report whose
//! `outcome` is `refused`: Lambda would repeat an error twice and then fill the dead-letter queue with it, and no
//! repetition makes a wrong event right. A trouble on the way (throttled, denied, SNS down) is neither: it is in the
//! ledger, is told when it lasts, and the next sweep goes on.

mod act;
mod async_probe;
mod check;
mod commands;
mod observe;
mod outcome;
mod services;
mod watch;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use steward::{
    aws::{
        Base, Deployed, Invocation,
        fleet_source::NoFleet,
        lambda::{self, Failed, refused},
        ledger::LedgerError,
    },
    command::HealthCommand,
    health::observation::Hint,
    report::Report,
    settings::{Settings, SettingsErrors},
    trigger::Trigger,
};

use self::{check::Scope, services::Clients, watch::TagCache};

/// What an instance of the function keeps between invocations. Nothing in it must survive: it only saves calls.
#[derive(Clone, Debug)]
pub struct Context {
    deployed: Deployed,
    clients: Arc<Clients>,
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
            tags: Arc::default(),
            deployed: Deployed::new(env, base)?,
        })
    }

    /// What the environment says.
    pub fn settings(&self) -> &Settings {
        &self.deployed.settings
    }
}

/// Why an invocation failed. Its message is what Lambda reports; the variant is its `errorType`.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The ledger cannot be read or written, so nothing can be decided.
    #[error("the health ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// No fleet file is in force, and there is or was one; or a person asked for what needs one.
    #[error("{0}")]
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
        Trigger::Schedule(_) => check::run(ctx, call, Scope::Sweep).await,
        Trigger::EndpointStateChange(change) => {
            let hint = Hint {
                status: change.status,
                at: change
                    .at
                    .map_or_else(|| ctx.deployed.now(), |at| at.min(ctx.deployed.now())),
            };
            check::run(
                ctx,
                call,
                Scope::Changed {
                    endpoint: change.endpoint,
                    hint,
                },
            )
            .await
        }
        Trigger::Alarms(changes) => {
            let mut endpoints: Vec<String> = changes
                .iter()
                .flat_map(|change| change.dimension("EndpointName"))
                .map(str::to_owned)
                .collect();
            endpoints.sort();
            endpoints.dedup();
            // A composite alarm names no metric, and one on something else may still be about endpoints.
            if endpoints.is_empty() {
                endpoints.push("*".to_owned());
            }
            check::run(
                ctx,
                call,
                Scope::Some {
                    patterns: endpoints,
                    details: false,
                },
            )
            .await
        }
        Trigger::Command(command) => match HealthCommand::parse(&command) {
            Ok(command) => commands::run(ctx, call, command).await,
            Err(error) => Ok(refused(&error)),
        },
    }
}
