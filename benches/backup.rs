//! A backup of 100 GB in one object, and one of 10,000 small objects, with 50 ms for each AWS call, against the ideal
//! number of rounds for the calls at once; the same copies by boto3 and rclone, where they are installed; and the memory
//! that a backup takes, whatever there is to copy.

use std::{path::Path, time::Duration};

use rehearsal::{
    clock::SimClock,
    cloud::{CallRecord, Cloud},
    faults::{Fault, FaultKind, FaultPlan},
    play::{deploy, environment},
    runtime_api::{Answer, Function, Sandbox},
    scenario::Scenario,
    world::World,
};

mod peers;

use crate::{
    Binaries, Outcome,
    sweeping::Aws,
    table::{Table, memory, time},
};

/// How long each AWS call takes.
const CALL: Duration = Duration::from_millis(50);

/// Calls of a copy at once: the default of the fleet file.
const CONCURRENCY: u32 = 32;

/// Bytes of one part; see `shared/backup/src/backup/copy/layout.rs`.
const PART: u64 = 64 << 20;

/// How much longer than the ideal a copy may take.
const GOAL: f64 = 1.15;

/// How much more memory the largest backup may take than the smallest one.
const SAME_MEMORY: f64 = 1.15;

/// What lies at the source.
#[derive(Clone, Copy, Debug)]
enum Artifact {
    /// One object of so many bytes, the key ending in `weights.bin`.
    One(u64),
    /// So many objects of 64 KB below a prefix.
    Many(u32),
}

impl Artifact {
    fn name(self) -> String {
        match self {
            Self::One(bytes) => format!("{} GB in one object", bytes / 1_000_000_000),
            Self::Many(objects) => format!("{objects} objects of 64 KB"),
        }
    }

    /// The ideal of the copy alone: its calls in rounds of [`CONCURRENCY`], and what has to follow each other.
    fn ideal(self, per_second: Option<u64>) -> (Duration, String) {
        match self {
            Self::One(bytes) => {
                let parts = u32::try_from(bytes.div_ceil(PART)).unwrap_or(u32::MAX);
                let rounds = parts.div_ceil(CONCURRENCY);
                #[expect(clippy::cast_precision_loss, reason = "a rate is far below 2^53")]
                let copied = per_second.map_or(0.0, |rate| PART as f64 / rate as f64);
                let took = CALL * (rounds + 2) + Duration::from_secs_f64(copied) * rounds;
                (
                    took,
                    format!("{parts} parts in {rounds} rounds of {CONCURRENCY}, begin and end"),
                )
            }
            Self::Many(objects) => {
                let rounds = objects.div_ceil(CONCURRENCY);
                (CALL * rounds, format!("{rounds} rounds of {CONCURRENCY}"))
            }
        }
    }

    /// A world with one endpoint made of it, in which a call copies so many bytes in a second.
    fn world(self, per_second: Option<u64>) -> String {
        let (model, objects) = match self {
            Self::One(bytes) => (
                "{artifact: s3://models/llm/weights.bin}".to_owned(),
                format!("llm/weights.bin: {{size: {bytes}, parts: 64 MiB}}"),
            ),
            Self::Many(objects) => (
                "{define: {PrimaryContainer: {Image: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/llm:1, ModelDataSource: \
                 {S3DataSource: {S3Uri: s3://models/llm/, S3DataType: S3Prefix, CompressionType: None}}}}}"
                    .to_owned(),
                format!("llm/part: {{size: 64 KB, copies: {objects}}}"),
            ),
        };
        let timing = per_second.map_or(String::new(), |rate| {
            format!("  timing: {{copied_per_second: {rate}}}\n")
        });
        format!(
            "title: A backup\nduration: 1d\nworld:\n{timing}  regions:\n    eu-west-1: {{topics: [steward-alerts], models: {{llm: \
             {model}}}, endpoints: {{chat: {{variants: {{main: {{model: llm}}}}}}}}}}\n    eu-central-1: {{topics: \
             [steward-alerts]}}\nbuckets:\n  models: {{region: eu-west-1, objects: {{{objects}}}}}\n  models-dr: \
             eu-central-1\nfleet: {{version: 1, endpoints: {{chat: {{backup: {{concurrency: {CONCURRENCY}, destination: \
             {{region: eu-central-1, bucket: models-dr}}}}}}}}}}\nfunctions: [{{name: {FUNCTION}, region: eu-west-1}}]\n"
        )
    }
}

/// The function, and who its calls are logged for.
const FUNCTION: &str = "cross-region-backup";

/// That world, served, and the function in it, which has been woken once.
struct Stage {
    aws: Aws,
    sandbox: Sandbox,
}

