use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::{
    health::{
        fixture::{Look, Stage, bare, look, minutes, start},
        ledger::{Level, between},
        policy::ProbeKind,
    },
    probe::{Cause, Judgement, ProbeVerdict},
};

const WITHIN: Duration = minutes(15);

/// An asynchronous endpoint whose queue answers an inference so many minutes after it was asked, or never.
struct Queue {
    stage: Stage,
    answers: fn(u64) -> Option<u64>,
    /// Objects can be removed.
    tidy: bool,
    asked: u64,
}

impl Queue {
    /// Watched for an hour in which every inference was answered within the minute.
    fn well(threshold: u32) -> Self {
        let mut queue = Self::new(threshold);
        queue.minutes(60);
        assert_eq!(queue.stage.record("fraud").level, Level::Healthy);
        queue
    }

    fn new(threshold: u32) -> Self {
        let stage = bare(&["fraud"]).with(|policy| {
            policy.failure_threshold = threshold;
            policy.probes[0].kind = ProbeKind::Async {
                input: "s3://in/".into(),
                within: WITHIN,
            };
        });
        Self {
            stage,
            answers: |_| Some(0),
            tidy: true,
            asked: 0,
        }
    }

    /// Minutes since the beginning.
    fn at(&self, time: Timestamp) -> u64 {
        between(start(), time).as_secs() / 60
    }

    fn minutes(&mut self, count: u64) -> &mut Self {
        for _ in 0..count {
            self.stage.later(minutes(1));
            let look = self.look();
            self.stage.check([look]);
        }
        self
    }

    /// What a sweep that read the ledger as it is sees now.
    fn look(&mut self) -> Look {
        let now = self.stage.now;
        let record = self.stage.ledger.endpoints.get("fraud");
        let unhealthy = record.is_some_and(|record| record.level == Level::Unhealthy);
        let mut jobs = record.and_then(|record| record.jobs.get("smoke")).cloned();
        let mut look = look("fraud").endpoint(|endpoint| endpoint.asynchronous = true);
        look.0.probes.clear();
        for job in jobs.iter_mut().flat_map(AsyncJobs::all_mut) {
            let took = (self.answers)(self.at(job.started)).map(minutes);
            match job.turn(WITHIN, now) {
                Turn::Look if took.is_some_and(|took| job.age(now) >= took) => {
                    job.over = true;
                    look.0.probes.push(result(&job.input, None));
                }
                Turn::Look if job.age(now) >= WITHIN => {
                    job.late = true;
                    look.0.probes.push(result(&job.input, Some(Cause::Backlog)));
                }
                Turn::Clear if self.tidy => (job.over, job.cleaned) = (true, true),
                Turn::Look | Turn::Clear | Turn::Leave => {}
            }
        }
        if jobs.as_ref().is_none_or(|jobs| jobs.due(WITHIN, unhealthy, now)) {
            self.asked += 1;
            let asked = job(&format!("s3://in/{}", self.asked), now);
            jobs = Some(match jobs {
                Some(jobs) => jobs.and(asked),
                None => AsyncJobs::of(asked),
            });
        }
        look.0.jobs = jobs.map(|jobs| ("smoke".to_owned(), jobs)).into_iter().collect();
        look
    }

    fn jobs(&self) -> &AsyncJobs {
        &self.stage.record("fraud").jobs["smoke"]
    }

    /// When people heard what, in minutes since the beginning.
    fn heard(&mut self) -> Vec<(u64, String)> {
        let told = std::mem::take(&mut self.stage.told).into_iter();
        told.map(|alert| (self.at(alert.at), alert.kind.to_string())).collect()
    }
}

fn job(input: &str, started: Timestamp) -> AsyncJob {
    AsyncJob {
        input: input.to_owned(),
        output: format!("{input}.out"),
        failure: None,
        started,
        late: false,
        over: false,
        cleaned: false,
    }
}

fn result(input: &str, cause: Option<Cause>) -> ProbeResult {
    ProbeResult {
        probe: "smoke".into(),
        variant: None,
        verdict: ProbeVerdict {
            judgement: cause.map_or(Judgement::Passed, |_| Judgement::Failed),
            cause,
            reason: "made up".into(),
        },
        took_ms: 5,
        answered: 0,
        lasted_ms: 0,
        inference: Some(input.to_owned()),
    }
}

#[test]
fn one_inference_that_is_lost_is_one_failed_check() {
    let mut queue = Queue::well(2);
    queue.answers = |asked| (asked != 61).then_some(0);
    queue.minutes(14);
    assert_eq!(queue.asked, 13, "the usual rhythm, and then it is awaited");
    queue.minutes(120);
    assert_eq!(queue.heard(), []);
    let record = queue.stage.record("fraud");
    assert_eq!((record.level, record.streak.failing), (Level::Healthy, 0));
    assert_eq!(queue.jobs().earlier, [], "what was lost is cleared away");
}

#[test]
fn a_queue_that_stops_is_told_after_so_many_inferences_as_the_threshold() {
    let told = [1, 2, 3, 5].map(|threshold| {
        let mut queue = Queue::well(threshold);
        queue.answers = |asked| (asked <= 60).then_some(0);
        queue.minutes(90);
        let heard = queue.heard();
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0].1, "endpoint.unhealthy");
        // The first inference that is not answered is asked in minute 61.
        (threshold, heard[0].0 - 61)
    });
    assert_eq!(told, [(1, 15), (2, 30), (3, 35), (5, 45)]);
}

#[test]
fn a_queue_that_never_drained_is_told_after_twice_as_many() {
    let mut queue = Queue::new(3);
    queue.answers = |_| None;
    queue.minutes(120);
    assert_eq!(queue.heard(), [(51, "endpoint.unhealthy".to_owned())]);
}

