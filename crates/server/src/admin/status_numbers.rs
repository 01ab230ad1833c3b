//! The numbers of the status page, as JSON. Only the page reads them, so their form follows it.
//!
//! The text is bounded: shards and slab classes have a maximum, and so have lists of keys.

use std::sync::Arc;

use serde_json::{Value, json};
use slabcore_metrics::{Command, Counter, Gauge, RequestTimes, Snapshot};
use slabcore_protocol::MEMCACHED_VERSION;
use slabcore_storage::{CURVE_QUARTERS, PAGE_BYTES};

use crate::admin::hot_keys_json::hot_keys_json;
use crate::admin::published_numbers::{PURPOSES, PURPOSES_WITHIN_LIMIT, PublishedNumbers};
use crate::shared::resource_usage::resident_bytes;
use crate::shared::shared_state::SharedState;

/// Commands that are neither gets nor stores.
const OTHER_COMMANDS: [Counter; 8] = [
    Counter::DeleteHits,
    Counter::DeleteMisses,
    Counter::IncrHits,
    Counter::IncrMisses,
    Counter::DecrHits,
    Counter::DecrMisses,
    Counter::CmdTouch,
    Counter::CmdFlush,
];

/// The text of `/status.json`.
pub(super) fn status(shared: &SharedState, numbers: &PublishedNumbers) -> String {
    let sum = &numbers.sum;
    let count = |counter| sum.get(counter);
    let others: u64 = OTHER_COMMANDS.into_iter().map(count).sum();
    let status = json!({
        "product": shared.settings.product,
        "memcached_version": MEMCACHED_VERSION,
        "backend": shared.backend.name(),
        "uptime_ms": shared.clock.uptime_ms(),
        "connections": {
            "open": sum.gauge(Gauge::CurrConnections),
            "max": shared.settings.connections_max,
            "rejected": shared.admission.rejected_connections(),
            "accepting": shared.admission.is_accepting(),
        },
        "gets": { "hits": count(Counter::GetHits), "misses": count(Counter::GetMisses) },
        "stores": count(Counter::CmdSet),
        "other_requests": others,
        "evictions": count(Counter::Evictions),
        "evicted_unfetched": count(Counter::EvictedUnfetched),
        "bytes_read": count(Counter::BytesRead),
        "bytes_written": count(Counter::BytesWritten),
        "items": sum.gauge(Gauge::CurrItems),
        "item_bytes": sum.gauge(Gauge::Bytes),
        "memory_limit_bytes": shared.memory.bytes(),
        "resident_bytes": resident_bytes(),
        "page_bytes": PAGE_BYTES,
        "serving_executors": shared.serving.executors(),
        "memory": memory(shared, numbers),
        "classes": classes(numbers),
        "latency": latency(shared),
        "hot_keys": hot_keys_json(&shared.publications.hot_keys()),
        "curve": curve(shared),
        "shards": shards(shared, numbers),
    });
    status.to_string()
}

fn memory(shared: &SharedState, numbers: &PublishedNumbers) -> Vec<Value> {
    let purposes = PURPOSES.into_iter().zip(numbers.memory(shared)).enumerate();
    let purpose = |(index, (purpose, bytes))| {
        let within_limit = index < PURPOSES_WITHIN_LIMIT;
        json!({ "purpose": purpose, "bytes": bytes, "within_limit": within_limit })
    };
    purposes.map(purpose).collect()
}

fn classes(numbers: &PublishedNumbers) -> Vec<Value> {
    let table = &numbers.classes;
    let class = |class| {
        let value = |name| table.value(class, name);
        json!({
            "slab": class,
            "chunk_bytes": value("chunk_size"),
            "items": value("number"),
            "pages": value("total_pages"),
            "evictions": value("evicted"),
        })
    };
    table.active_classes().map(class).collect()
}

/// The times of the requests of each command that was used, in microseconds.
fn latency(shared: &SharedState) -> Vec<Value> {
    let times = RequestTimes::sum_of(shared.timings.iter().map(Arc::as_ref));
    let command = |&command: &Command| {
        let micros = |nanoseconds| nanoseconds as f64 / 1_000.0;
        let filled = times.of(command).filled();
        let buckets: Vec<(f64, f64, u64)> =
            filled.map(|(lower, upper, count)| (micros(lower), micros(upper), count)).collect();
        let name = command.stat_name();
        (!buckets.is_empty()).then(|| json!({ "command": name, "buckets": buckets }))
    };
    Command::ALL.iter().filter_map(command).collect()
}

/// The hit ratios that were predicted for other amounts of memory; null while there are none.
fn curve(shared: &SharedState) -> Value {
    let curve = shared.publications.curve();
    let measured = curve.and_then(|curve| curve.measured_hit_ratio());
    let (Some(curve), Some(measured)) = (curve, measured) else { return Value::Null };
    let point = |(size, quarters): (usize, u64)| {
        let memory_bytes = shared.memory.bytes() as u64 * quarters / 4;
        let hit_ratio = curve.predicted_hit_ratio(size)?;
        let factor = quarters as f64 / 4.0;
        Some(json!({ "factor": factor, "memory_bytes": memory_bytes, "hit_ratio": hit_ratio }))
    };
    let points: Vec<Value> = CURVE_QUARTERS.into_iter().enumerate().filter_map(point).collect();
    json!({ "points": points, "measured_hit_ratio": measured })
}

fn shards(shared: &SharedState, numbers: &PublishedNumbers) -> Vec<Value> {
    let serving = shared.serving.executors();
    let shard = |(index, shard): (usize, &Snapshot)| {
        json!({
            "gets": shard.get(Counter::CmdGet),
            "stores": shard.get(Counter::CmdSet),
            "items": shard.gauge(Gauge::CurrItems),
            "item_bytes": shard.gauge(Gauge::Bytes),
            "connections": shard.gauge(Gauge::CurrConnections),
            "mailbox_messages": shared.mailboxes[index].waiting(),
            "serving": index < serving,
            "silent_seconds": numbers.silent_seconds[index],
        })
    };
    numbers.shards.iter().enumerate().map(shard).collect()
}
