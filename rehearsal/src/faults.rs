//! What goes wrong with AWS calls, and when: the fault plan of a rehearsal.
//!
//! A fault names calls (service, operation, region, caller), the occasions (the nth such call, a window of time, a
//! probability) and what happens to them. Deciding is pure: the plan counts calls and draws from its own seeded
//! generator, so the same seed makes the same calls fail. Acting on the decision is the business of `cloud.rs`.

use std::{fmt, time::Duration};

use jiff::Timestamp;

/// What happens to a call that a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Refused with the service's own throttling error; no effect.
    Throttle,
    /// Refused because a quota is used up, with the service's own error; no effect.
    Quota,
    /// Refused with the service's own internal error, status 500; no effect.
    Error500,
    /// S3 answers a copy or a completion with status 200 and an error in its body; every other call as
    /// [`FaultKind::Error500`]. No effect.
    Error200,
    /// S3 refuses a write as one whose condition does not hold, as it does when somebody else wrote first; every other
    /// service as a change that another one is in the way of. No effect.
    Conflict,
    /// Refused with the service's own access-denied error; no effect.
    Denied,
    /// The connection breaks before the request arrives; no effect.
    CutBefore,
    /// The call takes effect, then the connection breaks before the answer arrives.
    CutAfter,
    /// The call takes effect, and its answer comes this much later.
    Slow(Duration),
    /// S3 stores other bytes than those of the source, as many, and answers with their checksum and ETag: of `CopyObject` and
    /// `UploadPartCopy`. Nothing happens to any other call.
    Corrupt,
    /// The calling function dies just before the call; no effect.
    CrashBefore,
    /// The call takes effect, and the calling function dies before it sees the answer.
    CrashAfter,
}

impl FaultKind {
    /// Whether the call still has its effect.
    pub fn takes_effect(self) -> bool {
        matches!(self, Self::CutAfter | Self::Slow(_) | Self::Corrupt | Self::CrashAfter)
    }
}

/// The name used in scenario files: `throttle`, `cut-before`, `slow`...
impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttle => "throttle",
            Self::Quota => "quota",
            Self::Error500 => "error500",
            Self::Error200 => "error200",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
            Self::Slow(_) => "slow",
            Self::Corrupt => "corrupt",
            Self::CrashBefore => "crash-before",
            Self::CrashAfter => "crash-after",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of ", self.kind)?;
        match (&self.service, &self.operation) {
            (Some(service), Some(operation)) => write!(f, "{service} {operation}")?,
            (Some(one), None) | (None, Some(one)) => f.write_str(one)?,
            (None, None) => f.write_str("any call")?,
        }
        let by = self.caller.iter().map(|caller| format!(" by {caller}"));
        let within = self.region.iter().map(|region| format!(" in {region}"));
        by.chain(within).try_for_each(|part| f.write_str(&part))
    }
}

/// One fault: which calls, on which occasions, and what happens to them. Selectors left out select everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// `sagemaker`, `runtime`, `cloudwatch`, `autoscaling`, `sns`, `sts`, `ecr`, `iam`, `kms`, `lambda`, `apigateway` or `s3`; `None` for every service.
    pub service: Option<String>,
    /// The API's operation name, e.g. `DescribeEndpoint`; `None` for every operation.
    pub operation: Option<String>,
    /// Only calls to this Region.
    pub region: Option<String>,
    /// Only calls by this function (or `operator`).
    pub caller: Option<String>,
    /// From the nth call that the selectors and the window match, counted from 1.
    pub nth: Option<u64>,
    /// How many calls to hit before the fault is spent; `None` for no limit. With `nth` alone, it is 1.
    pub times: Option<u64>,
    /// Not before this much virtual time has passed since the start.
    pub from: Option<Duration>,
    /// Not from this much virtual time since the start on.
    pub until: Option<Duration>,
    /// The chance, 0 to 1, that a matching call is hit; `None` is 1.
    pub probability: Option<f64>,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault that hits every call. Narrow it with the other methods, or by setting the fields.
    pub fn every(kind: FaultKind) -> Self {
        Self {
            service: None,
            operation: None,
            region: None,
            caller: None,
            nth: None,
            times: None,
            from: None,
            until: None,
            probability: None,
            kind,
        }
    }

    /// Only this operation of this service.
    pub fn on(mut self, service: &str, operation: &str) -> Self {
        self.service = Some(service.to_owned());
        self.operation = Some(operation.to_owned());
        self
    }

    /// Only the nth matching call, counted from 1.
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Only calls by this caller.
    pub fn by(mut self, caller: &str) -> Self {
        self.caller = Some(caller.to_owned());
        self
    }

    /// Only calls to this Region.
    pub fn in_region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    fn selects(&self, call: &Calling<'_>, elapsed: Duration) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        same(&self.service, call.service)
            && same(&self.operation, call.operation)
            && same(&self.region, call.region)
            && same(&self.caller, call.caller)
            && self.from.is_none_or(|from| elapsed >= from)
            && self.until.is_none_or(|until| elapsed < until)
    }
}

/// A call about to be made, as far as faults tell calls apart.
#[derive(Clone, Copy, Debug)]
pub struct Calling<'a> {
    /// `sagemaker`, `runtime`, `cloudwatch`, `autoscaling`, `sns`, `sts`, `ecr`, `iam`, `kms`, `lambda`, `apigateway` or `s3`.
    pub service: &'a str,
    /// The API's operation name.
    pub operation: &'a str,
    /// The Region it goes to.
    pub region: &'a str,
    /// The function that makes it, or `operator`.
    pub caller: &'a str,
}

