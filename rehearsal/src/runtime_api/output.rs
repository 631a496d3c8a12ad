//! What a function writes: Lambda's log, kept for tests and people.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Child,
    task::JoinSet,
};

#[derive(Debug, Default)]
pub(super) struct Captured {
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: JoinSet<()>,
}

impl Captured {
    pub(super) fn follow(&mut self, child: &mut Child) {
        if let Some(stdout) = child.stdout.take() {
            self.readers.spawn(copied(stdout, Arc::clone(&self.stdout)));
        }
        if let Some(stderr) = child.stderr.take() {
            self.readers.spawn(copied(stderr, Arc::clone(&self.stderr)));
        }
    }

    /// Waits until everything a dead process wrote is here; a grandchild that holds its pipes is not waited for.
    pub(super) async fn settle(&mut self) {
        let all = async { while self.readers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), all).await;
    }

    pub(super) fn stdout(&self) -> String {
        text(&self.stdout)
    }

    pub(super) fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// The last lines of both, for error messages.
    pub(super) fn tail(&self) -> String {
        let both = [self.stdout(), self.stderr()].concat();
        let lines: Vec<&str> = both.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

async fn copied(mut from: impl AsyncRead + Unpin, to: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 8192];
    // A pipe that fails has nothing more to say, like one that ended.
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        to.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(&buffer[..read]);
    }
}
