//! The sample events in `events/` are what people send with `sam local invoke`, so they must be what they say they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use shared::{command::HealthCommand, trigger::Trigger};

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

/// What the health checker understands of an event, in one line.
fn understood(bytes: &[u8]) -> Result<String, String> {
    let trigger = Trigger::parse_bytes(bytes).map_err(|error| error.to_string())?;
    match &trigger {
        Trigger::Command(command) => HealthCommand::parse(command)
            .map(|command| format!("{command:?}"))
            .map_err(|error| error.to_string()),
        other => Ok(other.to_string()),
    }
}

#[test]
fn every_sample_is_understood() {
    let lines: Vec<String> = samples("events/health-checker")
        .into_iter()
        .map(|(name, bytes)| match understood(&bytes) {
            Ok(line) => format!("{name}: {line}"),
            Err(error) => panic!("events/health-checker/{name}.json is refused: {error}"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_refused_sample_is_refused_with_what_is_accepted() {
    let lines: Vec<String> = samples("events/health-checker/refused")
        .into_iter()
        .map(|(name, bytes)| match understood(&bytes) {
            Ok(line) => panic!("events/health-checker/refused/{name}.json is taken as: {line}"),
            Err(error) => format!("{name}\n    {error}"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
