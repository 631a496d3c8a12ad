//! Making the copies: calls in flight as many as S3 takes, answers as they come, progress written down now and then, and an
//! end in time.

use std::{collections::BTreeMap, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use steward::{
    aws::s3::copy::Copier,
    backup::{
        copy::{Flow, Outcome, Ticket, Transfer, progress::Progress},
        gather::Tallied,
        inventory::{CopyAnswer, CopyCall},
    },
};
use tokio::time::Instant;

use super::{
    Stop,
    inventory::{Next, Task, Transfers},
    work::Work,
};

/// How often the progress is written down.
pub(super) const HEARD: Duration = Duration::from_secs(60);

/// Objects that were refused, after which no more are begun: what refuses so many refuses all.
const HOPELESS: u32 = 20;

/// How the artifacts came out, each at the place of its task.
pub(super) struct Copied {
    pub(super) tallied: Vec<Tallied>,
    /// A source was another one when it was copied: all of it has to be looked at again.
    pub(super) changed: bool,
}

/// Copies the artifacts of these tasks.
pub(super) async fn copy(work: &mut Work<'_>, copier: &Copier, tasks: &[&Task]) -> Result<Copied, Stop> {
    let mut copying = Copying {
        copier,
        flow: Flow::new(work.backed.policy.concurrency),
        calls: FuturesUnordered::new(),
        of: BTreeMap::new(),
        copied: Copied {
            tallied: tasks.iter().map(|_| Tallied::default()).collect(),
            changed: false,
        },
        refused: 0,
        not_before: None,
        heard: work.services.now(),
    };
    let from = work.services.looking(work.services.home()).s3;
    let to = work.services.looking(&work.backed.policy.vault.region).s3;
    let acting = work.services.acting(&work.backed.policy.vault.region).s3;
    for (index, task) in tasks.iter().enumerate() {
        task.give_up_earlier(copier).await?;
        let mut transfers = Transfers::new(&from, &to, task).await?;
        while !copying.is_hopeless() {
            copying.room(work).await?;
            match transfers.next().await? {
                Next::Transfer(transfer, partial) => {
                    work.progress.partial = work.progress.partial.saturating_add(partial);
                    copying.open(work, index, *transfer);
                }
                Next::Changed => {
                    copying.copied.changed = true;
                    break;
                }
                Next::Over => {
                    transfers.clear(copier, &acting).await?;
                    break;
                }
            }
        }
    }
    copying.finish(work).await?;
    copying.copied.changed |= copying.copied.tallied.iter().any(Tallied::source_changed);
    Ok(copying.copied)
}

type Answer = (Ticket, CopyCall, CopyAnswer);

struct Copying<'a> {
    copier: &'a Copier,
    flow: Flow,
    calls: FuturesUnordered<BoxFuture<'a, Answer>>,
    /// The task of each open transfer.
    of: BTreeMap<Ticket, usize>,
    copied: Copied,
    refused: u32,
    /// S3 said that it is too much.
    not_before: Option<Instant>,
    heard: Timestamp,
}

impl Copying<'_> {
    fn open(&mut self, work: &mut Work<'_>, index: usize, transfer: Transfer) {
        let ticket = self.flow.add(transfer);
        self.of.insert(ticket, index);
        if let Some((transfer, outcome)) = self.flow.close(ticket) {
            self.ended(work, ticket, &transfer, &outcome);
        }
    }

    /// Until there is room for another transfer.
    async fn room(&mut self, work: &mut Work<'_>) -> Result<(), Stop> {
        self.hand_out();
        while !self.flow.wants_more() {
            if !self.step(work).await? {
                return Err(Stop::OutOfTime);
            }
        }
        Ok(())
    }

    /// Until every transfer has ended.
    async fn finish(&mut self, work: &mut Work<'_>) -> Result<(), Stop> {
        while self.flow.open() > 0 {
            if !self.step(work).await? {
                return Err(Stop::OutOfTime);
            }
        }
        Ok(())
    }

    /// One answer, or the end of a pause. `false`: nothing is in flight any more, because time is over.
    async fn step(&mut self, work: &mut Work<'_>) -> Result<bool, Stop> {
        let over = work.services.now() >= work.services.copying_until;
        if over {
            self.flow.stop();
        }
        self.hand_out();
        let paused = self.not_before.filter(|_| !over);
        if self.calls.is_empty() && paused.is_none() {
            return Ok(false);
        }
        let passed = async {
            match paused {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let answered = tokio::select! {
            biased;
            Some(answer) = self.calls.next(), if !self.calls.is_empty() => Some(answer),
            () = passed => None,
        };
        match answered {
            None => self.not_before = None,
            Some((ticket, call, answer)) => {
                work.progress.answered(&answer);
                if let Some((transfer, outcome)) = self.flow.answer(ticket, &call, answer) {
                    self.ended(work, ticket, &transfer, &outcome);
                }
                let pause = self.flow.rate().pause();
                self.not_before = (!pause.is_zero()).then(|| Instant::now() + pause);
            }
        }
        self.hear(work).await?;
        Ok(true)
    }

    fn hand_out(&mut self) {
        if self.not_before.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.not_before = None;
        while let Some((ticket, call)) = self.flow.next_call() {
            let copier = self.copier;
            let made = async move {
                let answer = copier.perform(&call).await;
                (ticket, call, answer)
            };
            self.calls.push(made.boxed());
        }
    }

    fn ended(&mut self, work: &mut Work<'_>, ticket: Ticket, transfer: &Transfer, outcome: &Outcome) {
        let wanted = transfer.wanted();
        work.progress.ended(wanted.object.size, outcome);
        match outcome {
            Outcome::Copied(_) | Outcome::Taken(_) | Outcome::Present(_) => {
                tracing::debug!(key = wanted.object.key, to = wanted.to.key, "{outcome}");
            }
            Outcome::Later(_) | Outcome::SourceChanged => {
                tracing::info!(key = wanted.object.key, "{outcome}");
            }
            _ => {
                self.refused += 1;
                tracing::warn!(key = wanted.object.key, "{outcome}");
            }
        }
        if let Some(tallied) = self
            .of
            .remove(&ticket)
            .and_then(|index| self.copied.tallied.get_mut(index))
        {
            tallied.add(wanted, outcome);
        }
    }

    fn is_hopeless(&self) -> bool {
        self.refused >= HOPELESS
    }

    async fn hear(&mut self, work: &mut Work<'_>) -> Result<(), Stop> {
        let now = work.services.now();
        let since = Duration::try_from(now.duration_since(self.heard)).unwrap_or_default();
        if since < HEARD {
            return Ok(());
        }
        self.heard = now;
        let progress: Progress = work.so_far();
        let (limit, throttled) = (self.flow.rate().limit(), self.flow.rate().throttled());
        tracing::info!(at_once = limit, throttled, "{progress}");
        work.heard(progress).await
    }
}
