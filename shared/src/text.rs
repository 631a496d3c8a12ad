//! How foreign text is made safe to show: what came from an event, an answer or an error message reaches a log line, an
//! alert or a name only through here.

/// At most `limit` characters on one line; what is cut is counted (`…(+12 characters)`, on top of the limit).
///
/// Control characters, line and paragraph separators and the characters that reorder text (bidirectional marks) become
/// `\u{1b}`-like escapes, so that nobody can forge a log line or hide one.
pub fn printable(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit * 2));
    let mut chars = text.chars();
    for c in chars.by_ref().take(limit) {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if unsafe_to_show(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    match chars.count() {
        0 => shown,
        cut => format!("{shown}…(+{cut} characters)"),
    }
}

/// Characters that [`printable`] escapes.
pub fn unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The candidate that a mistyped word most likely meant: the word begins or continues it, or is within an edit distance
/// of a third of its own length.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let continued = word.len() >= 3 && (candidate.starts_with(word) || word.starts_with(candidate));
            (if continued { 1 } else { distance(word, candidate) }, candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, in characters, ignoring ASCII case. Words past 128 characters are as far as they are long.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    if a.len().max(b.len()) > 128 {
        return a.len().max(b.len());
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The text with one full stop at its end, however many it had; what ends with another mark stays.
pub fn sentence(text: &str) -> String {
    let text = text.trim_end().trim_end_matches('.');
    let ended = text.ends_with(['!', '?', ':']);
    format!("{text}{}", if ended { "" } else { "." })
}

/// `a, b and c`; empty for no words.
pub fn and_list<S: AsRef<str>>(words: &[S]) -> String {
    joined(words, "and")
}

/// `a, b or c`; empty for no words.
pub fn or_list<S: AsRef<str>>(words: &[S]) -> String {
    joined(words, "or")
}

fn joined<S: AsRef<str>>(words: &[S], last: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

/// The two largest units of a number of seconds: `45s`, `4m 10s`, `1h 30m`, `2d 3h`.
pub fn lasting(seconds: i64) -> String {
    let units = [
        (seconds / 86_400, 'd'),
        (seconds / 3600 % 24, 'h'),
        (seconds / 60 % 60, 'm'),
        (seconds % 60, 's'),
    ];
    let mut shown = units
        .iter()
        .skip_while(|(n, _)| *n == 0)
        .take(2)
        .filter(|(n, _)| *n != 0)
        .peekable();
    if shown.peek().is_none() {
        return "0s".into();
    }
    shown
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A number of bytes with three digits at most, in the decimal units of S3's prices and limits: `7 B`, `1.5 MB`, `100 GB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0;
    let mut shown = bytes as f64;
    // What would round to 1000 is 1 of the next unit.
    while shown >= 999.5 && unit + 1 < UNITS.len() {
        shown /= 1000.0;
        unit += 1;
    }
    match unit > 0 && shown < 9.95 && (shown * 10.0).round() % 10.0 != 0.0 {
        true => format!("{shown:.1} {}", UNITS[unit]),
        false => format!("{shown:.0} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_reordering_characters_are_escaped() {
        assert_eq!(printable("a\u{1b}[31m\n\u{202e}b", 100), "a\\u{1b}[31m\\n\\u{202e}b");
    }

    #[test]
    fn what_is_cut_is_counted() {
        assert_eq!(printable("äöüß", 2), "äö…(+2 characters)");
    }

    #[test]
    fn a_typing_mistake_finds_its_word_and_nonsense_finds_none() {
        let words = ["check", "status", "silence", "unsilence"];
        assert_eq!(
            nearest("chekc", words),
            None,
            "two edits in five letters is no typing mistake"
        );
        assert_eq!(nearest("Statsu", words), Some("status"));
        assert_eq!(nearest("silense", words), Some("silence"));
        assert_eq!(nearest("destroy", words), None);
        assert_eq!(nearest("endpoint", ["endpoints", "for"]), Some("endpoints"));
        assert_eq!(nearest("TOPIC", ["FLEET", "LOG", "TOPIC_ARN"]), Some("TOPIC_ARN"));
    }

    #[test]
    fn a_time_is_told_in_its_two_largest_units() {
        let told = [0, 45, 250, 5400, 3600, 86_400 * 2 + 10_800, 86_400 + 59].map(lasting);
        assert_eq!(told, ["0s", "45s", "4m 10s", "1h 30m", "1h", "2d 3h", "1d"]);
    }

    #[test]
    fn bytes_are_told_in_decimal_units_with_three_digits() {
        let told = [
            0,
            999,
            1000,
            1_549_000,
            99_900_000,
            999_600_000,
            5_000_000_000_000,
            u64::MAX,
        ]
        .map(bytes);
        assert_eq!(
            told,
            ["0 B", "999 B", "1 kB", "1.5 MB", "100 MB", "1 GB", "5 TB", "18 EB"]
        );
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(or_list::<&str>(&[]), "");
        assert_eq!(or_list(&["a"]), "a");
        assert_eq!(and_list(&["a", "b", "c"]), "a, b and c");
    }
}
