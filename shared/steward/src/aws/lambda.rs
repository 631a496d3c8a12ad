//! The surroundings of a function: structured logs, metrics, and how long it may run.
//!
//! A log line is one flat JSON object: the fields of the event and of every span around it (`requestId`, `endpoint`)
//! stand side by side, so that a query needs no path and one endpoint's story is one filter.

mod concurrency;
mod event;
mod invoke;
mod serve;

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use super::{Base, Clock, Emit, Invocation};
use crate::{
    emf::{EmfError, Metrics},
    settings::LogLevel,
};

pub use invoke::{LARGEST_EVENT, Lambda};
pub use serve::{Failed, answer, refused, serve};

/// The longest text in one field of a log line, in bytes; CloudWatch Logs takes 256 KiB for a line.
const FIELD_LIMIT: usize = 8 * 1024;

/// What the libraries below us say is worth less than what we say.
const NOISY: &[&str] = &[
    "aws_config",
    "aws_runtime",
    "aws_smithy_runtime",
    "aws_smithy_http_client",
    "aws_sdk",
    "hyper",
    "rustls",
    "h2",
];

/// The invocation as Lambda's context describes it: its request id and its deadline in epoch milliseconds.
pub fn invocation(request_id: &str, deadline_ms: u64) -> Invocation {
    let deadline = i64::try_from(deadline_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Invocation {
        request_id: request_id.to_owned(),
        deadline: deadline.unwrap_or(Timestamp::MAX),
    }
}

/// The span every log line of an invocation is in. Its field is spelt as in Lambda's own lines, so that one query finds
/// both.
pub fn span(call: &Invocation) -> tracing::Span {
    tracing::info_span!("invocation", requestId = call.request_id)
}

/// Makes [`subscriber`] the process's own. Call it once, in `main`.
///
/// # Errors
/// When there is one already.
pub fn log_to(base: &Base, level: LogLevel) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(subscriber(base, level))
}

/// What writes every event of at least `level` as one JSON line to [`Base::emit`], timed by [`Base::clock`].
pub fn subscriber(base: &Base, level: LogLevel) -> impl Subscriber + Send + Sync + use<> {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let noise = if level == LevelFilter::TRACE {
        level
    } else {
        level.min(LevelFilter::WARN)
    };
    let targets = NOISY.iter().map(|target| (*target, noise));
    let lines = JsonLines {
        clock: base.clock.clone(),
        emit: base.emit.clone(),
    };
    Registry::default().with(lines.with_filter(Targets::new().with_default(level).with_targets(targets)))
}

/// Why metrics were not written.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// Something is nothing CloudWatch takes.
    #[error(transparent)]
    Refused(#[from] EmfError),
    /// The output is closed.
    #[error("cannot write metrics: {0}")]
    Output(#[from] std::io::Error),
}

/// Writes metrics in the embedded metric format, one line for each set of dimensions.
///
/// # Errors
/// When they cannot be put in that format, or the output is closed.
pub fn emit_metrics(emit: &Emit, metrics: &Metrics) -> Result<(), MetricsError> {
    for line in metrics.lines()? {
        emit.line(&line)?;
    }
    Ok(())
}

struct JsonLines {
    clock: Clock,
    emit: Emit,
}

/// The fields of a span, kept with it.
struct Fields(Map<String, Value>);

impl<S> Layer<S> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Into(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(Fields(fields)) = span.extensions_mut().get_mut()
        {
            values.record(&mut Into(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        line.insert("timestamp".into(), self.clock.now().to_string().into());
        line.insert("level".into(), word(*event.metadata().level()).into());
        // The message comes third, wherever the event names it.
        line.insert("message".into(), Value::Null);
        line.insert("target".into(), event.metadata().target().into());
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(Fields(fields)) = span.extensions().get() {
                line.extend(fields.clone());
            }
        }
        event.record(&mut Into(&mut line));
        // A closed output cannot be told to anybody: it is the place for telling.
        let _closed = self.emit.line(&Value::Object(line).to_string());
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

struct Into<'a>(&'a mut Map<String, Value>);

impl Into<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }

    fn text(&mut self, field: &Field, mut text: String) {
        if text.len() > FIELD_LIMIT {
            let end = text.floor_char_boundary(FIELD_LIMIT);
            let cut = text.len() - end;
            text.truncate(end);
            text.push_str(&format!("... ({cut} bytes more)"));
        }
        self.put(field, text.into());
    }
}

impl Visit for Into<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field, value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{aws::testing, emf::Unit};

    #[test]
    fn a_log_line_is_flat_and_bears_the_request_and_the_endpoint() {
        let (base, written) = testing::base(testing::Wire::default());
        tracing::subscriber::with_default(subscriber(&base, LogLevel::Info), || {
            let call = invocation("req-1", 1_767_225_600_000);
            let _call = span(&call).entered();
            let _endpoint = tracing::info_span!("endpoint", endpoint = "fraud").entered();
            tracing::warn!(variant = "blue", status = 500, slow = true, "probe failed\n\"twice\"");
            tracing::debug!("not at this level");
            tracing::info!(target: "aws_config::meta", "not from there");
            tracing::info!(body = "x".repeat(9000), "long");
        });
        let text = written.text().replace(&"x".repeat(8192), "[8192 x]");
        insta::assert_snapshot!(text, @r#"
        {"timestamp":"2026-01-01T12:00:00Z","level":"WARN","message":"probe failed\n\"twice\"","target":"shared::aws::lambda::tests","requestId":"req-1","endpoint":"fraud","variant":"blue","status":500,"slow":true}
        {"timestamp":"2026-01-01T12:00:00Z","level":"INFO","message":"long","target":"shared::aws::lambda::tests","requestId":"req-1","endpoint":"fraud","body":"[8192 x]... (808 bytes more)"}
        "#);
    }

    #[test]
    fn metrics_are_written_a_line_for_each_set_of_dimensions() {
        let (base, written) = testing::base(testing::Wire::default());
        let mut metrics = Metrics::new("Steward", base.clock.now()).dimension("Function", "health-checker");
        metrics.put("Checked", 3.0, Unit::Count);
        metrics.put_for(&[("EndpointName", "fraud")], "Healthy", 1.0, Unit::Count);
        emit_metrics(&base.emit, &metrics).expect("written");
        let text = written.text();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["EndpointName"], "fraud");
    }

    #[test]
    fn a_deadline_beyond_time_is_the_end_of_time() {
        assert_eq!(
            invocation("r", 1_767_225_600_000).deadline.to_string(),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(invocation("r", u64::MAX).deadline, Timestamp::MAX);
    }
}
