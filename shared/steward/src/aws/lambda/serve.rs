//! A function as Lambda runs it: started once, asked again and again.

use std::{collections::BTreeMap, fmt::Display, future::Future};

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use tracing::Instrument;

use super::{event::Whole, invocation, log_to, span};
use crate::{
    aws::{Base, Invocation},
    report::Report,
    settings::{Settings, SettingsErrors},
};

/// Why an invocation failed, with the one word that programs know it by.
pub trait Failed: Display {
    /// `errorType` of what Lambda reports.
    fn kind(&self) -> &'static str;
}

/// Serves every event of this process with `handle`, in a context that `start` makes of the environment.
///
/// Wrong settings are the answer to every event: a process that ended would be started again and again, and whoever
/// invokes it would only see that it ended.
///
/// # Errors
/// When Lambda's runtime cannot be reached.
pub async fn serve<C, E: Failed>(
    start: impl FnOnce(&BTreeMap<String, String>, Base) -> Result<C, SettingsErrors>,
    settings: impl Fn(&C) -> &Settings,
    handle: impl AsyncFn(&C, &Invocation, Value) -> Result<Value, E>,
) -> Result<(), Error> {
    let base = Base::from_env().await;
    let ctx = match start(&std::env::vars().collect(), base.clone()) {
        Ok(ctx) => ctx,
        Err(errors) => {
            let said = &errors.to_string();
            return run(service_fn(async |_: LambdaEvent<Whole>| {
                Err::<Value, _>(diagnostic("Settings", said))
            }))
            .await;
        }
    };
    log_to(&base, settings(&ctx).log)?;
    run(service_fn(async |event: LambdaEvent<Whole>| {
        let call = invocation(&event.context.request_id, event.context.deadline);
        handle(&ctx, &call, event.payload.0)
            .await
            .map_err(|error| diagnostic(error.kind(), &error.to_string()))
    }))
    .await
}

/// What Lambda reports of a failed invocation: `errorType` for programs, `errorMessage` for people.
fn diagnostic(kind: &str, message: &str) -> Diagnostic {
    Diagnostic {
        error_type: kind.to_owned(),
        error_message: message.to_owned(),
    }
}

/// The answer of one invocation, every log line of it in its span.
///
/// # Errors
/// What `work` says.
pub async fn answer<E: Display>(call: &Invocation, work: impl Future<Output = Result<Report, E>>) -> Result<Value, E> {
    async {
        let answer = work.await;
        match &answer {
            Ok(report) => {
                let first = report.summary.lines().next().unwrap_or_default();
                tracing::info!(outcome = ?report.outcome, "{first}");
            }
            Err(error) => tracing::error!(%error, "the invocation failed"),
        }
        answer.map(|report| report.to_value())
    }
    .instrument(span(call))
    .await
}

/// The answer to an event that is not understood, or asks for what cannot be.
pub fn refused(why: &impl Display) -> Report {
    tracing::error!("refused: {why}");
    Report::refused(why)
}
