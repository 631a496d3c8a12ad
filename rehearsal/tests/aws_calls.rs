//! The calls of `steward::aws` against the simulated AWS, on its virtual clock: what is kept in S3 stays right whatever
//! goes wrong with a call, and whenever a function dies.

use std::time::Duration;

use jiff::Timestamp;
use rehearsal::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultKind, FaultPlan},
    world::{World, spec::WorldSpec},
};
use serde_json::Value;
use steward::{
    aws::{
        Base, Clock, Emit,
        fleet_source::{FleetFile, Trouble},
        lease::Leases,
        ledger::{Ledger, LedgerError, Loaded},
        s3::{Location, S3},
    },
    lease::{Decision, Lease, SKEW, Urgency},
    settings::{FleetSource, StateStore},
};

const REGION: &str = "eu-west-1";
const MINUTE: Duration = Duration::from_secs(60);

type Names = Vec<String>;

fn cloud() -> Cloud {
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
    let world = World::new(&WorldSpec::default(), 1, start).expect("a world");
    let cloud = Cloud::new(world, FaultPlan::none(), SimClock::new(start));
    cloud.store().ensure_bucket("state", REGION);
    cloud.store().ensure_bucket("config", REGION);
    cloud
}

fn base(cloud: &Cloud, caller: &str) -> Base {
    let sdk = cloud.sdk_config(caller, REGION).into_builder();
    let sdk = sdk
        .retry_config(steward::aws::retries())
        .timeout_config(steward::aws::timeouts())
        .build();
    let clock = *cloud.clock();
    Base::new(sdk, Clock::new(move || clock.now()), Emit::new(std::io::sink()))
}

fn store() -> StateStore {
    StateStore {
        bucket: "state".into(),
        prefix: "steward/".into(),
    }
}

fn ledger(cloud: &Cloud, caller: &str) -> Ledger<Names> {
    let at = Location::new("state", "steward/names.json");
    Ledger::new(&S3::new(&base(cloud, caller)), at, "names/1", caller)
}

/// Adds a name unless it is there: what a tick decides.
async fn add(ledger: &Ledger<Names>, name: &str) -> Result<Loaded<Names>, LedgerError> {
    let change = |names: &Names| {
        let wanted = [names.clone(), vec![name.to_owned()]].concat();
        ((!names.iter().any(|known| known == name)).then_some(wanted), ())
    };
    ledger.change(change).await.map(|(now, ())| now)
}

