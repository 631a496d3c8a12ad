//! What is read of a variant, minute by minute, before anything is judged.

use jiff::Timestamp;

use super::{super::*, minute, steady, with_p99};

#[test]
fn one_request_that_failed_in_two_ways_failed_once() {
    let errors = Errors {
        client: Some(3),
        server: Some(4),
        model: Some(6),
    };
    let minute = Minute {
        errors,
        ..Minute::new(Timestamp::UNIX_EPOCH, 100)
    };
    use ErrorKind::{Client, Model, Server};
    assert_eq!(minute.failed(&[Client, Server].into()), Some(7));
    assert_eq!(minute.failed(&[Server, Model].into()), Some(6));
    assert_eq!(minute.failed(&[Client, Server, Model].into()), Some(7));
    assert_eq!(minute.failed(&[].into()), None);
    let unread = Minute {
        errors: Errors { model: None, ..errors },
        ..minute
    };
    assert_eq!(unread.failed(&[Server, Model].into()), None);
    assert_eq!(unread.failed(&[Server].into()), Some(4));
}

#[test]
fn of_a_minute_that_was_read_twice_the_last_reading_counts() {
    let series = Series::new([minute(1, 50, 50), minute(0, 10, 0), minute(1, 60, 0)]);
    assert_eq!(series.minutes(), [minute(0, 10, 0), minute(1, 60, 0)]);
    assert_eq!(series.requests(), 70);
}

#[test]
fn minutes_that_may_still_change_can_be_left_out() {
    assert_eq!(steady(10, 5, 0).before(minute(3, 0, 0).at), steady(3, 5, 0));
}

#[test]
fn the_first_and_the_last_moment_have_a_minute() {
    for at in [Timestamp::MIN, Timestamp::MAX] {
        assert_eq!(Series::new([Minute::new(at, 7)]).requests(), 7);
    }
}

#[test]
fn a_blue_without_metrics_of_its_own_is_what_the_whole_did_more_than_green() {
    let green = with_p99(steady(3, 100, 7), |_| 90);
    let whole = with_p99((0..5).map(|number| minute(number, 400, 10)).collect(), |_| 80);
    let rest = Series::default().or_rest(&whole, &green);
    let left = |number, requests, failed| minute(number, requests, failed);
    let expected: Series = [
        left(0, 300, 3),
        left(1, 300, 3),
        left(2, 300, 3),
        left(3, 400, 10),
        left(4, 400, 10),
    ]
    .into_iter()
    .collect();
    assert_eq!(rest, expected, "and no percentiles");

    // What is published of blue itself is better.
    let own = with_p99([minute(1, 299, 2)].into_iter().collect(), |_| 70);
    let rest = own.or_rest(&whole, &green);
    assert_eq!(rest.minutes()[1], own.minutes()[0]);
    assert_eq!(rest.minutes()[0], expected.minutes()[0]);

    // All of it green's, or more than all: CloudWatch counts one earlier than the other.
    assert_eq!(Series::default().or_rest(&green, &green), Series::default());
    assert_eq!(Series::default().or_rest(&green, &whole), Series::default());
}

#[test]
fn what_is_not_known_of_the_whole_or_of_green_is_not_known_of_blue() {
    let unknown: Series = [Minute::new(minute(0, 0, 0).at, 100)].into_iter().collect();
    let whole: Series = [minute(0, 400, 10)].into_iter().collect();
    let rest = Series::default().or_rest(&whole, &unknown);
    assert_eq!(rest.minutes(), [Minute::new(minute(0, 0, 0).at, 300)]);
}
