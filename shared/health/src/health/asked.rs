//! What an operator asked for, against what there is: answers that name endpoints, and what was asked for in vain.

use super::{
    ledger::State,
    silence::{Silence, covers},
};
use crate::text::{and_list, nearest, printable};

/// Endpoints named in one sentence at most; the JSON of an answer has them all.
pub const NAMED: usize = 20;

/// A name or glob that means none of the endpoints there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// As it was asked; safe to show.
    pub asked: String,
    /// What may have been meant.
    pub nearest: Option<String>,
}

impl Unmatched {
    /// `problem` about what was asked, and what may have been meant.
    pub fn sentence(&self, problem: &str) -> String {
        let meant = self.nearest.as_ref().map(|name| format!(" Was \"{name}\" meant?"));
        format!("\"{}\": {problem}.{}", self.asked, meant.unwrap_or_default())
    }
}

/// What of `asked` means none of `known`.
pub fn unmatched(asked: &[String], known: &[&str]) -> Vec<Unmatched> {
    asked
        .iter()
        .filter(|pattern| *pattern != "*" && !known.iter().any(|name| covers(std::slice::from_ref(*pattern), name)))
        .map(|pattern| Unmatched {
            asked: printable(pattern, 80),
            nearest: nearest(pattern, known.iter().copied()).map(str::to_owned),
        })
        .collect()
}

/// `search vanished, fraud healthy`: what each is, the sick ones first, at most [`NAMED`]; empty for none.
pub fn standing(states: &[(&str, State)]) -> String {
    let mut sorted = states.to_vec();
    sorted.sort_by_key(|(name, state)| (std::cmp::Reverse(state.urgency()), *name));
    let words = sorted.iter().map(|(name, state)| format!("{name} {state}"));
    shortened(words.collect())
}

/// `fraud, search and 3 more`.
pub fn names(names: &[String]) -> String {
    shortened(names.to_vec())
}

fn shortened(mut words: Vec<String>) -> String {
    if words.len() > NAMED {
        let more = words.len() - NAMED;
        words.truncate(NAMED);
        return format!("{} and {more} more", words.join(", "));
    }
    words.join(", ")
}

/// What a new silence covers, as far as the endpoints checked so far tell.
pub fn silenced(silence: &Silence, known: &[&str]) -> String {
    let covered: Vec<String> = known
        .iter()
        .filter(|name| silence.covers(name))
        .map(|name| (*name).to_owned())
        .collect();
    let covers = match covered.len() {
        0 => "no endpoint checked so far has such a name".to_owned(),
        1 => format!("1 endpoint known so far: {}", covered[0]),
        count => format!("{count} endpoints known so far: {}", names(&covered)),
    };
    let mut summary = format!(
        "No alerts and no recovery for {} until {:.0} ({covers}). They are checked on, and what is still wrong then is told.",
        and_list(&silence.endpoints),
        silence.until
    );
    for wrong in unmatched(&silence.endpoints, known) {
        if !covered.is_empty() || wrong.nearest.is_some() {
            summary.push(' ');
            summary.push_str(&wrong.sentence("no endpoint checked so far has such a name"));
        }
    }
    summary
}

