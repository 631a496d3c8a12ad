//! Tables in Markdown that can be read as they are.

use std::io::{self, Write};

use crate::{rollout::Tally, rules::Judge, traffic::Case};

/// One line for each case, one column for each judge.
pub(crate) fn print(
    out: &mut impl Write,
    head: &[&str],
    lines: &[(&Case, &Vec<Tally>)],
    cell: impl Fn(&Tally) -> String,
) -> io::Result<()> {
    let names = Judge::ALL.iter().map(|judge| judge.name().to_owned());
    let mut rows: Vec<Vec<String>> = vec![head.iter().map(|name| (*name).to_owned()).chain(names).collect()];
    for (case, tallies) in lines {
        let first = case.to_string();
        rows.push(
            first
                .split(" | ")
                .map(str::to_owned)
                .chain(tallies.iter().map(&cell))
                .collect(),
        );
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    for (number, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            write!(out, "| {cell:width$} ", width = width(column))?;
        }
        writeln!(out, "|")?;
        if number == 0 {
            for column in 0..row.len() {
                write!(out, "| {} ", "-".repeat(width(column)))?;
            }
            writeln!(out, "|")?;
        }
    }
    Ok(())
}
