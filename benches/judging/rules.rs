//! The rules that are compared. Each looks once a minute, right after the minute is over.

use jiff::Timestamp;
use steward::{
    analysis::{AnalysisPolicy, ErrorCheck, ErrorKind, Errors, Minute, Series, ShareLimit, Verdict, judge},
    quantity::Share,
};

use crate::{rollout::BAKE, traffic::Count};

/// Who judges.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// The default policy: errors against blue, up to 1.2 times as many, alpha 1%, at least 50 requests to pass a step.
    Steward,
    /// The default policy, with a limit of 1% errors in place of blue: what the rules below look at, by another test.
    StewardLimit,
    /// Flagger with `interval: 1m`, `threshold: 5` and `request-success-rate` of at least 99, as `advanceCanary` does it:
    /// a minute below 99%, or without a request, is a failed check; it is counted for good, and holds the step for its
    /// minute; the check after the fifth failed one rolls back.
    Flagger,
    /// Argo Rollouts with a background analysis of `interval: 1m`, `successCondition: result[0] >= 0.99`,
    /// `failureLimit: 3`, `consecutiveErrorLimit: 4`, as `assessMetricStatus` does it: the fourth minute below 99%, in a
    /// row or not, aborts. A minute without a request is inconclusive; `inconclusiveLimit` is taken for large, so that
    /// such a minute does not pause the rollout until a person comes.
    Argo,
}

impl Judge {
    pub(crate) const ALL: [Self; 4] = [Self::Steward, Self::StewardLimit, Self::Flagger, Self::Argo];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Steward => "Steward",
            Self::StewardLimit => "Steward, 1% limit",
            Self::Flagger => "Flagger",
            Self::Argo => "Argo Rollouts",
        }
    }
}

/// What a look decides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The minute counts for the bake.
    Good,
    /// The step may not end now, and the minute does not count.
    Hold,
    /// The step may not end now.
    Wait,
    /// Roll back.
    Bad,
}

/// A judge at work on one rollout.
pub(crate) struct Judging {
    judge: Judge,
    policy: AnalysisPolicy,
    /// Of this step.
    blue: Vec<Minute>,
    green: Vec<Minute>,
    /// Of the whole rollout.
    failed: u32,
}

impl Judging {
    pub(crate) fn new(judge: Judge) -> Self {
        Self {
            judge,
            policy: policy(judge),
            blue: Vec::new(),
            green: Vec::new(),
            failed: 0,
        }
    }

    pub(crate) fn begin_step(&mut self) {
        self.blue.clear();
        self.green.clear();
    }

    /// After the minute `number`.
    pub(crate) fn look(&mut self, number: u64, blue: Count, green: Count) -> Look {
        let good = green.errors * 100 <= green.requests;
        match self.judge {
            Judge::Steward | Judge::StewardLimit => {
                self.blue.push(minute(number, blue));
                self.green.push(minute(number, green));
                // Only an error of green can make it fail, and only after the bake does it matter whether it passes.
                let served: u64 = self.green.iter().map(|minute| minute.requests).sum();
                let may_pass = self.green.len() >= BAKE && served >= self.policy.min_requests;
                if green.errors == 0 && !may_pass {
                    return Look::Wait;
                }
                let series = |minutes: &[Minute]| Series::new(minutes.iter().cloned());
                match judge(&self.policy, &series(&self.blue), &series(&self.green)).verdict {
                    Verdict::Fail => Look::Bad,
                    Verdict::Inconclusive => Look::Wait,
                    Verdict::Pass => Look::Good,
                }
            }
            Judge::Flagger if self.failed >= 5 => Look::Bad,
            Judge::Flagger if good && green.requests > 0 => Look::Good,
            Judge::Flagger => {
                self.failed += 1;
                Look::Hold
            }
            Judge::Argo if good => Look::Good,
            Judge::Argo => {
                self.failed += 1;
                if self.failed > 3 { Look::Bad } else { Look::Good }
            }
        }
    }
}

fn policy(judge: Judge) -> AnalysisPolicy {
    let mut errors = ErrorCheck {
        counted: [ErrorKind::Server].into(),
        ..ErrorCheck::default()
    };
    if judge == Judge::StewardLimit {
        errors.limit = Share::from_percent(1).map(ShareLimit::new);
        errors.against_blue = None;
    }
    AnalysisPolicy {
        errors: Some(errors),
        ..AnalysisPolicy::default()
    }
}

fn minute(number: u64, count: Count) -> Minute {
    // Some hundred minutes after the epoch: always a time.
    let at = i64::try_from(number)
        .ok()
        .and_then(|number| Timestamp::from_second(number * 60).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let errors = Errors {
        server: Some(count.errors),
        ..Errors::default()
    };
    Minute {
        errors,
        ..Minute::new(at, count.requests)
    }
}
