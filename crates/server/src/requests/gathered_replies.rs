//! Replies that are made once all shards have answered.

use slabcore_protocol::{Reply, encode_stat_packets, error_lines};
use slabcore_storage::Reassigned;

use crate::connection::gather::{ClassesReply, Gather, Gathering, MetricsReply};
use crate::executor::Executor;
use crate::requests::stats;
use crate::requests::stats_breakdowns::{
    encode_hot_keys, encode_latency, encode_miss_ratio_curve, encode_prefixes, encode_shards,
};

/// The reply of a gather that all shards have answered.
pub(super) fn gathered_reply(gather: &Gather, executor: &Executor) -> Vec<u8> {
    let mut out = Vec::new();
    match &gather.gathering {
        Gathering::Done => Reply::Ok.encode(&mut out),
        Gathering::Prefixes(counts) => {
            encode_prefixes(&mut out, counts, gather.echo);
            return out;
        }
        Gathering::HotKeys(keys) => encode_hot_keys(&mut out, keys),
        Gathering::MissRatioCurve(curve) => {
            encode_miss_ratio_curve(&mut out, &executor.shared, curve);
        }
        Gathering::Sizes(sizes) => sizes.encode(&mut out),
        Gathering::Connections(connections) => {
            let shared = &executor.shared;
            connections.encode(&mut out, &shared.port_sockets, shared.clock.uptime());
        }
        Gathering::Latency => encode_latency(&mut out, &executor.shared),
        Gathering::Shards(shards) => encode_shards(&mut out, &executor.shared, shards),
        Gathering::Metrics(sum, MetricsReply::General) => {
            stats::general(&mut out, &executor.shared, sum);
        }
        Gathering::Metrics(sum, MetricsReply::Slabcore) => {
            stats::slabcore(&mut out, &executor.shared, sum);
        }
        Gathering::Metrics(sum, MetricsReply::Reset) => {
            executor.shared.reset_stats(sum, stats::shared_counts(&executor.shared));
            Reply::Reset.encode(&mut out);
        }
        Gathering::Classes(sum, ClassesReply::Items) => {
            stats::items(&mut out, &executor.shared, sum);
        }
        Gathering::Classes(sum, ClassesReply::Slabs) => {
            stats::slabs(&mut out, &executor.shared, sum);
        }
        Gathering::Reassign(Reassigned::Begun) => Reply::Ok.encode(&mut out),
        Gathering::Reassign(Reassigned::Busy) => {
            out.extend_from_slice(error_lines::REASSIGN_BUSY);
        }
        Gathering::Reassign(Reassigned::NoSpare) => {
            out.extend_from_slice(error_lines::REASSIGN_NO_SPARE);
        }
        Gathering::Count(_) | Gathering::Stored(_) => gather.encode_redis(&mut out),
        Gathering::RedisClients(clients) => clients.encode(&mut out),
        Gathering::Dump(_) => unreachable!("its connection takes the part"),
    }
    match gather.echo {
        None => out,
        Some(echo) => {
            let mut packets = Vec::new();
            encode_stat_packets(&mut packets, echo, &out);
            packets
        }
    }
}
