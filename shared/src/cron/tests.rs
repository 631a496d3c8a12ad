use proptest::prelude::*;

use super::*;
use crate::window::zone;

fn cron(text: &str) -> Cron {
    text.parse().expect(text)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn next(text: &str, now: &str, place: &str, times: usize) -> Vec<String> {
    let zone = zone(place).expect("a zone");
    let cron = cron(text);
    let mut due = Vec::new();
    let mut now = at(now);
    for _ in 0..times {
        let Some(next) = cron.next(now, &zone) else { break };
        due.push(next.to_zoned(zone.clone()).strftime("%a %F %H:%M").to_string());
        now = next;
    }
    due
}

#[test]
fn working_days_are_due_in_the_wall_clock_of_their_zone() {
    let due = next("0 8 ? * MON-FRI *", "2026-03-26T12:00:00Z", "Europe/Berlin", 3);
    assert_eq!(
        due,
        ["Fri 2026-03-27 08:00", "Mon 2026-03-30 08:00", "Tue 2026-03-31 08:00"]
    );
    let berlin = zone("Europe/Berlin").expect("a zone");
    let before = cron("0 8 ? * MON-FRI *").next(at("2026-03-26T12:00:00Z"), &berlin);
    let after = cron("0 8 ? * MON-FRI *").next(at("2026-03-28T12:00:00Z"), &berlin);
    assert_eq!(before, Some(at("2026-03-27T07:00:00Z")), "before summer time");
    assert_eq!(after, Some(at("2026-03-30T06:00:00Z")), "in summer time");
}

#[test]
fn every_form_of_the_grammar_is_due_when_aws_says() {
    let cases = [
        ("15 12 * * ? *", vec!["Sun 2026-02-01 12:15", "Mon 2026-02-02 12:15"]),
        ("0/20 23 1 * ? *", vec!["Sun 2026-02-01 23:00", "Sun 2026-02-01 23:20"]),
        ("0 0 L * ? *", vec!["Sat 2026-02-28 00:00", "Tue 2026-03-31 00:00"]),
        ("0 0 LW * ? *", vec!["Fri 2026-02-27 00:00", "Tue 2026-03-31 00:00"]),
        ("0 0 15W * ? *", vec!["Mon 2026-02-16 00:00", "Mon 2026-03-16 00:00"]),
        ("0 0 1W * ? *", vec!["Mon 2026-02-02 00:00", "Mon 2026-03-02 00:00"]),
        ("0 0 ? * 3#1 *", vec!["Tue 2026-02-03 00:00", "Tue 2026-03-03 00:00"]),
        ("0 0 ? * FRIL *", vec!["Fri 2026-02-27 00:00", "Fri 2026-03-27 00:00"]),
        ("0 0 ? * L *", vec!["Sat 2026-02-07 00:00", "Sat 2026-02-14 00:00"]),
        (
            "0 0 ? * FRI-MON *",
            vec!["Sun 2026-02-01 00:00", "Mon 2026-02-02 00:00"],
        ),
        ("0 0 29 FEB ? *", vec!["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]),
        (
            "0 9 ? 2 2 2030-2032/2",
            vec!["Mon 2030-02-04 09:00", "Mon 2030-02-11 09:00"],
        ),
        ("0 0 1 1 ? 2027", vec!["Fri 2027-01-01 00:00"]),
        ("0 0 31 2 ? *", vec![]),
    ];
    for (text, expected) in cases {
        assert_eq!(next(text, "2026-01-31T12:30:00Z", "UTC", 2), expected, "{text}");
    }
}

#[test]
fn where_the_clocks_change_nothing_is_lost_and_nothing_comes_twice() {
    // 02:30 does not exist on 29 March, and exists twice on 25 October.
    assert_eq!(
        next("30 2 * * ? *", "2026-03-28T12:00:00Z", "Europe/Berlin", 2),
        ["Sun 2026-03-29 03:30", "Mon 2026-03-30 02:30"]
    );
    let berlin = zone("Europe/Berlin").expect("a zone");
    let daily = cron("30 2 * * ? *");
    let first = daily.next(at("2026-10-24T12:00:00Z"), &berlin).expect("due");
    assert_eq!(first, at("2026-10-25T00:30:00Z"));
    assert_eq!(daily.next(first, &berlin), Some(at("2026-10-26T01:30:00Z")));
}

#[test]
fn what_aws_refuses_is_refused_with_what_would_be_right() {
    let refused: Vec<String> = [
        "0 8 * * MON-FRI *",
        "30 6 * * 2 *",
        "0 20 * * * *",
        "0 8 ? * ? *",
        "0 8 * * 1",
        "* * * * * * *",
        "60 8 * * ? *",
        "0 8-6 * * ? *",
        "0 8 * JANUARY ? *",
        "0 8 ? * 0 *",
        "0 8 ? * 3#6 *",
        "0 8 32W * ? *",
        "0 8 ? * MON#1,TUE#2 *",
        "*/0 8 * * ? *",
        "+5 8 * * ? *",
        "cron(0 8 * * ? *",
        "",
    ]
    .iter()
    .map(|text| {
        let error = text.parse::<Cron>().expect_err(text);
        format!("{text}\n  {}", error.problem)
    })
    .collect();
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn it_is_written_as_aws_takes_it() {
    assert_eq!(cron("cron(0 8  ? * mon-fri *)").to_string(), "cron(0 8 ? * MON-FRI *)");
    assert_eq!(cron(&cron("0 8 * * ? *").to_string()), cron("0 8 * * ? *"));
}

proptest! {
    #[test]
    fn next_and_latest_are_each_others_mirror(
        minute in 0..60_u8,
        hour in 0..24_u8,
        day in prop::sample::select(vec!["* * ?", "1 * ?", "L * ?", "? * MON-FRI", "? * SUN#1", "15W * ?"]),
        place in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
        now in 1_700_000_000..1_900_000_000_i64,
    ) {
        let cron = cron(&format!("{minute} {hour} {day} *"));
        let zone = zone(place).expect("a zone");
        let now = Timestamp::from_second(now).expect("a time");
        let next = cron.next(now, &zone).expect("it comes again");
        prop_assert!(next > now);
        prop_assert_eq!(cron.latest(next, &zone, Duration::ZERO), Some(next));
        let year = Duration::from_secs(366 * 86_400);
        let before = Timestamp::from_millisecond(next.as_millisecond() - 1).expect("a time");
        let latest = cron.latest(before, &zone, year).expect("it was due before");
        prop_assert!(latest <= now);
        prop_assert_eq!(cron.next(latest, &zone), Some(next));
    }

    #[test]
    fn nothing_makes_the_reader_panic(text in "[-0-9*?LW#/, A-Z()cron]{0,40}", other in ".{0,30}") {
        let _ = text.parse::<Cron>();
        let _ = other.parse::<Cron>();
    }
}
