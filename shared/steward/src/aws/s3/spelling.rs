//! How keys, versions and tags are spelled where S3 wants them encoded by its callers, or answers them so.

use std::{collections::BTreeMap, fmt::Write};

/// `x-amz-copy-source`: the SDK sends it as it is.
pub(super) fn copy_source(bucket: &str, key: &str, version: Option<&str>) -> String {
    let mut source = format!("{bucket}/");
    encode(key, true, &mut source);
    if let Some(version) = version {
        source.push_str("?versionId=");
        encode(version, false, &mut source);
    }
    source
}

/// `x-amz-tagging`: a query string.
pub(super) fn tagging(tags: &BTreeMap<String, String>) -> String {
    let mut query = String::new();
    for (key, value) in tags {
        if !query.is_empty() {
            query.push('&');
        }
        encode(key, false, &mut query);
        query.push('=');
        encode(value, false, &mut query);
    }
    query
}

/// Everything but letters, digits and `-._~` as `%XX`, which no server reads in two ways.
fn encode(text: &str, keep_slash: bool, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(char::from(byte)),
            b'/' if keep_slash => into.push('/'),
            other => {
                // Writing to a string does not fail.
                let _ = write!(into, "%{other:02X}");
            }
        }
    }
}

/// Undoes the encoding of forms, in which listings spell keys; `None` for what is not encoded so.
pub(super) fn form_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (char::from(rest.next()?), char::from(rest.next()?));
                u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_copy_source_names_any_key_and_version() {
        assert_eq!(
            copy_source("from", "a b/c+d/50%/ü?x=1&y", Some("v/1+2")),
            "from/a%20b/c%2Bd/50%25/%C3%BC%3Fx%3D1%26y?versionId=v%2F1%2B2"
        );
        assert_eq!(copy_source("from", "/a//b/", None), "from//a//b/");
    }

    #[test]
    fn tags_are_a_query_string() {
        let tags = [("team", "risk & fraud"), ("v", "1+1=2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(tagging(&tags.into()), "team=risk%20%26%20fraud&v=1%2B1%3D2");
    }

    #[test]
    fn keys_are_read_from_listings_as_they_were_written() {
        for (spelled, key) in [
            ("a+b/c%2Bd/50%25/%C3%BC%01.gz", "a b/c+d/50%/ü\u{1}.gz"),
            ("a%20b", "a b"),
            ("", ""),
        ] {
            assert_eq!(form_decoded(spelled).as_deref(), Some(key), "{spelled}");
        }
        for wrong in ["%", "%2", "%zz", "%FF"] {
            assert_eq!(form_decoded(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_is_decoded_again(text in ".*", keep_slash: bool) {
            let mut encoded = String::new();
            encode(&text, keep_slash, &mut encoded);
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(form_decoded(&encoded), Some(text));
        }
    }
}
