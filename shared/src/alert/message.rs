//! An alert as SNS takes it: one subject, one text for people, one document for programs, attributes for filters.
//!
//! People and programs subscribe to the same topic, and a text with JSON at its end serves neither. SNS can send each
//! protocol its own (`MessageStructure=json`): e-mail gets the text, a phone the subject, and everything else (queues,
//! functions, web hooks, chat) the document. That document has the form of a custom notification of Amazon Q Developer in
//! chat applications (AWS Chatbot), because that service silently drops every other JSON: so Slack and Teams show alerts
//! without a function in between, the alerts of one incident form one thread, and programs read the flat fields under
//! `metadata.additionalContext`.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{Alert, Severity};
use crate::text::{lasting, printable};

/// SNS takes 262,144 bytes of body and attributes together; the attributes have the rest.
const BODY_BYTES: usize = 250_000;

/// What evidence and actions may take together before they are repeated and escaped, in bytes; halved until the body
/// fits. With the smallest the body fits whatever the rest holds, because all of that is cut to fixed lengths.
const LIST_BYTES: [usize; 5] = [48 * 1024, 24 * 1024, 12 * 1024, 6 * 1024, 3 * 1024];

/// The longest single line of evidence, in characters.
const LINE: usize = 1000;

/// Labels shown in text and document.
const LABELS: usize = 20;

/// Attributes that filters can use; SNS passes no more than 10 to a queue with raw delivery.
const ATTRIBUTES: usize = 10;

/// An alert ready for `sns:Publish` with `MessageStructure=json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// ASCII, at most 99 characters, no line breaks.
    pub subject: String,
    /// What people read.
    pub text: String,
    /// What programs and chat clients read.
    pub json: Value,
    /// For filter policies; never an empty name or value, at most 10.
    pub attributes: BTreeMap<String, String>,
}

impl Message {
    /// The `Message` parameter of a publish with `MessageStructure=json`.
    pub fn body(&self) -> String {
        json!({"default": self.json.to_string(), "email": self.text, "sms": self.subject}).to_string()
    }
}

pub(super) fn compose(alert: &Alert) -> Message {
    let mut sizes = LIST_BYTES.into_iter();
    let mut message = composed(alert, sizes.next().unwrap_or_default());
    for size in sizes {
        if message.body().len() <= BODY_BYTES {
            break;
        }
        message = composed(alert, size);
    }
    message
}

fn composed(alert: &Alert, bytes: usize) -> Message {
    let evidence = fit(&alert.evidence, bytes * 2 / 3, "observations");
    let done = fit(&alert.done, bytes / 3, "actions");
    Message {
        subject: subject(alert),
        text: text(alert, &evidence, &done),
        json: document(alert, &evidence, &done),
        attributes: attributes(alert),
    }
}

fn subject(alert: &Alert) -> String {
    let line = ascii(&headline(alert));
    if line.len() <= 99 {
        line
    } else {
        format!("{}...", line[..96].trim_end())
    }
}

/// The whole first line, however long.
fn headline(alert: &Alert) -> String {
    let who = match &alert.subject_of {
        Some(name) => printable(name, 63),
        None => alert.kind.subject().1.to_owned(),
    };
    let mut line = format!("[{}] {who} ", mark(alert));
    if alert.reminder > 0 {
        line.push_str("still ");
    } else if alert.resolved && !alert.kind.resolves() {
        line.push_str("was ");
    }
    line.push_str(&format!("{} {}", alert.kind.phrase(), short_time(alert)));
    if !alert.title.is_empty() {
        line.push_str(&format!(": {}", printable(&alert.title, 300)));
    }
    line
}

fn mark(alert: &Alert) -> &'static str {
    match (alert.resolved, alert.severity) {
        (true, _) => "RESOLVED",
        (false, Severity::Critical) => "CRITICAL",
        (false, Severity::Warning) => "WARNING",
        (false, Severity::Info) => "INFO",
    }
}

/// `03:12 UTC`, with the date when it is not that of the alert: when what lasts began, and when what happens at a moment
/// happened.
fn short_time(alert: &Alert) -> String {
    let moment = alert.kind.phrase().ends_with(" at");
    let at = alert.at.to_zoned(TimeZone::UTC);
    let since = if moment {
        at.clone()
    } else {
        alert.since.to_zoned(TimeZone::UTC)
    };
    let form = if since.date() == at.date() {
        "%H:%M UTC"
    } else {
        "%Y-%m-%d %H:%M UTC"
    };
    since.strftime(form).to_string()
}

