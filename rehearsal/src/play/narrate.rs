//! Turns what happened into lines for a reader, and keeps quiet about what changes nothing.

use std::{collections::BTreeMap, io, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::after;
use crate::{
    record::{Called, Ending, Invoked, Record, Sent},
    scenario::{CommandSpec, ObjectChange},
    timeline::{Entry, Sort, Tone, Watch},
    world::{Happening, HappeningKind},
};

/// A fault that has not struck for so long is told again when it does.
const CALM: SignedDuration = SignedDuration::from_mins(3);

/// Writes the timeline.
#[derive(Debug, Default)]
pub(super) struct Narrator {
    waiting: Vec<Entry>,
    faults: BTreeMap<(String, String, String), Timestamp>,
    said: BTreeMap<String, String>,
}

impl Narrator {
    /// Tells what waits, in order of time. While invocations run, their calls are not known yet; so only what is old
    /// is told then.
    pub(super) fn tell(
        &mut self,
        all: bool,
        now: Timestamp,
        record: &mut Record,
        watch: &mut dyn Watch,
    ) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.waiting.sort_by_key(|entry| (entry.at, rank(entry.sort)));
        let ready = self
            .waiting
            .partition_point(|entry| all || after(entry.at, Duration::from_secs(300)) <= now);
        for entry in self.waiting.drain(..ready) {
            watch.entry(&entry)?;
            record.timeline.push(entry);
        }
        Ok(())
    }

    fn add(&mut self, at: Timestamp, region: &str, sort: Sort, tone: Tone, subject: &str, text: impl Into<String>) {
        self.waiting.push(Entry {
            at,
            region: region.to_owned(),
            sort,
            tone,
            subject: subject.to_owned(),
            text: text.into(),
            details: Vec::new(),
        });
    }

    pub(super) fn happening(&mut self, happening: &Happening, record: &mut Record) {
        let Happening { at, region, kind } = happening;
        match kind {
            HappeningKind::EndpointStatus {
                endpoint,
                from,
                to,
                reason,
            } => {
                let none = "does not exist";
                let (from, to) = (from.as_deref().unwrap_or(none), to.as_deref().unwrap_or(none));
                let tone = match to {
                    "Failed" | "OutOfService" | "UpdateRollbackFailed" => Tone::Bad,
                    to if to == none => Tone::Bad,
                    _ => Tone::Quiet,
                };
                let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                self.add(
                    *at,
                    region,
                    Sort::World,
                    tone,
                    endpoint,
                    format!("SageMaker: {from} -> {to}{reason}"),
                );
            }
            HappeningKind::AlarmState {
                alarm,
                from,
                to,
                reason,
            } => {
                let tone = match to.as_str() {
                    "ALARM" => Tone::Warn,
                    _ => Tone::Quiet,
                };
                // The first evaluation of a new alarm tells nothing, and what target tracking does tells its alarms.
                let own = alarm.starts_with("TargetTracking-");
                if !own && (from != "INSUFFICIENT_DATA" || to == "ALARM") {
                    self.add(
                        *at,
                        region,
                        Sort::Alarm,
                        tone,
                        alarm,
                        format!("alarm {from} -> {to}: {reason}"),
                    );
                }
            }
            HappeningKind::Published { message, .. } => {
                if let Some(sent) = sent(happening) {
                    let tone = match sent.severity.as_str() {
                        _ if sent.resolved => Tone::Good,
                        "critical" => Tone::Bad,
                        "warning" => Tone::Warn,
                        _ => Tone::Plain,
                    };
                    let subject = sent.endpoint.clone().unwrap_or_else(|| "fleet".to_owned());
                    let text = message.subject.clone().unwrap_or_else(|| sent.kind.clone());
                    self.add(*at, region, Sort::Alert, tone, &subject, text);
                    record.alerts.push(sent);
                }
            }
            HappeningKind::Scaled {
                resource,
                from,
                to,
                cause,
            } => {
                self.add(
                    *at,
                    region,
                    Sort::World,
                    Tone::Quiet,
                    resource,
                    format!("scaling {from} -> {to}: {cause}"),
                );
            }
            HappeningKind::Incident { text } => {
                self.add(*at, region, Sort::Incident, Tone::Warn, "script", text.clone());
            }
            HappeningKind::Deployment {
                endpoint,
                config,
                phase,
                share,
            } if matches!(phase.as_str(), "Baking" | "Deleting") => {
                let text = match phase.as_str() {
                    "Baking" => format!("{config} takes {:.0}% of the traffic", share * 100.0),
                    _ => format!("{config} is taken away, with {:.0}% of the traffic", share * 100.0),
                };
                self.add(*at, region, Sort::World, Tone::Quiet, endpoint, text);
            }
            HappeningKind::Component {
                endpoint,
                component,
                model,
            } => {
                let text = match model {
                    Some(model) => format!("{component} serves {model}"),
                    None => format!("{component} is gone"),
                };
                self.add(*at, region, Sort::World, Tone::Quiet, endpoint, text);
            }
            HappeningKind::Capacity { .. }
            | HappeningKind::Deployment { .. }
            | HappeningKind::Event { .. }
            | HappeningKind::AlarmAction { .. }
            | HappeningKind::Invoked { .. } => {}
        }
    }

    pub(super) fn health(&mut self, at: Timestamp, region: &str, endpoint: &str, from: Option<&str>, to: &str) {
        let tone = match to {
            "healthy" => Tone::Good,
            "degraded" | "changing" | "deleting" | "unknown" | "stuck" => Tone::Warn,
            _ => Tone::Bad,
        };
        let to = to.replace('_', " ");
        let text = match from {
            // The first sweep's summary says how many are well.
            None if tone == Tone::Good => return,
            None => format!("first seen {to}"),
            Some(from) => format!("{} -> {to}", from.replace('_', " ")),
        };
        self.add(at, region, Sort::Health, tone, endpoint, text);
    }

    pub(super) fn call(&mut self, call: &Called) {
        if let Some(fault) = &call.fault {
            let key = (fault.clone(), call.service.clone(), call.operation.clone());
            let last = self.faults.insert(key, call.at);
            if last.is_none_or(|last| call.at.duration_since(last) > CALM) {
                let text = format!("fault {fault} strikes {} {}", call.service, call.operation);
                self.add(call.at, &call.region, Sort::Fault, Tone::Warn, &call.caller, text);
            }
        }
        let writes = ["Create", "Update", "Delete", "Register", "Deregister", "Put"];
        let control = matches!(call.service.as_str(), "sagemaker" | "autoscaling");
        if control && writes.iter().any(|verb| call.operation.starts_with(verb)) {
            let about = call.resource.as_deref().unwrap_or_default();
            let (tone, how) = if call.succeeded {
                (Tone::Plain, "")
            } else {
                (Tone::Warn, " (refused)")
            };
            let text = format!("calls {} {about}{how}", call.operation);
            self.add(call.at, &call.region, Sort::Action, tone, &call.caller, text);
        }
    }

    pub(super) fn command(&mut self, at: Timestamp, region: &str, command: &CommandSpec) {
        let text = format!("command {}", command.payload());
        self.add(at, region, Sort::Command, Tone::Plain, "operator", text);
    }

    pub(super) fn answer(&mut self, at: Timestamp, region: &str, name: &str, ending: Ending, answer: &Value) {
        let tone = if ending == Ending::Ok { Tone::Plain } else { Tone::Bad };
        let said = answer
            .get("summary")
            .and_then(Value::as_str)
            .map_or_else(|| plain(answer), str::to_owned);
        let how = if ending == Ending::Ok {
            String::new()
        } else {
            format!("{}: ", ending.as_str())
        };
        self.add(
            at,
            region,
            Sort::Answer,
            tone,
            "operator",
            format!("{name}: {how}{said}"),
        );
    }

    /// An invocation is worth a line when it failed, when it did less than all, and when it was the first.
    pub(super) fn invocation(&mut self, at: Timestamp, invoked: &Invoked) {
        let summary = invoked
            .answer
            .get("summary")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let outcome = invoked.answer.get("outcome").and_then(Value::as_str).unwrap_or("done");
        let key = format!("{}/{}", invoked.region, invoked.function);
        if invoked.ending != Ending::Ok {
            let text = format!("invocation {}: {}", invoked.ending.as_str(), plain(&invoked.answer));
            self.said.insert(key, String::new());
            self.add(
                at,
                &invoked.region,
                Sort::Invocation,
                Tone::Bad,
                &invoked.function,
                text,
            );
            return;
        }
        let first = !self.said.contains_key(&key);
        let news = self.said.get(&key).is_some_and(|said| said != outcome);
        self.said.insert(key, outcome.to_owned());
        if first || news || outcome == "refused" {
            let tone = if outcome == "done" { Tone::Quiet } else { Tone::Warn };
            self.add(at, &invoked.region, Sort::Invocation, tone, &invoked.function, summary);
        }
    }

    pub(super) fn delivery(&mut self, at: Timestamp, region: &str, function: &str, text: &str) {
        self.add(at, region, Sort::Delivery, Tone::Warn, function, text);
    }

    pub(super) fn fleet_file(&mut self, at: Timestamp, region: &str) {
        self.add(at, region, Sort::File, Tone::Plain, "operator", "puts a new fleet file");
    }

    pub(super) fn object(&mut self, at: Timestamp, region: &str, change: &ObjectChange) {
        let what = match &change.storage_class {
            Some(class) => &format!("is moved to {class} by a lifecycle rule"),
            None if change.gone => "is deleted",
            None => "has another content",
        };
        let text = format!("s3://{}/{} {what}", change.bucket, change.key);
        self.add(at, region, Sort::Incident, Tone::Warn, "script", text);
    }
}

