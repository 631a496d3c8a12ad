//! How evidence reads.

use std::time::Duration;

/// `12 of 240 requests failed (5%)`.
pub(super) fn share(hits: u64, of: u64, verb: &str) -> String {
    match of {
        0 => "no requests".to_owned(),
        _ => format!("{hits} of {of} requests {verb} ({})", percent(hits as f64 / of as f64)),
    }
}

/// Two digits that say something: `5%`, `0.14%`, `99.9%`; a share that is neither none nor all is never shown as that.
fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent <= 0.0 || percent >= 100.0 {
        return format!("{percent:.0}%");
    }
    let digits = match percent {
        p if p < 0.001 => return "under 0.001%".to_owned(),
        p if p > 99.99 => return "over 99.99%".to_owned(),
        p if p < 0.01 => 4,
        p if p < 0.1 => 3,
        p if p < 1.0 => 2,
        p if p < 99.0 => 1,
        _ => 2,
    };
    let shown = format!("{percent:.digits$}");
    format!("{}%", shown.trim_end_matches('0').trim_end_matches('.'))
}

/// `1 minute`, `12 minutes`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `240ms`, `1.5s`, `850µs`.
pub(super) fn latency(latency: Duration) -> String {
    let (amount, unit) = match latency {
        l if l >= Duration::from_secs(1) => (l.as_secs_f64(), "s"),
        l if l >= Duration::from_millis(1) => (l.as_secs_f64() * 1e3, "ms"),
        l => (l.as_secs_f64() * 1e6, "µs"),
    };
    let digits = if amount < 10.0 { 2 } else { 0 };
    let shown = format!("{amount:.digits$}");
    match shown.contains('.') {
        true => format!("{}{unit}", shown.trim_end_matches('0').trim_end_matches('.')),
        false => format!("{shown}{unit}"),
    }
}
