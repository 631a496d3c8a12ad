//! What is told of endpoints that SageMaker could not deploy again: by one endpoint, for all that lack the same.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Audits, Finding, Look, Round, TOLD_FOR};
use crate::{
    alert::{Alert, AlertKind},
    backup::retention::spoken,
    text::printable,
};

/// Things that an alert describes, and lines in which it names the endpoints that lack them too: with the others, no more
/// lines than an outbox keeps.
const MOST: usize = 8;

/// Lines for the endpoints that lack one thing.
const LINES: usize = 4;

/// Characters of a line, so that an outbox keeps it whole.
const LINE: usize = 380;

impl Audits {
    /// `news`: what this endpoint is the first to lack.
    pub(super) fn tell(&mut self, round: &Round<'_>, endpoint: &str, look: &Look, news: &BTreeSet<String>) {
        let is_new = |one: &&Finding| news.contains(&one.check.thing());
        let (new, known): (Vec<&Finding>, Vec<&Finding>) = look.findings.iter().partition(is_new);
        let others = |thing: &str| -> Vec<&str> {
            let lack = self.gone.get(thing).into_iter().flat_map(|gone| &gone.endpoints);
            lack.map(String::as_str).filter(|other| *other != endpoint).collect()
        };
        let shared: Vec<(String, Vec<&str>)> = new
            .iter()
            .map(|one| (one.check.thing(), others(&one.check.thing())))
            .filter(|(_, others)| !others.is_empty())
            .collect();
        let mut lines = Vec::new();
        if let Some(from) = round.restored.get(endpoint) {
            lines.push(format!(
                "restored in {} from the recovery points of {from}",
                round.region
            ));
        }
        lines.extend(new.iter().take(MOST).map(ToString::to_string));
        if new.len() > MOST {
            lines.push(format!("and {} more things that it is made of", new.len() - MOST));
        }
        for (thing, others) in shared.iter().take(MOST) {
            let most = (MOST / shared.len().min(MOST)).min(LINES);
            lines.extend(named(
                &format!("{} is also missing to", printable(thing, 120)),
                others,
                most,
            ));
        }
        if !known.is_empty() {
            let known: Vec<String> = known.iter().map(|one| printable(&one.check.thing(), 120)).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            lines.extend(named("gone as well, and told in another alert:", &known, 1));
        }
        let command = json!({"command": "status", "endpoint": endpoint});
        lines.push(format!(
            "cross-region-backup answers {command} with every endpoint that lacks it; those found within {} are not told one by one",
            spoken(TOLD_FOR)
        ));
        let title = title(&new, &shared);
        self.alerts += 1;
        let kind = AlertKind::BackupUnredeployable;
        let mut alert = Alert::new(kind, Some(endpoint), round.now, round.now).titled(title);
        let (at, serial) = (round.now.as_millisecond(), self.alerts % 1_000_000);
        alert.id = format!("{kind}:{endpoint}:{at}:{serial}");
        alert.labels.clone_from(round.labels);
        self.outbox.push(lines.into_iter().fold(alert, Alert::seen));
    }
}

fn title(new: &[&Finding], shared: &[(String, Vec<&str>)]) -> String {
    let gone = match new.iter().filter(|one| one.archived).count() {
        0 => "gone",
        n if n == new.len() => "archived",
        _ => "gone or archived",
    };
    let others: BTreeSet<&str> = shared.iter().flat_map(|(_, others)| others).copied().collect();
    match (new, shared.len(), others.len()) {
        ([one], 0, _) => format!("{} is {gone}", printable(&one.check.value, 120)),
        ([one], _, n) => format!("{} is {gone}, here and for {n} more", printable(&one.check.value, 120)),
        (all, 0, _) => format!("{} things it is made of are {gone}", all.len()),
        (all, of, n) => {
            let of = match of {
                1 => "one of them".to_owned(),
                of if of == all.len() => "all of them".to_owned(),
                of => format!("{of} of them"),
            };
            let endpoints = if n == 1 { "endpoint" } else { "endpoints" };
            format!(
                "{} things it is made of are {gone}, {of} for {n} more {endpoints}",
                all.len()
            )
        }
    }
}

/// As many of these as so many lines have room for.
fn named(before: &str, names: &[&str], most: usize) -> Vec<String> {
    let mut lines = vec![before.to_owned()];
    for (index, name) in names.iter().enumerate() {
        let line = lines.last_mut().map(|line| line.chars().count()).unwrap_or_default();
        let begins = index == 0;
        if begins || line + name.len() + 2 <= LINE {
            let between = if begins { " " } else { ", " };
            lines
                .last_mut()
                .into_iter()
                .for_each(|line| line.extend([between, name]));
        } else if lines.len() < most {
            lines.push(format!("and to {name}"));
        } else {
            let more = format!(" and {} more", names.len() - index);
            lines.last_mut().into_iter().for_each(|line| line.push_str(&more));
            break;
        }
    }
    lines
}
