//! What looks after an endpoint that is restored under another name.

use std::collections::BTreeMap;

use crate::fleet::Fleet;

/// What the fleet file of the Region where an endpoint is restored says of it under the name that it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cover {
    /// What it says under its own name.
    #[default]
    Same,
    /// It is selected, and not woken, which it is under its own name.
    Asleep,
    /// No entry selects it.
    Nothing,
}

impl Cover {
    /// Of `endpoint`, restored as `name`, with the tags that it had.
    pub fn of(fleet: &Fleet, endpoint: &str, name: Option<&str>, tags: &BTreeMap<String, String>) -> Self {
        let Some(name) = name.filter(|name| *name != endpoint) else {
            return Self::Same;
        };
        let wakes = |name| fleet.wake_for(name, Some(tags)).is_some();
        match fleet.selects(name, tags) {
            false => Self::Nothing,
            true if wakes(endpoint) && !wakes(name) => Self::Asleep,
            true => Self::Same,
        }
    }

    /// What people should do about it in the `region`. What sleeps is of interest where something `sleeps`.
    pub(super) fn lacks(self, endpoint: &str, name: &str, region: &str, sleeps: bool) -> Option<String> {
        match self {
            Self::Nothing => Some(format!(
                "no entry of the fleet file in {region} selects {name}, so Steward does not watch, scale or wake it: write \
                 `endpoints: {{ {name}: ... }}` there, with what the entry of {endpoint} says"
            )),
            Self::Asleep if sleeps => Some(format!(
                "the fleet file in {region} says `wake` for {endpoint}, and not for {name}: write it under `{name}`, too"
            )),
            Self::Asleep | Self::Same => None,
        }
    }

    /// Why what may scale to zero has to stay awake, if it has to.
    pub(super) fn awake(self, name: &str) -> Option<String> {
        (self != Self::Same).then(|| format!("nothing would wake {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(entries: &str, name: Option<&str>) -> Cover {
        let fleet = format!("version: 1\nendpoints:\n  fraud: {{ wake: {{ enabled: true }} }}\n{entries}");
        let fleet = Fleet::parse(&fleet, "fleet.yaml").unwrap();
        let tags = [("team".to_owned(), "risk".to_owned())].into();
        Cover::of(&fleet, "fraud", name, &tags)
    }

    #[test]
    fn another_name_is_looked_after_where_an_entry_selects_it() {
        assert_eq!(cover("", None), Cover::Same);
        assert_eq!(cover("", Some("fraud")), Cover::Same);
        assert_eq!(cover("", Some("fraud-eu")), Cover::Nothing);
        assert_eq!(cover("  fraud-eu:", Some("fraud-eu")), Cover::Asleep);
        let woken = "  \"fraud-*\": { wake: { enabled: true } }";
        assert_eq!(cover(woken, Some("fraud-eu")), Cover::Same);
        let group = "  risk: { match: { tags: { team: risk } }, wake: { enabled: true } }";
        assert_eq!(
            cover(group, Some("fraud-eu")),
            Cover::Same,
            "it gets the tags that it had"
        );
    }
}
