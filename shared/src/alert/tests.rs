use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Timestamp {
    format!("2026-01-31T{text}Z").parse().unwrap()
}

fn links() -> Links {
    Links {
        region: "eu-west-1".into(),
        runbooks: Some("https://wiki.example.com/steward/".into()),
    }
}

/// One alert of each kind as the health checker decides them.
fn example(kind: AlertKind) -> Alert {
    let endpoint = match kind {
        AlertKind::FleetSuppressed
        | AlertKind::MonitorTrouble
        | AlertKind::MonitorIncomplete
        | AlertKind::FleetFileBroken
        | AlertKind::FleetFileRestored
        | AlertKind::AlertsDropped => None,
        _ => Some("fraud-detector"),
    };
    let alert = Alert::new(kind, endpoint, time("03:12:00"), time("03:14:10"));
    let alert = match kind {
        AlertKind::EndpointUnhealthy => alert
            .titled("3 of 3 probes answered 500")
            .seen("03:12:00 probe golden, variant blue: status 500 in 41 ms, expected 200: {\"error\":\"CUDA out of memory\"}")
            .seen("03:13:00 probe golden, variant blue: status 500 in 39 ms, expected 200")
            .seen("03:14:00 probe golden, variant blue: status 500 in 44 ms, expected 200")
            .seen("SageMaker says InService with config fraud-detector-v7, changed 2026-01-31 02:58:11 UTC"),
        AlertKind::EndpointDegraded => alert
            .titled("variant green took 2.4 s, the limit is 500 ms")
            .seen("probe golden, variant green: 200 in 2,412 ms, 2,380 ms, 2,401 ms")
            .seen("probe golden, variant blue: 200 in 61 ms"),
        AlertKind::EndpointRecovered => {
            alert.titled("unhealthy for 27m 30s").seen("2 of 2 probes answered as they should, in 58 ms and 61 ms")
        }
        AlertKind::EndpointDismissed => alert.titled("watched no more: no entry of the fleet file selects it").seen("failed when it was last looked at"),
        AlertKind::EndpointVanished => alert.seen("SageMaker: Could not find endpoint \"fraud-detector\"").seen("last seen 03:11:00 as InService"),
        AlertKind::EndpointFailed => alert
            .titled("image not found")
            .seen("failure reason: The image '111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud:7' does not exist"),
        AlertKind::EndpointStuck => alert.titled("Updating for 1h 31m").seen("Updating since 01:41:00; the limit is 1h 30m"),
        AlertKind::EndpointFlapping => alert.titled("7 changes within 1h").seen("healthy and unhealthy in turn: 02:20, 02:26, 02:31, 02:40, 02:52, 03:01, 03:12"),
        AlertKind::FleetSuppressed => alert
            .titled("9 of 10 endpoints at once")
            .seen("newly failing: churn, fraud-detector, ranker and 6 more")
            .did("held back 9 alerts and all repairs"),
        AlertKind::MonitorTrouble => alert
            .titled("sagemaker:InvokeEndpoint is denied")
            .seen("4 endpoints affected: churn, fraud-detector, ranker, search")
            .next("Allow `sagemaker:InvokeEndpoint` in the function's role."),
        AlertKind::MonitorIncomplete => alert.titled("812 of 1000 endpoints reached").seen("188 endpoints wait, the oldest was checked 4m ago"),
        AlertKind::FleetFileBroken => alert
            .titled("2 errors")
            .seen("s3://state/fleet.yaml:14:7 endpoints.fraud-detector.health.failure_treshold: unknown field, did you mean failure_threshold?")
            .seen("s3://state/fleet.yaml:31:22 endpoints.ranker.health.probes[0].timeout: \"10\" has no unit"),
        AlertKind::FleetFileRestored => alert.titled("12 endpoints selected"),
        AlertKind::RecoveryStarted => alert.titled("redeploy").did("created the endpoint config fraud-detector-steward-1 from fraud-detector-v7").did("called UpdateEndpoint with it"),
        AlertKind::RecoveryWithdrawn => alert.titled("the endpoint recovered by itself").did("Nothing was changed"),
        AlertKind::RecoveryWaiting => alert
            .titled("sagemaker:CreateEndpoint failed (quota, ResourceLimitExceeded): the account-level service limit is 2")
            .seen("there has been no endpoint for 3 h")
            .next("Ask for a higher quota in Service Quotas, or use an instance type that has capacity."),
        AlertKind::RecoveryFinished => alert.titled("redeploy took 8m 20s").did("redeployed the same model on fresh instances"),
        AlertKind::RecoveryFailed => alert.titled("no capacity for ml.g5.xlarge").severe(Severity::Critical).did("tried redeploy"),
        AlertKind::RecoveryExhausted => alert.titled("3 of 3 repairs used within 24h").did("02:10 redeploy").did("02:31 add-instance").did("02:52 redeploy"),
        AlertKind::AlertsDropped => alert.titled("14 alerts merged").seen("14 × recovery.started"),
        AlertKind::RolloutStarted => alert.titled("fraud-v2 replaces fraud-v1, canary-10").seen("steps 10%, 100%, engine variants"),
        AlertKind::RolloutProgressed => alert.titled("fraud-v2 has 10% of the traffic (step 1 of 2)"),
        AlertKind::RolloutWaiting => alert.titled("waits for `promote` at 10% until 2026-01-31T05:12:00Z; then it is taken back"),
        AlertKind::RolloutPaused => alert.titled("paused by ana: look at the logs first"),
        AlertKind::RolloutResumed => alert.titled("resumed by ana"),
        AlertKind::RolloutHeld => alert.titled("not shown to be well yet: requests: 12 of 50"),
        AlertKind::RolloutPromoted => alert.titled("fraud-v2 has all the traffic").did("keeps blue, without traffic, for 1h"),
        AlertKind::RolloutCompleted => alert.titled("fraud-v2 alone serves"),
        AlertKind::RolloutRollingBack => alert.titled("alarm fraud-errors is in ALARM: 5 datapoints were above 1.0").did("gives all the traffic back to the old model"),
        AlertKind::RolloutRolledBack => alert.titled("alarm fraud-errors is in ALARM").did("now removes what is left of green"),
        AlertKind::RolloutFailed => alert.titled("the endpoint is Failed: no capacity").seen("it was preparing"),
        AlertKind::RolloutUnscaled => alert.titled("fraud-backlog could not be pointed at the policies of variant green, which serves").seen("fraud-backlog: it is gone"),
        AlertKind::BackupCompleted => alert.titled("20260131T020000Z-1a2b3c4d with 100 GB").seen("12 objects in eu-central-1, copied and compared"),
        AlertKind::BackupFailed => alert.titled("s3:PutObject: denied").seen("the newest recovery point is 20260130T020000Z-1a2b3c4d, 1d 1h old"),
        AlertKind::BackupOverdue => alert.titled("2d 3h old, promised are 1d 2h").seen("the last backup failed: s3:PutObject: denied"),
        AlertKind::BackupDamaged => alert.titled("20260131T020000Z-1a2b3c4d").seen("artifacts/objects/0123/: 1 object of 10 GB is missing"),
        AlertKind::BackupUnredeployable => alert.titled("one thing it is made of is gone").seen("The image is gone: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud:7 (404)"),
        AlertKind::BackupRestoring => alert.titled("as fraud-detector in eu-central-1").seen("asked for by ana: eu-west-1 is down"),
        AlertKind::BackupRestored => alert.titled("RTO 12m, RPO 4h 10m").seen("fraud-detector in eu-central-1, from recovery point 20260131T020000Z-1a2b3c4d"),
        AlertKind::BackupRestoreFailed => alert.titled("failed: the endpoint fraud-detector is Failed: no capacity").did("create endpoint fraud-detector"),
        AlertKind::BackupDrilled => alert.titled("RTO 9m 30s, RPO 5h").seen("promised are RTO 1h and RPO 1d 2h"),
        AlertKind::BackupDrillFailed => alert.titled("failed: the endpoint fraud-detector-drill-7 is Failed: no capacity").did("deleted what it made"),
        AlertKind::WakeServed => alert.titled("first success after 6m 40s").seen("asked for by alarm fraud-backlog at 2026-03-01T03:05:20Z").did("raised the minimum from 0 to 3 instances; it is restored when the work has drained"),
        AlertKind::WakeStruggling => alert.titled("AWS has no such instances now").seen("Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error").seen("6m 40s since the first request without capacity"),
        AlertKind::WakeFailed => alert.titled("not in service within 30m: Unable to provision requested ML compute capacity").did("asked for capacity 7 times"),
        AlertKind::WakeYielded => alert.titled("its minimum is 2 now").seen("the minimum is 2, and neither the 0 from before nor the 3 that Steward set").did("leaves the minimum as it is, also when the work has drained"),
        AlertKind::WakeHeld => alert.titled("5 minutes have no data").seen("the minimum is 3, and was 0"),
        AlertKind::CapacityDrifted => alert.titled("scalable target variant main of fraud-detector").seen("The scalable target variant main of fraud-detector was changed outside: max from 8 to 2."),
        AlertKind::CapacityRestored => alert.titled("scalable target variant main of fraud-detector").seen("scalable target variant main of fraud-detector, drifted since 2026-01-31T02:00:00Z"),
        AlertKind::CapacityApplied => alert.titled("2 changes").seen("plan 0f3a9c51d2e7, asked for by ana: the sale begins").did("change scalable target variant main of fraud-detector").did("create scaling policy steward-load of variant main of fraud-detector"),
        AlertKind::CapacityFailed => alert.titled("1 change not made").seen("plan 0f3a9c51d2e7, asked for by ana").seen("alarm fraud-errors: cloudwatch:PutMetricAlarm failed (denied)").did("made 1 of 2 changes"),
    };
    alert.linked(&links())
}

