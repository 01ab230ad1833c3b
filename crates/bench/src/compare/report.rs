//! The report of a comparison as JSON: every window, and where it was measured.

use serde_json::{Value, json};

use crate::compare::comparison::{Outcome, Window};
use crate::host::machine;

/// A comparison: what was measured, of what, how.
#[derive(Debug)]
pub struct Report<'a> {
    /// The command line.
    pub command: Vec<String>,
    /// The machine, as [`describe`](crate::host::machine::describe) says it.
    pub machine: &'a str,
    /// The version that the other server gave.
    pub other_version: &'a str,
    /// The version that Slabcore gave.
    pub slabcore_version: &'a str,
    /// The rows in order.
    pub outcomes: &'a [Outcome],
}

impl Report<'_> {
    /// The report. All times are in microseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "command": self.command,
            "machine": self.machine,
            "governor": machine::governor(),
            "versions": { "other": self.other_version, "slabcore": self.slabcore_version },
            "rows": self.outcomes.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn row(outcome: &Outcome) -> Value {
    let ratio = outcome.ratio();
    let [other, slabcore, responder] = [&outcome.memcached, &outcome.slabcore, &outcome.responder]
        .map(|windows| windows.iter().map(window).collect::<Vec<_>>());
    json!({
        "name": outcome.row.name,
        "threads": outcome.row.threads,
        "connections": outcome.row.connections,
        "depth": outcome.row.depth,
        "ratio": ratio.ratio,
        "interval_95": ratio.interval.map(|(low, high)| [low, high]),
        "resident_bytes": {
            "other": outcome.memcached_bytes,
            "slabcore": outcome.slabcore_bytes,
        },
        "windows": { "other": other, "slabcore": slabcore, "responder": responder },
    })
}

fn window(window: &Window) -> Value {
    json!({
        "requests_per_second": window.throughput,
        "cpu_per_request": window.cpu_micros,
        "busy_cores": window.busy_cores,
        "p50": window.p50_micros,
        "p99": window.p99_micros,
        "p99_9": window.p999_micros,
        "hits": window.hits,
        "misses": window.misses,
        "unsent": window.unsent,
    })
}
