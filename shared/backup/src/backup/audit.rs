//! Whether SageMaker could deploy an endpoint again as it is.
//!
//! A live endpoint needs neither its image nor its artifacts until SageMaker replaces an instance: to patch it, to scale it
//! out, to recover from hardware that broke. What is gone by then takes the endpoint down, or keeps AWS from patching it.

mod builds;
mod gone;
mod told;
mod turns;

use std::{collections::BTreeSet, fmt};

pub use self::{
    builds::{Doubt, doubts, unseen},
    gone::{Gone, Look, Looked, Round, TOLD_FOR},
    turns::{AT_ONCE, Audits, EVERY, SCHEMA},
};
use super::{
    definition::{Definition, Kind},
    references::{Form, Names, Reference, references},
};
use crate::text::printable;

/// Something to look for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Check {
    /// What is named.
    pub names: Names,
    /// By this.
    pub value: String,
    /// Where.
    pub places: Vec<Reference>,
}

/// What was found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there and usable.
    There,
    /// It is an image, which is there: its digest.
    Image(String),
    /// It is not: what was answered.
    Gone(String),
    /// It is an artifact that S3 archived, so that nobody can read it: its storage class.
    Archived(String),
    /// It could not be seen: why. That is the monitor's trouble, not the endpoint's.
    Unknown(String),
}

/// Something that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What, and where it is named.
    pub check: Check,
    /// What was answered.
    pub why: String,
    /// It is there, and archived: nobody can read it.
    pub archived: bool,
}

/// What has to be looked for: each thing once.
///
/// Subnets, security groups, topics and outputs are not: they are of the network and of what comes after, and SageMaker
/// says in its own status when they are missing.
pub fn checks(definition: &Definition) -> Vec<Check> {
    let mut checks: Vec<Check> = vec![];
    for reference in references(definition) {
        let matters = match reference.names {
            Names::Artifact(Form::Either) => false,
            Names::Artifact(_) | Names::Image | Names::Role | Names::Key => true,
            _ => false,
        };
        if !matters {
            continue;
        }
        let known = checks
            .iter_mut()
            .find(|check| check.names == reference.names && check.value == reference.value);
        match known {
            Some(check) => check.places.push(reference),
            None => checks.push(Check {
                names: reference.names,
                value: reference.value.clone(),
                places: vec![reference],
            }),
        }
    }
    checks
}

impl Check {
    /// The same for the same thing, whichever endpoint names it and wherever.
    pub fn thing(&self) -> String {
        match self.names {
            Names::Artifact(Form::Prefix) if !self.value.ends_with('/') => format!("{}/", self.value),
            _ => self.value.clone(),
        }
    }
}

/// What of it is there, by [`Check::thing`].
pub fn there(seen: &[(Check, Presence)]) -> BTreeSet<String> {
    let lacks = |presence: &Presence| {
        matches!(
            presence,
            Presence::Gone(_) | Presence::Archived(_) | Presence::Unknown(_)
        )
    };
    let there = seen.iter().filter(|(_, presence)| !lacks(presence));
    there.map(|(check, _)| check.thing()).collect()
}

/// The definitions that SageMaker has, by [`Check::thing`] of what [`Finding::undefined`] says of those that it has not.
pub fn defined(definition: &Definition, lacking: &[(Kind, String)]) -> BTreeSet<String> {
    let is_lacking = |kind: Kind, name: &str| lacking.iter().any(|(its, lacks)| *its == kind && lacks == name);
    let documents = definition.documents();
    let there = documents.filter(|(kind, document)| !is_lacking(*kind, &document.name));
    there.map(|(kind, document)| own(kind, &document.name)).collect()
}

fn own(kind: Kind, name: &str) -> String {
    format!("{} {name}", kind.as_str())
}

/// What is gone, and what could not be seen.
pub fn judge(seen: Vec<(Check, Presence)>) -> (Vec<Finding>, Vec<String>) {
    let (mut findings, mut unknown) = (vec![], vec![]);
    for (check, presence) in seen {
        match presence {
            Presence::There | Presence::Image(_) => {}
            Presence::Gone(why) => findings.push(Finding {
                check,
                why,
                archived: false,
            }),
            Presence::Archived(why) => findings.push(Finding {
                check,
                why,
                archived: true,
            }),
            Presence::Unknown(why) => unknown.push(format!("{}: {why}", printable(&check.value, 200))),
        }
    }
    (findings, unknown)
}

