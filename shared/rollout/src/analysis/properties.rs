//! What must hold for any traffic and any policy.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{
    Against, Alpha, AnalysisPolicy, BadMinutes, ErrorCheck, ErrorKind, Errors, LatencyCheck, LatencyLimit, Minute,
    Percentile, Ratio, Series, ShareLimit, SlowCheck, Verdict, judge, judge_alone,
};
use crate::quantity::{Share, Span};

fn any_share(least: u32) -> impl Strategy<Value = Share> {
    (least..=99, 0_u32..10_000).prop_map(|(whole, part)| format!("{whole}.{part:04}%").parse().unwrap())
}

fn any_alpha() -> impl Strategy<Value = Alpha> {
    prop_oneof![Just("0.0001%"), Just("1%"), Just("20%")].prop_map(|share| Alpha::new(share.parse().unwrap()).unwrap())
}

fn any_bad_minutes() -> impl Strategy<Value = BadMinutes> {
    let count = || (1_u32..6).prop_map(|count| NonZeroU32::new(count).unwrap());
    (count(), prop::option::of(count()), 0_u64..40).prop_map(|(consecutive, total, minute_requests)| BadMinutes {
        consecutive,
        total,
        minute_requests,
    })
}

fn any_limit() -> impl Strategy<Value = ShareLimit> {
    (any_share(0), any_alpha(), prop::option::of(any_bad_minutes())).prop_map(|(share, alpha, bad_minutes)| {
        ShareLimit {
            share,
            alpha,
            bad_minutes,
        }
    })
}

fn any_against() -> impl Strategy<Value = Against> {
    (1.0..4.0_f64, any_alpha()).prop_map(|(ratio, alpha)| Against {
        ratio: Ratio::new(ratio).unwrap(),
        alpha,
    })
}

prop_compose! {
    fn any_latency_check()(
        percentile in prop::sample::select(&Percentile::ALL[..]),
        limit in prop::option::of((1_u64..2_000, any_bad_minutes())),
        against_blue in prop::option::of(any_against()),
        minute_requests in prop::option::of(0_u64..100),
        dry_run in any::<bool>(),
    ) -> LatencyCheck {
        let limit = limit.map(|(limit, bad_minutes)| LatencyLimit { limit: Span::from_millis(limit).unwrap(), bad_minutes });
        LatencyCheck { percentile, limit, against_blue, minute_requests, dry_run }
    }
}

prop_compose! {
    fn any_policy()(
        min_requests in 0_u64..100,
        counted in prop::collection::btree_set(
            prop::sample::select(vec![ErrorKind::Client, ErrorKind::Server, ErrorKind::Model]), 1..3),
        error_limit in prop::option::of(any_limit()),
        error_against in prop::option::of(any_against()),
        latency in prop::collection::vec(any_latency_check(), 0..3),
        slow_limit in prop::option::of(any_limit()),
        slow_against in prop::option::of(any_against()),
        dry_runs in any::<(bool, bool)>(),
    ) -> AnalysisPolicy {
        AnalysisPolicy {
            min_requests,
            errors: Some(ErrorCheck { counted, limit: error_limit, against_blue: error_against, dry_run: dry_runs.0 }),
            latency,
            slow: Some(SlowCheck {
                slower_than: Span::from_millis(500).unwrap(),
                limit: slow_limit,
                against_blue: slow_against,
                dry_run: dry_runs.1,
            }),
        }
    }
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..300, 1 => any::<u64>(), 1 => Just(u64::MAX), 2 => Just(0)]
}

prop_compose! {
    fn any_minute()(
        at in 0_i64..12,
        requests in any_count(),
        client in prop::option::weighted(0.9, any_count()),
        server in prop::option::weighted(0.9, any_count()),
        model in prop::option::weighted(0.9, any_count()),
        slow in prop::option::weighted(0.9, any_count()),
        latency in prop::collection::btree_map(prop::sample::select(&Percentile::ALL[..]), 0_u64..3_000, 0..4),
    ) -> Minute {
        let latency: BTreeMap<_, _> = latency.into_iter().map(|(p, ms)| (p, Duration::from_millis(ms))).collect();
        Minute { at: minute(at), requests, errors: Errors { client, server, model }, slow, latency }
    }
}

