//! `rehearse check`: everything that is wrong with scenarios and fleet files, without playing them.

use shared::{fleet::Fleet, text::printable};

use super::{
    Console, Done,
    source::{self, Read},
};

pub(super) fn all(names: &[String], console: &mut Console<'_>) -> Done {
    for (name, read) in source::read_either(names)? {
        let found = match read {
            Read::Scenario(scenario) => printable(&scenario.title, 200),
            Read::Fleet(fleet) => meant(&fleet),
        };
        writeln!(console.out, "{name}: ok: {found}")?;
    }
    Ok(true)
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
