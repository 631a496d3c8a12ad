//! `rehearse check`: everything that is wrong with scenarios, without playing them.

use shared::text::printable;

use super::{Console, Done, source};

pub(super) fn all(names: &[String], console: &mut Console<'_>) -> Done {
    for named in source::read(names)? {
        writeln!(
            console.out,
            "{}: ok: {}",
            named.name,
            printable(&named.scenario.title, 200)
        )?;
    }
    Ok(true)
}
