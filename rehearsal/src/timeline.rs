//! What happened, line by line, as it goes: for people in columns, for programs one JSON object a line.
//!
//! Only what changes something for a reader is told. A sweep that finds what the one before found is silence.

mod people;
pub mod summary;

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

pub use people::{People, Style, span};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub region: String,
    /// Of what sort.
    pub sort: Sort,
    /// How it is to be taken.
    pub tone: Tone,
    /// The endpoint, function, alarm or command it is about.
    pub subject: String,
    /// What happened, in a line.
    pub text: String,
    /// More lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// The sorts of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// The scenario's script: an incident begins or ends.
    Incident,
    /// SageMaker: status, instances, weights.
    World,
    /// The health ledger's judgement.
    Health,
    /// Published on a topic.
    Alert,
    /// A CloudWatch alarm's state.
    Alarm,
    /// A write that a function made to the world.
    Action,
    /// An injected fault.
    Fault,
    /// An operator's command.
    Command,
    /// Its answer.
    Answer,
    /// How an invocation went, when that is new.
    Invocation,
    /// The fleet file.
    File,
    /// An event lost, late, twice or given up.
    Delivery,
    /// An expectation that does not hold.
    Expectation,
}

/// How an entry is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Trouble.
    Bad,
    /// Half trouble.
    Warn,
    /// Trouble over.
    Good,
    /// Neither.
    Plain,
    /// Background.
    Quiet,
}

/// Hears of the run as it goes.
pub trait Watch {
    /// Something happened.
    ///
    /// # Errors
    /// When it cannot be told, e.g. because the reader of a pipe has gone; the run ends.
    fn entry(&mut self, entry: &Entry) -> io::Result<()>;

    /// The virtual time reached.
    ///
    /// # Errors
    /// As [`Watch::entry`].
    fn reached(&mut self, _now: Timestamp) -> io::Result<()> {
        Ok(())
    }
}

/// Nobody watches.
#[derive(Debug, Default)]
pub struct Silent;

impl Watch for Silent {
    fn entry(&mut self, _: &Entry) -> io::Result<()> {
        Ok(())
    }
}

/// One JSON object a line.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    start: Timestamp,
}

impl<W: Write> JsonLines<W> {
    /// Lines to `out`.
    pub fn new(out: W, start: Timestamp) -> Self {
        Self { out, start }
    }
}

impl<W: Write> Watch for JsonLines<W> {
    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        #[derive(Serialize)]
        struct Line<'a> {
            elapsed_ms: i128,
            #[serde(flatten)]
            entry: &'a Entry,
        }
        let elapsed_ms = entry.at.duration_since(self.start).as_millis();
        serde_json::to_writer(&mut self.out, &Line { elapsed_ms, entry })?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}
