use jiff::Timestamp;
use proptest::prelude::*;

use super::{
    super::{ErrorCheck, Errors, LatencyCheck, Percentile, Ratio, ShareLimit, SlowCheck, Verdict},
    *,
};

/// `minutes` like each other, from seven o'clock on.
fn steady(minutes: u32, requests: u64, failed: u64) -> Series {
    between(0, minutes, requests, failed)
}

/// The minutes `from` to `to` after seven o'clock, like each other.
fn between(from: u32, to: u32, requests: u64, failed: u64) -> Series {
    let seven: Timestamp = "2026-03-02T07:00:00Z".parse().unwrap();
    let minute = |number: u32| Minute {
        errors: Errors {
            client: Some(0),
            server: Some(failed),
            model: Some(failed),
        },
        slow: Some(failed),
        ..Minute::new(
            seven + std::time::Duration::from_secs(60).saturating_mul(number),
            requests,
        )
    };
    (from..to).map(minute).collect()
}

fn joined(parts: [Series; 2]) -> Series {
    parts.iter().flat_map(Series::minutes).cloned().collect()
}

fn verdict(analysis: &Analysis, check: &str) -> Option<Verdict> {
    let found = analysis.checks.iter().find(|found| found.name == check);
    found.map(|found| found.verdict)
}

fn errors_limit(before: &Series) -> String {
    let policy = without_blue(&AnalysisPolicy::default(), before);
    policy.errors.unwrap().limit.unwrap().share.to_string()
}

#[test]
fn a_green_that_fails_everything_at_full_traffic_fails_under_the_defaults() {
    for before in [Series::default(), steady(60, 600, 0), steady(60, 600, 30)] {
        let analysis = judge_alone(&AnalysisPolicy::default(), &before, &steady(1, 600, 600));
        assert_eq!(analysis.verdict, Verdict::Fail, "{analysis}");
        assert!(
            analysis.checks.iter().any(|check| check.name == "errors without blue"),
            "{analysis}"
        );
    }
}

#[test]
fn a_green_that_fails_as_blue_did_before_passes() {
    for (requests, failed) in [(600, 0), (600, 3), (600, 30), (600, 300), (600, 540)] {
        let blue = steady(60, requests, failed);
        let analysis = judge_alone(&AnalysisPolicy::default(), &blue, &steady(600, requests, failed));
        assert_eq!(analysis.verdict, Verdict::Pass, "{failed} of {requests}: {analysis}");
    }
}

#[test]
fn the_limit_comes_from_blues_hour_before_and_else_is_the_backstop() {
    assert_eq!(errors_limit(&Series::default()), "5%");
    assert_eq!(errors_limit(&steady(1, 49, 0)), "5%", "too few of them");
    assert_eq!(errors_limit(&steady(60, 600, 0)), "1%");
    // 720 failed of 36,000: 2% seen, 2.2% possible, 1.2 times 2 of that allowed.
    assert_eq!(errors_limit(&steady(60, 600, 12)), "5.2%");
}

#[test]
fn twice_a_large_share_is_at_most_a_quarter_of_what_is_left_and_never_everything() {
    // 10% seen, 10.3% possible: 24.9% is twice 1.2 times that.
    assert_eq!(errors_limit(&steady(60, 600, 60)), "24.9%");
    // 42% seen, 42.7% possible: 57% is a quarter of the way from there to all.
    assert_eq!(errors_limit(&steady(60, 600, 252)), "57.1%");
    assert_eq!(errors_limit(&steady(60, 600, 540)), "90%");
    assert_eq!(errors_limit(&steady(60, 600, 600)), "90%");
    let policy = AnalysisPolicy {
        errors: Some(ErrorCheck {
            against_blue: Some(Against {
                ratio: Ratio::new(50.0).unwrap(),
                ..Against::default()
            }),
            ..ErrorCheck::default()
        }),
        ..AnalysisPolicy::default()
    };
    let limit = without_blue(&policy, &steady(60, 600, 60))
        .errors
        .unwrap()
        .limit
        .unwrap();
    assert_eq!(limit.share.to_string(), "32.8%", "whatever the ratio");
}

#[test]
fn a_green_that_fails_everything_fails_however_ill_blue_was() {
    for failed in 0..=600 {
        let blue = steady(60, 600, failed);
        let analysis = judge_alone(&AnalysisPolicy::default(), &blue, &steady(3, 600, 600));
        assert_eq!(analysis.verdict, Verdict::Fail, "{failed} of 600: {analysis}");
    }
}

