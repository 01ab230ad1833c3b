//! The lines above the tables: the server as a whole.

use super::quantity::{bytes, bytes_or_absent, percent, seconds, short, short_or_absent};
use crate::escaped::visible;
use crate::report::{Report, ServerKind, ServerReport};

/// A value and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name; empty for a value that needs none.
    pub(crate) label: &'static str,
    /// Safe on a terminal.
    pub(crate) value: String,
}

/// The lines, each of some fields.
pub(crate) fn headline(report: &Report) -> Vec<Vec<Field>> {
    let mut lines = vec![server(&report.server), requests(report), memory(report), traffic(report)];
    lines.extend(curve(report));
    lines
}

fn field(label: &'static str, value: String) -> Field {
    Field { label, value }
}

fn server(server: &ServerReport) -> Vec<Field> {
    let version = server.version.as_deref().unwrap_or("of an unknown version");
    let product = match (&server.product, server.kind) {
        (Some(product), _) => visible(product),
        (None, ServerKind::Slabcore) => "slabcore".to_owned(),
        (None, ServerKind::Memcached) => format!("memcached {}", visible(version)),
    };
    let mut fields = vec![field("", product), field("", visible(&server.address))];
    fields.extend(server.uptime_seconds.map(|it| field("up", seconds(it))));
    match (server.kind, &server.backend) {
        (ServerKind::Slabcore, Some(backend)) => fields.push(field("on", visible(backend))),
        (ServerKind::Memcached, Some(version)) => fields.push(field("libevent", visible(version))),
        (_, None) => {}
    }
    let threads = server.threads.map(|threads| match server.serving_threads {
        Some(serving) if serving < threads => format!("{threads} ({serving} serve)"),
        _ => threads.to_string(),
    });
    let label = if server.kind == ServerKind::Slabcore { "shards" } else { "threads" };
    fields.extend(threads.map(|it| field(label, it)));
    fields
}

fn requests(report: &Report) -> Vec<Field> {
    let per_second = |rate| format!("{}/s", short_or_absent(rate));
    vec![
        field("requests", per_second(report.rates.requests)),
        field("gets", per_second(report.rates.gets)),
        field("sets", per_second(report.rates.sets)),
        field("hits", percent(report.hit_ratio.interval)),
        field("since start", percent(report.hit_ratio.total)),
    ]
}

fn memory(report: &Report) -> Vec<Field> {
    let memory = &report.memory;
    let items = short_or_absent(memory.items.map(|it| it as f64));
    vec![
        field(
            "memory",
            format!(
                "{} of {}",
                bytes_or_absent(memory.allocated_bytes),
                bytes_or_absent(memory.limit_bytes)
            ),
        ),
        field("items", format!("{items} ({})", bytes_or_absent(memory.items_bytes))),
        field("evictions", format!("{}/s", short_or_absent(report.rates.evictions))),
    ]
}

fn traffic(report: &Report) -> Vec<Field> {
    let connections = &report.connections;
    let count = |number: Option<u64>| number.map_or("-".to_owned(), |it| it.to_string());
    let per_second = |rate: Option<f64>| match rate {
        Some(rate) => format!("{}/s", bytes(rate)),
        None => "-".to_owned(),
    };
    let cpu = report.rates.cpu_seconds;
    let mut fields = vec![
        field("clients", format!("{} of {}", count(connections.open), count(connections.limit))),
        field("new", format!("{}/s", short_or_absent(report.rates.connections))),
        field("in", per_second(report.rates.bytes_read)),
        field("out", per_second(report.rates.bytes_written)),
        field("CPU", cpu.map_or("-".to_owned(), |it| format!("{:.0} %", it * 100.0))),
    ];
    if let Some(rejected @ 1..) = connections.rejected {
        fields.insert(2, field("rejected", short(rejected as f64)));
    }
    fields
}

/// What other sizes of memory would give, as soon as the server can tell.
fn curve(report: &Report) -> Option<Vec<Field>> {
    let points = report.miss_ratio_curve.iter().flat_map(|curve| &curve.points);
    let points = points.filter(|point| point.hit_ratio.is_some());
    let points: Vec<String> = points
        .map(|it| format!("{}x {}", it.memory_factor, percent(it.hit_ratio).replace(' ', "")))
        .collect();
    (!points.is_empty()).then(|| vec![field("hits with memory", points.join("  "))])
}