fn text(alert: &Alert, evidence: &[String], done: &[String]) -> String {
    let section = |name: &str, lines: &[String], none: &str| match lines {
        [] => format!("{name}\n  {none}\n\n"),
        lines => format!(
            "{name}\n{}\n",
            lines.iter().map(|line| format!("  - {line}\n")).collect::<String>()
        ),
    };
    let mut text = format!("{}\n\nWHAT HAPPENED\n  {}\n\n", headline(alert), what_happened(alert));
    text.push_str(&format!("SINCE\n  {}\n\n", since(alert)));
    text.push_str(&section("EVIDENCE", evidence, "None beyond what is said above."));
    text.push_str(&section("WHAT STEWARD DID", done, "Nothing but to send this alert."));
    text.push_str(&format!("NEXT STEP\n  {}\n\n", printable(&alert.next, 2000)));
    let links: Vec<String> = [("Runbook", &alert.runbook), ("Console", &alert.console)]
        .into_iter()
        .filter_map(|(name, link)| Some(format!("  {name}: {}\n", printable(link.as_deref()?, 1000))))
        .collect();
    if !links.is_empty() {
        text.push_str(&format!("LINKS\n{}\n", links.concat()));
    }
    let mut footer: Vec<String> = vec![format!("severity {}", alert.severity), format!("kind {}", alert.kind)];
    footer.extend(
        alert
            .region
            .as_deref()
            .map(|region| format!("region {}", printable(region, 40))),
    );
    footer.extend(
        alert
            .labels
            .iter()
            .map(|(name, value)| format!("{} {}", printable(name, 40), printable(value, 80))),
    );
    footer.push(format!("id {}", alert.id));
    text.push_str(&format!("--\n{}\n", footer.join(" | ")));
    text
}

fn what_happened(alert: &Alert) -> String {
    let who = match &alert.subject_of {
        Some(name) => format!("Endpoint {}", printable(name, 63)),
        None => alert.kind.subject().0.to_owned(),
    };
    let over = if alert.resolved && !alert.kind.resolves() {
        "This is over: "
    } else {
        ""
    };
    let mut told = format!("{over}{who} {}.", alert.kind.sentence());
    let title = printable(alert.title.trim_end_matches('.'), 2000);
    if !title.is_empty() {
        told.push_str(&format!(" {}.", capitalised(&title)));
    }
    if alert.reminder > 0 {
        told.push_str(&format!(
            " This is reminder {}: it was told before and is still so.",
            alert.reminder
        ));
    }
    told
}

/// Only an ordinary word is capitalised: `sagemaker:InvokeEndpoint` and `s3://…` are names.
fn capitalised(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    if word.bytes().all(|c| c.is_ascii_lowercase()) {
        text.chars()
            .take(1)
            .map(|c| c.to_ascii_uppercase())
            .chain(text.chars().skip(1))
            .collect()
    } else {
        text.to_owned()
    }
}

fn since(alert: &Alert) -> String {
    let whole = |time: Timestamp| {
        time.to_zoned(TimeZone::UTC)
            .strftime("%Y-%m-%d %H:%M:%S UTC")
            .to_string()
    };
    match alert.at.duration_since(alert.since).as_secs() {
        lasted if lasted > 0 => {
            format!(
                "{}, {} before this alert ({}).",
                whole(alert.since),
                lasting(lasted),
                whole(alert.at)
            )
        }
        _ => format!("{}.", whole(alert.since)),
    }
}

/// As many lines as fit into `bytes`, each cut to [`LINE`] characters and safe to show; how many were left out is said.
fn fit(lines: &[String], bytes: usize, noun: &str) -> Vec<String> {
    let mut fitting = Vec::new();
    let mut size = 0;
    for line in lines {
        let line = printable(line, LINE);
        size += line.len();
        if size > bytes {
            break;
        }
        fitting.push(line);
    }
    if fitting.len() < lines.len() {
        fitting.push(format!(
            "{} more {noun} were left out to keep this message small.",
            lines.len() - fitting.len()
        ));
    }
    fitting
}

