//! Keys as listings spell them with `encoding-type=url`, which is how those survive that XML cannot carry.

use s3s::dto::EncodingType;

/// `text` as a listing of this encoding type spells it: as a form does, except that slashes stay.
pub(super) fn spelled(text: &str, encoding: Option<&EncodingType>) -> String {
    if encoding.is_none_or(|it| it.as_str() != EncodingType::URL) {
        return text.to_owned();
    }
    let mut spelled = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => {
                spelled.push(char::from(byte))
            }
            b' ' => spelled.push('+'),
            other => spelled.push_str(&format!("%{other:02X}")),
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_form_would_change_is_changed_and_slashes_stay() {
        let url = EncodingType::from_static(EncodingType::URL);
        let key = "a b/c+d/50%/ü\u{1}.tar.gz";
        assert_eq!(spelled(key, Some(&url)), "a+b/c%2Bd/50%25/%C3%BC%01.tar.gz");
        assert_eq!(spelled(key, None), key);
    }
}
