//! The tables of a report.

use super::panel::{Cell, Column, Panel, PanelKind};
use super::quantity::{ABSENT, age, bytes, microseconds, percent, short_or_absent};
use crate::escaped::visible;
use crate::report::{ClassReport, CommandReport, HotKeyReport, Report, ShardReport};

const fn column(name: &'static str, width: u16, rank: u8) -> Column {
    Column { name, width, rank }
}

const COMMAND_COLUMNS: &[Column] = &[
    column("command", 10, 0),
    column("per s", 6, 1),
    column("hits", 8, 4),
    column("mean", 7, 5),
    column("p50", 7, 2),
    column("p90", 7, 7),
    column("p99", 7, 3),
    column("p99.9", 7, 6),
    column("max", 7, 8),
    column("total", 6, 9),
];

/// Of a server that measures no latency.
const COUNT_COLUMNS: &[Column] =
    &[column("command", 10, 0), column("per s", 6, 1), column("hits", 8, 2), column("total", 6, 3)];

const CLASS_COLUMNS: &[Column] = &[
    column("class", 5, 0),
    column("chunk", 8, 1),
    column("memory", 8, 2),
    column("used", 8, 4),
    column("items", 6, 3),
    column("age", 4, 5),
    column("evict/s", 7, 6),
    column("hits/s", 6, 7),
    column("sets/s", 6, 8),
    column("pages", 6, 9),
    column("evicted", 7, 10),
    column("refused", 7, 11),
];

const SHARD_COLUMNS: &[Column] = &[
    column("shard", 5, 0),
    column("gets/s", 6, 1),
    column("hits", 8, 2),
    column("items", 6, 3),
    column("bytes", 8, 6),
    column("conns", 5, 4),
    column("evict/s", 7, 5),
    column("turns/s", 7, 7),
    column("others/s", 8, 8),
    column("pages", 6, 9),
    column("waiting", 7, 10),
];

const HOT_KEY_COLUMNS: &[Column] =
    &[column("key", 0, 0), column("share", 8, 1), column("requests", 8, 2), column("error", 6, 3)];

/// The tables that the server gives something for.
pub(crate) fn panels(report: &Report) -> Vec<Panel> {
    let measures = report.commands.iter().any(|it| it.latency.is_some());
    let (command_columns, command_row): (_, fn(&CommandReport) -> Vec<Cell>) =
        if measures { (COMMAND_COLUMNS, latency_row) } else { (COUNT_COLUMNS, count_row) };
    let commands = report.commands.iter().map(command_row).collect();
    let classes = report.classes.iter().map(class_row).collect();
    let shards = report.shards.iter().map(shard_row).collect();
    let hot_keys = report.hot_keys.iter().map(hot_key_row).collect();
    let panel = |kind, title, columns, rows| Panel { kind, title, columns, rows };
    let mut panels = vec![
        panel(PanelKind::Commands, "Commands", command_columns, commands),
        panel(PanelKind::HotKeys, "Hot keys", HOT_KEY_COLUMNS, hot_keys),
        panel(PanelKind::Classes, "Memory by slab class", CLASS_COLUMNS, classes),
        panel(PanelKind::Shards, "Shards", SHARD_COLUMNS, shards),
    ];
    panels.retain(|panel| {
        let is_of_all = matches!(panel.kind, PanelKind::Commands | PanelKind::Classes);
        is_of_all || !panel.rows.is_empty()
    });
    panels
}

fn count_row(command: &CommandReport) -> Vec<Cell> {
    vec![
        text(&command.command),
        rate(command.requests_per_second),
        ratio(command.hit_ratio),
        count(command.requests),
    ]
}

fn latency_row(command: &CommandReport) -> Vec<Cell> {
    let latency = command.latency.clone().unwrap_or_default();
    vec![
        text(&command.command),
        rate(command.requests_per_second),
        ratio(command.hit_ratio),
        time(command.mean_us),
        time(latency.p50_us),
        time(latency.p90_us),
        time(latency.p99_us),
        time(latency.p999_us),
        time(latency.max_us),
        count(command.requests),
    ]
}

fn class_row(class: &ClassReport) -> Vec<Cell> {
    vec![
        Cell { text: class.class.to_string(), number: Some(class.class as f64) },
        size(class.chunk_bytes),
        size(class.allocated_bytes),
        size(class.used_bytes),
        count(class.items),
        Cell { text: age(class.age_seconds), number: class.age_seconds.map(|it| it as f64) },
        rate(class.evictions_per_second),
        rate(class.hits_per_second),
        rate(class.sets_per_second),
        count(class.pages),
        count(class.evictions),
        count(class.out_of_memory),
    ]
}

fn shard_row(shard: &ShardReport) -> Vec<Cell> {
    vec![
        Cell { text: shard.shard.to_string(), number: Some(shard.shard as f64) },
        rate(shard.gets_per_second),
        ratio(shard.hit_ratio),
        count(shard.items),
        size(shard.items_bytes),
        count(shard.connections),
        rate(shard.evictions_per_second),
        rate(shard.turns_per_second),
        rate(shard.foreign_requests_per_second),
        count(shard.pages),
        count(shard.mailbox_messages),
    ]
}

fn hot_key_row(key: &HotKeyReport) -> Vec<Cell> {
    let shown = visible(&key.key);
    let name = if key.encoding == "text" {
        shown
    } else {
        format!("{shown} ({})", visible(&key.encoding))
    };
    vec![Cell { text: name, number: None }, ratio(key.share), count(key.requests), count(key.error)]
}

fn text(text: &str) -> Cell {
    Cell { text: visible(text), number: None }
}

fn rate(number: Option<f64>) -> Cell {
    Cell { text: short_or_absent(number), number }
}

fn count(number: Option<u64>) -> Cell {
    rate(number.map(|number| number as f64))
}

fn size(number: Option<u64>) -> Cell {
    let text = match number {
        // A column is narrow: no space before the unit.
        Some(number) => bytes(number as f64).replace(' ', ""),
        None => ABSENT.to_owned(),
    };
    Cell { text, number: number.map(|it| it as f64) }
}

fn time(number: Option<f64>) -> Cell {
    Cell { text: microseconds(number).replace(' ', ""), number }
}

fn ratio(part: Option<f64>) -> Cell {
    Cell { text: percent(part).replace(' ', ""), number: part }
}