/// What ending silences came to. `asked` are names or globs, `left` the silences still in force, `known` the endpoints
/// checked so far.
pub fn unsilenced(asked: &[String], ended: &[Silence], left: &[Silence], known: &[&str]) -> String {
    if ended.is_empty() {
        let patterns: Vec<&str> = left
            .iter()
            .flat_map(|silence| silence.endpoints.iter().map(String::as_str))
            .collect();
        let asked_for: Vec<String> = asked.iter().map(|name| printable(name, 80)).collect();
        let mut summary = format!("There is no silence on {}. Nothing was done.", and_list(&asked_for));
        let meant = asked.iter().filter_map(|name| nearest(name, patterns.iter().copied()));
        if let Some(meant) = meant.min() {
            summary.push_str(&format!(" Was \"{meant}\" meant?"));
        } else if !patterns.is_empty() {
            let in_force: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            summary.push_str(&format!(" Silenced are: {}.", names(&in_force)));
        }
        return summary;
    }
    let wishes: Vec<String> = ended.iter().map(|silence| and_list(&silence.endpoints)).collect();
    let heard: Vec<String> = known
        .iter()
        .filter(|name| ended.iter().any(|silence| silence.covers(name)))
        .filter(|name| !left.iter().any(|silence| silence.covers(name)))
        .map(|name| (*name).to_owned())
        .collect();
    let again = if heard.is_empty() {
        "No endpoint checked so far is concerned.".to_owned()
    } else {
        format!("What is wrong with {} is told with the next check.", names(&heard))
    };
    let count = match ended.len() {
        1 => "1 silence".to_owned(),
        count => format!("{count} silences"),
    };
    format!("Ended {count}, of {}. {again}", names(&wishes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(endpoints: &[&str]) -> Silence {
        Silence {
            endpoints: endpoints.iter().map(|name| (*name).to_owned()).collect(),
            until: "2026-03-02T10:00:00Z".parse().expect("a time"),
            reason: Some("load test".into()),
            by: None,
            at: "2026-03-02T08:00:00Z".parse().expect("a time"),
        }
    }

    fn asked(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const KNOWN: [&str; 3] = ["fraud", "fraud-eu", "search"];

    #[test]
    fn what_means_nothing_is_named_with_what_was_probably_meant() {
        let wrong = unmatched(&asked(&["serach", "fraud*", "search", "zzz-*", "*"]), &KNOWN);
        let told: Vec<String> = wrong.iter().map(|wrong| wrong.sentence("no such endpoint")).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        "serach": no such endpoint. Was "search" meant?
        "zzz-*": no such endpoint.
        "#);
    }

    #[test]
    fn the_sick_ones_are_named_first_and_too_many_are_counted() {
        let states = [("a", State::Healthy), ("b", State::Degraded), ("c", State::Vanished)];
        assert_eq!(standing(&states), "c vanished, b degraded, a healthy");
        assert_eq!(standing(&[]), "");
        let many = vec!["x".to_owned(); NAMED + 3];
        assert!(names(&many).ends_with("x, x and 3 more"));
    }

    #[test]
    fn a_silence_says_whom_it_covers() {
        let told = [
            silenced(&silence(&["fraud*"]), &KNOWN),
            silenced(&silence(&["search", "frad"]), &KNOWN),
            silenced(&silence(&["new-*"]), &KNOWN),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
        No alerts and no recovery for fraud* until 2026-03-02T10:00:00Z (2 endpoints known so far: fraud, fraud-eu). They are checked on, and what is still wrong then is told.
        No alerts and no recovery for search and frad until 2026-03-02T10:00:00Z (1 endpoint known so far: search). They are checked on, and what is still wrong then is told. "frad": no endpoint checked so far has such a name. Was "fraud" meant?
        No alerts and no recovery for new-* until 2026-03-02T10:00:00Z (no endpoint checked so far has such a name). They are checked on, and what is still wrong then is told.
        "#);
    }

    #[test]
    fn ending_silences_says_which_and_of_whom_people_hear_again() {
        let told = [
            unsilenced(
                &asked(&["fraud"]),
                &[silence(&["fraud*"])],
                &[silence(&["*-eu"])],
                &KNOWN,
            ),
            unsilenced(
                &asked(&["*"]),
                &[silence(&["new-*"]), silence(&["a", "b"])],
                &[],
                &KNOWN,
            ),
            unsilenced(&asked(&["serach"]), &[], &[silence(&["search"])], &KNOWN),
            unsilenced(&asked(&["serach"]), &[], &[silence(&["zzz"])], &KNOWN),
            unsilenced(&asked(&["serach"]), &[], &[], &KNOWN),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
        Ended 1 silence, of fraud*. What is wrong with fraud is told with the next check.
        Ended 2 silences, of new-*, a and b. No endpoint checked so far is concerned.
        There is no silence on serach. Nothing was done. Was "search" meant?
        There is no silence on serach. Nothing was done. Silenced are: zzz.
        There is no silence on serach. Nothing was done.
        "#);
    }
}