fn minute(number: i64) -> Timestamp {
    Timestamp::from_second(number * 60).unwrap()
}

fn any_minutes() -> impl Strategy<Value = Vec<Minute>> {
    prop::collection::btree_map(0_i64..12, any_minute(), 0..12).prop_map(|minutes| {
        minutes
            .into_iter()
            .map(|(at, m)| Minute { at: minute(at), ..m })
            .collect()
    })
}

proptest! {
    #[test]
    fn any_series_under_any_policy_is_judged_and_the_verdict_is_the_worst_that_decides(
        policy in any_policy(), blue in any_minutes(), green in any_minutes(),
    ) {
        let analysis = judge(&policy, &Series::new(blue), &Series::new(green));
        let worst = analysis.checks.iter().filter(|check| !check.dry_run).map(|check| check.verdict).min();
        prop_assert_eq!(Some(analysis.verdict), worst);
        for check in &analysis.checks {
            prop_assert_eq!(check.missing.is_some(), check.verdict == Verdict::Inconclusive, "{:?}", check);
            prop_assert_eq!(check.since.is_some(), check.verdict == Verdict::Fail, "{:?}", check);
            prop_assert!(!check.said.is_empty() && !check.said.contains('\n') && !check.said.contains("NaN"));
        }
        prop_assert!(analysis.deciding().count() > 0);
    }

    #[test]
    fn neither_order_nor_duplicates_nor_seconds_matter(
        policy in any_policy(),
        blue in any_minutes(),
        (green, mixed) in any_minutes().prop_flat_map(|minutes| {
            let twice: Vec<Minute> = minutes.iter().chain(&minutes).cloned().collect();
            (Just(minutes), Just(twice).prop_shuffle())
        }),
        second in 0_i64..60,
    ) {
        let plain = judge(&policy, &Series::new(blue.clone()), &Series::new(green));
        let later = mixed.into_iter().map(|m| {
            let at = Timestamp::from_second(m.at.as_second() + second).unwrap();
            Minute { at, ..m }
        });
        let reversed = blue.into_iter().rev();
        prop_assert_eq!(plain, judge(&policy, &Series::new(reversed), &Series::new(later)));
    }

    #[test]
    fn more_errors_of_green_never_help_it(
        policy in any_policy(), blue in any_minutes(), green in any_minutes(),
        at in any::<prop::sample::Index>(), more in any_count(),
    ) {
        let blue = Series::new(blue);
        let before = judge(&policy, &blue, &Series::new(green.clone()));
        let mut worse = green;
        if !worse.is_empty() {
            let at = at.index(worse.len());
            let errors = &mut worse[at].errors;
            for count in [&mut errors.client, &mut errors.server, &mut errors.model] {
                *count = count.map(|count| count.saturating_add(more));
            }
        }
        let after = judge(&policy, &blue, &Series::new(worse));
        prop_assert!(after.verdict <= before.verdict, "{before}\n{after}");
    }

    #[test]
    fn no_data_never_passes_and_never_fails(policy in any_policy(), blue in any_minutes(), idle in 0_i64..12) {
        let blue = Series::new(blue);
        let nothing = Series::default();
        let idle = Series::new((0..idle).map(|number| Minute::new(minute(number), 0)));
        prop_assert_eq!(judge(&policy, &blue, &nothing).verdict, Verdict::Inconclusive);
        prop_assert_eq!(judge(&policy, &blue, &idle).verdict, Verdict::Inconclusive);
        prop_assert_eq!(judge(&policy, &nothing, &nothing).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_check_without_a_single_measurement_never_passes(
        policy in any_policy(), requests in prop::collection::vec(1_u64..1_000, 1..20),
    ) {
        let series: Series = requests.into_iter().zip(0..).map(|(n, at)| Minute::new(minute(at), n)).collect();
        let analysis = judge(&policy, &series, &series);
        for check in analysis.checks.iter().skip(1) {
            prop_assert_eq!(check.verdict, Verdict::Inconclusive, "{:?}", check);
        }
    }

    #[test]
    fn a_green_that_does_as_blue_does_never_fails_by_comparison(policy in any_policy(), both in any_minutes()) {
        let both = Series::new(both);
        let analysis = judge(&policy, &both, &both);
        for check in analysis.checks.iter().filter(|check| check.name.ends_with("against blue")) {
            prop_assert_ne!(check.verdict, Verdict::Fail, "{:?}", check);
        }
    }

    #[test]
    fn later_minutes_never_take_a_failure_back(
        policy in any_policy(), blue in any_minutes(), green in any_minutes(), end in 0_i64..12,
    ) {
        let (blue, green) = (Series::new(blue), Series::new(green));
        let (early_blue, early_green) = (blue.clone().before(minute(end)), green.clone().before(minute(end)));
        let early = judge(&policy, &early_blue, &early_green);
        let late = judge(&policy, &blue, &green);
        for (early, late) in early.checks.iter().zip(&late.checks) {
            if early.verdict == Verdict::Fail {
                prop_assert_eq!(late.verdict, Verdict::Fail);
                prop_assert_eq!(late.since, early.since);
            }
        }
    }

    #[test]
    fn a_dry_run_is_reported_and_decides_nothing(
        policy in any_policy(), blue in any_minutes(), green in any_minutes(),
    ) {
        let (blue, green) = (Series::new(blue), Series::new(green));
        let mut dry = policy.clone();
        dry.errors.iter_mut().for_each(|check| check.dry_run = true);
        dry.latency.iter_mut().for_each(|check| check.dry_run = true);
        dry.slow.iter_mut().for_each(|check| check.dry_run = true);
        let told = judge(&dry, &blue, &green);
        prop_assert_eq!(told.verdict, judge(&AnalysisPolicy { min_requests: policy.min_requests, ..AnalysisPolicy::none() }, &blue, &green).verdict);
        let found = |analysis: &super::Analysis| -> Vec<(String, Verdict, String)> {
            analysis.checks.iter().map(|check| (check.name.clone(), check.verdict, check.said.clone())).collect()
        };
        prop_assert_eq!(found(&told), found(&judge(&policy, &blue, &green)));
    }

    #[test]
    fn without_blue_no_comparison_is_left_and_every_limit_stays(
        policy in any_policy(), before in any_minutes(), green in any_minutes(),
    ) {
        let (before, green) = (Series::new(before), Series::new(green));
        let beside = judge(&policy, &Series::default(), &green);
        let alone = judge_alone(&policy, &before, &green);
        prop_assert!(alone.checks.iter().all(|check| !check.name.ends_with("against blue")));
        let own = beside.checks.into_iter().filter(|check| !check.name.ends_with("against blue"));
        let kept = alone.checks.iter().filter(|check| !check.name.ends_with("without blue")).cloned();
        prop_assert_eq!(kept.collect::<Vec<_>>(), own.collect::<Vec<_>>());
        let errors = policy.errors.as_ref().is_some_and(|check| check.limit.is_none() && check.against_blue.is_some());
        let held = alone.checks.iter().any(|check| check.name == "errors without blue");
        prop_assert_eq!(held, errors, "errors are held to something whenever they were compared");
    }

    #[test]
    fn a_policy_survives_the_ledger(policy in any_policy()) {
        let text = serde_json::to_string(&policy).unwrap();
        prop_assert_eq!(serde_json::from_str::<AnalysisPolicy>(&text).unwrap(), policy);
    }
}
