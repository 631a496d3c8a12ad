//! `rehearse serve`: the simulated AWS over HTTP.
//!
//! Time is real, or real times `--speed`, and starts now. Nothing wakes functions here: whoever tries one invokes it.

use std::net::SocketAddr;

use jiff::Timestamp;

use super::{Console, Done, Serve, Stopped, source};
use crate::{
    clock::SimClock,
    cloud::Cloud,
    faults::{Fault, FaultPlan},
    play::{deploy, environment},
    scenario::{Scenario, served},
    serve::Server,
    timeline::span,
    world::{Happening, HappeningKind, World},
};

pub(super) fn serve(serve: &Serve, console: &mut Console<'_>) -> Done {
    let scenario = match &serve.world {
        Some(name) => source::read(std::slice::from_ref(name))?.remove(0).scenario,
        None => Scenario::parse(served(), "serve.yaml (built in)")
            .map_err(|problems| Stopped::Wrong(problems.to_string()))?,
    };
    if !(serve.speed.is_finite() && serve.speed > 0.0) {
        return Err(Stopped::Wrong(format!(
            "--speed {} is no speed; 1 is real time, 60 a minute per second",
            serve.speed
        )));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stopped::Wrong(format!("no runtime: {error}")))?;
    runtime.block_on(serving(serve, &scenario, console))
}

async fn serving(serve: &Serve, scenario: &Scenario, console: &mut Console<'_>) -> Done {
    let start = Timestamp::now();
    let world = World::new(&scenario.world, scenario.seed, start)
        .map_err(|problems| Stopped::Wrong(problems.iter().map(|one| format!("{one}\n")).collect()))?;
    let faults = FaultPlan::new(scenario.faults.iter().map(Fault::from), scenario.seed);
    let cloud = Cloud::new(world, faults, SimClock::accelerated(start, serve.speed));
    deploy(scenario, &cloud);
    let server = Server::bind(&serve.listen)
        .await
        .map_err(|error| Stopped::Wrong(format!("cannot listen on {}: {error}", serve.listen)))?;
    greet(server.address(), scenario, console)?;
    let mut told = Ok(());
    let stop = async {
        // Without a signal handler there is still the signal's default: the process ends.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let out = &mut console.out;
    let seen = |happening: &Happening| {
        if let Some(line) = line(happening, start) {
            told = std::mem::replace(&mut told, Ok(()))
                .and_then(|()| writeln!(out, "{line}"))
                .and_then(|()| out.flush());
        }
    };
    server
        .run(cloud, seen, stop)
        .await
        .map_err(|error| Stopped::Wrong(format!("serving ended: {error}")))?;
    told?;
    Ok(true)
}

/// What it holds, and what to export to use it.
fn greet(address: SocketAddr, scenario: &Scenario, console: &mut Console<'_>) -> Result<(), Stopped> {
    let out = &mut console.out;
    writeln!(out, "A simulated AWS listens on http://{address}\n")?;
    for (name, region) in &scenario.world.regions {
        let endpoints: Vec<&str> = region.endpoints.keys().map(String::as_str).collect();
        writeln!(out, "  {name}")?;
        for (what, names) in [
            ("endpoints", endpoints.join(", ")),
            ("topics", region.topics.join(", ")),
            (
                "alarms",
                region.alarms.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            ),
        ] {
            if !names.is_empty() {
                writeln!(out, "    {what:<10} {names}")?;
            }
        }
    }
    let reachable = if address.ip().is_unspecified() {
        format!("127.0.0.1:{}", address.port())
    } else {
        address.to_string()
    };
    writeln!(out, "\nFor the aws CLI, boto3 and any SDK (any credentials do):\n")?;
    let region = match scenario.functions.first() {
        Some(function) => scenario.region_of(function),
        None => scenario.home().to_owned(),
    };
    for (name, value) in [
        ("AWS_ENDPOINT_URL", format!("http://{reachable}")),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", "any".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
    ] {
        writeln!(out, "  export {name}={value}")?;
    }
    for function in &scenario.functions {
        writeln!(out, "\nFor the function {}:\n", function.name)?;
        for (name, value) in environment(scenario, function)
            .iter()
            .filter(|(name, _)| name.starts_with("STEWARD_"))
        {
            writeln!(out, "  export {name}={value}")?;
        }
    }
    writeln!(out, "\nWhat happens in it follows; Ctrl-C ends it.\n")?;
    out.flush()?;
    Ok(())
}

/// One line for what somebody watching wants to know.
fn line(happening: &Happening, start: Timestamp) -> Option<String> {
    let time = span(happening.at.duration_since(start).as_secs());
    let what = match &happening.kind {
        HappeningKind::EndpointStatus { endpoint, from, to, .. } => {
            let none = "nothing";
            format!(
                "{endpoint}: {} -> {}",
                from.as_deref().unwrap_or(none),
                to.as_deref().unwrap_or(none)
            )
        }
        HappeningKind::AlarmState { alarm, from, to, .. } => format!("alarm {alarm}: {from} -> {to}"),
        HappeningKind::Published { topic, message } => {
            let topic = topic.rsplit(':').next().unwrap_or(topic);
            format!(
                "topic {topic}: {}",
                message.subject.as_deref().unwrap_or("(no subject)")
            )
        }
        HappeningKind::Scaled { resource, from, to, .. } => format!("{resource}: scaled {from} -> {to}"),
        HappeningKind::Incident { text } => text.clone(),
        HappeningKind::Deployment {
            endpoint,
            config,
            phase,
            share,
        } => format!("{endpoint}: {config} {phase}, {:.0}% of the traffic", share * 100.0),
        HappeningKind::Component {
            endpoint,
            component,
            model,
        } => match model {
            Some(model) => format!("{endpoint}: {component} serves {model}"),
            None => format!("{endpoint}: {component} is gone"),
        },
        HappeningKind::Invoked { target_arn, .. } => {
            format!("{target_arn}: invoked, which nothing here carries out")
        }
        HappeningKind::Capacity { .. } | HappeningKind::Event { .. } | HappeningKind::AlarmAction { .. } => {
            return None;
        }
    };
    Some(format!("{time:>8}  {}  {what}", happening.region))
}
