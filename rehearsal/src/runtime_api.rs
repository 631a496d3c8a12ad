//! Lambda around a real binary: the Runtime API (2018-06-01) that a function polls, its environment, its limits, and
//! what it costs in time and memory.
//!
//! The binary is the one that is deployed. It is started as Lambda starts it, given one event at a time, killed when it
//! runs out of time, and started anew for the next event after it died: what a test or a measurement sees here is what
//! Lambda would do.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::cloud::Cloud;

mod api;
mod output;

use api::{Api, Event, Said};
use output::Captured;

/// How long Lambda lets a function initialize.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// A function as Lambda would be told about it.
#[derive(Clone, Debug)]
pub struct Function {
    /// The executable.
    pub binary: PathBuf,
    /// Its arguments; Lambda gives none.
    pub args: Vec<String>,
    /// `AWS_LAMBDA_FUNCTION_NAME`, and the caller's name in the rehearsal.
    pub name: String,
    /// The Region it runs in.
    pub region: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Its environment variables, beside those Lambda sets.
    pub env: BTreeMap<String, String>,
    /// Where its AWS calls go: the URL of a served [`Cloud`].
    pub endpoint: Option<String>,
}

impl Function {
    /// A function called `name` in `eu-west-1` with 60 seconds for an invocation.
    pub fn new(binary: impl Into<PathBuf>, name: &str) -> Self {
        Self {
            binary: binary.into(),
            args: Vec::new(),
            name: name.to_owned(),
            region: "eu-west-1".to_owned(),
            timeout: Duration::from_secs(60),
            env: BTreeMap::new(),
            endpoint: None,
        }
    }

