//! The log: lines on stderr, plain as memcached's or as JSON objects.

use std::fmt;
use std::io;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{self as lines, FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// The message alone.
    Plain,
    /// One JSON object a line: time, level, message, fields.
    Json,
}

impl LogFormat {
    /// Sends the log lines of all threads to stderr in this format.
    pub(crate) fn start(self) {
        // Callers check `-v` before they log. Other crates may only warn.
        let filter = Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("slabcore", LevelFilter::INFO);
        let lines = lines::layer().with_writer(io::stderr).with_ansi(false);
        let layer = match self {
            Self::Plain => lines.event_format(Plain).boxed(),
            Self::Json => {
                let lines = lines.json().flatten_event(true).with_target(false);
                lines.map_event_format(Unprefixed).boxed()
            }
        };
        // Only a second call fails, and changes nothing.
        let _ = registry().with(layer.with_filter(filter)).try_init();
    }
}

/// The beginning of a JSON message that warns.
const PREFIXED: [&str; 2] = ["\"message\":\"warning: ", "\"message\":\"WARNING: "];
const UNPREFIXED: &str = "\"message\":\"";

/// Removes the word `warning` from messages, as JSON objects have a level.
struct Unprefixed(Format<Json>);

impl<S, N> FormatEvent<S, N> for Unprefixed
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        // Quotes inside a value are escaped, so this pattern is the beginning of the message.
        let line = PREFIXED.iter().fold(line, |line, it| line.replacen(it, UNPREFIXED, 1));
        writer.write_str(&line)
    }
}

/// Writes the message alone.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message { writer: writer.by_ref(), result: Ok(()) };
        event.record(&mut message);
        message.result?;
        writeln!(writer)
    }
}

struct Message<'w> {
    writer: Writer<'w>,
    result: fmt::Result,
}

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.result = write!(self.writer, "{value:?}");
        }
    }
}