/// The form of a custom notification (version 1.0, source `custom`) of Amazon Q Developer in chat applications.
fn document(alert: &Alert, evidence: &[String], done: &[String]) -> Value {
    let bullets = |name: &str, lines: &[String]| match lines {
        [] => String::new(),
        lines => format!(
            "\n*{name}*\n{}",
            lines.iter().map(|line| format!("• {line}\n")).collect::<String>()
        ),
    };
    let mut context = BTreeMap::from([
        ("id", alert.id.clone()),
        ("kind", alert.kind.to_string()),
        ("severity", alert.severity.to_string()),
        ("resolved", alert.resolved.to_string()),
        ("reminder", alert.reminder.to_string()),
        ("title", printable(&alert.title, 2000)),
        ("since", alert.since.to_string()),
        ("at", alert.at.to_string()),
    ]);
    let optional = [
        ("endpoint", &alert.subject_of),
        ("region", &alert.region),
        ("runbook", &alert.runbook),
        ("console", &alert.console),
    ];
    context.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, printable(value.as_deref()?, 1000)))),
    );
    for (name, lines) in [("evidence", evidence), ("done", done)] {
        if !lines.is_empty() {
            context.insert(name, lines.join("\n"));
        }
    }
    let mut context = json!(context);
    for (name, value) in alert.labels.iter().take(LABELS) {
        context[format!("label_{}", printable(name, 100))] = printable(value, 200).into();
    }
    let mut next = vec![printable(&alert.next, 2000)];
    next.extend(
        alert
            .runbook
            .as_deref()
            .map(|link| format!("Runbook: {}", printable(link, 1000))),
    );
    next.extend(
        alert
            .console
            .as_deref()
            .map(|link| format!("Console: {}", printable(link, 1000))),
    );
    json!({
        "version": "1.0",
        "source": "custom",
        "id": alert.id,
        "content": {
            "textType": "client-markdown",
            "title": unmarked(&headline(alert)),
            "description": unmarked(&format!(
                "{}\n*Since* {}\n{}{}",
                what_happened(alert), since(alert), bullets("Evidence", evidence), bullets("What Steward did", done),
            )),
            "nextSteps": next.iter().map(|step| unmarked(step)).collect::<Vec<_>>(),
        },
        "metadata": {
            "threadId": thread(alert),
            "summary": headline(alert),
            "eventType": alert.kind,
            "relatedResources": alert.subject_of.iter().map(|name| printable(name, 63)).collect::<Vec<_>>(),
            "additionalContext": context,
        },
    })
}

/// Slack reads `<…>` as a link or a call to everybody (`<!channel>`), and an endpoint's answer may hold anything.
fn unmarked(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Everything about one endpoint, or about one matter of the fleet, is one thread.
fn thread(alert: &Alert) -> String {
    match &alert.subject_of {
        Some(name) => format!("endpoint/{}", printable(name, 63)),
        None => alert.kind.as_str().split('.').next().unwrap_or_default().to_owned(),
    }
}

fn attributes(alert: &Alert) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::from([
        ("severity".to_owned(), alert.severity.to_string()),
        ("kind".to_owned(), alert.kind.to_string()),
        ("resolved".to_owned(), alert.resolved.to_string()),
        ("dedup_id".to_owned(), alert.id.clone()),
    ]);
    for (name, value) in [("endpoint", &alert.subject_of), ("region", &alert.region)] {
        if let Some(value) = value.as_deref().filter(|value| !value.trim().is_empty()) {
            attributes.insert(name.to_owned(), printable(value, 200));
        }
    }
    for (name, value) in &alert.labels {
        let fits = attributes.len() < ATTRIBUTES && is_attribute_name(name) && !value.trim().is_empty();
        if fits && !attributes.contains_key(name) {
            attributes.insert(name.clone(), printable(value, 200));
        }
    }
    attributes
}

/// SNS: letters, digits, `_`, `-` and `.`, at most 256, no dot at either end or twice in a row, no `AWS.`/`Amazon.` prefix.
fn is_attribute_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.")
}

fn ascii(text: &str) -> String {
    let plain = |c: char| match c {
        ' '..='~' => c,
        '\u{2010}'..='\u{2015}' => '-',
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        _ => '?',
    };
    text.replace('…', "...").chars().map(plain).collect()
}
