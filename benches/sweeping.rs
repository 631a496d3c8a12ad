//! A sweep of a thousand endpoints with 50 ms for each AWS call, against the ideal for its concurrency.

use std::{collections::BTreeMap, fs, time::Duration};

use rehearsal::{
    clock::SimClock,
    cloud::{CallRecord, Cloud},
    faults::{Fault, FaultKind, FaultPlan},
    runtime_api::{Answer, Function, Sandbox},
    serve::Server,
    world::{World, WorldSpec},
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    Binaries, Outcome, settings,
    table::{Table, memory, time},
};

/// Holds the fleet file and the ledger.
pub(crate) const BUCKET: &str = "steward-state";

/// Endpoints of the fleet.
const ENDPOINTS: u32 = 1000;

/// How long each AWS call takes.
const CALL: Duration = Duration::from_millis(50);

/// Endpoints checked at the same time: the default of the fleet file.
const CONCURRENCY: u32 = 64;

/// The simulated AWS, served on localhost.
pub(crate) struct Aws {
    pub(crate) cloud: Cloud,
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Aws {
    /// `endpoints` endpoints named `model-0001` and so on, a fleet file that probes each, and a topic.
    pub(crate) async fn serve(endpoints: u32) -> Outcome<Self> {
        let spec = WorldSpec::from_value(&serde_json::json!({
            "regions": { "eu-west-1": {
                "topics": ["alerts"],
                "endpoints": { "model": { "copies": endpoints, "variants": { "AllTraffic": { "latency": "1ms" } } } },
            } },
        }))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let start = jiff::Timestamp::now();
        let world = World::new(&spec, 1, start)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let cloud = Cloud::new(world, FaultPlan::new([], 1), SimClock::new(start));
        cloud.store().ensure_bucket(BUCKET, "eu-west-1");
        let fleet = format!(
            "version: 1\nfleet: {{ concurrency: {CONCURRENCY} }}\nendpoints:\n  model-*:\n    health:\n      probes:\n        \
             - {{ name: ping, payload: {{ instances: [[1, 2, 3]] }} }}\n"
        );
        cloud.store().put(BUCKET, "fleet.yaml", fleet, "application/yaml");
        Self::of(cloud).await
    }

    /// That cloud, on a free port.
    pub(crate) async fn of(cloud: Cloud) -> Outcome<Self> {
        let server = Server::bind("127.0.0.1:0").await?;
        let url = server.url();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.run(cloud.clone(), |_| {}, async {
            // A dropped sender stops the server as well.
            let _ = stopped.await;
        }));
        Ok(Self {
            cloud,
            url,
            stop,
            served,
        })
    }

    /// Stops serving.
    pub(crate) async fn stop(self) -> Outcome<()> {
        // The server may have ended already; then its own error says why.
        let _ = self.stop.send(());
        Ok(self.served.await??)
    }
}

/// The event of a schedule.
pub(crate) fn tick() -> Outcome<Vec<u8>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../events/health-checker/schedule-scheduler-input.json"
    );
    Ok(fs::read(path)?)
}

/// The ideal: the calls that have to follow each other, then the endpoints in rounds of [`CONCURRENCY`], each call of an
/// endpoint after the other, and nothing else takes any time.
fn ideal(calls: &[CallRecord]) -> (Duration, String) {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for call in calls {
        *counts.entry(&call.operation).or_default() += 1;
    }
    let each: u32 = counts
        .values()
        .filter(|count| **count >= ENDPOINTS)
        .map(|count| count / ENDPOINTS)
        .sum();
    let once: u32 = counts.values().filter(|count| **count < ENDPOINTS).sum();
    let rounds = ENDPOINTS.div_ceil(CONCURRENCY);
    (
        CALL * (once + rounds * each),
        format!("{once} calls once, {each} for each endpoint, {CONCURRENCY} at a time"),
    )
}

pub(crate) async fn measure(binaries: &Binaries, table: &mut Table) -> Outcome<()> {
    let aws = Aws::serve(ENDPOINTS).await?;
    let function = Function {
        env: settings(),
        endpoint: Some(aws.url.clone()),
        ..Function::new(&binaries.health_checker, "health-checker")
    };
    let mut sandbox = Sandbox::start(function).await?;
    // The first sweep writes the first ledger; the second is what happens every minute.
    for slow in [false, true] {
        if slow {
            aws.cloud
                .add_fault(Fault::every(FaultKind::Slow(CALL)).by("health-checker"));
        }
        aws.cloud.take_calls();
        let invoked = sandbox.invoke(tick()?).await?;
        let Answer::Response(answer) = &invoked.result else {
            return Err(format!("the sweep failed: {:?}\n{}", invoked.result, sandbox.stderr()).into());
        };
        if slow {
            let (ideal, how) = ideal(&aws.cloud.take_calls());
            table.tell("the sweep says", answer["summary"].to_string(), "");
            table.compare(
                &format!("sweep of {ENDPOINTS} endpoints, {} a call", time(CALL)),
                (invoked.took.as_secs_f64(), time(invoked.took)),
                (ideal.as_secs_f64(), format!("{} ideal: {how}", time(ideal))),
                1.3,
            );
        }
    }
    let usage = sandbox.stop().await;
    if let Some(peak) = usage.peak_memory {
        table.tell("peak memory of that function", memory(peak), "");
    }
    aws.stop().await
}
