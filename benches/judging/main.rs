//! How well a green variant is judged: thousands of simulated rollouts, judged by Steward and by the rules of Flagger and
//! Argo Rollouts on the very same traffic.
//!
//! `cargo bench -p shared --no-default-features --bench judging` prints the tables of `docs/benchmarks.md`; a number
//! behind `--` is that of the rollouts for each line. All is pure and seeded: the same number prints the same tables.

use std::{
    env,
    error::Error,
    io::{self, Write},
    num::NonZeroUsize,
    thread,
};

mod rollout;
mod rules;
mod table;
mod traffic;

use rollout::{Outcome, Tally};
use rules::Judge;
use traffic::Case;

/// Rollouts for each line. Without `--bench`, as in `cargo test --all-targets`, only enough to see that it runs.
fn runs() -> Result<u64, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let benching = arguments.iter().any(|argument| argument == "--bench");
    let number = arguments.iter().find(|argument| !argument.starts_with('-'));
    match number {
        Some(number) => number
            .parse()
            .map_err(|_| format!("{number:?} is no number of rollouts, such as 2000").into()),
        None if benching => Ok(2_000),
        None => Ok(2),
    }
}

/// All rollouts of one case, by each judge.
fn tally(case: &Case, runs: u64) -> Vec<Tally> {
    Judge::ALL
        .iter()
        .map(|judge| (0..runs).map(|run| rollout::run(case, run, *judge)).collect())
        .collect()
}

/// Each case in its turn, on as many threads as there are cores; in the order of the cases.
fn tallies(cases: &[Case], runs: u64) -> Result<Vec<Vec<Tally>>, Box<dyn Error>> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || -> Vec<(usize, Vec<Tally>)> {
                    let mine = cases.iter().enumerate().skip(first).step_by(threads);
                    mine.map(|(at, case)| (at, tally(case, runs))).collect()
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| "a simulated rollout panicked")?);
        }
        all.sort_by_key(|(at, _)| *at);
        Ok(all.into_iter().map(|(_, tallies)| tallies).collect())
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let runs = runs()?;
    let cases = Case::all();
    let tallies = tallies(&cases, runs)?;
    let (healthy, bad): (Vec<_>, Vec<_>) = cases.iter().zip(&tallies).partition(|(case, _)| case.healthy());
    let mut out = io::stdout().lock();
    writeln!(out, "{runs} rollouts for each line.\n")?;
    writeln!(
        out,
        "Healthy greens: rolled back, and minutes to the end of the last step\n"
    )?;
    table::print(&mut out, &["requests/min", "errors"], &healthy, |tally| {
        match tally.median_minutes(Outcome::Promoted) {
            Some(minutes) => format!("{}, {minutes} min", tally.rate(Outcome::RolledBack)),
            None => tally.rate(Outcome::RolledBack),
        }
    })?;
    writeln!(
        out,
        "\nBad greens: rolled back, after minutes, having served requests\n"
    )?;
    table::print(&mut out, &["requests/min", "errors"], &bad, |tally| {
        match tally.median_minutes(Outcome::RolledBack) {
            Some(minutes) => format!(
                "{}, {minutes} min, {}",
                tally.rate(Outcome::RolledBack),
                tally.mean_served()
            ),
            None => format!("{}, {}", tally.rate(Outcome::RolledBack), tally.mean_served()),
        }
    })?;
    Ok(())
}