impl Finding {
    /// A definition that SageMaker does not have any more, with what of the others names it.
    pub fn undefined(kind: Kind, name: &str, definition: &Definition) -> Self {
        let names_it = |reference: &Reference| {
            let field = reference.pointer.rsplit('/').next();
            let of = match kind {
                Kind::Model => "ModelName",
                Kind::Config => "EndpointConfigName",
                Kind::Component => "InferenceComponentName",
            };
            reference.names == Names::Own && reference.value == name && field == Some(of)
        };
        Self {
            check: Check {
                names: Names::Own,
                value: own(kind, name),
                places: references(definition).into_iter().filter(names_it).collect(),
            },
            why: "SageMaker knows none of that name".into(),
            archived: false,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, then) = match self.check.names {
            _ if self.archived => (
                "The artifact is archived:",
                "SageMaker cannot read it, so no instance can be started",
            ),
            Names::Artifact(Form::Prefix) => ("Nothing is left below", "no instance can be started"),
            Names::Artifact(_) => ("The artifact is gone:", "no instance can be started"),
            Names::Image => (
                match self.check.is_build() {
                    true => "The image that serves is gone:",
                    false => "The image is gone:",
                },
                "no instance can be started, and AWS cannot patch those that run",
            ),
            Names::Role => ("The role is gone:", "SageMaker may read neither image nor artifact"),
            Names::Key => ("The key cannot be used:", "no instance gets its volume"),
            Names::Own => (
                "It was deleted:",
                "no instance can be started, and AWS cannot patch those that run",
            ),
            _ => ("It is gone:", "it cannot be deployed again"),
        };
        let places: Vec<String> = self.check.places.iter().take(3).map(ToString::to_string).collect();
        let more = match self.check.places.len().saturating_sub(3) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let named = match places.is_empty() {
            true => "The endpoint names it".to_owned(),
            false => format!("Named by {}{more}", places.join(", ")),
        };
        write!(
            f,
            "{what} {} ({}). {named}; {then}.",
            printable(&self.check.value, 300),
            printable(&self.why, 300)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture;

    #[test]
    fn an_artifact_that_is_archived_is_a_finding_of_its_own() {
        let mut checks = checks(&fixture::definition()).into_iter();
        let check = checks.find(|check| matches!(check.names, Names::Artifact(_))).unwrap();
        let (findings, _) = judge(vec![
            (check.clone(), Presence::Archived("GLACIER".into())),
            (check, Presence::Gone("404".into())),
        ]);
        let said = findings[0].to_string();
        assert!(
            said.starts_with("The artifact is archived: s3://") && said.contains("(GLACIER)"),
            "{said}"
        );
    }

    #[test]
    fn a_config_or_model_that_was_deleted_is_a_finding_with_what_names_it() {
        let definition = fixture::definition();
        let said = [(Kind::Config, "fraud-config"), (Kind::Model, "fraud-v1")].map(|(kind, name)| {
            let mut without = definition.clone();
            without.models.retain(|model| model.name != name);
            without.config.body = match kind {
                Kind::Config => serde_json::json!({}),
                _ => without.config.body,
            };
            Finding::undefined(kind, name, &without).to_string()
        });
        assert_eq!(
            said,
            [
                "It was deleted: endpoint config fraud-config (SageMaker knows none of that name). The endpoint names it; no \
                 instance can be started, and AWS cannot patch those that run.",
                "It was deleted: model fraud-v1 (SageMaker knows none of that name). Named by endpoint config fraud-config at \
                 /ProductionVariants/0/ModelName; no instance can be started, and AWS cannot patch those that run.",
            ]
        );
    }

    #[test]
    fn each_thing_is_looked_for_once_and_findings_read_like_this() {
        let checks = checks(&fixture::definition());
        let values: std::collections::BTreeSet<&str> = checks.iter().map(|check| check.value.as_str()).collect();
        assert_eq!(values.len(), checks.len());
        let seen = checks
            .into_iter()
            .enumerate()
            .map(|(index, check)| match index % 4 {
                3 => (check, Presence::Unknown("s3:GetObject is denied".into())),
                2 => (check, Presence::There),
                _ => (check, Presence::Gone("404".into())),
            })
            .collect();
        let (findings, unknown) = judge(seen);
        let said: Vec<String> = findings.iter().map(ToString::to_string).chain(unknown).collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
