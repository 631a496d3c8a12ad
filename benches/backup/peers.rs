//! The same copies by what people use otherwise: boto3's managed copy and rclone, with their defaults, and tuned to what
//! the backup does.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::Command;

use super::{Artifact, CONCURRENCY, copies};
use crate::{Outcome, sweeping::Aws};

/// Names the Python that has boto3, when the first one in `PATH` has not.
const PYTHON: &str = "STEWARD_BENCH_PYTHON";

/// How long one of them may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Who copies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Peer {
    Boto3 { tuned: bool },
    Rclone { tuned: bool },
}

/// What a copy took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    /// From its first call until the process had ended.
    pub(super) took: Duration,
    /// All of its calls.
    pub(super) calls: usize,
    /// The largest resident set, bytes.
    pub(super) memory: u64,
}

/// Everybody, in the order in which they are shown.
pub(super) fn all() -> [Peer; 4] {
    [
        Peer::Boto3 { tuned: false },
        Peer::Boto3 { tuned: true },
        Peer::Rclone { tuned: false },
        Peer::Rclone { tuned: true },
    ]
}

impl Peer {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Boto3 { tuned: false } => "boto3, defaults",
            Self::Boto3 { tuned: true } => "boto3, tuned",
            Self::Rclone { tuned: false } => "rclone, defaults",
            Self::Rclone { tuned: true } => "rclone, tuned",
        }
    }

    fn caller(self) -> &'static str {
        match self {
            Self::Boto3 { .. } => "boto3",
            Self::Rclone { .. } => "rclone",
        }
    }

    /// Its command, or why there is none.
    fn command(self, url: &str, artifact: Artifact) -> Result<Command, String> {
        let mut command = match self {
            Self::Boto3 { tuned } => {
                let mut command = Command::new(python()?);
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("backup/boto3_copy.py"));
                command.args([url, to(self)]);
                command.arg(match artifact {
                    Artifact::One(_) => "one",
                    Artifact::Many(_) => "many",
                });
                if tuned {
                    command.arg(CONCURRENCY.to_string());
                }
                command
            }
            Self::Rclone { tuned } => {
                let program = found("rclone").ok_or("rclone is not installed")?;
                let mut command = Command::new(program);
                command.args([
                    "--config",
                    "/dev/null",
                    "--server-side-across-configs",
                    "--s3-no-check-bucket",
                ]);
                if tuned {
                    let many = CONCURRENCY.to_string();
                    command.args(["--transfers", &many, "--checkers", &many, "--s3-copy-cutoff", "64Mi"]);
                }
                match artifact {
                    Artifact::One(_) => {
                        command.args(["copyto", "from:models/llm/weights.bin"]);
                        command.arg(format!("to:models-dr/{}/weights.bin", to(self)));
                    }
                    Artifact::Many(_) => {
                        command.args(["copy", "from:models/llm"]);
                        command.arg(format!("to:models-dr/{}", to(self)));
                    }
                }
                command
            }
        };
        // Nothing of the machine's user takes part: no credentials, no proxies, no configuration.
        command.env_clear().envs(environment(self, url));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Ok(command)
    }
}

/// Where it copies to.
fn to(peer: Peer) -> &'static str {
    match peer {
        Peer::Boto3 { tuned: false } => "boto3",
        Peer::Boto3 { tuned: true } => "boto3-tuned",
        Peer::Rclone { tuned: false } => "rclone",
        Peer::Rclone { tuned: true } => "rclone-tuned",
    }
}

fn environment(peer: Peer, url: &str) -> Vec<(String, OsString)> {
    let mut env = vec![("PATH".to_owned(), std::env::var_os("PATH").unwrap_or_default())];
    if let Peer::Rclone { .. } = peer {
        for (remote, region) in [("FROM", "eu-west-1"), ("TO", "eu-central-1")] {
            for (name, value) in [
                ("TYPE", "s3"),
                ("PROVIDER", "Other"),
                ("LIST_VERSION", "2"),
                ("ENDPOINT", url),
                ("REGION", region),
                ("ACCESS_KEY_ID", "SIM-rclone"),
                ("SECRET_ACCESS_KEY", "simulated"),
            ] {
                env.push((format!("RCLONE_CONFIG_{remote}_{name}"), value.into()));
            }
        }
    }
    env
}

/// A Python that can import boto3.
fn python() -> Result<PathBuf, String> {
    let program = match std::env::var_os(PYTHON) {
        Some(named) => PathBuf::from(named),
        None => found("python3").ok_or(format!("there is no python3 in PATH; {PYTHON} can name one"))?,
    };
    let imports = std::process::Command::new(&program)
        .args(["-c", "import boto3"])
        .stderr(Stdio::null())
        .status();
    match imports {
        Ok(status) if status.success() => Ok(program),
        _ => Err(format!(
            "{} has no boto3; {PYTHON} can name one that has",
            program.display()
        )),
    }
}

fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Lets it copy. The inner error says why it cannot take part.
pub(super) async fn copy(peer: &Peer, aws: &Aws, artifact: Artifact) -> Outcome<Result<Copied, String>> {
    let mut command = match peer.command(&aws.url, artifact) {
        Ok(command) => command,
        Err(why) => return Ok(Err(why)),
    };
    aws.cloud.take_calls();
    let began = Instant::now();
    let child = command.kill_on_drop(true).spawn()?;
    let id = child.id();
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let mut memory = 0;
    let output = loop {
        tokio::select! {
            output = &mut ended => break output?,
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                memory = memory.max(id.and_then(rehearsal::runtime_api::peak_of).unwrap_or_default());
            }
        }
        if began.elapsed() > PATIENCE {
            return Ok(Err(format!("not done after {}", crate::table::time(PATIENCE))));
        }
    };
    let over = jiff::Timestamp::now();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}\n{said}", peer.name(), output.status).into());
    }
    let calls = aws.cloud.take_calls();
    let calls: Vec<_> = calls.iter().filter(|call| call.caller == peer.caller()).collect();
    let Some(first) = calls.first().filter(|_| calls.iter().any(|call| copies(call))) else {
        return Err(format!("{} ended well and copied nothing", peer.name()).into());
    };
    Ok(Ok(Copied {
        took: Duration::try_from(over.duration_since(first.at))?,
        calls: calls.len(),
        memory,
    }))
}
