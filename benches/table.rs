//! The table that is printed: what was measured, against what, and whether the goal is met.

use std::fmt;

/// Measurements in the order they were taken.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

struct Row {
    what: String,
    value: String,
    against: String,
    /// The ratio and the most it may be.
    ratio: Option<(f64, f64)>,
}

impl Table {
    /// A measurement without a goal.
    pub(crate) fn tell(&mut self, what: &str, value: impl Into<String>, against: impl Into<String>) {
        self.0.push(Row {
            what: what.to_owned(),
            value: value.into(),
            against: against.into(),
            ratio: None,
        });
    }

    /// A measurement that may be at most `goal` times what it is compared with.
    pub(crate) fn compare(
        &mut self,
        what: &str,
        (value, shown): (f64, impl Into<String>),
        (against, reference): (f64, impl Into<String>),
        goal: f64,
    ) {
        let ratio = Some((value / against, goal));
        self.0.push(Row {
            what: what.to_owned(),
            value: shown.into(),
            against: reference.into(),
            ratio,
        });
    }

    /// Nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no ratio is above its goal.
    pub(crate) fn all_met(&self) -> bool {
        self.0
            .iter()
            .all(|row| row.ratio.is_none_or(|(ratio, goal)| ratio <= goal))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: fn(&Row) -> &str| self.0.iter().map(|row| column(row).chars().count()).max().unwrap_or(0);
        let (what, value, against) = (
            width(|row| &row.what),
            width(|row| &row.value).max(8),
            width(|row| &row.against).max(7),
        );
        writeln!(
            f,
            "\n{:what$}  {:>value$}  {:<against$}  {:>6}  goal",
            "", "measured", "against", "ratio"
        )?;
        for row in &self.0 {
            write!(
                f,
                "{:what$}  {:>value$}  {:<against$}",
                row.what, row.value, row.against
            )?;
            match row.ratio {
                None => writeln!(f)?,
                Some((ratio, goal)) => {
                    let verdict = if ratio <= goal { "met" } else { "MISSED" };
                    writeln!(f, "  {ratio:>6.2}  {goal:.1} {verdict}")?;
                }
            }
        }
        Ok(())
    }
}

/// `12.3 ms`, `1.85 s`.
pub(crate) fn time(time: std::time::Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 1000.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{:.2} s", milliseconds / 1000.0)
    }
}

/// `17.4 MB`, of a million bytes each.
pub(crate) fn memory(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a resident set is far below 2^53 bytes")]
    let megabytes = bytes as f64 / 1e6;
    format!("{megabytes:.1} MB")
}
