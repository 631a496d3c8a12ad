//! What `status` tells of things that are gone: what the audits of this Region found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use steward::{
    aws::lambda::refused,
    backup::{audit::Audits, status},
    report::{Outcome, Report},
};

use crate::{HandlerError, services::Services};

/// What is remembered of the audits, and why it is not known.
pub(super) struct Audited {
    audits: Audits,
    unread: Option<String>,
}

impl Audited {
    pub(super) async fn load(services: &Services<'_>) -> Self {
        match services.audits().load().await {
            Ok(loaded) => Self {
                audits: loaded.document,
                unread: None,
            },
            Err(error) => Self {
                audits: Audits::default(),
                unread: Some(format!("Nobody knows what is gone: {error}.")),
            },
        }
    }

    /// The answer of a `status`, with what is gone of the endpoint and of what was restored from it, or of all.
    ///
    /// # Errors
    /// When what is remembered of the endpoint cannot be read.
    pub(super) async fn beside(
        self,
        services: &Services<'_>,
        mut report: Report,
        endpoint: Option<&str>,
    ) -> Result<Report, HandlerError> {
        let now = services.now();
        let Self { audits, unread } = self;
        let (said, between, gone) = match endpoint {
            Some(endpoint) => {
                let held = services.ledger(endpoint).load().await?.document.held;
                let restored = held.into_iter().map(|held| held.hold.claim.restored);
                let names: BTreeSet<String> = restored.chain([endpoint.to_owned()]).collect();
                let lacks: String = names
                    .iter()
                    .filter_map(|name| status::lacks(name, &audits, now))
                    .collect();
                let said = (!lacks.is_empty()).then_some(lacks);
                (said, "\n", of(&audits, &names))
            }
            None => (status::all_gone(&audits, now), "\n\n", json!(audits.gone)),
        };
        if unread.is_some() && report.outcome == Outcome::Done {
            report.outcome = Outcome::Partial;
        }
        let texts = [Some(report.summary), said, unread].into_iter().flatten();
        report.summary = texts.collect::<Vec<_>>().join(between).trim_end().to_owned();
        Ok(report
            .with("gone", gone)
            .with("audit_alerts_pending", audits.outbox.len()))
    }

    /// Of an endpoint that is not backed up, what the audit knows.
    pub(super) async fn unbacked(self, services: &Services<'_>, endpoint: &str) -> Report {
        let said = format!("{endpoint} is not backed up: the fleet file says no `backup.destination` for it.");
        let now = services.now();
        let Self { audits, unread } = self;
        match (services.selects(endpoint).await, status::lacks(endpoint, &audits, now)) {
            (Err(why), _) => refused(&why),
            (Ok(false), None) if !audits.looked.contains_key(endpoint) => refused(&said),
            (Ok(_), lacks) => {
                let is_known = unread.is_none();
                let audited = || status::audited(endpoint, &audits, now);
                let about = unread.or(lacks).unwrap_or_else(audited);
                let said = format!("{said}\n{}", about.trim_end());
                let report = match is_known {
                    true => Report::done(said),
                    false => Report::partial(said),
                };
                report
                    .with("endpoint", endpoint)
                    .with("gone", of(&audits, &[endpoint.to_owned()].into()))
            }
        }
    }
}

/// What is gone of these endpoints, for programs.
fn of(audits: &Audits, names: &BTreeSet<String>) -> Value {
    let theirs = audits
        .gone
        .iter()
        .filter(|(_, gone)| !gone.endpoints.is_disjoint(names));
    json!(theirs.collect::<BTreeMap<_, _>>())
}
