//! Layers of `rollout.analysis` laid over each other, and what comes of them.

use std::num::NonZeroU32;

use super::{AnalysisSection, BadMinutesSection, Chance, Compared, ErrorsSection, LatencySection, SlowSection};
use crate::{
    analysis::{
        Against, Alpha, AnalysisPolicy, BadMinutes, ErrorCheck, ErrorKind, LatencyCheck, LatencyLimit, Ratio,
        ShareLimit, SlowCheck,
    },
    fleet::{merge::both, switch::Switch},
    quantity::{Share, Span, SpanWithin, Whole},
};

impl AnalysisSection {
    /// What this layer says, and below it what `under` says; the list is replaced as a whole.
    pub(in crate::fleet::rollout) fn over(self, under: Self) -> Self {
        Self {
            min_requests: self.min_requests.or(under.min_requests),
            errors: both(self.errors, under.errors, |over, under| {
                over.over(under, |over, under| ErrorsSection {
                    counted: over.counted.or(under.counted),
                    limit: over.limit.or(under.limit),
                    bad_minutes: bad_minutes(over.bad_minutes, under.bad_minutes),
                    against_blue: over.against_blue.or(under.against_blue),
                    alpha: over.alpha.or(under.alpha),
                    dry_run: over.dry_run.or(under.dry_run),
                })
            }),
            latency: self.latency.or(under.latency),
            slow: both(self.slow, under.slow, |over, under| {
                over.over(under, |over, under| SlowSection {
                    slower_than: over.slower_than.or(under.slower_than),
                    limit: over.limit.or(under.limit),
                    bad_minutes: bad_minutes(over.bad_minutes, under.bad_minutes),
                    against_blue: over.against_blue.or(under.against_blue),
                    alpha: over.alpha.or(under.alpha),
                    dry_run: over.dry_run.or(under.dry_run),
                })
            }),
        }
    }

    /// The policy, and what of it can never do what its author meant.
    pub(in crate::fleet::rollout) fn resolve(self, problems: &mut Vec<String>) -> AnalysisPolicy {
        let errors = self.errors.unwrap_or(Switch::On(ErrorsSection::default())).on();
        let slow = self.slow.and_then(Switch::on);
        let policy = AnalysisPolicy {
            min_requests: self.min_requests.map_or(50, |least| least.0.into()),
            errors: errors.map(|section| section.resolve(problems)),
            latency: self
                .latency
                .into_iter()
                .flatten()
                .enumerate()
                .map(|(index, section)| section.resolve(index, problems))
                .collect(),
            slow: slow.and_then(|section| section.resolve(problems)),
        };
        problems.extend(policy.problems());
        policy
    }
}

fn bad_minutes(over: Option<BadMinutesSection>, under: Option<BadMinutesSection>) -> Option<BadMinutesSection> {
    both(over, under, |over, under| BadMinutesSection {
        consecutive: over.consecutive.or(under.consecutive),
        total: over.total.or(under.total),
        minute_requests: over.minute_requests.or(under.minute_requests),
    })
}

impl ErrorsSection {
    fn resolve(self, problems: &mut Vec<String>) -> ErrorCheck {
        let alpha = alpha(self.alpha);
        let default = ErrorCheck::default();
        ErrorCheck {
            counted: self
                .counted
                .map_or(default.counted, |all| all.into_iter().map(ErrorKind::from).collect()),
            limit: share_limit("errors", self.limit, self.bad_minutes, alpha, problems),
            against_blue: against(self.against_blue, Some(Ratio::default()), alpha),
            dry_run: self.dry_run.unwrap_or(false),
        }
    }
}

impl LatencySection {
    fn resolve(self, index: usize, problems: &mut Vec<String>) -> LatencyCheck {
        if self.limit.is_none() && self.bad_minutes.is_some() {
            problems.push(format!(
                "latency[{index}].bad_minutes: without `limit` no minute is bad"
            ));
        }
        let against_blue = against(self.against_blue, None, alpha(self.alpha));
        if against_blue.is_none() && (self.alpha.is_some() || self.minute_requests.is_some()) {
            problems.push(format!(
                "latency[{index}]: `alpha` and `minute_requests` are for the comparison, and there is no `against_blue`"
            ));
        }
        LatencyCheck {
            percentile: self.percentile.into(),
            limit: self.limit.and_then(span).map(|limit| LatencyLimit {
                limit,
                bad_minutes: self.bad_minutes.unwrap_or_default().resolve(),
            }),
            against_blue,
            minute_requests: self.minute_requests.map(|least| least.0.into()),
            dry_run: self.dry_run.unwrap_or(false),
        }
    }
}

impl SlowSection {
    fn resolve(self, problems: &mut Vec<String>) -> Option<SlowCheck> {
        let alpha = alpha(self.alpha);
        let limit = share_limit("slow", self.limit, self.bad_minutes, alpha, problems);
        let Some(slower_than) = self.slower_than.and_then(span) else {
            problems.push("slow.slower_than: is missing; it says which requests are slow, such as 500ms".to_owned());
            return None;
        };
        Some(SlowCheck {
            slower_than,
            limit,
            against_blue: against(self.against_blue, Some(Ratio::default()), alpha),
            dry_run: self.dry_run.unwrap_or(false),
        })
    }
}

impl BadMinutesSection {
    fn resolve(self) -> BadMinutes {
        let count = |number: Whole<1, 1_000>| NonZeroU32::new(number.0);
        let default = BadMinutes::default();
        BadMinutes {
            consecutive: self.consecutive.and_then(count).unwrap_or(default.consecutive),
            total: self.total.and_then(count),
            minute_requests: self
                .minute_requests
                .map_or(default.minute_requests, |least| least.0.into()),
        }
    }
}

fn share_limit(
    check: &str,
    limit: Option<Share>,
    bad_minutes: Option<BadMinutesSection>,
    alpha: Alpha,
    problems: &mut Vec<String>,
) -> Option<ShareLimit> {
    if limit.is_none() && bad_minutes.is_some() {
        problems.push(format!("{check}.bad_minutes: without `limit` no minute is bad"));
    }
    limit.map(|share| ShareLimit {
        share,
        alpha,
        bad_minutes: bad_minutes.map(BadMinutesSection::resolve),
    })
}

fn against(compared: Option<Compared>, default: Option<Ratio>, alpha: Alpha) -> Option<Against> {
    let ratio = match compared {
        Some(Compared::No) => None,
        Some(Compared::Times(ratio)) => Some(ratio),
        None => default,
    };
    ratio.map(|ratio| Against { ratio, alpha })
}

fn alpha(chance: Option<Chance>) -> Alpha {
    chance.map(|chance| chance.0).unwrap_or_default()
}

fn span(limit: SpanWithin<1, 3_600_000>) -> Option<Span> {
    u64::try_from(limit.duration().as_millis())
        .ok()
        .and_then(Span::from_millis)
}
