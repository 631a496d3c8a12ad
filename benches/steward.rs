//! What Steward costs, measured on the release binaries: start and memory against an empty Lambda, a sweep of a thousand
//! endpoints and backups into another Region against the ideal for their concurrency, how fast the rehearsal's clock runs,
//! how soon an alarm gives blue all traffic back, and how soon a queue that sleeps is drained. With names of sections
//! (`starting`, `sweeping`, `backup`, `rehearsing`, `rollback`, `draining`) only those.
//!
//! The functions run as Lambda runs them, over the Runtime API, and their AWS calls go over HTTP to the simulated AWS in
//! this process. Ratios are taken within one run, so that the machine matters little. Exits with 1 when a goal is missed.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, Write},
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};

mod backup;
mod draining;
mod rehearsing;
mod rollback;
mod starting;
mod sweeping;
mod table;

use table::Table;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The release binaries, built by this very call so that nothing stale is measured. Built as members of the workspace,
/// they share every dependency with the rehearsal, and no SDK is compiled twice.
struct Binaries {
    health_checker: PathBuf,
    backup: PathBuf,
    empty: PathBuf,
}

impl Binaries {
    fn build() -> Outcome<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let named = ["--bin", "health-checker", "--bin", "cross-region-backup"];
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--workspace"])
            .args(named)
            .current_dir(&root)
            .status()?;
        if !status.success() {
            return Err(format!("cargo build --release --workspace {}: {status}", named.join(" ")).into());
        }
        let empty = PathBuf::from(env!("CARGO_BIN_EXE_empty-function"));
        Ok(Self {
            health_checker: empty.with_file_name("health-checker"),
            backup: empty.with_file_name("cross-region-backup"),
            empty,
        })
    }
}

/// What the health checker is told about its surroundings; see [`sweeping::BUCKET`] and the like.
fn settings() -> BTreeMap<String, String> {
    [
        ("STEWARD_FLEET", format!("s3://{}/fleet.yaml", sweeping::BUCKET)),
        ("STEWARD_STATE", format!("s3://{}/steward", sweeping::BUCKET)),
        (
            "STEWARD_TOPIC_ARN",
            "arn:aws:sns:eu-west-1:111122223333:alerts".to_owned(),
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// What can be measured by itself, in the order in which it is.
const SECTIONS: [&str; 6] = ["starting", "sweeping", "backup", "rehearsing", "rollback", "draining"];

/// The sections that the command line names, all of them when it names none.
fn chosen() -> Outcome<Vec<String>> {
    // Cargo adds options of its own.
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    match named.iter().find(|name| !SECTIONS.contains(&name.as_str())) {
        Some(unknown) => Err(format!("there is no section `{unknown}`; there are {}", SECTIONS.join(", ")).into()),
        None if named.is_empty() => Ok(SECTIONS.map(str::to_owned).into()),
        None => Ok(named),
    }
}

fn main() -> Outcome<ExitCode> {
    let chosen = chosen()?;
    let wanted = |section: &str| chosen.iter().any(|name| name == section);
    let mut table = Table::default();
    if ["starting", "sweeping", "backup"].into_iter().any(wanted) {
        let binaries = Binaries::build()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        if wanted("starting") {
            runtime.block_on(starting::measure(&binaries, &mut table))?;
        }
        if wanted("sweeping") {
            runtime.block_on(sweeping::measure(&binaries, &mut table))?;
        }
        if wanted("backup") {
            runtime.block_on(backup::measure(&binaries, &mut table))?;
        }
    }
    if wanted("rehearsing") {
        rehearsing::measure(&mut table)?;
    }
    if !table.is_empty() {
        write!(io::stdout().lock(), "{table}")?;
    }
    if wanted("rollback") {
        rollback::measure()?;
    }
    if wanted("draining") {
        draining::measure()?;
    }
    Ok(if table.all_met() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// The middle one; the upper of the two when there is none.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