impl Stage {
    async fn set(binary: &Path, artifact: Artifact, per_second: Option<u64>) -> Outcome<Self> {
        let scenario =
            Scenario::parse(&artifact.world(per_second), "backup.yaml").map_err(|wrong| wrong.to_string())?;
        let start = jiff::Timestamp::now();
        let world = World::new(&scenario.world, 1, start)
            .map_err(|wrong| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let cloud = Cloud::new(world, FaultPlan::new([], 1), SimClock::new(start));
        deploy(&scenario, &cloud);
        let aws = Aws::of(cloud).await?;
        let function = Function {
            env: environment(&scenario, &scenario.functions[0]),
            endpoint: Some(aws.url.clone()),
            timeout: Duration::from_secs(900),
            ..Function::new(binary, FUNCTION)
        };
        let mut stage = Self {
            sandbox: Sandbox::start(function).await?,
            aws,
        };
        stage.ask(r#"{"command": "status"}"#).await?;
        stage.aws.cloud.take_calls();
        Ok(stage)
    }

    fn slow(&self) {
        self.aws.cloud.add_fault(Fault::every(FaultKind::Slow(CALL)));
    }

    async fn ask(&mut self, event: &'static str) -> Outcome<(Duration, String)> {
        let invoked = self.sandbox.invoke(event).await?;
        match &invoked.result {
            Answer::Response(answer) if answer["outcome"] == "done" => {
                Ok((invoked.took, answer["summary"].as_str().unwrap_or_default().to_owned()))
            }
            other => Err(format!("{event}: {other:?}\n{}", self.sandbox.stderr()).into()),
        }
    }

    async fn end(self) -> Outcome<u64> {
        let usage = self.sandbox.stop().await;
        self.aws.stop().await?;
        usage
            .peak_memory
            .ok_or_else(|| "there is no /proc to read memory from".into())
    }
}

fn copies(call: &CallRecord) -> bool {
    [
        "CreateMultipartUpload",
        "UploadPartCopy",
        "CopyObject",
        "CompleteMultipartUpload",
    ]
    .contains(&call.operation.as_str())
}

/// From the first copying call to the last one's answer, their number, and that of all others.
fn copying(calls: &[CallRecord]) -> Outcome<(Duration, u32, u32)> {
    let copying: Vec<&CallRecord> = calls.iter().filter(|call| copies(call)).collect();
    let (Some(first), Some(last)) = (copying.first(), copying.last()) else {
        return Err("nothing was copied".into());
    };
    let took = Duration::try_from(last.at.duration_since(first.at))? + CALL;
    let count = |number: usize| u32::try_from(number);
    Ok((took, count(copying.len())?, count(calls.len() - copying.len())?))
}

/// One backup, against its ideal, and then the same copy by the others.
async fn race(binary: &Path, artifact: Artifact, per_second: Option<u64>, table: &mut Table) -> Outcome<()> {
    let mut stage = Stage::set(binary, artifact, per_second).await?;
    stage.slow();
    let backup = r#"{"command": "backup", "endpoint": "chat"}"#;
    let (whole, _) = stage.ask(backup).await?;
    let (took, made, others) = copying(&stage.aws.cloud.take_calls())?;
    let (ideal, how) = artifact.ideal(per_second);
    let rate = per_second.map_or(String::new(), |rate| format!(", {} GB/s a call", rate / 1_000_000_000));
    let what = format!("{}{rate}", artifact.name());
    let against = format!("{} ideal: {how}", time(ideal));
    table.compare(
        &format!("{what}: copying"),
        (took.as_secs_f64(), time(took)),
        (ideal.as_secs_f64(), against),
        GOAL,
    );
    let all = ideal + CALL * others;
    table.compare(
        &format!("{what}: the whole backup"),
        (whole.as_secs_f64(), time(whole)),
        (
            all.as_secs_f64(),
            format!("{} with the {others} other calls, one by one", time(all)),
        ),
        GOAL,
    );
    table.tell(&format!("{what}: calls that copy"), made.to_string(), "");
    for peer in peers::all() {
        let name = format!("{what}: {}", peer.name());
        match peers::copy(&peer, &stage.aws, artifact).await? {
            Ok(copied) => table.tell(
                &name,
                time(copied.took),
                format!(
                    "{:.1} times ours whole, {} calls, {}",
                    copied.took.as_secs_f64() / whole.as_secs_f64(),
                    copied.calls,
                    memory(copied.memory)
                ),
            ),
            Err(why) => table.tell(&name, "-", why),
        }
    }
    stage.end().await.map(drop)
}

/// The most memory that a backup took.
async fn peak(binary: &Path, artifact: Artifact) -> Outcome<u64> {
    let mut stage = Stage::set(binary, artifact, None).await?;
    stage.ask(r#"{"command": "backup", "endpoint": "chat"}"#).await?;
    stage.end().await
}

async fn remembers(binary: &Path, cases: [Artifact; 3], table: &mut Table) -> Outcome<()> {
    let least = peak(binary, cases[0]).await?;
    for case in &cases[1..] {
        let most = peak(binary, *case).await?;
        #[expect(clippy::cast_precision_loss, reason = "a resident set is far below 2^53 bytes")]
        let (value, against) = (most as f64, least as f64);
        table.compare(
            &format!("{}: peak memory", case.name()),
            (value, memory(most)),
            (against, format!("{} with {}", memory(least), cases[0].name())),
            SAME_MEMORY,
        );
    }
    Ok(())
}

pub(crate) async fn measure(binaries: &Binaries, table: &mut Table) -> Outcome<()> {
    let binary = &binaries.backup;
    let gigabyte = 1_000_000_000;
    let [one, many] = [Artifact::One(100 * gigabyte), Artifact::Many(10_000)];
    race(binary, one, None, table).await?;
    race(binary, one, Some(gigabyte), table).await?;
    race(binary, many, None, table).await?;
    let sizes = [1, 100, 10_000].map(|size| Artifact::One(size * gigabyte));
    remembers(binary, sizes, table).await?;
    remembers(binary, [100, 10_000, 100_000].map(Artifact::Many), table).await
}
