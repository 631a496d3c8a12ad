//! What a plain scalar means: the core schema of YAML 1.2, so `no` and `02:00` are text.

use super::tree::Kind;

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).unwrap_or_else(|| Kind::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Kind> {
    if let Some(digits) = text.strip_prefix("0x") {
        return digits_only(digits, 16).then(|| u64::from_str_radix(digits, 16).ok().map(Kind::Whole))?;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits_only(digits, 8).then(|| u64::from_str_radix(digits, 8).ok().map(Kind::Whole))?;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits_only(unsigned, 10) {
        let whole = match text.strip_prefix('-') {
            Some(_) => text.parse().ok().map(Kind::Negative),
            None => unsigned.parse().ok().map(Kind::Whole),
        };
        return whole.or_else(|| text.parse().ok().map(Kind::Float));
    }
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(Kind::Float(if text.starts_with('-') {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }));
        }
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some(Kind::Float(f64::NAN)),
        _ => {}
    }
    let begins = unsigned
        .strip_prefix('.')
        .unwrap_or(unsigned)
        .starts_with(|c: char| c.is_ascii_digit());
    let consists = unsigned
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    (begins && consists).then(|| text.parse().ok().map(Kind::Float))?
}

fn digits_only(text: &str, radix: u32) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_digit(radix))
}
