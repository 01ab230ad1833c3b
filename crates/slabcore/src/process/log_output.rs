//! Where log lines go, and how they look. memcached's own lines are plain.

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

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// The message, nothing else.
    Plain,
    /// An object on each line: time, level, message and what belongs to it.
    Json,
}

impl LogFormat {
    /// From now on, log lines of all threads go to stderr in this format.
    pub(crate) fn start(self) {
        // How much is logged is `-v`'s business. Other crates have nothing to say but warnings.
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
        // Only a second start fails, which changes nothing.
        let _ = registry().with(layer.with_filter(filter)).try_init();
    }
}

/// How messages that warn begin, and lines with them.
const PREFIXED: [&str; 2] = ["\"message\":\"warning: ", "\"message\":\"WARNING: "];
const UNPREFIXED: &str = "\"message\":\"";

/// Leaves the word `warning` out of messages: objects name their level.
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
        // A quote inside a value has a backslash before it: this is the message's own beginning.
        let line = PREFIXED.iter().fold(line, |line, it| line.replacen(it, UNPREFIXED, 1));
        writer.write_str(&line)
    }
}

/// Writes the message, and nothing else.
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
