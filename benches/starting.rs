//! Start, first and warm invocation, and memory of the health checker against those of an empty Lambda.

use std::{path::Path, time::Duration};

use rehearsal::runtime_api::{Answer, Function, Sandbox};

use crate::{
    Binaries, Outcome, median, settings,
    sweeping::{Aws, tick},
    table::{Table, memory, time},
};

/// Processes of each function, started in turns.
const STARTS: usize = 15;

/// Warm invocations of each process.
const WARM: usize = 10;

/// Endpoints that a tick checks here.
const ENDPOINTS: u32 = 5;

#[derive(Default)]
struct Taken {
    init: Vec<Duration>,
    first: Vec<Duration>,
    warm: Vec<Duration>,
    peak: u64,
}

impl Taken {
    async fn add(&mut self, binary: &Path, aws: &Aws) -> Outcome<()> {
        let function = Function {
            env: settings(),
            endpoint: Some(aws.url.clone()),
            ..Function::new(binary, "health-checker")
        };
        let mut sandbox = Sandbox::start(function).await?;
        for number in 0..=WARM {
            let invoked = sandbox.invoke(tick()?).await?;
            if !matches!(invoked.result, Answer::Response(_)) {
                return Err(format!("{}: {:?}\n{}", binary.display(), invoked.result, sandbox.stderr()).into());
            }
            if number == 0 {
                self.first.push(invoked.took)
            } else {
                self.warm.push(invoked.took)
            }
        }
        let usage = sandbox.stop().await;
        self.init.extend(usage.inits);
        self.peak = self.peak.max(usage.peak_memory.unwrap_or_default());
        Ok(())
    }
}

pub(crate) async fn measure(binaries: &Binaries, table: &mut Table) -> Outcome<()> {
    let aws = Aws::serve(ENDPOINTS).await?;
    let (mut empty, mut checker) = (Taken::default(), Taken::default());
    for _ in 0..STARTS {
        empty.add(&binaries.empty, &aws).await?;
        checker.add(&binaries.health_checker, &aws).await?;
    }
    let (init, empty_init) = (median(checker.init), median(empty.init));
    table.compare(
        "init",
        (init.as_secs_f64(), time(init)),
        (empty_init.as_secs_f64(), format!("{} empty Lambda", time(empty_init))),
        4.0,
    );
    let what = format!("that checks {ENDPOINTS} endpoints");
    table.tell(
        &format!("first invocation, {what}"),
        time(median(checker.first)),
        format!("{} empty Lambda", time(median(empty.first))),
    );
    table.tell(
        &format!("warm invocation, {what}"),
        time(median(checker.warm)),
        format!("{} empty Lambda", time(median(empty.warm))),
    );
    if empty.peak > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a resident set is far below 2^53 bytes")]
        let (peak, empty_peak) = (checker.peak as f64, empty.peak as f64);
        table.compare(
            "peak memory",
            (peak, memory(checker.peak)),
            (empty_peak, format!("{} empty Lambda", memory(empty.peak))),
            3.5,
        );
    }
    aws.stop().await
}
