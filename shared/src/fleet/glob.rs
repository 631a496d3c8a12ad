//! Which endpoint names a glob means.

/// `*` for any run of characters, `?` for one, `[a-z0]` or `[!a-z]` for one of a class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Glob(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Run,
    One,
    Char(char),
    Class { not: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    pub(crate) const ACCEPTED: &str = "letters, digits and hyphens, with * for any run of them, ? for one, [a-z] for one \
                                       of a class and [!a-z] for one outside it";

    /// The text asks for a glob and not for one name.
    pub(crate) fn is_one(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    /// # Errors
    /// What is wrong with the glob.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
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

    pub(crate) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut part, mut at) = (0, 0);
        // Where to go on when a guess about the last run was too short.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(part), name.get(at)) {
                (None, None) => return true,
                (Some(Part::Run), _) => {
                    retry = Some((part + 1, at));
                    part += 1;
                }
                (Some(one), Some(c)) if one.takes(*c) => (part, at) = (part + 1, at + 1),
                _ => match retry {
                    Some((after, from)) if from < name.len() => {
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
        fn no_text_panics(text in "\\PC{0,12}|[a-c*?!\\[\\]-]{0,12}", name in "[a-c-]{0,12}") {
            if let Ok(glob) = Glob::parse(&text) {
                glob.matches(&name);
            }
        }
    }
}
