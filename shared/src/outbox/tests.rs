use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_769_829_120 + seconds).unwrap()
}

fn alert(kind: AlertKind, endpoint: &str, seconds: i64) -> Alert {
    Alert::new(kind, Some(endpoint), at(seconds), at(seconds))
}

fn links() -> Links {
    Links {
        region: "eu-west-1".into(),
        runbooks: Some("https://example.com/runbooks".into()),
    }
}

fn ids(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.id.as_str()).collect()
}

#[test]
fn the_same_alert_decided_again_waits_once_and_is_not_sent_again() {
    let mut outbox = Outbox::default();
    let told = alert(AlertKind::EndpointUnhealthy, "a", 0);
    assert!(outbox.push(told.clone()) && !outbox.push(told.clone()));
    outbox.clear(&[&told.id]);
    assert!(outbox.is_empty() && !outbox.push(told.clone()));
    assert!(outbox.push(told.reminding(1)), "a reminder is another alert");
}

#[test]
fn the_most_important_goes_first_but_one_endpoint_keeps_its_order() {
    let mut outbox = Outbox::default();
    let recovered = alert(AlertKind::EndpointRecovered, "a", 1);
    let degraded = alert(AlertKind::EndpointDegraded, "b", 0);
    let sick_again = alert(AlertKind::EndpointUnhealthy, "a", 2);
    for alert in [&degraded, &recovered, &sick_again] {
        outbox.push(alert.clone());
    }
    let expected = [&recovered.id, &sick_again.id, &degraded.id];
    assert_eq!(ids(&outbox.take_for_publish(9, &links())), expected);
    assert_eq!(ids(&outbox.take_for_publish(2, &links())), expected[..2]);
}

#[test]
fn what_is_published_is_forgotten_and_the_rest_stays() {
    let mut outbox = Outbox::default();
    outbox.push(alert(AlertKind::EndpointUnhealthy, "a", 0));
    outbox.push(alert(AlertKind::EndpointUnhealthy, "b", 0));
    let first = outbox.take_for_publish(1, &links());
    outbox.clear(&ids(&first));
    assert_eq!(outbox.len(), 1);
    assert_ne!(outbox.pending()[0].id, first[0].id);
}

#[test]
fn while_sns_is_down_one_reminder_of_each_matter_waits_and_none_of_what_nobody_was_told_yet() {
    let mut outbox = Outbox::default();
    let told = alert(AlertKind::EndpointUnhealthy, "a", 0);
    let untold = alert(AlertKind::EndpointUnhealthy, "b", 5);
    outbox.push(told.clone());
    outbox.clear(&[&told.id]);
    outbox.push(untold.clone());
    for n in 1..=700 {
        assert!(outbox.push(told.clone().reminding(n)));
        assert!(!outbox.push(untold.clone().reminding(n)), "the first of it waits");
    }
    let newest = told.reminding(700).id;
    assert_eq!(ids(&outbox.take_for_publish(9, &links())), [&untold.id, &newest]);
    let other = alert(AlertKind::EndpointUnhealthy, "b", 9);
    outbox.clear(&[&untold.id]);
    outbox.push(untold.clone().reminding(701));
    outbox.push(other.clone().reminding(1));
    assert_eq!(outbox.len(), 3, "another outage of the same endpoint is another matter");
}

#[test]
fn what_nobody_was_told_yet_goes_before_reminders() {
    let mut outbox = Outbox::default();
    let reminder = alert(AlertKind::EndpointFailed, "a", 0).reminding(3);
    let fresh = alert(AlertKind::EndpointDegraded, "b", 9);
    outbox.push(reminder.clone());
    outbox.push(fresh.clone());
    assert_eq!(ids(&outbox.take_for_publish(9, &links())), [&fresh.id, &reminder.id]);
}

#[test]
fn too_many_alerts_merge_the_oldest_and_least_important_into_one() {
    let mut outbox = Outbox::default();
    for n in 0..60 {
        outbox.push(alert(AlertKind::RecoveryStarted, &format!("started-{n}"), n));
    }
    for n in 0..CAPACITY as i64 {
        outbox.push(alert(AlertKind::EndpointDegraded, &format!("slow-{n}"), 100 + n));
    }
    assert_eq!(outbox.len(), CAPACITY + 1);
    let merged = outbox
        .take_for_publish(usize::MAX, &links())
        .into_iter()
        .find(|alert| alert.kind == AlertKind::AlertsDropped);
    let merged = merged.unwrap();
    insta::assert_snapshot!(merged.message().text);
    assert_eq!(
        merged.runbook.as_deref(),
        Some("https://example.com/runbooks/alerts.dropped.md")
    );

    outbox.clear(&[&merged.id]);
    assert_eq!(outbox.len(), CAPACITY);
}