#[test]
fn an_outage_in_blues_hour_does_not_excuse_a_broken_green() {
    for requests in [12, 60, 1200] {
        for begins in 0..=35 {
            let calm = requests / 300;
            let outage = begins..begins + 25;
            let hour = (0..60).map(|minute| {
                let failed = if outage.contains(&minute) {
                    requests * 3 / 5
                } else {
                    calm
                };
                between(minute, minute + 1, requests, failed)
            });
            let blue: Series = hour.flat_map(|part| part.minutes().to_vec()).collect();
            let ill = judge_alone(
                &AnalysisPolicy::default(),
                &blue,
                &steady(10, requests, requests * 2 / 5),
            );
            assert_eq!(ill.verdict, Verdict::Fail, "{requests} from {begins}: {ill}");
            let well = judge_alone(&AnalysisPolicy::default(), &blue, &steady(60, requests, calm));
            assert_eq!(well.verdict, Verdict::Pass, "{requests} from {begins}: {well}");
        }
    }
}

#[test]
fn failures_that_come_and_go_set_the_limit_and_an_outage_only_as_far_as_callers_take_none_for_it() {
    let hour = |begins: u32, lasts: u32, failed: u64| {
        let part = move |minute: u32| {
            let ill = (begins..begins + lasts).contains(&minute);
            between(minute, minute + 1, 1200, if ill { failed } else { 0 })
        };
        let minutes: Vec<Minute> = (0..60).flat_map(|minute| part(minute).minutes().to_vec()).collect();
        minutes.into_iter().collect::<Series>()
    };
    assert_eq!(errors_limit(&hour(20, 25, 24)), "2.2%", "a job that fails 2%");
    assert_eq!(errors_limit(&hour(20, 20, 720)), "5%", "an outage of 60%");
    let analysis = judge_alone(&AnalysisPolicy::default(), &hour(20, 25, 24), &hour(0, 25, 24));
    assert_eq!(analysis.verdict, Verdict::Pass, "{analysis}");
    assert!(
        analysis.checks[1]
            .said
            .ends_with("blue had up to 0.05% in its hour before, 0.91% with the worst of it"),
        "{analysis}"
    );
}

#[test]
fn where_the_limit_comes_from_is_said() {
    let said = |before: &Series| {
        let analysis = judge_alone(&AnalysisPolicy::default(), before, &steady(3, 600, 600));
        analysis.checks[1].said.clone()
    };
    let ill = said(&steady(60, 600, 252));
    assert!(ill.contains("at most 57.1% allowed"), "{ill}");
    assert!(ill.ends_with("blue had up to 42.7% in its hour before"), "{ill}");
    let unknown = said(&Series::default());
    assert!(
        unknown.ends_with("of blue's hour before too little is known"),
        "{unknown}"
    );
}

#[test]
fn a_limit_of_the_policys_own_stays_the_only_one() {
    let policy = AnalysisPolicy {
        errors: Some(ErrorCheck {
            limit: Some(ShareLimit::new("20%".parse().unwrap())),
            ..ErrorCheck::default()
        }),
        ..AnalysisPolicy::default()
    };
    let alone = without_blue(&policy, &steady(60, 600, 0));
    assert_eq!(alone.errors.unwrap().limit, policy.errors.clone().unwrap().limit);
    assert!(said_without_blue(&policy).is_empty());
}

#[test]
fn slow_requests_are_held_to_what_blue_had_and_to_nothing_where_that_is_not_known() {
    let policy = AnalysisPolicy {
        slow: Some(SlowCheck::against_blue("300ms".parse().unwrap())),
        ..AnalysisPolicy::none()
    };
    let limit = |before: &Series| without_blue(&policy, before).slow.unwrap().limit;
    assert_eq!(limit(&Series::default()), None);
    assert_eq!(limit(&steady(60, 600, 12)).unwrap().share.to_string(), "5.2%");
    let analysis = judge_alone(&policy, &steady(60, 600, 12), &steady(2, 600, 300));
    assert_eq!(analysis.verdict, Verdict::Fail, "{analysis}");
}

#[test]
fn percentiles_alone_watch_nothing_without_blue() {
    let compared = AnalysisPolicy {
        latency: vec![LatencyCheck::against_blue(Percentile::P99)],
        ..AnalysisPolicy::none()
    };
    assert!(compared.decides() && !watches_without_blue(&compared));
    assert!(watches_without_blue(&AnalysisPolicy::default()));
    assert!(!AnalysisPolicy::none().decides());
    let all = AnalysisPolicy {
        slow: Some(SlowCheck::against_blue("300ms".parse().unwrap())),
        ..AnalysisPolicy {
            errors: Some(ErrorCheck::default()),
            ..compared
        }
    };
    insta::assert_snapshot!(said_without_blue(&all).join("\n"));
    insta::assert_snapshot!(judge_alone(&all, &steady(60, 600, 12), &steady(10, 600, 6)));
}

