//! What is told of endpoints that SageMaker could not deploy again.

use std::collections::BTreeSet;

use super::Facts;
use crate::{
    alert::{Alert, AlertKind},
    backup::{
        audit::{Finding, Share, TOLD_FOR},
        ledger::BackupLedger,
        retention::spoken,
    },
    text::{and_list, printable},
};

/// The endpoints that something is told for, in lines that an outbox keeps whole, and that those of later rounds are not
/// told.
fn told_for(others: &BTreeSet<&String>, share: &Share) -> Vec<String> {
    let names: Vec<&str> = others.iter().take(20).map(|name| name.as_str()).collect();
    let mut lines: Vec<String> = names
        .chunks(5)
        .map(|some| format!("also missing to {}", some.join(", ")))
        .collect();
    if others.len() > names.len() {
        lines.push(format!("and to {} more", others.len() - names.len()));
    }
    if !share.tells.is_empty() {
        let lasts = spoken(TOLD_FOR);
        lines.push(format!(
            "endpoints that are found within {lasts} to lack the same are not told one by one"
        ));
    }
    lines
}

impl BackupLedger {
    /// What SageMaker could not deploy again. Told when something is new.
    /// `restored`: it was found of endpoints that were restored under these names, and not of the endpoint itself.
    /// `share`: what of it others tell, or are told for.
    pub(in crate::backup) fn audited(
        &mut self,
        facts: &Facts<'_>,
        restored: &BTreeSet<String>,
        findings: &[Finding],
        share: &Share,
    ) {
        let gone: BTreeSet<String> = findings.iter().map(Finding::key).collect();
        let is_known = |key: &String| self.gone.contains(key) || share.elsewhere.contains(key);
        let news: BTreeSet<String> = gone.iter().filter(|key| !is_known(key)).cloned().collect();
        if !news.is_empty() {
            let gone = match findings.iter().filter(|one| one.archived).count() {
                0 => "gone",
                n if n == findings.len() => "archived",
                _ => "gone or archived",
            };
            let others: BTreeSet<&String> = news.iter().filter_map(|key| share.tells.get(key)).flatten().collect();
            let title = match findings {
                [one] => format!("{} is {gone}", printable(&one.check.value, 120)),
                all => format!("{} things it is made of are {gone}", all.len()),
            };
            let title = match others.len() {
                0 => title,
                n => format!("{title}, here and for {n} more"),
            };
            let shared = told_for(&others, share);
            let restored: Vec<String> = restored.iter().cloned().collect();
            let restored = match restored.is_empty() {
                true => None,
                false => Some(format!("restored in {} as {}", facts.region, and_list(&restored))),
            };
            self.tell(facts, AlertKind::BackupUnredeployable, |alert| {
                let alert = restored.into_iter().fold(alert.titled(title), Alert::seen);
                let findings = findings
                    .iter()
                    .take(20_usize.saturating_sub(shared.len()))
                    .map(ToString::to_string);
                findings.chain(shared).fold(alert, Alert::seen)
            });
        }
        self.gone = gone;
    }
}
