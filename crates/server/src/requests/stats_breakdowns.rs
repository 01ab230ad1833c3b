//! The text of statistics that are broken down: by prefix of the key, by key, by shard, and by
//! command.
//!
//! Dialects: the packets of `stats detail dump`.

use slabcore_metrics::{Command, Counter, Gauge, Snapshot};
use slabcore_protocol::{BinaryReply, BinaryStatus, BinaryValue, END, Echo, encode_stat};
use slabcore_shard::{HotKeyList, MissRatioCurve, PrefixCounts};
use slabcore_storage::CURVE_QUARTERS;

use crate::settings::key_text::KeyText;
use crate::shared::shared_state::SharedState;

/// Key of the packet that holds the whole `stats detail dump`.
const DETAILED: &[u8] = b"detailed";

/// Quantiles that `stats latency` shows.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)];

/// Appends `stats detail dump`. A binary request gets it as one packet, and an empty one after it.
pub(super) fn encode_prefixes(out: &mut Vec<u8>, counts: &PrefixCounts, echo: Option<Echo>) {
    let mut text = Vec::new();
    counts.encode(&mut text);
    text.extend_from_slice(END);
    let Some(echo) = echo else {
        out.extend_from_slice(&text);
        return;
    };
    let done = BinaryReply::new(echo, BinaryStatus::Done);
    BinaryReply { key: DETAILED, value: BinaryValue::Bytes(&text), ..done }.encode(out);
    done.encode(out);
}

/// Appends `stats latency`: the times of requests since `stats reset`, in microseconds, for the
/// commands that were used.
pub(super) fn encode_latency(out: &mut Vec<u8>, shared: &SharedState) {
    let times = shared.request_times_since_reset();
    for &command in Command::ALL {
        let (name, times) = (command.stat_name(), times.of(command));
        let Some(max) = times.max() else { continue };
        encode_stat(out, format_args!("{name}:count"), times.count());
        encode_stat(out, format_args!("{name}:sum_us"), times.sum() / 1_000);
        for (quantile, share) in QUANTILES {
            let nanoseconds = times.quantile(share).unwrap_or_default();
            let microseconds = format!("{:.1}", nanoseconds / 1_000.0);
            encode_stat(out, format_args!("{name}:{quantile}_us"), microseconds);
        }
        let microseconds = format!("{:.1}", max as f64 / 1_000.0);
        encode_stat(out, format_args!("{name}:max_us"), microseconds);
    }
    out.extend_from_slice(END);
}

/// Appends `stats hotkeys`: for each key from 1 on its text, its requests and by how much they may
/// be too many, and its share of all requests.
pub(super) fn encode_hot_keys(out: &mut Vec<u8>, keys: &HotKeyList) {
    encode_stat(out, "window_seconds", keys.window_seconds());
    encode_stat(out, "requests", keys.requests());
    for (rank, it) in (1..).zip(keys.keys()) {
        let key = KeyText::of(it.key());
        encode_stat(out, format_args!("{rank}:key"), &key.text);
        if key.is_encoded {
            encode_stat(out, format_args!("{rank}:encoding"), "base64");
        }
        encode_stat(out, format_args!("{rank}:requests"), it.requests);
        encode_stat(out, format_args!("{rank}:error"), it.error);
        encode_stat(out, format_args!("{rank}:share"), format_args!("{:.4}", keys.share(it)));
    }
    out.extend_from_slice(END);
}

/// Appends `stats mrc`: predicted and measured hit ratios lately, what they were computed from, and
/// the same as counts since the start.
pub(super) fn encode_miss_ratio_curve(
    out: &mut Vec<u8>,
    shared: &SharedState,
    curve: &MissRatioCurve,
) {
    let memory_bytes = shared.memory.bytes() as u64;
    for (size, factor) in MissRatioCurve::FACTORS.iter().enumerate() {
        let bytes = memory_bytes * CURVE_QUARTERS[size] / 4;
        encode_stat(out, format_args!("{factor}:memory_bytes"), bytes);
        if let Some(ratio) = curve.predicted_hit_ratio(size) {
            encode_stat(out, format_args!("{factor}:hit_ratio"), format_args!("{ratio:.4}"));
        }
        let misses = curve.all.predicted_misses(size);
        encode_stat(out, format_args!("{factor}:misses"), misses);
    }
    if let Some(ratio) = curve.measured_hit_ratio() {
        encode_stat(out, "measured:hit_ratio", format_args!("{ratio:.4}"));
    }
    encode_stat(out, "measured:misses", curve.all.misses);
    encode_stat(out, "requests", curve.all.reads);
    encode_stat(out, "window_requests", curve.window.reads);
    encode_stat(out, "sampled_requests", curve.all.sampled);
    encode_stat(out, "sampled_items", curve.sampled_items);
    let rate = 1.0 / curve.sampled_one_in.max(1) as f64;
    encode_stat(out, "sample_rate", format_args!("{rate:.6}"));
    out.extend_from_slice(END);
}

/// Appends `stats shards`: the numbers of each shard since the start. `stats reset` does not change
/// them.
pub(super) fn encode_shards(out: &mut Vec<u8>, shared: &SharedState, shards: &[Snapshot]) {
    let gauges = [
        Gauge::CurrItems,
        Gauge::Bytes,
        Gauge::PagesOwned,
        Gauge::OrderRecency,
        Gauge::OrderWorth,
        Gauge::OrderReadFirst,
        Gauge::CurrConnections,
    ];
    let counters = [
        Counter::GetHits,
        Counter::GetMisses,
        Counter::Evictions,
        Counter::Turns,
        Counter::RingEnters,
        Counter::ShardsBorrowed,
        Counter::ShardsBusy,
        Counter::Doorbells,
        Counter::ForeignBatches,
        Counter::ForeignRequests,
        Counter::RequestsServed,
    ];
    for (shard, numbers) in shards.iter().enumerate() {
        for gauge in gauges {
            let name = gauge.stat_name();
            encode_stat(out, format_args!("shard:{shard}:{name}"), numbers.gauge(gauge));
        }
        for counter in counters {
            let name = counter.stat_name();
            encode_stat(out, format_args!("shard:{shard}:{name}"), numbers.get(counter));
        }
        let waiting = shared.mailboxes[shard].waiting();
        encode_stat(out, format_args!("shard:{shard}:mailbox_messages"), waiting);
    }
    out.extend_from_slice(END);
}
