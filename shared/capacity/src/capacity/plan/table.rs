//! A plan as people read it.

use std::fmt;

use serde_json::{Value, json};

use super::{Plan, Verb};
use crate::{capacity::difference::Field, text::printable};

/// Of a new thing neither what its line says already, nor what is off or empty.
fn is_news(field: &Field) -> bool {
    let said = ["name", "action.name", "function", "qualifier", "api", "stage"].contains(&field.path.as_str());
    let empty = [json!(false), json!([]), json!({})];
    !(said || field.path.starts_with("of.") || field.to.as_ref().is_some_and(|value| empty.contains(value)))
}

impl fmt::Display for Plan {
    /// A line for each thing that is not the same, its fields below it, and what is held.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |verb: Verb| self.changes.iter().filter(|change| change.verb == verb).count();
        write!(
            f,
            "Plan {}: {} to create, {} to change, {} to delete, {} the same",
            self.id,
            counted(Verb::Create),
            counted(Verb::Change),
            counted(Verb::Delete),
            self.same.len()
        )?;
        for (count, words) in [
            (counted(Verb::Rollout), "for a rollout"),
            (self.held.len(), "held"),
            (self.prunable.len(), "left for `prune: true`"),
        ] {
            if count > 0 {
                write!(f, ", {count} {words}")?;
            }
        }
        writeln!(f, ".")?;
        for followed in &self.followed {
            writeln!(f, "follows  {followed}")?;
        }
        for change in &self.changes {
            let (verb, kind) = (change.verb.as_str(), change.key.kind());
            let why = match change.verb {
                Verb::Delete => self.why_deleted(&change.key),
                _ => change.why(),
            };
            writeln!(f, "{verb:<8} {kind} {}: {why}", change.key)?;
            if change.verb != Verb::Delete {
                let creating = change.verb == Verb::Create;
                for field in change.fields.iter().filter(|field| !creating || is_news(field)) {
                    let value = |value: &Option<Value>| match value {
                        Some(value) => printable(&value.to_string(), 80),
                        None => "nothing".to_owned(),
                    };
                    match change.verb {
                        Verb::Create => writeln!(f, "           {}: {}", field.path, value(&field.to))?,
                        _ => {
                            let (from, to) = (value(&field.from), value(&field.to));
                            writeln!(f, "           {}: {from} -> {to}", field.path)?;
                        }
                    }
                }
            }
        }
        for held in &self.held {
            writeln!(f, "held     {} {}: {}", held.key.kind(), held.key, held.why)?;
        }
        for key in &self.prunable {
            writeln!(f, "left     {} {key}: {}", key.kind(), self.why_deleted(key))?;
        }
        for same in self.same.iter().filter(|same| same.although.is_some()) {
            let although = same.although.as_deref().unwrap_or_default();
            writeln!(f, "same     {} {}: {although}", same.key.kind(), same.key)?;
        }
        Ok(())
    }
}
