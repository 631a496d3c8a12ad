//! Which endpoint names a glob means.

use std::collections::BTreeSet;

/// `*` for any run of characters, `?` for one, `[a-z0]` or `[!a-z]` for one of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Glob(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Run,
    One,
    Char(char),
    Class { not: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    /// What a glob is made of, for people.
    pub const ACCEPTED: &str = "letters, digits and hyphens, with * for any run of them, ? for one, [a-z] for one \
                                       of a class and [!a-z] for one outside it";

    /// The text asks for a glob and not for one name.
    pub fn is_one(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    /// # Errors
    /// What is wrong with the glob.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '*' => Part::Run,
                '?' => Part::One,
                '[' => {
                    let (class, after) = chars
                        .as_str()
                        .split_once(']')
                        .ok_or("the class that begins with [ does not end")?;
                    chars = after.chars();
                    Self::class(class)?
                }
                c if c.is_ascii_alphanumeric() || c == '-' => Part::Char(c),
                c => return Err(format!("{c:?} cannot be in an endpoint's name")),
            });
        }
        parts.dedup_by(|a, b| *a == Part::Run && *b == Part::Run);
        match parts.is_empty() {
            true => Err("an empty glob selects nothing".to_owned()),
            false => Ok(Self(parts)),
        }
    }

    fn class(text: &str) -> Result<Part, String> {
        let (not, members) = match text.strip_prefix(['!', '^']) {
            Some(members) => (true, members),
            None => (false, text),
        };
        let members: Vec<char> = members.chars().collect();
        let mut ranges = Vec::new();
        let mut rest = members.as_slice();
        while let [first, after @ ..] = rest {
            let (last, after) = match after {
                ['-', last, after @ ..] => (last, after),
                _ => (first, after),
            };
            if let Some(c) = [first, last]
                .into_iter()
                .find(|c| !c.is_ascii_alphanumeric() && **c != '-')
            {
                return Err(format!("{c:?} cannot be in an endpoint's name"));
            }
            if first > last {
                return Err(format!("the range {first}-{last} runs backwards"));
            }
            ranges.push((*first, *last));
            rest = after;
        }
        match ranges.is_empty() {
            true => Err("an empty class matches nothing".to_owned()),
            false => Ok(Part::Class { not, ranges }),
        }
    }

    /// The one name that is this text.
    pub fn exactly(name: &str) -> Self {
        Self(name.chars().map(Part::Char).collect())
    }

    /// The name is one of those it means.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        self.takes_all(&name, |part, c| part.takes(*c))
    }

    /// Every name is matched.
    pub fn is_universal(&self) -> bool {
        self.0 == [Part::Run]
    }

    /// Every name that `other` matches is matched. A `false` may only mean that it cannot be told.
    pub fn covers(&self, other: &Self) -> bool {
        self.takes_all(&other.0, Part::covers)
    }

    /// Some name is matched by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut known, mut open) = (BTreeSet::from([(0, 0)]), vec![(0, 0)]);
        while let Some((mine, theirs)) = open.pop() {
            let (one, two) = (self.0.get(mine), other.0.get(theirs));
            if one.is_none() && two.is_none() {
                return true;
            }
            let mut next = vec![];
            next.extend((one == Some(&Part::Run)).then_some((mine + 1, theirs)));
            next.extend((two == Some(&Part::Run)).then_some((mine, theirs + 1)));
            if let (Some(one), Some(two)) = (one, two)
                && one.shares_a_char_with(two)
            {
                let after = |part: &Part, at: usize| at + usize::from(*part != Part::Run);
                next.push((after(one, mine), after(two, theirs)));
            }
            open.extend(next.into_iter().filter(|state| known.insert(*state)));
        }
        false
    }

    /// The parts, a run for any number of them, take these one by one.
    fn takes_all<T>(&self, all: &[T], takes: impl Fn(&Part, &T) -> bool) -> bool {
        let (mut part, mut at) = (0, 0);
        // Where to go on when a guess about the last run was too short.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(part), all.get(at)) {
                (None, None) => return true,
                (Some(Part::Run), _) => {
                    retry = Some((part + 1, at));
                    part += 1;
                }
                (Some(one), Some(item)) if takes(one, item) => (part, at) = (part + 1, at + 1),
                _ => match retry {
                    Some((after, from)) if from < all.len() => {
                        retry = Some((after, from + 1));
                        (part, at) = (after, from + 1);
                    }
                    _ => return false,
                },
            }
        }
    }
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Run => false,
            Self::One => true,
            Self::Char(wanted) => *wanted == c,
            Self::Class { not, ranges } => ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *not,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Run, _) | (_, Self::Run) => false,
            (Self::One, _) => true,
            (_, Self::Char(c)) => self.takes(*c),
            _ => self == other,
        }
    }

    fn shares_a_char_with(&self, other: &Self) -> bool {
        let takes = |part: &Self, c: char| *part == Self::Run || part.takes(c);
        let chars = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['-']);
        chars.into_iter().any(|c| takes(self, c) && takes(other, c))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_glob_is_told_apart() {
        let told: Vec<String> = ["", "a.b", "a b*", "fraud[", "fraud[]", "[z-a]", "[a.]", "{a,b}*", "ü*"]
            .into_iter()
            .map(|text| format!("{text:8} {}", Glob::parse(text).expect_err(text)))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_glob_covers_what_is_narrower_and_overlaps_what_it_shares_a_name_with() {
        let relation = |one: &str, two: &str| {
            let (one, two) = (Glob::parse(one).expect("a glob"), Glob::parse(two).expect("a glob"));
            (one.covers(&two), one.overlaps(&two))
        };
        for (one, two) in [
            ("*", "a-*"),
            ("a*", "a-*-b"),
            ("?*", "[ab]x*"),
            ("*-b", "*a-b"),
            ("[ab]*", "a?"),
            ("a**", "a*"),
        ] {
            assert_eq!(relation(one, two), (true, true), "{one} {two}");
        }
        for (one, two) in [("a-*", "*"), ("a-*", "*-b"), ("?", "*"), ("[ab]", "[bc]")] {
            assert_eq!(relation(one, two), (false, true), "{one} {two}");
        }
        for (one, two) in [
            ("a-*", "b-*"),
            ("*-a", "*-b"),
            ("?", "??*"),
            ("[ab]", "[!ab]"),
            ("a*b", "a"),
        ] {
            assert_eq!(relation(one, two), (false, false), "{one} {two}");
        }
    }

    proptest! {
        #[test]
        fn matches_what_ripgreps_globs_match(
            text in "([a-c-]|\\*|\\?|\\[a-b\\]|\\[!b\\]|\\[ac\\]){1,8}",
            name in "[a-d-]{0,8}",
        ) {
            let theirs = globset::Glob::new(&text).expect("a glob").compile_matcher();
            prop_assert_eq!(Glob::parse(&text).expect("a glob").matches(&name), theirs.is_match(&name));
        }

        #[test]
        fn what_is_covered_is_matched_and_what_matches_both_overlaps(
            one in "([a-c]|\\*|\\?|\\[a-b\\]|\\[!b\\]){1,6}",
            two in "([a-c]|\\*|\\?|\\[a-b\\]|\\[!b\\]){1,6}",
            names in proptest::collection::vec("[a-c]{0,6}", 50),
        ) {
            let (one, two) = (Glob::parse(&one).expect("a glob"), Glob::parse(&two).expect("a glob"));
            for name in &names {
                prop_assert!(!one.covers(&two) || !two.matches(name) || one.matches(name));
                prop_assert!(one.overlaps(&two) || !one.matches(name) || !two.matches(name));
                prop_assert_eq!(one.overlaps(&Glob::exactly(name)), one.matches(name));
                prop_assert_eq!(one.covers(&Glob::exactly(name)), one.matches(name));
            }
            prop_assert!(one.covers(&one) && one.overlaps(&two) == two.overlaps(&one));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}|[a-c*?!\\[\\]-]{0,12}", name in "[a-c-]{0,12}") {
            if let Ok(glob) = Glob::parse(&text) {
                glob.matches(&name);
            }
        }
    }
}