#[test]
fn a_green_that_breaks_once_sagemaker_gave_it_everything_fails_under_the_defaults() {
    let policy = AnalysisPolicy::default();
    let blue = steady(10, 900, 0);
    for broken in [1, 5, 40] {
        let green = joined([steady(10, 300, 0), between(10, 10 + broken, 1200, 1200)]);
        let analysis = judge_deployment(&policy, &Series::default(), &blue, &green);
        assert_eq!(analysis.verdict, Verdict::Fail, "{analysis}");
        assert_eq!(
            verdict(&analysis, "errors without blue"),
            Some(Verdict::Fail),
            "{analysis}"
        );
    }
    let green = joined([steady(10, 300, 0), between(10, 50, 1200, 2)]);
    let analysis = judge_deployment(&policy, &Series::default(), &blue, &green);
    assert_eq!(analysis.verdict, Verdict::Pass, "{analysis}");
}

#[test]
fn a_deployment_of_everything_at_once_has_nothing_to_compare_with() {
    let green = steady(5, 9, 9);
    let analysis = judge_deployment(
        &AnalysisPolicy::default(),
        &steady(60, 9, 0),
        &Series::default(),
        &green,
    );
    assert_eq!(analysis.verdict, Verdict::Fail, "{analysis}");
    assert_eq!(verdict(&analysis, "errors against blue"), None, "{analysis}");
}

#[test]
fn an_outage_that_blue_has_as_well_does_not_stop_a_deployment() {
    let both = |calm, ill, requests| joined([steady(calm, requests, 0), between(calm, ill, requests, requests / 2)]);
    let (blue, green) = (both(10, 20, 900), both(10, 20, 300));
    let analysis = judge_deployment(&AnalysisPolicy::default(), &Series::default(), &blue, &green);
    assert_eq!(analysis.verdict, Verdict::Pass, "{analysis}");
    // A minute in which nobody asked blue is none in which it does not serve any more.
    let gap = joined([steady(12, 900, 0), between(14, 20, 900, 450)]);
    let analysis = judge_deployment(&AnalysisPolicy::default(), &Series::default(), &gap, &green);
    assert_eq!(verdict(&analysis, "errors without blue"), None, "{analysis}");
}

#[test]
fn a_stray_request_of_blue_is_no_traffic_of_its_own() {
    let blue = joined([steady(10, 900, 0), between(10, 30, 11, 11)]);
    let green = joined([steady(10, 300, 0), between(10, 30, 1200, 1200)]);
    let analysis = judge_deployment(&AnalysisPolicy::default(), &Series::default(), &blue, &green);
    assert_eq!(
        verdict(&analysis, "errors without blue"),
        Some(Verdict::Fail),
        "{analysis}"
    );
}

#[test]
fn what_a_deployment_is_held_to_by_the_policys_own_limit_is_held_to_it_once() {
    let policy = AnalysisPolicy {
        errors: Some(ErrorCheck {
            limit: Some(ShareLimit::new("20%".parse().unwrap())),
            ..ErrorCheck::default()
        }),
        ..AnalysisPolicy::default()
    };
    let green = joined([steady(10, 300, 0), between(10, 50, 1200, 120)]);
    let analysis = judge_deployment(&policy, &Series::default(), &steady(10, 900, 0), &green);
    let names: Vec<&str> = analysis.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["requests", "errors", "errors against blue"]);
    assert_eq!(analysis.verdict, Verdict::Pass, "{analysis}");
}

proptest! {
    /// The limit is what a green may have for ever: never less than what blue was seen to have, or than 1%, up to the 90%
    /// that no green may have.
    #[test]
    fn no_limit_is_below_what_blue_had(minutes in 1_u32..120, requests in 50_u64..1_000_000, failed in 0_u64..1_000_000) {
        let blue = steady(minutes, requests, failed.min(requests));
        let policy = without_blue(&AnalysisPolicy::default(), &blue);
        let limit = policy.errors.unwrap().limit.unwrap().share.fraction();
        prop_assert!(limit >= 0.01 && limit >= (failed.min(requests) as f64 / requests as f64).min(0.9));
        prop_assert!(limit <= 0.9);
    }
}
