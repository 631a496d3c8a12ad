//! `rehearse check`: everything that is wrong with scenarios and fleet files, without playing them.

use steward::{
    fleet::Fleet,
    probe::fit::{self, DEFAULT_TIMEOUT},
    text::printable,
};

use super::{
    Console, Done,
    source::{self, Read},
};

pub(super) fn all(names: &[String], console: &mut Console<'_>) -> Done {
    for (name, read) in source::read_either(names)? {
        let (found, warnings) = match read {
            Read::Scenario(scenario) => (printable(&scenario.title, 200), vec![]),
            Read::Fleet(fleet) => (meant(&fleet), misfits(&fleet)),
        };
        writeln!(console.out, "{name}: ok: {found}")?;
        for warning in warnings {
            writeln!(console.out, "{name}: warning: {}", printable(&warning, 1000))?;
        }
    }
    Ok(true)
}

/// Probes that take more time than a sweep has. No mistake of the file: the time is the template's `TimeoutSeconds`.
fn misfits(fleet: &Fleet) -> Vec<String> {
    let time = fit::time_for_probes(DEFAULT_TIMEOUT);
    let told = fleet.probes().into_iter().filter_map(|(place, probe)| {
        let said = fit::misfit(probe, time)?;
        Some(format!(
            "{place}: {said}. Give it a shorter timeout or fewer retries, or the template more TimeoutSeconds than its {}",
            DEFAULT_TIMEOUT.as_secs()
        ))
    });
    told.collect()
}

/// What a fleet file selects, in words.
fn meant(fleet: &Fleet) -> String {
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        more => Some(format!("{more} {many}")),
    };
    let parts: Vec<String> = [
        counted(fleet.named().len(), "endpoint by its name", "endpoints by name"),
        counted(fleet.patterns(), "glob or group", "globs and groups"),
    ]
    .into_iter()
    .flatten()
    .collect();
    match parts.is_empty() {
        true => "a fleet file that means no endpoint".to_owned(),
        false => format!("a fleet file with {}", parts.join(" and ")),
    }
}