#[test]
fn each_kind_of_alert_reads_like_this() {
    let texts = AlertKind::ALL.map(|kind| {
        let message = example(kind).message();
        format!(
            "Subject: {}\n\n{}\n{}\n\n",
            message.subject,
            message.text,
            "=".repeat(100)
        )
    });
    insta::assert_snapshot!(texts.concat());
}

#[test]
fn programs_and_chat_get_a_document() {
    let mut alert = example(AlertKind::EndpointUnhealthy);
    alert.labels = [
        ("team", "risk"),
        ("cost-center", "4711"),
        ("empty", " "),
        ("AWS.x", "y"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let message = alert.message();
    insta::assert_snapshot!(serde_json::to_string_pretty(&message.json).unwrap());
    insta::assert_debug_snapshot!(message.attributes);
}

#[test]
fn each_protocol_gets_its_own_text_in_one_body() {
    let message = example(AlertKind::EndpointDegraded).message();
    let body: serde_json::Value = serde_json::from_str(&message.body()).unwrap();
    assert_eq!(body["email"], message.text);
    assert_eq!(body["sms"], message.subject);
    let default: serde_json::Value = serde_json::from_str(body["default"].as_str().unwrap()).unwrap();
    assert_eq!(default, message.json);
}

#[test]
fn a_reminder_says_that_it_is_one() {
    let alert = example(AlertKind::EndpointUnhealthy).reminding(2);
    let message = Alert {
        at: "2026-02-01T04:12:00Z".parse().unwrap(),
        ..alert
    }
    .message();
    insta::assert_snapshot!(format!("{}\n\n{}", message.subject, message.text));
}

#[test]
fn a_trouble_that_is_over_says_so() {
    let alert = example(AlertKind::MonitorTrouble)
        .severe(Severity::Info)
        .next("Nothing now.");
    let message = Alert {
        resolved: true,
        ..alert
    }
    .message();
    insta::assert_snapshot!(format!("{}\n\n{}", message.subject, message.text));
}

#[test]
fn an_answer_cannot_call_everybody_in_a_chat() {
    let alert = example(AlertKind::EndpointUnhealthy)
        .titled("<!channel>")
        .seen("<http://evil.example.com|click> & more");
    let content = alert.message().json["content"].to_string();
    assert!(
        !content.contains('<') && content.contains("&lt;!channel&gt;"),
        "{content}"
    );
}

#[test]
fn the_id_depends_on_kind_subject_since_and_the_number_of_the_reminder_only() {
    let id = |kind, endpoint, since, at| Alert::new(kind, Some(endpoint), time(since), time(at)).id;
    let first = id(AlertKind::EndpointUnhealthy, "a", "03:12:00", "03:14:00");
    assert_eq!(first, id(AlertKind::EndpointUnhealthy, "a", "03:12:00", "09:00:00"));
    let others = [
        id(AlertKind::EndpointDegraded, "a", "03:12:00", "03:14:00"),
        id(AlertKind::EndpointUnhealthy, "b", "03:12:00", "03:14:00"),
        id(AlertKind::EndpointUnhealthy, "a", "03:13:00", "03:14:00"),
        Alert::new(
            AlertKind::EndpointUnhealthy,
            Some("a"),
            time("03:12:00"),
            time("03:14:00"),
        )
        .reminding(1)
        .id,
        Alert::new(AlertKind::EndpointUnhealthy, None, time("03:12:00"), time("03:14:00")).id,
    ];
    assert!(!others.contains(&first), "{others:?}");
}

#[test]
fn names_of_kinds_are_their_serde_names_and_severities_too() {
    for kind in AlertKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(serde_json::to_value(kind.severity()).unwrap(), kind.severity().as_str());
    }
}

#[test]
fn links_lead_into_the_console_of_the_partition() {
    let regions = [
        "eu-west-1",
        "us-east-1",
        "cn-north-1",
        "us-gov-west-1",
        "us-iso-east-1",
        "eusc-de-east-1",
    ];
    let shown = regions.map(|region| {
        let links = Links {
            region: region.into(),
            runbooks: None,
        };
        format!(
            "{region}: {}\n",
            links.endpoint("fraud-detector").unwrap_or_else(|| "no link".into())
        )
    });
    insta::assert_snapshot!(shown.concat());
    assert_eq!(
        links().runbook(AlertKind::FleetFileBroken).unwrap(),
        "https://wiki.example.com/steward/fleet-file.broken.md"
    );
    assert_eq!(
        Links {
            runbooks: None,
            ..links()
        }
        .runbook(AlertKind::FleetFileBroken),
        None
    );
}

#[test]
fn links_that_are_set_stay() {
    let mut alert = Alert::new(
        AlertKind::EndpointUnhealthy,
        Some("a"),
        time("03:12:00"),
        time("03:12:00"),
    );
    alert.runbook = Some("https://own.example.com".into());
    assert_eq!(
        alert.linked(&links()).runbook.as_deref(),
        Some("https://own.example.com")
    );
}

#[test]
fn evidence_that_does_not_fit_is_counted() {
    let mut alert = example(AlertKind::EndpointUnhealthy);
    alert.evidence = (0..1000).map(|n| format!("{n} {}", "\"".repeat(2000))).collect();
    alert.done = alert.evidence.clone();
    let message = alert.message();
    let told = message
        .text
        .lines()
        .find(|line| line.ends_with("observations were left out to keep this message small."));
    let left_out: usize = told.unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    let shown = message.text.lines().filter(|line| line.contains("…(+")).count();
    assert!(left_out > 900 && shown >= 10, "{left_out} left out, {shown} shown");
    assert!(size(&message) < 262_144, "{} bytes", size(&message));
}

/// As SNS counts: body and attributes, with names and types.
fn size(message: &Message) -> usize {
    let attributes = message
        .attributes
        .iter()
        .map(|(name, value)| name.len() + value.len() + "String".len());
    message.body().len() + attributes.sum::<usize>()
}

proptest! {
    /// Whatever an endpoint answered and whatever a user named: the message is one that SNS takes.
    #[test]
    fn every_message_is_within_the_limits_of_sns(
        kind in prop::sample::select(AlertKind::ALL.to_vec()),
        subject in prop::option::of(".{0,80}"),
        texts in prop::array::uniform3("(?s).{0,400}"),
        evidence in prop::collection::vec("(?s).{0,40}", 0..12),
        labels in prop::collection::btree_map(".{0,20}", ".{0,20}", 0..15),
        region in prop::option::of("(?s).{0,50}"),
        reminder in 0..3_u32,
        length in 1..60_usize,
    ) {
        let [title, next, runbook] = texts;
        let mut alert = Alert::new(kind, subject.as_deref(), time("03:12:00"), time("03:14:00")).titled(title).next(next);
        alert = if reminder > 0 { alert.reminding(reminder) } else { alert };
        // A short random line many times over is as long as a random long one, and much faster to make.
        alert.evidence = evidence.iter().map(|line| line.repeat(length)).collect();
        alert.done = alert.evidence.iter().cycle().take(evidence.len() * 10).cloned().collect();
        alert.labels = labels;
        alert.region = region;
        alert.runbook = Some(runbook);
        let message = alert.message();
        prop_assert!((1..100).contains(&message.subject.len()), "{}", message.subject);
        prop_assert!(message.subject.bytes().all(|c| (b' '..=b'~').contains(&c)));
        prop_assert!(size(&message) < 262_144, "{} bytes", size(&message));
        prop_assert!(message.attributes.len() <= 10);
        prop_assert!(message.attributes.iter().all(|(name, value)| !name.is_empty() && !value.trim().is_empty()));
        prop_assert!(!message.text.chars().any(|c| c != '\n' && crate::text::unsafe_to_show(c)));
        prop_assert!((1..=128).contains(&alert.id.len()));
        prop_assert!(alert.id.bytes().all(|c| c.is_ascii_alphanumeric() || b"._:/-".contains(&c)), "{}", alert.id);
        let text = serde_json::to_string(&alert).unwrap();
        prop_assert_eq!(serde_json::from_str::<Alert>(&text).unwrap(), alert);
    }
}
