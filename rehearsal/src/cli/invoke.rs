//! `rehearse invoke`: a function's real binary, woken as Lambda wakes it.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use steward::quantity::Span;

use super::{Console, Done, Invoke, Stopped};
use crate::runtime_api::{Answer, Function, Sandbox};

/// Prints one answer a line; exits with 1 when one was an error, a death or a timeout.
pub(super) fn all(invoke: &Invoke, console: &mut Console<'_>) -> Done {
    let events: Vec<Vec<u8>> = invoke.events.iter().map(|path| event(path)).collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stopped::Wrong(format!("no runtime: {error}")))?;
    runtime.block_on(invoking(invoke, events, console))
}

fn event(path: &Path) -> Result<Vec<u8>, Stopped> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|error| Stopped::Wrong(format!("{}: cannot be read: {error}", path.display())))
}

async fn invoking(invoke: &Invoke, events: Vec<Vec<u8>>, console: &mut Console<'_>) -> Done {
    let stem = invoke
        .binary
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    let name = invoke.name.clone().or(stem).unwrap_or_else(|| "function".to_owned());
    let function = Function {
        region: invoke.region.clone(),
        timeout: Span::duration(invoke.timeout),
        env: invoke.env.iter().cloned().collect(),
        endpoint: std::env::var("AWS_ENDPOINT_URL").ok(),
        ..Function::new(&invoke.binary, &name)
    };
    let mut sandbox = Sandbox::start(function)
        .await
        .map_err(|error| Stopped::Wrong(error.to_string()))?;
    let mut well = true;
    for event in events {
        let invoked = sandbox
            .invoke(event)
            .await
            .map_err(|error| Stopped::Wrong(error.to_string()))?;
        well &= matches!(invoked.result, Answer::Response(_));
        match &invoked.result {
            Answer::Response(answer) => writeln!(console.out, "{answer}")?,
            Answer::Error { kind, message } => writeln!(console.out, "error {kind}: {message}")?,
            Answer::TimedOut => writeln!(console.out, "error: timed out after {}", invoke.timeout)?,
            Answer::Died(how) => writeln!(console.out, "error: it died: {how}\n{}", sandbox.stderr())?,
        }
        console.out.flush()?;
    }
    sandbox.stop().await;
    Ok(well)
}
