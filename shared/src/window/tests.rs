use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

fn weekly(days: &[Day], from: &str, to: &str, name: &str) -> Window {
    let when = Weekly {
        days: days.iter().copied().collect(),
        from: from.parse().expect("a time"),
        to: to.parse().expect("a time"),
        zone: zone(name).expect("a zone"),
    };
    Window {
        name: None,
        when: When::Weekly(when),
    }
}

/// The first and the last open minute around a span that is looked at minute by minute.
fn open_minutes(window: &Window, from: &str, until: &str) -> Vec<(String, String)> {
    let (mut now, end) = (at(from), at(until));
    let mut runs: Vec<(String, String)> = Vec::new();
    let mut was_open = false;
    while now < end {
        let open = window.open_at(now);
        match (was_open, open) {
            (false, true) => runs.push((now.to_string(), String::new())),
            (true, false) => runs.last_mut().expect("a run is open").1 = now.to_string(),
            _ => {}
        }
        was_open = open;
        now += 1.minute();
    }
    runs
}

fn runs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(from, until)| ((*from).to_owned(), (*until).to_owned()))
        .collect()
}

#[test]
fn a_window_holds_its_first_moment_and_not_its_last() {
    let window = weekly(&[Day::Saturday], "02:00", "04:00", "UTC");
    for (now, open) in [
        ("2026-03-07T01:59:59.999Z", false),
        ("2026-03-07T02:00:00Z", true),
        ("2026-03-07T03:59:59.999Z", true),
        ("2026-03-07T04:00:00Z", false),
        ("2026-03-08T02:00:00Z", false),
    ] {
        assert_eq!(window.open_at(at(now)), open, "{now}");
    }
    let once = Window {
        name: None,
        when: When::Once {
            from: at("2026-03-07T02:00:00Z"),
            until: at("2026-03-07T04:00:00Z"),
        },
    };
    assert!(once.open_at(at("2026-03-07T02:00:00Z")));
    assert!(!once.open_at(at("2026-03-07T04:00:00Z")));
    assert_eq!(once.until(at("2026-03-07T02:00:00Z")), Some(at("2026-03-07T04:00:00Z")));
    assert_eq!(once.until(at("2026-03-07T04:00:00Z")), None);
}

#[test]
fn a_window_across_midnight_belongs_to_the_day_it_opens_on() {
    let window = weekly(&[Day::Friday], "22:00", "02:00", "Asia/Tokyo");
    assert_eq!(
        open_minutes(&window, "2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z"),
        runs(&[("2026-03-06T13:00:00Z", "2026-03-06T17:00:00Z")])
    );
}

#[test]
fn a_window_that_begins_in_the_skipped_hour_opens_when_the_clocks_change() {
    // Berlin went from 02:00 to 03:00 on 2026-03-29 at 01:00 UTC.
    let day = ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    for (from, to, opens, closes) in [
        ("02:30", "03:15", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"),
        ("02:15", "02:45", "2026-03-29T01:00:00Z", "2026-03-29T01:45:00Z"),
        ("01:30", "02:30", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"),
        ("01:00", "04:00", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"),
    ] {
        let window = weekly(&[Day::Sunday], from, to, "Europe/Berlin");
        assert_eq!(
            open_minutes(&window, day.0, day.1),
            runs(&[(opens, closes)]),
            "{from} to {to}"
        );
    }
}

#[test]
fn an_hour_that_the_clocks_repeat_is_covered_both_times() {
    // Berlin went from 03:00 back to 02:00 on 2026-10-25 at 01:00 UTC.
    let window = weekly(&[Day::Sunday], "02:15", "02:45", "Europe/Berlin");
    assert_eq!(
        open_minutes(&window, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
        runs(&[("2026-10-25T00:15:00Z", "2026-10-25T01:45:00Z")])
    );
}

#[test]
fn a_day_that_a_zone_skips_does_not_lose_the_window() {
    // Apia had no 2011-12-30: it was a Friday, and midnight led to Saturday.
    let window = weekly(&[Day::Friday], "10:00", "11:00", "Pacific/Apia");
    let open = open_minutes(&window, "2011-12-29T00:00:00Z", "2012-01-02T00:00:00Z");
    assert_eq!(open, runs(&[("2011-12-30T10:00:00Z", "2011-12-30T21:00:00Z")]));
}

#[test]
fn until_joins_windows_that_touch() {
    let always = weekly(&Day::ALL, "00:00", "24:00", "UTC");
    assert_eq!(
        always.until(at("2026-03-04T12:00:00Z")),
        Some(at("2026-03-12T00:00:00Z"))
    );
    let weekend = weekly(&[Day::Saturday, Day::Sunday], "00:00", "24:00", "America/New_York");
    assert_eq!(
        weekend.until(at("2026-03-07T12:00:00Z")),
        Some(at("2026-03-09T04:00:00Z"))
    );
    assert_eq!(weekend.until(at("2026-03-09T12:00:00Z")), None);
}

#[test]
fn windows_read_as_people_wrote_them() {
    let mut window = weekly(&[Day::Sunday, Day::Saturday], "22:00", "04:00", "Europe/Berlin");
    assert_eq!(window.to_string(), "sat sun 22:00-04:00 Europe/Berlin");
    window.name = Some("patching".to_owned());
    assert_eq!(window.to_string(), "patching (sat sun 22:00-04:00 Europe/Berlin)");
    assert_eq!(
        weekly(&Day::ALL, "00:00", "24:00", "UTC").to_string(),
        "daily 00:00-24:00 UTC"
    );
}

#[test]
fn times_of_day_are_two_digits_each_and_end_at_midnight() {
    for good in ["00:00", "09:05", "23:59", "24:00"] {
        assert_eq!(good.parse::<TimeOfDay>().expect(good).to_string(), good);
    }
    for bad in ["", "9:00", "24:01", "12:60", "12:3", "+1:00", "12:00:00", "noon"] {
        assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_window_is_open_exactly_when_it_has_an_end(
        seconds in 0_i64..4_000_000_000,
        from in 0_u16..1440,
        to in 0_u16..=1440,
        days in proptest::collection::btree_set(0_usize..7, 1..7),
        place in proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/Santiago", "Pacific/Apia", "Asia/Kathmandu"]),
    ) {
        let window = Window {
            name: None,
            when: When::Weekly(Weekly {
                days: days.into_iter().map(|day| Day::ALL[day]).collect(),
                from: TimeOfDay(from),
                to: TimeOfDay(to),
                zone: zone(place).expect("a zone"),
            }),
        };
        let now = Timestamp::from_second(seconds).expect("in range");
        let until = window.until(now);
        prop_assert_eq!(window.open_at(now), until.is_some());
        if let Some(until) = until {
            prop_assert!(until > now);
        }
    }
}