#[test]
fn a_queue_that_drains_again_is_told_and_was_not_filled_by_probes() {
    let mut queue = Queue::well(3);
    queue.answers = |asked| match asked {
        ..=60 => Some(0),
        // It drains in minute 300.
        61..300 => Some(300 - asked),
        _ => Some(0),
    };
    queue.minutes(60);
    let before = queue.asked;
    queue.minutes(150);
    assert!(
        queue.asked - before <= 11,
        "one in 15 minutes: {}",
        queue.asked - before
    );
    assert!(queue.jobs().all().count() <= 3, "{:?}", queue.jobs());
    queue.minutes(60);
    assert_eq!(
        queue.heard(),
        [
            (96, "endpoint.unhealthy".to_owned()),
            (302, "endpoint.recovered".to_owned())
        ]
    );
}

#[test]
fn two_sweeps_that_judge_the_same_inference_count_it_once() {
    let mut queue = Queue::well(2);
    queue.answers = |asked| (asked <= 60).then_some(0);
    queue.minutes(15);
    queue.stage.later(minutes(1));
    let now = queue.stage.now;
    let one = queue.look();
    let other = queue.look();
    queue.stage.check([one]);
    queue.stage.now = now + SignedDuration::from_secs(45);
    queue.stage.check([other]);
    let record = queue.stage.record("fraud");
    assert_eq!(record.streak.failing, 1);
    assert_eq!(queue.heard(), []);
    let open = queue.jobs().all().filter(|job| job.is_open()).count();
    assert_eq!(open, 2, "what both asked is judged and cleared away");
}

#[test]
fn what_was_judged_too_soon_after_another_check_is_judged_again() {
    let mut queue = Queue::well(1);
    queue.answers = |asked| (asked <= 60).then_some(0);
    queue.minutes(15);
    let ill = queue.stage.record("fraud").streak.failing;
    queue.stage.later(minutes(1));
    let counted = queue.stage.now - SignedDuration::from_secs(10);
    queue.stage.ledger.endpoints.get_mut("fraud").expect("watched").counted = Some(counted);
    let look = queue.look();
    queue.stage.check([look]);
    assert_eq!((ill, queue.stage.record("fraud").streak.failing), (0, 0));
    queue.minutes(1);
    assert_eq!(queue.stage.record("fraud").streak.failing, 1);
}

#[test]
fn no_more_is_asked_while_nothing_can_be_removed() {
    let mut queue = Queue::well(3);
    (queue.tidy, queue.answers) = (false, |_| None);
    let before = queue.asked;
    queue.minutes(24 * 60);
    assert!(queue.asked - before <= MOST as u64, "{}", queue.asked - before);
    assert!(queue.jobs().all().count() <= MOST, "{:?}", queue.jobs());
}

#[test]
fn an_endpoint_is_not_judged_by_inferences_of_the_one_before_it() {
    let mut queue = Queue::well(1);
    queue.answers = |asked| (asked <= 60).then_some(0);
    queue.minutes(15);
    queue.stage.later(minutes(1));
    let now = queue.stage.now;
    let look = queue.look().endpoint(|endpoint| endpoint.created = now);
    assert_eq!(look.0.probes[0].verdict.cause, Some(Cause::Backlog));
    queue.stage.check([look]);
    assert_eq!(queue.stage.record("fraud").streak.failing, 0);
    assert!(queue.jobs().all().any(|job| job.input == "s3://in/13" && job.late));
}

#[test]
fn a_ledger_of_an_earlier_build_is_read_and_it_reads_this_ones() {
    let old = json!({
        "input": "s3://in/1", "output": "s3://out/1", "started": "2026-03-02T08:00:00Z", "over": false, "cleaned": false,
    });
    let read: AsyncJobs = serde_json::from_value(old).expect("an earlier build's job");
    assert_eq!(read.newest.input, "s3://in/1");
    assert_eq!(read.newest.turn(WITHIN, start() + WITHIN), Turn::Look);
    assert!(!read.due(WITHIN, false, start() + WITHIN));
    let written = serde_json::to_value(read.and(job("s3://in/2", start()))).expect("JSON");
    let newest: AsyncJob = serde_json::from_value(written.clone()).expect("as the earlier build reads it");
    assert_eq!(newest.input, "s3://in/2");
    let again: AsyncJobs = serde_json::from_value(written).expect("its own");
    assert_eq!(again.all().count(), 2);
}

#[test]
fn an_answered_inference_is_remembered_as_stewards_own_and_a_lost_one_is_not() {
    use crate::wake::{Minute, Thing, others};

    let mut queue = Queue::new(3);
    queue.stage = queue.stage.with(|policy| policy.remembers = Some(minutes(45)));
    queue.answers = |asked| (asked != 31).then_some(2);
    queue.minutes(33);
    let own = |queue: &Queue| queue.stage.ledger.own_work("fraud", &Thing::Variant, queue.stage.now);
    let (until_now, awaited) = own(&queue);
    assert!(awaited, "which nobody interrupts");
    let answered = Minute {
        served: 1.0,
        ..Minute::at(queue.stage.now)
    };
    assert_eq!(others(vec![answered], &until_now)[0].served, 0.0, "it may have been");
    queue.minutes(15);
    // Asked in every fifth minute and answered two later, but for one.
    let done: Vec<Minute> = [22, 28, 33, 48]
        .map(|minute| Minute {
            served: 1.0,
            backlog: 1.0,
            ..Minute::at(start().checked_add(minutes(minute)).unwrap())
        })
        .into();
    let left = others(done, &own(&queue).0);
    let left: Vec<(f64, f64)> = left.iter().map(|minute| (minute.served, minute.backlog)).collect();
    assert_eq!(left, [(0.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.0, 0.0)]);
}
