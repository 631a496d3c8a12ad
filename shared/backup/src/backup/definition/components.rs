//! The inference components of an endpoint: what they are based on, and which of them are kept.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Deployed, Document};
use crate::text::printable;

/// An inference component that is in no recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub component: String,
    /// Why, as what follows "the inference component NAME".
    pub why: String,
}

/// An inference component as it was described.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// What it is.
    pub document: Document,
    /// `InferenceComponentStatus`.
    pub status: String,
    /// `FailureReason`.
    pub reason: Option<String>,
    /// Which builds it serves.
    pub deployed: Vec<Deployed>,
}

/// What of these components is kept, those that others are based on first, and what is left out: one that failed or is
/// being deleted serves nothing, and made again in another Region it would fail, or be one that nobody wants. What is based
/// on it goes with it.
pub fn kept(components: Vec<Described>) -> (Vec<Document>, Vec<LeftOut>) {
    let mut left_out: Vec<LeftOut> = components
        .iter()
        .filter(|described| matches!(described.status.as_str(), "Failed" | "Deleting"))
        .map(|described| {
            let reason = described
                .reason
                .as_deref()
                .map(|reason| format!(": {}", printable(reason, 300)));
            LeftOut {
                component: described.document.name.clone(),
                why: format!("is {}{}", described.status, reason.unwrap_or_default()),
            }
        })
        .collect();
    let mut kept = vec![];
    for document in bases_first(components.into_iter().map(|described| described.document).collect()) {
        let is_out = |name: &str| left_out.iter().any(|one| one.component == name);
        if is_out(&document.name) {
            continue;
        }
        match base(&document.body).filter(|base| is_out(base)) {
            None => kept.push(document),
            Some(base) => {
                let why = format!("is based on {base}");
                let component = document.name;
                left_out.push(LeftOut { component, why });
            }
        }
    }
    (kept, left_out)
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the inference component {} {}", self.component, self.why)
    }
}

/// Puts components after those that they are based on (`BaseInferenceComponentName`).
fn bases_first(components: Vec<Document>) -> Vec<Document> {
    let (mut based, mut sorted): (Vec<Document>, Vec<Document>) = components
        .into_iter()
        .partition(|component| base(&component.body).is_some());
    while !based.is_empty() {
        let there: Vec<String> = sorted.iter().map(|component| component.name.clone()).collect();
        let (ready, rest): (Vec<Document>, Vec<Document>) = based
            .into_iter()
            .partition(|component| base(&component.body).is_none_or(|base| there.iter().any(|one| one == base)));
        if ready.is_empty() {
            sorted.extend(rest);
            break;
        }
        sorted.extend(ready);
        based = rest;
    }
    sorted
}

/// The specifications of a component: one, or one for each instance type.
pub(super) fn specifications(component: &Value) -> Vec<&Value> {
    let one = component.get("Specification");
    let many = component.get("Specifications").and_then(Value::as_array);
    one.into_iter().chain(many.into_iter().flatten()).collect()
}

/// The component that a component is based on (`BaseInferenceComponentName`), by name.
pub fn base(component: &Value) -> Option<&str> {
    specifications(component)
        .into_iter()
        .find_map(|of| of.get("BaseInferenceComponentName")?.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn components_come_after_those_they_are_based_on_and_a_circle_loses_none() {
        let component = |name: &str, base: Option<&str>| Document {
            name: name.into(),
            body: json!({"Specification": {"BaseInferenceComponentName": base}}),
            tags: BTreeMap::new(),
        };
        let sorted = bases_first(vec![
            component("adapter", Some("base")),
            component("a", Some("b")),
            component("b", Some("a")),
            component("base", None),
        ]);
        let names: Vec<&str> = sorted.iter().map(|component| component.name.as_str()).collect();
        assert_eq!(names, ["base", "adapter", "a", "b"]);
    }

    #[test]
    fn a_component_that_serves_nothing_is_left_out_and_what_is_based_on_it_too() {
        let described = |name: &str, status: &str, base: Option<&str>| Described {
            document: Document {
                name: name.into(),
                body: json!({"Specification": {"BaseInferenceComponentName": base}}),
                tags: BTreeMap::new(),
            },
            status: status.into(),
            deployed: vec![],
            reason: (status == "Failed").then(|| "The container did not pass its health check.".into()),
        };
        let (kept, left_out) = kept(vec![
            described("adapter", "InService", Some("broken")),
            described("going", "Deleting", None),
            described("coming", "Creating", None),
            described("good", "InService", None),
            described("broken", "Failed", None),
        ]);
        let kept: Vec<&str> = kept.iter().map(|component| component.name.as_str()).collect();
        assert_eq!(kept, ["coming", "good"]);
        let said: Vec<String> = left_out.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "the inference component going is Deleting",
                "the inference component broken is Failed: The container did not pass its health check.",
                "the inference component adapter is based on broken",
            ]
        );
    }
}
