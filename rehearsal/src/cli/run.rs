//! `rehearse run`, `rehearse list`, and `rehearse` alone.

use std::{fs, path::Path};

use serde_json::json;
use steward::quantity::Span;

use super::{Console, Done, Run, Stopped, source, source::Named};
use crate::{
    play::{self, Options, Outcome},
    report,
    scenario::{Scenario, builtins, first as first_builtin},
    timeline::{JsonLines, People, Style, summary},
};

/// Plays the scenario that a newcomer sees.
pub(super) fn first(console: &mut Console<'_>) -> Done {
    let run = Run {
        scenarios: vec![first_builtin().name.to_owned()],
        seed: None,
        json: false,
        until: None,
        report: None,
        logs: false,
    };
    let held = all(&run, console)?;
    writeln!(
        console.out,
        "\nMore scenarios: `cargo rehearse list`. Write your own: docs/rehearsal.md. \
         Pictures: `cargo rehearse run first --report DIR`."
    )?;
    Ok(held)
}

pub(super) fn list(console: &mut Console<'_>) -> Done {
    let wrong = |name: &str, problems| Stopped::Wrong(format!("{name} does not come right with rehearse: {problems}"));
    let widest = builtins().iter().map(|builtin| builtin.name.len()).max().unwrap_or(0);
    for builtin in builtins() {
        let scenario = Scenario::parse(builtin.text, builtin.name).map_err(|problems| wrong(builtin.name, problems))?;
        writeln!(
            console.out,
            "{:<widest$}  {:>6}  {}",
            builtin.name, scenario.duration, scenario.title
        )?;
    }
    Ok(true)
}

pub(super) fn all(run: &Run, console: &mut Console<'_>) -> Done {
    let scenarios = source::read(&run.scenarios)?;
    if let Some(folder) = &run.report {
        fs::create_dir_all(folder)
            .map_err(|error| Stopped::Wrong(format!("{}: cannot be made: {error}", folder.display())))?;
    }
    let mut failed = Vec::new();
    for (index, named) in scenarios.iter().enumerate() {
        if index > 0 && !run.json {
            writeln!(console.out)?;
        }
        if !one(run, named, console)? {
            failed.push(named.name.as_str());
        }
    }
    if scenarios.len() > 1 && !run.json {
        let (held, of) = (scenarios.len() - failed.len(), scenarios.len());
        writeln!(console.out, "\n{held} of {of} scenarios hold what they promise.")?;
        if !failed.is_empty() {
            writeln!(console.out, "Not: {}", failed.join(", "))?;
        }
    }
    Ok(failed.is_empty())
}

fn one(run: &Run, named: &Named, console: &mut Console<'_>) -> Done {
    let scenario = &named.scenario;
    let options = Options {
        seed: run.seed,
        until: run.until.map(Span::duration),
        faults: Vec::new(),
    };
    let outcome = if run.json {
        programs(run, named, &options, console)?
    } else {
        people(run, named, &options, console)?
    };
    if let Some(folder) = &run.report {
        let name = Path::new(&named.name)
            .file_stem()
            .map_or("scenario".into(), |stem| stem.to_string_lossy());
        let path = folder.join(format!("{name}.html"));
        let page = report::html(scenario, &outcome).map_err(|error| Stopped::Wrong(format!("no report: {error}")))?;
        fs::write(&path, page).map_err(|error| Stopped::Wrong(format!("{}: {error}", path.display())))?;
        if !run.json {
            writeln!(console.out, "Report: {}", path.display())?;
        }
    }
    Ok(outcome.holds())
}

fn people(run: &Run, named: &Named, options: &Options, console: &mut Console<'_>) -> Result<Outcome, Stopped> {
    let scenario = &named.scenario;
    let style = Style {
        colour: console.colour,
        width: console.width,
        regions: scenario.world.regions.len() > 1,
        progress: console.progress,
    };
    summary::head(console.out, scenario, options.seed.unwrap_or(scenario.seed), style)?;
    let end = scenario.start() + options.until.unwrap_or(scenario.duration.duration());
    let mut watch = People::new(&mut *console.out, Some(&mut *console.err), style, scenario.start(), end);
    let outcome = play::play(scenario, options, &mut watch).map_err(stopped)?;
    watch.finish()?;
    summary::tail(console.out, &outcome, style)?;
    if run.logs {
        writeln!(console.out, "\nLogs")?;
        for (at, line) in &outcome.record.logs {
            writeln!(console.out, "  {at}  {line}")?;
        }
    }
    Ok(outcome)
}

fn programs(run: &Run, named: &Named, options: &Options, console: &mut Console<'_>) -> Result<Outcome, Stopped> {
    let scenario = &named.scenario;
    let seed = options.seed.unwrap_or(scenario.seed);
    writeln!(
        console.out,
        "{}",
        json!({"scenario": named.name, "title": scenario.title, "seed": seed, "start": scenario.start()})
    )?;
    let outcome = {
        let mut watch = JsonLines::new(&mut *console.out, scenario.start());
        play::play(scenario, options, &mut watch).map_err(stopped)?
    };
    if run.logs {
        for (at, line) in &outcome.record.logs {
            writeln!(console.out, "{}", json!({"log": line, "at": at}))?;
        }
    }
    for check in &outcome.checks {
        writeln!(console.out, "{}", json!({"expectation": check}))?;
    }
    let record = &outcome.record;
    writeln!(
        console.out,
        "{}",
        json!({
            "end": record.end,
            "holds": outcome.holds(),
            "alerts": record.alerts.len(),
            "invocations": record.invocations.len(),
            "calls": record.calls.len(),
            "idle_faults": record.idle_faults,
        })
    )?;
    Ok(outcome)
}

fn stopped(error: play::PlayError) -> Stopped {
    match error {
        play::PlayError::Watch(error) => Stopped::Io(error),
        other => Stopped::Wrong(other.to_string()),
    }
}
