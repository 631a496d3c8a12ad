//! What is told of a recovery point that is complete.

use std::collections::BTreeSet;

use super::{Facts, headline, times};
use crate::{
    alert::{Alert, AlertKind, Severity},
    backup::ledger::{BackupLedger, Kept},
    text::printable,
};

/// What to do about builds of images that are not where the endpoint is restored.
const OTHER_CODE: &str = "Copy these builds into that Region's registry while they are to be had: `docker pull` and `push` \
     keep the digest. Let the lifecycle policy there keep untagged images, or push each build under a tag of its own.";

/// What to do about components that no recovery point holds.
const LEFT_OUT: &str = "Make the components named above serve again, or delete them; the next backup holds what serves. All \
     else of the endpoint is in the point.";

impl BackupLedger {
    /// A recovery point is complete. Told when it is the first, ends a trouble, leaves something out that the one before
    /// held, or when a restore would run other code for the second point in a row: at the first, replication may be at work.
    pub fn completed(&mut self, facts: &Facts<'_>, mut kept: Kept) {
        let other_code = still_lacking(&mut kept, self.newest.as_ref());
        let trouble = self.failing.take();
        let overdue = self.overdue.take().is_some();
        let first = self.newest.is_none();
        let told = self.lacking.take().is_some_and(|lacking| lacking.told);
        self.unfinished.clear();
        self.elsewhere = None;
        self.put_off = 0;
        let overdue = overdue || told;
        let before = self.newest.iter().flat_map(|kept| &kept.left_out);
        let before: BTreeSet<&str> = before.map(|one| one.component.as_str()).collect();
        let leaves_out = kept.left_out.iter().any(|one| !before.contains(one.component.as_str()));
        if first || overdue || trouble.is_some() || leaves_out || !other_code.is_empty() {
            let tally = kept.tally;
            let compared = match kept.by_size {
                0 => "copied and compared".to_owned(),
                n if n >= tally.objects => "copied; nothing but the sizes could be compared".to_owned(),
                n => format!("copied and compared, {n} of them by nothing but the size"),
            };
            let title = kept.id.to_string();
            let ended = trouble.map(|trouble| {
                format!(
                    "it failed {} before, last: {}",
                    times(trouble.times),
                    headline(&trouble.why)
                )
            });
            let region = facts.region.to_owned();
            let left_out = kept.left_out.clone();
            let over = overdue || ended.is_some();
            self.tell(facts, AlertKind::BackupCompleted, |alert| {
                let alert = alert.titled(title).seen(format!("{tally} in {region}, {compared}"));
                let alert = match left_out.is_empty() {
                    true => alert,
                    false => Alert {
                        resolved: alert.resolved && over,
                        ..alert.severe(Severity::Warning).next(LEFT_OUT)
                    },
                };
                let alert = left_out.iter().fold(alert, |alert, one| {
                    alert.seen(format!("not in it, so that no restore makes it: {one}"))
                });
                let alert = match ended {
                    Some(said) => alert.seen(said),
                    None => alert,
                };
                if other_code.is_empty() {
                    return alert;
                }
                let alert = Alert {
                    resolved: alert.resolved && over,
                    ..alert.severe(Severity::Warning).next(OTHER_CODE)
                };
                other_code.iter().fold(alert, |alert, build| {
                    let build = printable(build, 300);
                    alert.seen(format!(
                        "a restore would run other code than what serves: {build} is not there"
                    ))
                })
            });
        }
        self.newest = Some(kept);
        self.is_over();
    }
}

/// The builds that were lacking at the point before, too, and that nobody was told of yet; from now on they were told.
fn still_lacking(kept: &mut Kept, before: Option<&Kept>) -> Vec<String> {
    let mut news = vec![];
    for (build, told) in &mut kept.other_code {
        if let Some(known) = before.and_then(|before| before.other_code.get(build)) {
            *told = true;
            news.extend((!known).then(|| build.clone()));
        }
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{definition::LeftOut, fixture::facts, tell::tests::kept};

    #[test]
    fn a_build_that_does_not_reach_the_other_region_is_told_once_and_not_while_it_may_be_on_its_way() {
        let lacks = |builds: &[&str]| builds.iter().map(|build| ((*build).to_owned(), false)).collect();
        let mut ledger = BackupLedger::default();
        for (at, other_code) in [
            (0, lacks(&["scorer@a"])),
            (1000, lacks(&["scorer@b"])),
            (2000, lacks(&["scorer@b"])),
            (3000, lacks(&["scorer@b", "ranker@a"])),
            (4000, lacks(&["ranker@a"])),
        ] {
            ledger.completed(&facts(at), Kept { other_code, ..kept(at) });
        }
        let told: Vec<(bool, String)> = ledger
            .outbox
            .pending()
            .iter()
            .map(|alert| (alert.severity == Severity::Warning, format!("{alert:?}")))
            .collect();
        let warned: Vec<bool> = told.iter().map(|(warning, _)| *warning).collect();
        assert_eq!(warned, [false, true, true], "{told:?}");
        let says = |at: usize, build: &str| {
            let line = format!("a restore would run other code than what serves: {build} is not there");
            told[at].1.contains(&line)
        };
        assert!(
            says(1, "scorer@b") && says(2, "ranker@a") && !says(2, "scorer@b"),
            "{told:?}"
        );
    }

    #[test]
    fn a_component_that_is_left_out_is_told_when_it_is_new() {
        let out = |component: &str| LeftOut {
            component: component.into(),
            why: "is Failed: no capacity".into(),
        };
        let mut ledger = BackupLedger::default();
        for (at, left_out) in [
            (0, vec![]),
            (1000, vec![out("broken")]),
            (2000, vec![out("broken")]),
            (3000, vec![]),
            (4000, vec![out("broken")]),
        ] {
            ledger.completed(&facts(at), Kept { left_out, ..kept(at) });
        }
        let told: Vec<(bool, String)> = ledger
            .outbox
            .pending()
            .iter()
            .map(|alert| (alert.severity == Severity::Warning, format!("{alert:?}")))
            .collect();
        let warned: Vec<bool> = told.iter().map(|(warning, _)| *warning).collect();
        assert_eq!(warned, [false, true, true], "{told:?}");
        let said = "not in it, so that no restore makes it: the inference component broken is Failed: no capacity";
        assert!(told[1].1.contains(said), "{told:?}");
    }
}
