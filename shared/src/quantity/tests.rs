use proptest::prelude::*;

use super::*;

#[test]
fn times_are_read_as_written() {
    for (text, millis) in [
        ("0s", 0),
        ("500ms", 500),
        ("30s", 30_000),
        ("90s", 90_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("1m500ms", 60_500),
        ("2d", 172_800_000),
        ("36500d", Span::MAX_MILLIS),
    ] {
        assert_eq!(text.parse::<Span>().map(Span::millis), Ok(millis), "{text}");
    }
}

#[test]
fn what_is_no_time_is_told_apart() {
    let told: Vec<String> = [
        "",
        "30",
        "1.5h",
        "-5m",
        "5 m",
        "m",
        "5x",
        "5min",
        "30m1h",
        "5m5m",
        "36501d",
        "99999999999999999999d",
        "1h30",
        "½h",
    ]
    .into_iter()
    .map(|text| format!("{:8} {}", text, text.parse::<Span>().expect_err(text).problem))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_no_share_is_told_apart() {
    let told: Vec<String> = [
        "",
        "10",
        "0.1",
        "%",
        "101%",
        "100.0001%",
        "-1%",
        "1e1%",
        "10 %",
        "0.00001%",
        ".5%",
        "1.%",
    ]
    .into_iter()
    .map(|text| format!("{:9} {}", text, text.parse::<Share>().expect_err(text).problem))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn shares_become_fractions() {
    for (text, fraction) in [
        ("0%", 0.0),
        ("10%", 0.1),
        ("0.5%", 0.005),
        ("80%", 0.8),
        ("100%", 1.0),
        ("33.3333%", 0.333333),
    ] {
        let share = text.parse::<Share>().expect(text);
        assert_eq!(share.fraction(), fraction, "{text}");
    }
}

#[test]
fn json_says_what_is_accepted() {
    let error = serde_json::from_str::<Span>("30").expect_err("a bare number");
    insta::assert_snapshot!(error);
    assert_eq!(
        serde_json::to_string(&"90m".parse::<Span>().expect("a time")).expect("json"),
        r#""1h30m""#
    );
    assert_eq!(
        serde_json::from_str::<Share>(r#""5.50%""#)
            .expect("a share")
            .to_string(),
        "5.5%"
    );
}

proptest! {
    #[test]
    fn every_time_is_read_back_as_it_was(millis in 0..=Span::MAX_MILLIS) {
        let span = Span::from_millis(millis).expect("in range");
        prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
    }

    #[test]
    fn every_share_is_read_back_as_it_was(steps in 0..=1_000_000_u32) {
        let share = Share(steps);
        prop_assert_eq!(share.to_string().parse::<Share>(), Ok(share));
    }

    #[test]
    fn no_text_panics(text in "[0-9dhms.%+-]{0,12}|\\PC{0,12}") {
        if let Ok(span) = text.parse::<Span>() {
            prop_assert!(span.millis() <= Span::MAX_MILLIS);
        }
        if let Ok(share) = text.parse::<Share>() {
            prop_assert!(share.fraction() <= 1.0);
        }
    }
}