/// Ticks until it is done, as a schedule would.
async fn add_in_the_end(ledger: &Ledger<Names>, name: &str) {
    for _ in 0..5 {
        match add(ledger, name).await {
            Ok(_) => return,
            Err(LedgerError::Call { .. } | LedgerError::Conflict { .. }) => tokio::time::sleep(MINUTE).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("{name} was not added in five ticks");
}

fn every_kind() -> [FaultKind; 5] {
    [
        FaultKind::CutBefore,
        FaultKind::CutAfter,
        FaultKind::Error500,
        FaultKind::Throttle,
        FaultKind::Slow(Duration::from_secs(25)),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_in_any_way_at_any_point_changes_the_ledger_once() {
    for kind in every_kind() {
        for nth in 1..=6 {
            for times in [1, 5] {
                let cloud = cloud();
                cloud.add_fault(Fault {
                    nth: Some(nth),
                    times: Some(times),
                    ..Fault::every(kind)
                });
                let (one, two) = (ledger(&cloud, "one"), ledger(&cloud, "two"));
                for name in ["a", "b"] {
                    add_in_the_end(&one, name).await;
                }
                add_in_the_end(&two, "c").await;
                let now = two.load().await.expect("loaded");
                assert_eq!(now.document, ["a", "b", "c"], "{kind} from call {nth}, {times} times");
                let versions = cloud.store().versions("state", "steward/names.json");
                assert_eq!(
                    versions as u64, now.sequence,
                    "{kind} from call {nth}, {times} times: a write was repeated"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_dies_between_any_two_calls_is_continued_by_the_next_tick() {
    for kind in [FaultKind::CrashBefore, FaultKind::CrashAfter] {
        for nth in 1..=4 {
            let cloud = cloud();
            cloud.add_fault(Fault::every(kind).nth(nth));
            let mut ticks = 0;
            for name in ["a", "b"] {
                loop {
                    ticks += 1;
                    assert!(ticks < 10, "{kind} at call {nth}");
                    let one = ledger(&cloud, "one");
                    let died = cloud.crash_signal("one");
                    tokio::select! {
                        done = add(&one, name) => { done.expect("added"); break }
                        _ = died => {}
                    }
                }
            }
            assert_eq!(ticks, 3, "{kind} at call {nth}: one tick died");
            let now = ledger(&cloud, "two").load().await.expect("loaded");
            assert_eq!(
                (now.document, now.sequence),
                (vec!["a".to_owned(), "b".to_owned()], 2),
                "{kind} at call {nth}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_writers_at_once_all_get_their_turn() {
    let cloud = cloud();
    let names: Vec<_> = (0..4).map(|number| format!("writer-{number}")).collect();
    let ledgers: Vec<_> = names.iter().map(|name| ledger(&cloud, name)).collect();
    let all = names
        .iter()
        .zip(&ledgers)
        .map(|(name, ledger)| add_in_the_end(ledger, name));
    futures::future::join_all(all).await;
    let mut document = ledgers[0].load().await.expect("loaded").document;
    document.sort();
    assert_eq!(document, names);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_call_ends_with_its_invocation() {
    let cloud = cloud();
    let base = base(&cloud, "one");
    let deadline = base.clock.now() + Duration::from_secs(2);
    let s3 = S3::new(&base).until(deadline);
    let one: Ledger<Names> = Ledger::new(&s3, Location::new("state", "k"), "names/1", "one");
    cloud.add_fault(Fault::every(FaultKind::Slow(MINUTE)).on("s3", "PutObject"));
    let error = add(&one, "a").await.expect_err("out of time");
    assert_eq!(
        error.call().map(|call| call.failure),
        Some(steward::failure::Failure::TimedOut),
        "{error}"
    );
    assert_eq!(base.clock.now(), deadline);
}

#[tokio::test(start_paused = true)]
async fn a_missing_bucket_is_no_empty_ledger() {
    let cloud = cloud();
    let s3 = S3::new(&base(&cloud, "one"));
    let lost: Ledger<Names> = Ledger::new(&s3, Location::new("elsewhere", "k"), "names/1", "one");
    let error = lost.load().await.expect_err("no bucket");
    assert_eq!(
        error.call().and_then(|call| call.code.as_deref()),
        Some("NoSuchBucket"),
        "{error}"
    );
}

fn wish(cloud: &Cloud, owner: &str, urgency: Urgency) -> Lease {
    Lease::wish(
        "health-checker",
        owner,
        "redeploy",
        urgency,
        cloud.clock().now(),
        10 * MINUTE,
    )
}

#[tokio::test(start_paused = true)]
async fn of_two_who_want_an_endpoint_at_once_one_gets_it_whatever_fails() {
    for kind in every_kind() {
        for nth in 1..=4 {
            let cloud = cloud();
            cloud.add_fault(Fault::every(kind).nth(nth));
            let (one, two) = (base(&cloud, "one"), base(&cloud, "two"));
            let (one, two) = (
                Leases::new(&S3::new(&one), &store(), "one"),
                Leases::new(&S3::new(&two), &store(), "two"),
            );
            let (mine, theirs) = (
                wish(&cloud, "one", Urgency::Repair),
                wish(&cloud, "two", Urgency::Repair),
            );
            let (a, b) = tokio::join!(one.acquire("fraud", &mine), two.acquire("fraud", &theirs));
            let granted = |decision: &Result<Decision, LedgerError>| matches!(decision, Ok(Decision::Grant(_)));
            assert!(!(granted(&a) && granted(&b)), "{kind} at call {nth}: both hold it");
            let holder = one.current("fraud").await.expect("read").map(|lease| lease.owner_token);
            if granted(&a) {
                assert_eq!(holder.as_deref(), Some("one"), "{kind} at call {nth}");
            }
            if granted(&b) {
                assert_eq!(holder.as_deref(), Some("two"), "{kind} at call {nth}");
            }
            assert!(granted(&a) || granted(&b), "{kind} at call {nth}: {a:?} {b:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_renewed_taken_over_given_back_and_ends_by_itself() {
    let cloud = cloud();
    let leases = Leases::new(&S3::new(&base(&cloud, "one")), &store(), "one");
    assert_eq!(leases.current("fraud").await, Ok(None));
    let repair = wish(&cloud, "repair", Urgency::Repair);
    assert!(matches!(leases.acquire("fraud", &repair).await, Ok(Decision::Grant(lease)) if lease.generation == 1));
    tokio::time::sleep(5 * MINUTE).await;
    let renewed = leases
        .renew("fraud", "repair", 10 * MINUTE)
        .await
        .expect("renewed")
        .expect("held");
    assert_eq!(renewed.expires, cloud.clock().now() + 10 * MINUTE);
    let rollout = wish(&cloud, "rollout", Urgency::Planned);
    assert!(matches!(
        leases.acquire("fraud", &rollout).await,
        Ok(Decision::Refuse { .. })
    ));
    let failover = wish(&cloud, "failover", Urgency::Failover);
    assert!(matches!(
        leases.acquire("fraud", &failover).await,
        Ok(Decision::TakeOver { from, .. }) if from.owner_token == "repair"
    ));
    assert_eq!(
        leases.renew("fraud", "repair", MINUTE).await,
        Ok(None),
        "it was taken over"
    );
    assert_eq!(
        leases.release("fraud", "repair").await,
        Ok(false),
        "it is not theirs to give back"
    );
    assert_eq!(leases.release("fraud", "failover").await, Ok(true));
    assert_eq!(leases.current("fraud").await, Ok(None));
    let rollout = wish(&cloud, "rollout", Urgency::Planned);
    assert!(matches!(leases.acquire("fraud", &rollout).await, Ok(Decision::Grant(lease)) if lease.generation == 3));
    tokio::time::sleep(10 * MINUTE + SKEW).await;
    assert_eq!(leases.current("fraud").await, Ok(None), "it ended by itself");
    assert!(matches!(
        leases.current("../ledger").await,
        Err(LedgerError::Call { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_broken_fleet_file_leaves_the_last_good_one_in_force_across_starts() {
    const KEY: &str = "fleet.yaml";
    let cloud = cloud();
    let source = FleetSource::S3 {
        bucket: "config".into(),
        key: KEY.into(),
    };
    let s3 = S3::new(&base(&cloud, "health-checker"));
    let put = |text: &str| cloud.store().put("config", KEY, text.to_owned(), "text/yaml");
    put("version: 1\nendpoints:\n  fraud: {}\n");
    let warm = FleetFile::new(&source, &store());
    let good = warm.load(&s3).await.expect("in force");
    assert!(good.troubles.is_empty(), "{:?}", good.troubles);
    put("version: 1\nendpoints:\n  fraud: {helth: {}}\n");
    for file in [&warm, &warm, &FleetFile::new(&source, &store())] {
        let now = file.load(&s3).await.expect("the last good one");
        assert_eq!((now.version, now.fleet.named()), (good.version.clone(), vec!["fraud"]));
        assert!(
            matches!(now.troubles.as_slice(), [Trouble::Broken { errors, .. }] if errors.to_string().contains("helth"))
        );
    }
    cloud.add_fault(Fault::every(FaultKind::Denied).on("s3", "GetObject").nth(1));
    let now = warm.load(&s3).await.expect("the last good one");
    let [Trouble::Broken { .. }, Trouble::Call(call)] = now.troubles.as_slice() else {
        panic!("{:?}", now.troubles)
    };
    assert!(call.advice().contains("s3:GetObject"), "{}", call.advice());
    let kept = cloud
        .store()
        .get("state", "steward/fleet/last-good.json")
        .expect("a copy");
    let kept: Value = serde_json::from_slice(&kept).expect("JSON");
    assert_eq!(kept["source"], "s3://config/fleet.yaml");
}
