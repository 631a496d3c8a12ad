//! The order of listings: keys under a prefix, rolled up at a delimiter, page by page.

/// One page of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Keys not rolled up.
    pub(super) keys: Vec<String>,
    /// Prefixes that end in the delimiter, each once.
    pub(super) prefixes: Vec<String>,
    /// The last key or prefix of this page, when there is more after it.
    pub(super) next: Option<String>,
}

/// The page of `keys` (in order) after `after`, of at most `most` keys and prefixes together.
pub(super) fn page<'a>(
    keys: impl Iterator<Item = &'a String>,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<&str>,
    most: usize,
) -> Page {
    let mut page = Page::default();
    let mut last = None;
    for key in keys {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let rolled = delimiter.filter(|it| !it.is_empty()).and_then(|delimiter| {
            rest.find(delimiter)
                .map(|at| &key[..prefix.len() + at + delimiter.len()])
        });
        let entry = rolled.unwrap_or(key);
        if after.is_some_and(|after| entry <= after)
            || rolled.is_some_and(|rolled| page.prefixes.last().is_some_and(|it| it == rolled))
        {
            continue;
        }
        if page.keys.len() + page.prefixes.len() >= most {
            page.next = last;
            return page;
        }
        last = Some(entry.to_owned());
        match rolled {
            Some(rolled) => page.prefixes.push(rolled.to_owned()),
            None => page.keys.push(key.clone()),
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> Vec<String> {
        ["a", "dir/1", "dir/2", "dir/sub/3", "other/4", "z"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn a_delimiter_rolls_keys_up_to_prefixes() {
        let page = page(keys().iter(), "", Some("/"), None, 10);
        assert_eq!(
            page,
            Page {
                keys: vec!["a".to_owned(), "z".to_owned()],
                prefixes: vec!["dir/".to_owned(), "other/".to_owned()],
                next: None,
            }
        );
    }

    proptest! {
        #[test]
        fn pages_of_any_size_cover_everything_once(size in 1_usize..7, delimiter in prop::option::of(Just("/"))) {
            let keys = keys();
            let whole = page(keys.iter(), "", delimiter, None, 100);
            let (mut seen, mut after) = (Vec::new(), None::<String>);
            loop {
                let part = page(keys.iter(), "", delimiter, after.as_deref(), size);
                prop_assert!(part.keys.len() + part.prefixes.len() <= size);
                seen.extend(part.keys);
                seen.extend(part.prefixes);
                let Some(next) = part.next else { break };
                after = Some(next);
            }
            seen.sort();
            let mut expected = [whole.keys, whole.prefixes].concat();
            expected.sort();
            prop_assert_eq!(seen, expected);
        }
    }
}