/// All faults of a rehearsal, with what has been counted and drawn so far.
#[derive(Debug)]
pub struct FaultPlan {
    entries: Vec<Entry>,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Entry {
    fault: Fault,
    seen: u64,
    hit: u64,
}

impl FaultPlan {
    /// A plan of these faults. The first that applies to a call wins.
    pub fn new(faults: impl IntoIterator<Item = Fault>, seed: u64) -> Self {
        let entries = faults
            .into_iter()
            .map(|fault| Entry { fault, seen: 0, hit: 0 })
            .collect();
        Self {
            entries,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// A plan under which nothing goes wrong.
    pub fn none() -> Self {
        Self::new([], 0)
    }

    /// Adds a fault behind those already there.
    pub fn add(&mut self, fault: Fault) {
        self.entries.push(Entry { fault, seen: 0, hit: 0 });
    }

    /// Forgets every fault.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// How many calls have been hit by each fault, in the plan's order: zeros show faults that never applied.
    pub fn hits(&self) -> Vec<(&Fault, u64)> {
        self.entries.iter().map(|entry| (&entry.fault, entry.hit)).collect()
    }

    /// What happens to this call, if anything. Every matching fault counts the call, also when an earlier one hits.
    pub fn strike(&mut self, start: Timestamp, now: Timestamp, call: &Calling<'_>) -> Option<FaultKind> {
        let elapsed = Duration::try_from(now.duration_since(start)).unwrap_or(Duration::ZERO);
        let mut struck = None;
        for entry in &mut self.entries {
            if !entry.fault.selects(call, elapsed) {
                continue;
            }
            entry.seen += 1;
            let times = entry.fault.times.or(entry.fault.nth.map(|_| 1));
            let due = entry.fault.nth.is_none_or(|nth| entry.seen >= nth);
            let spent = times.is_some_and(|times| entry.hit >= times);
            if struck.is_some() || !due || spent {
                continue;
            }
            if entry.fault.probability.is_none_or(|chance| self.random.f64() < chance) {
                entry.hit += 1;
                struck = Some(entry.fault.kind);
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIBE: Calling<'static> = Calling {
        service: "sagemaker",
        operation: "DescribeEndpoint",
        region: "eu-west-1",
        caller: "health-checker",
    };

    fn struck(plan: &mut FaultPlan, calls: usize) -> Vec<usize> {
        (1..=calls)
            .filter(|_| {
                plan.strike(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, &DESCRIBE)
                    .is_some()
            })
            .collect()
    }

    #[test]
    fn the_nth_matching_call_is_hit_once() {
        let mut plan = FaultPlan::new([Fault::every(FaultKind::CutAfter).nth(3)], 1);
        let other = Calling {
            operation: "ListEndpoints",
            ..DESCRIBE
        };
        plan.add(Fault::every(FaultKind::Throttle).on("sagemaker", "ListEndpoints"));
        assert_eq!(struck(&mut plan, 2), Vec::<usize>::new());
        let third = plan.strike(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, &other);
        assert_eq!(third, Some(FaultKind::CutAfter), "the first fault of the plan wins");
        assert_eq!(struck(&mut plan, 5), Vec::<usize>::new());
    }

    #[test]
    fn times_prolongs_the_nth_call() {
        let fault = Fault {
            times: Some(2),
            ..Fault::every(FaultKind::Error500).nth(2)
        };
        assert_eq!(struck(&mut FaultPlan::new([fault], 1), 6), [2, 3]);
    }

    #[test]
    fn every_selector_must_match() {
        let all = Fault::every(FaultKind::Denied)
            .on("sagemaker", "DescribeEndpoint")
            .by("health-checker");
        for (fault, expected) in [
            (all.clone().in_region("eu-west-1"), 1),
            (all.clone().in_region("us-east-1"), 0),
            (all.clone().by("operator"), 0),
            (all.clone().on("s3", "DescribeEndpoint"), 0),
            (all.on("sagemaker", "ListEndpoints"), 0),
        ] {
            assert_eq!(
                struck(&mut FaultPlan::new([fault.clone()], 1), 1).len(),
                expected,
                "{fault:?}"
            );
        }
    }

    #[test]
    fn a_window_includes_its_start_and_excludes_its_end() {
        let window = Fault {
            from: Some(Duration::from_secs(10)),
            until: Some(Duration::from_secs(20)),
            ..Fault::every(FaultKind::Throttle)
        };
        let mut plan = FaultPlan::new([window], 1);
        let hit: Vec<i64> = [9, 10, 19, 20]
            .into_iter()
            .filter(|second| {
                let now = Timestamp::from_second(*second).expect("a small second");
                plan.strike(Timestamp::UNIX_EPOCH, now, &DESCRIBE).is_some()
            })
            .collect();
        assert_eq!(hit, [10, 19]);
    }

    #[test]
    fn a_probability_is_drawn_from_the_seed() {
        let plan = |seed| {
            FaultPlan::new(
                [Fault {
                    probability: Some(0.3),
                    ..Fault::every(FaultKind::Throttle)
                }],
                seed,
            )
        };
        let first = struck(&mut plan(7), 1000);
        assert_eq!(first, struck(&mut plan(7), 1000), "the same seed, the same calls");
        assert_ne!(first, struck(&mut plan(8), 1000), "another seed, other calls");
        assert!((200..400).contains(&first.len()), "{} of 1000 at 30%", first.len());
    }
}