/// Of two things at the same moment, the cause comes first.
fn rank(sort: Sort) -> u8 {
    match sort {
        Sort::Incident => 0,
        Sort::Fault => 1,
        Sort::Command | Sort::Action | Sort::File => 2,
        _ => 3,
    }
}

/// A string without its quotes, other values as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A published message that is an alert of ours: one with a deduplication id.
fn sent(happening: &Happening) -> Option<Sent> {
    let HappeningKind::Published { topic, message } = &happening.kind else {
        return None;
    };
    let attribute = |name: &str| message.attributes.get(name).cloned();
    let body: Value = serde_json::from_str(&message.body).unwrap_or(Value::Null);
    let document = body["default"]
        .as_str()
        .map_or(body.clone(), |text| serde_json::from_str(text).unwrap_or_default());
    let reminder = &document["metadata"]["additionalContext"]["reminder"];
    Some(Sent {
        at: happening.at,
        region: happening.region.clone(),
        topic: topic.clone(),
        subject: message.subject.clone().unwrap_or_default(),
        text: body["email"].as_str().unwrap_or(&message.body).to_owned(),
        kind: attribute("kind")?,
        id: attribute("dedup_id")?,
        severity: attribute("severity").unwrap_or_default(),
        endpoint: attribute("endpoint"),
        resolved: attribute("resolved").as_deref() == Some("true"),
        reminder: reminder.as_str().and_then(|text| text.parse().ok()).unwrap_or(0),
    })
}
