//! The sample events in `events/` are what people send with `sam local invoke`, so they must be what they say they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use shared::{
    command::{BackupCommand, CapacityCommand, HealthCommand, RolloutCommand, WakeCommand},
    fleet::Fleet,
    trigger::Trigger,
};

fn samples(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no sample", folder.display());
    let read = |path: PathBuf| {
        (
            path.file_stem().unwrap().to_string_lossy().into_owned(),
            fs::read(&path).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
}

/// What a function understands of an event, in one line.
fn understood(function: &str, bytes: &[u8]) -> Result<String, String> {
    let trigger = Trigger::parse_bytes(bytes).map_err(|error| error.to_string())?;
    let Trigger::Command(command) = &trigger else {
        return Ok(trigger.to_string());
    };
    let read = match function {
        "health-checker" => HealthCommand::parse(command).map(|command| format!("{command:?}")),
        "cross-region-backup" => BackupCommand::parse(command).map(|command| format!("{command:?}")),
        "fleet-reconciler" => CapacityCommand::parse(command).map(|command| format!("{command:?}")),
        "scale-from-zero" => WakeCommand::parse(command).map(|command| format!("{command:?}")),
        _ => RolloutCommand::parse(command).and_then(|command| match command {
            RolloutCommand::Start(start) => {
                let fleet = Fleet::parse(
                    "{version: 1, defaults: {health: {probes: [{name: golden, payload: ask}]}}, endpoints: {'*': }}",
                    "fleet.yaml",
                )
                .expect("a fleet file");
                start
                    .request(&fleet, None, "the invocation")
                    .map(|request| format!("{request:?}"))
            }
            other => Ok(format!("{other:?}")),
        }),
    };
    read.map_err(|error| error.to_string())
}

fn each_is_understood(function: &str) -> String {
    let lines: Vec<String> = samples(&format!("events/{function}"))
        .into_iter()
        .map(|(name, bytes)| match understood(function, &bytes) {
            Ok(line) => format!("{name}: {line}"),
            Err(error) => panic!("events/{function}/{name}.json is refused: {error}"),
        })
        .collect();
    lines.join("\n")
}

fn each_is_refused(function: &str) -> String {
    let lines: Vec<String> = samples(&format!("events/{function}/refused"))
        .into_iter()
        .map(|(name, bytes)| match understood(function, &bytes) {
            Ok(line) => panic!("events/{function}/refused/{name}.json is taken as: {line}"),
            Err(error) => format!("{name}\n    {error}"),
        })
        .collect();
    lines.join("\n")
}

#[test]
fn every_sample_is_understood() {
    insta::assert_snapshot!(each_is_understood("health-checker"));
}

#[test]
fn every_refused_sample_is_refused_with_what_is_accepted() {
    insta::assert_snapshot!(each_is_refused("health-checker"));
}

#[test]
fn every_sample_of_a_rollout_is_understood() {
    insta::assert_snapshot!(each_is_understood("traffic-shifter"));
}

#[test]
fn every_refused_sample_of_a_rollout_is_refused_with_what_is_accepted() {
    insta::assert_snapshot!(each_is_refused("traffic-shifter"));
}

#[test]
fn every_sample_of_a_backup_is_understood() {
    insta::assert_snapshot!(each_is_understood("cross-region-backup"));
}

#[test]
fn every_refused_sample_of_a_backup_is_refused_with_what_is_accepted() {
    insta::assert_snapshot!(each_is_refused("cross-region-backup"));
}

#[test]
fn every_sample_of_a_wake_is_understood() {
    insta::assert_snapshot!(each_is_understood("scale-from-zero"));
}

#[test]
fn every_refused_sample_of_a_wake_is_refused_with_what_is_accepted() {
    insta::assert_snapshot!(each_is_refused("scale-from-zero"));
}

#[test]
fn every_sample_of_the_reconciler_is_understood() {
    insta::assert_snapshot!(each_is_understood("fleet-reconciler"));
}

#[test]
fn every_refused_sample_of_the_reconciler_is_refused_with_what_is_accepted() {
    insta::assert_snapshot!(each_is_refused("fleet-reconciler"));
}
