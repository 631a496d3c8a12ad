//! Numbers over time as SVG: paths, ticks and labels in the coordinates of the page.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::timeline::span;

/// Width of every plot, in the page's units.
pub(super) const WIDTH: f64 = 1000.0;

/// Height of a chart's plot.
const HEIGHT: f64 = 90.0;

/// The common time axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    start: Timestamp,
    seconds: f64,
}

/// One line across the plots.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Tick {
    x: f64,
    label: String,
}

impl Axis {
    pub(super) fn new(start: Timestamp, end: Timestamp) -> Self {
        Self {
            start,
            seconds: end.duration_since(start).as_secs_f64().max(1.0),
        }
    }

    /// Where a moment is, 0 to [`WIDTH`], in tenths.
    pub(super) fn x(&self, at: Timestamp) -> f64 {
        let share = at.duration_since(self.start).as_secs_f64() / self.seconds;
        tenths(share.clamp(0.0, 1.0) * WIDTH)
    }

    /// Between four and ten round moments.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        const STEPS: [i64; 14] = [
            60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
        ];
        let step = STEPS
            .into_iter()
            .find(|step| self.seconds / *step as f64 <= 10.0)
            .unwrap_or(2_592_000);
        (0..)
            .map(|n| n * step)
            .take_while(|second| *second as f64 <= self.seconds)
            .map(|second| Tick {
                x: self
                    .start
                    .saturating_add(SignedDuration::from_secs(second))
                    .map_or(WIDTH, |at| self.x(at)),
                label: span(second),
            })
            .collect()
    }
}

/// One line of a chart.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) points: &'a [(Timestamp, f64)],
    pub(super) class: usize,
    /// Each value holds until the next one.
    pub(super) steps: bool,
}

/// One chart.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    title: String,
    unit: String,
    height: f64,
    top: String,
    paths: Vec<Path>,
}

/// One line, as SVG.
#[derive(Debug, Serialize)]
pub(super) struct Path {
    class: usize,
    d: String,
}

impl Chart {
    pub(super) fn new(title: &str, unit: &str, lines: &[Line<'_>], axis: &Axis) -> Self {
        let most = lines
            .iter()
            .flat_map(|line| line.points)
            .map(|(_, value)| *value)
            .fold(0.0, f64::max);
        let top = round_up(most);
        let paths = lines
            .iter()
            .map(|line| Path {
                class: line.class,
                d: path(line, axis, top),
            })
            .collect();
        Self {
            title: title.to_owned(),
            unit: unit.to_owned(),
            height: HEIGHT,
            top: number(top),
            paths,
        }
    }
}

fn path(line: &Line<'_>, axis: &Axis, top: f64) -> String {
    let y = |value: f64| tenths(HEIGHT - value / top * HEIGHT);
    let gap = (axis.seconds / WIDTH * 3.0).max(200.0);
    let mut d = String::new();
    let mut last: Option<(Timestamp, f64)> = None;
    for (at, value) in line.points {
        let joined = last.is_some_and(|(before, _)| line.steps || at.duration_since(before).as_secs_f64() <= gap);
        let written = match last {
            Some((_, before)) if line.steps => {
                write!(d, "H{}V{}", axis.x(*at), y(if joined { *value } else { before }))
            }
            _ => write!(d, "{}{} {}", if joined { "L" } else { "M" }, axis.x(*at), y(*value)),
        };
        // Writing into a string cannot fail.
        let _ = written;
        last = Some((*at, *value));
    }
    if line.steps && last.is_some() {
        let _ = write!(d, "H{WIDTH}");
    }
    d
}

/// The next of 1, 2, 5, 10, 20, 50...
fn round_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|top| *top >= value)
        .unwrap_or(value)
}

fn number(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e4 => format!("{} k", value / 1e3),
        value => format!("{value}"),
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::constant(second, 0)
    }

    #[test]
    fn a_line_breaks_where_there_is_no_data_and_steps_hold_their_value() {
        let axis = Axis::new(at(0), at(1000));
        let points = [(at(0), 0.0), (at(60), 5.0), (at(900), 10.0)];
        let line = |steps| Line {
            points: &points,
            class: 0,
            steps,
        };
        assert_eq!(path(&line(false), &axis, 10.0), "M0 90L60 45M900 0");
        assert_eq!(path(&line(true), &axis, 10.0), "M0 90H60V45H900V0H1000");
    }

    #[test]
    fn the_top_of_a_chart_is_a_round_number_at_or_above_the_highest_value() {
        for (value, top) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (4.0, 5.0),
            (730.0, 1000.0),
            (0.03, 0.05),
        ] {
            assert!(
                (round_up(value) - top).abs() < 1e-9,
                "{value} gives {}",
                round_up(value)
            );
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        for minutes in [5, 30, 150, 600, 60 * 24 * 3] {
            let ticks = Axis::new(at(0), at(minutes * 60)).ticks();
            assert!((3..=11).contains(&ticks.len()), "{minutes}: {ticks:?}");
        }
    }
}
