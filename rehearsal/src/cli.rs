//! The `rehearse` command: its arguments, and what its exit status says.
//!
//! 0: every expectation holds. 1: one does not. 2: a scenario, an argument or a file is wrong, or something could not
//! be written.

mod check;
mod invoke;
mod run;
mod serve;
mod source;

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use steward::quantity::Span;

/// Rehearse what keeps SageMaker endpoints up, on a simulated AWS: no account, no cost, hours in seconds.
#[derive(Debug, Parser)]
#[command(name = "rehearse", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Play scenarios and judge them.
    Run(Run),
    /// List the scenarios that come with the command.
    List,
    /// Read scenarios and fleet files and report everything that is wrong with them, without playing.
    Check {
        /// Files, or names from `rehearse list`.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Serve the simulated AWS over HTTP, for the aws CLI, boto3, `sam local invoke` and function binaries.
    Serve(Serve),
    /// Give events to a function's binary as Lambda does, and print its answers.
    Invoke(Invoke),
}

/// What `serve` takes.
#[derive(Debug, Args)]
struct Serve {
    /// Where to listen. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4566")]
    listen: String,
    /// A scenario file whose world, buckets, fleet file and faults are served; one that comes with the command unless
    /// said.
    #[arg(long, value_name = "FILE")]
    world: Option<String>,
    /// Virtual seconds per second.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
}

/// What `invoke` takes.
#[derive(Debug, Args)]
struct Invoke {
    /// The function's executable.
    #[arg(long, value_name = "PATH")]
    binary: PathBuf,
    /// A variable of its environment; may be given several times.
    #[arg(long, value_name = "K=V", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Its name; that of the executable unless said.
    #[arg(long)]
    name: Option<String>,
    /// Its Region.
    #[arg(long, default_value = "eu-west-1")]
    region: String,
    /// How long an invocation may take.
    #[arg(long, default_value = "60s", value_parser = |text: &str| text.parse::<Span>())]
    timeout: Span,
    /// Files with one event each, in the order in which they are given to the function; `-` reads standard input.
    #[arg(required = true, value_name = "EVENT.json")]
    events: Vec<PathBuf>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What `run` takes.
#[derive(Debug, Args)]
struct Run {
    /// Files, or names from `rehearse list`.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// Play with this seed instead of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// One JSON object a line instead of the timeline.
    #[arg(long)]
    json: bool,
    /// Stop after this much virtual time, e.g. 6h.
    #[arg(long, value_parser = |text: &str| text.parse::<Span>())]
    until: Option<Span>,
    /// Write one self-contained HTML page per scenario into this folder.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Show what the functions logged, too.
    #[arg(long)]
    logs: bool,
}

/// Where a command writes.
struct Console<'a> {
    out: &'a mut (dyn Write + Send),
    err: &'a mut (dyn Write + Send),
    /// `out` is a terminal that shows colours.
    colour: bool,
    /// `err` is a terminal.
    progress: bool,
    /// Columns of `out`.
    width: usize,
}

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help) => {
            let told = help.print();
            return ExitCode::from(if told.is_err() || help.use_stderr() { 2 } else { 0 });
        }
    };
    let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
    let terminal = stdout.is_terminal();
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let mut console = Console {
        colour: terminal && std::env::var_os("NO_COLOR").is_none(),
        progress: terminal && stderr.is_terminal(),
        width: columns.unwrap_or(120),
        out: &mut stdout,
        err: &mut stderr,
    };
    let done = match cli.what {
        None => run::first(&mut console),
        Some(What::Run(run)) => run::all(&run, &mut console),
        Some(What::List) => run::list(&mut console),
        Some(What::Check { files }) => check::all(&files, &mut console),
        Some(What::Serve(serve)) => serve::serve(&serve, &mut console),
        Some(What::Invoke(invoke)) => invoke::all(&invoke, &mut console),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // The reader of a pipe had enough: nothing to complain about, and nobody to hear it.
        Err(Stopped::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(stopped) => {
            // If even standard error is closed, the exit status is all that is left to say it.
            let _ = writeln!(console.err, "{stopped}");
            ExitCode::from(2)
        }
    }
}

/// Why a command stopped before it could say whether expectations hold.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("{0}")]
    Wrong(String),
    #[error("cannot write: {0}")]
    Io(#[from] io::Error),
}

/// Whether everything held.
type Done = Result<bool, Stopped>;
