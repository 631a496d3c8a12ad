//! Steward's own probes among the requests.

use super::*;

fn probed(series: Series, probes: u64) -> Series {
    series.with_probes(Probes::AtMost(probes))
}

#[test]
fn who_has_only_stewards_own_probes_has_no_traffic_and_never_passes() {
    let policy = AnalysisPolicy::default();
    for minutes in [60, 240, 2_000] {
        let probes = minutes as u64 + 5;
        let (blue, green) = (
            probed(steady(minutes, 1, 0), probes),
            probed(steady(minutes, 1, 0), probes),
        );
        for analysis in [judge(&policy, &blue, &green), judge_alone(&policy, &blue, &green)] {
            assert_eq!(analysis.verdict, Verdict::Inconclusive, "{analysis}");
        }
    }
}

#[test]
fn requests_of_users_pass_beside_the_probes() {
    let (blue, green) = (probed(steady(100, 10, 0), 115), probed(steady(100, 2, 0), 115));
    let analysis = judge(&AnalysisPolicy::default(), &blue, &green);
    assert_eq!(analysis.verdict, Verdict::Pass, "{analysis}");
    assert_snapshot!(analysis.checks[0].said, @"green: 200 requests, up to 115 of them Steward's own probes");
    let analysis = judge(&AnalysisPolicy::default(), &blue, &probed(steady(60, 2, 0), 72));
    assert_eq!(analysis.verdict, Verdict::Inconclusive, "{analysis}");
    assert_snapshot!(
        analysis.checks[0].said,
        @"green: 120 requests, up to 72 of them Steward's own probes; at least 50 others needed"
    );
}

#[test]
fn a_blue_that_only_probes_ask_is_nothing_to_compare_with() {
    let analysis = judge(
        &AnalysisPolicy::default(),
        &probed(steady(60, 1, 0), 71),
        &steady(60, 100, 0),
    );
    assert_eq!(last(&analysis).missing, Some(Missing::Blue), "{analysis}");
}

#[test]
fn while_the_probes_are_not_known_nothing_passes_and_harm_still_fails() {
    let policy = AnalysisPolicy::default();
    let unknown = |failed| steady(10, 600, failed).with_probes(Probes::Unknown);
    let analysis = judge(&policy, &steady(10, 600, 0), &unknown(0));
    assert_eq!(analysis.verdict, Verdict::Inconclusive, "{analysis}");
    assert!(analysis.checks[0].said.contains("is not known"), "{analysis}");
    let analysis = judge(&policy, &steady(10, 600, 0), &unknown(300));
    assert_eq!(analysis.verdict, Verdict::Fail, "{analysis}");
}

#[test]
fn a_probe_that_fails_is_harm_like_any_request() {
    let analysis = judge_alone(
        &AnalysisPolicy::default(),
        &steady(60, 1, 0),
        &probed(steady(10, 1, 1), 16),
    );
    assert_eq!(analysis.verdict, Verdict::Fail, "{analysis}");
}