    fn environment(&self, api: &str) -> BTreeMap<String, String> {
        let mut env = BTreeMap::from(
            [
                ("AWS_LAMBDA_RUNTIME_API", api),
                ("AWS_LAMBDA_FUNCTION_NAME", self.name.as_str()),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/rehearsal"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "rehearsal"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                ("_HANDLER", "bootstrap"),
                ("AWS_REGION", self.region.as_str()),
                ("AWS_DEFAULT_REGION", self.region.as_str()),
                ("AWS_SECRET_ACCESS_KEY", "simulated"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("TZ", ":UTC"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        env.insert("AWS_ACCESS_KEY_ID".to_owned(), format!("SIM-{}", self.name));
        if let Some(endpoint) = &self.endpoint {
            env.insert("AWS_ENDPOINT_URL".to_owned(), endpoint.clone());
        }
        env.extend(self.env.clone());
        env
    }
}

/// What came of one invocation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Invoked {
    /// The request id the function was given.
    pub request_id: String,
    /// What it answered, or why it did not.
    pub result: Answer,
    /// From handing out the event to the answer.
    pub took: Duration,
    /// Whether the process was started for this invocation.
    pub cold: bool,
}

/// What a function answered, or why it did not.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Its response; what is not JSON is given as a string.
    Response(Value),
    /// Its error report.
    Error {
        /// `errorType`.
        kind: String,
        /// `errorMessage`.
        message: String,
    },
    /// It was killed at its timeout.
    TimedOut,
    /// It died; the exit status in words.
    Died(String),
}

/// What a function's processes cost so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// From start to the first request for an event, for each process started.
    pub inits: Vec<Duration>,
    /// The largest resident set of any process so far, in bytes (`VmHWM`); `None` where /proc does not tell.
    pub peak_memory: Option<u64>,
}

/// Why a function could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The Runtime API has no socket to listen on.
    #[error("the Runtime API cannot listen on localhost: {0}")]
    Listen(#[source] io::Error),
    /// The executable cannot be run.
    #[error("cannot start {}: {source}; build it first, e.g. `cargo build --release`", binary.display())]
    Spawn {
        /// The executable.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It reported an error instead of asking for an event.
    #[error("{kind} while initializing: {message}\n{output}")]
    Init {
        /// `errorType`.
        kind: String,
        /// `errorMessage`.
        message: String,
        /// The end of what it wrote.
        output: String,
    },
    /// It ended instead of asking for an event.
    #[error("ended while initializing ({status}):\n{output}")]
    Ended {
        /// Its exit status.
        status: ExitStatus,
        /// The end of what it wrote.
        output: String,
    },
    /// It did not ask for an event in time.
    #[error("did not finish initializing within {INIT_LIMIT:?}:\n{output}")]
    Slow {
        /// The end of what it wrote.
        output: String,
    },
}

/// A function with its Runtime API, between invocations.
#[derive(Debug)]
pub struct Sandbox {
    function: Function,
    api: Api,
    process: Option<Process>,
    output: Captured,
    usage: Usage,
    crashes: Option<Cloud>,
    invocations: u64,
}

#[derive(Debug)]
struct Process {
    child: Child,
    fresh: bool,
}

impl Sandbox {
    /// Starts the function and waits until it asks for its first event.
    ///
    /// # Errors
    /// What kept it from doing so.
    pub async fn start(function: Function) -> Result<Self, StartError> {
        let api = Api::listen().await.map_err(StartError::Listen)?;
        let mut sandbox = Self {
            function,
            api,
            process: None,
            output: Captured::default(),
            usage: Usage::default(),
            crashes: None,
            invocations: 0,
        };
        let process = sandbox.process().await?;
        sandbox.process = Some(process);
        Ok(sandbox)
    }

    /// Lets crash faults of this cloud kill the process.
    pub fn crash_with(&mut self, cloud: &Cloud) {
        self.crashes = Some(cloud.clone());
    }

    /// Everything the function wrote to its standard output so far.
    pub fn stdout(&self) -> String {
        self.output.stdout()
    }

    /// Everything the function wrote to its standard error so far.
    pub fn stderr(&self) -> String {
        self.output.stderr()
    }

    /// What its processes cost so far.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Gives the function one event and waits for its answer, for its death, or for its timeout. After the last two the
    /// next invocation starts a new process, as Lambda does.
    ///
    /// # Errors
    /// What kept a new process from starting.
    pub async fn invoke(&mut self, event: impl Into<Bytes>) -> Result<Invoked, StartError> {
        let mut process = self.process().await?;
        let cold = std::mem::replace(&mut process.fresh, false);
        self.invocations += 1;
        let request_id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        let crash = self
            .crashes
            .as_ref()
            .map(|cloud| cloud.crash_signal(&self.function.name));
        let crashed = async {
            match crash {
                Some(crash) => crash.await,
                None => std::future::pending().await,
            }
        };
        let deadline = SystemTime::now() + self.function.timeout;
        let arn = format!(
            "arn:aws:lambda:{}:111122223333:function:{}",
            self.function.region, self.function.name
        );
        let began = Instant::now();
        self.api.give(Event {
            request_id: request_id.clone(),
            deadline,
            arn,
            body: event.into(),
        });
        let result = tokio::select! {
            said = self.api.answer_to(&request_id) => said,
            status = process.child.wait() => Answer::Died(in_words(status)),
            crash = crashed => Answer::Died(format!("crashed by the fault plan at {} {}", crash.service, crash.operation)),
            () = tokio::time::sleep(self.function.timeout) => Answer::TimedOut,
        };
        let took = began.elapsed();
        self.note_memory(&process);
        if matches!(result, Answer::Died(_) | Answer::TimedOut) {
            self.end(process).await;
        } else {
            self.process = Some(process);
        }
        Ok(Invoked {
            request_id,
            result,
            took,
            cold,
        })
    }

    /// Ends the process.
    pub async fn stop(mut self) -> Usage {
        if let Some(process) = self.process.take() {
            self.note_memory(&process);
            self.end(process).await;
        }
        self.usage
    }

    /// The process that waits for an event: the one there is, or a new one.
    async fn process(&mut self) -> Result<Process, StartError> {
        if let Some(process) = self.process.take() {
            return Ok(process);
        }
        self.api.forget();
        let began = Instant::now();
        let mut child = Command::new(&self.function.binary)
            .args(&self.function.args)
            .env_clear()
            .envs(self.function.environment(&self.api.address()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| StartError::Spawn {
                binary: self.function.binary.clone(),
                source,
            })?;
        self.output.follow(&mut child);
        let said = tokio::select! {
            said = self.api.ready() => said,
            status = child.wait() => {
                self.output.settle().await;
                let output = self.output.tail();
                return match status {
                    Ok(status) => Err(StartError::Ended { status, output }),
                    Err(source) => Err(StartError::Spawn { binary: self.function.binary.clone(), source }),
                };
            }
            () = tokio::time::sleep(INIT_LIMIT) => return Err(StartError::Slow { output: self.output.tail() }),
        };
        if let Said::Error { kind, message, .. } = said {
            // It is about to end by itself; what it still writes belongs into the error.
            let _ = tokio::time::timeout(Duration::from_secs(1), child.wait()).await;
            self.output.settle().await;
            return Err(StartError::Init {
                kind,
                message,
                output: self.output.tail(),
            });
        }
        self.usage.inits.push(began.elapsed());
        let process = Process { child, fresh: true };
        self.note_memory(&process);
        Ok(process)
    }

    fn note_memory(&mut self, process: &Process) {
        self.usage.peak_memory = self.usage.peak_memory.max(process.child.id().and_then(peak_of));
    }

    async fn end(&mut self, mut process: Process) {
        // A process that is gone already needs no killing.
        let _ = process.child.kill().await;
        self.output.settle().await;
    }
}

fn in_words(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(problem) => format!("its exit status is unknown: {problem}"),
    }
}

/// The largest resident set a process has had, in bytes; `None` where /proc does not tell.
pub fn peak_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kilobytes| kilobytes * 1024)
}