#[test]
fn what_is_merged_while_the_merged_alert_is_being_published_is_told_again() {
    let mut outbox = Outbox::default();
    for n in 0..=CAPACITY as i64 {
        outbox.push(alert(AlertKind::EndpointDegraded, &format!("slow-{n}"), n));
    }
    let told = outbox.take_for_publish(usize::MAX, &links());
    let told = told
        .iter()
        .find(|alert| alert.kind == AlertKind::AlertsDropped)
        .unwrap();
    outbox.push(alert(AlertKind::EndpointDegraded, "one-more", 999));
    outbox.clear(&[&told.id]);
    let again = outbox.take_for_publish(usize::MAX, &links());
    let again = again
        .iter()
        .find(|alert| alert.kind == AlertKind::AlertsDropped)
        .unwrap();
    assert_eq!(again.title, "2 alerts merged");
    assert_ne!(again.id, told.id);
}

#[test]
fn an_alert_keeps_so_much_evidence_and_counts_the_rest() {
    let mut outbox = Outbox::default();
    let mut long = alert(AlertKind::EndpointUnhealthy, "a", 0);
    long.evidence = vec!["x".repeat(LINE + 7); LINES + 3];
    outbox.push(long);
    let kept = &outbox.pending()[0].evidence;
    assert_eq!(kept.len(), LINES + 1);
    assert_eq!(kept[0], format!("{}…(+7 characters)", "x".repeat(LINE)));
    assert_eq!(kept[LINES], "and 3 more");
}

#[test]
fn the_ledger_gives_back_the_same_outbox() {
    let mut outbox = Outbox::default();
    for n in 0..=CAPACITY as i64 {
        outbox.push(alert(AlertKind::EndpointDegraded, &format!("slow-{n}"), n).seen("x"));
    }
    outbox.clear(&["y"]);
    let text = serde_json::to_string(&outbox).unwrap();
    assert_eq!(serde_json::from_str::<Outbox>(&text).unwrap(), outbox);
    assert_eq!(serde_json::to_string(&Outbox::default()).unwrap(), "{}");
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize, u8, i64),
    Publish { limit: usize, crash: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0..AlertKind::ALL.len(), 0..60_u8, 0..200_i64).prop_map(|(kind, name, at)| Step::Push(kind, name, at));
    let publish = (1..40_usize, any::<bool>()).prop_map(|(limit, crash)| Step::Publish { limit, crash });
    prop::collection::vec(prop_oneof![60 => push, 1 => publish], 0..900)
}

proptest! {
    /// Crashes between publishing and clearing included: every critical alert is published, each alert either published
    /// or counted as merged, and nothing is taken again while it is remembered as published.
    #[test]
    fn no_alert_is_lost_and_none_comes_back(steps in steps()) {
        let mut outbox = Outbox::default();
        let mut pushed: BTreeMap<String, Severity> = BTreeMap::new();
        let mut published = std::collections::BTreeSet::new();
        let mut cleared: Vec<String> = Vec::new();
        let mut merged = 0;
        let end = std::iter::repeat_n(Step::Publish { limit: 100, crash: false }, 20);
        for step in steps.into_iter().chain(end) {
            match step {
                Step::Push(kind, name, seconds) => {
                    let alert = alert(AlertKind::ALL[kind], &format!("e{name}"), seconds);
                    let (id, severity) = (alert.id.clone(), alert.severity);
                    let known = pushed.contains_key(&id);
                    if outbox.push(alert) {
                        let remembered = &cleared[cleared.len().saturating_sub(MEMORY)..];
                        prop_assert!(!remembered.contains(&id), "{id} came back");
                        pushed.insert(id, severity);
                    } else {
                        prop_assert!(known);
                    }
                }
                Step::Publish { limit, crash } => {
                    let taken = outbox.take_for_publish(limit, &links());
                    prop_assert!(taken.len() <= limit);
                    published.extend(taken.iter().map(|alert| alert.id.clone()));
                    if !crash {
                        for alert in taken.iter().filter(|alert| alert.id.starts_with("alerts.dropped::")) {
                            merged += alert.title.split(' ').next().unwrap().parse::<usize>().unwrap();
                        }
                        outbox.clear(&ids(&taken));
                        cleared.extend(taken.into_iter().map(|alert| alert.id));
                    }
                }
            }
            let critical = outbox.pending().iter().filter(|alert| alert.severity == Severity::Critical).count();
            prop_assert!(outbox.len() <= CAPACITY.max(critical) + 1);
        }
        prop_assert!(outbox.is_empty());
        let untold = pushed.iter().filter(|(id, _)| !published.contains(*id));
        prop_assert!(untold.clone().all(|(_, severity)| *severity < Severity::Critical));
        prop_assert!(untold.count() <= merged);
    }
}
