//! Replies once all shards have said their word.

use slabcore_protocol::{Reply, encode_stat_packets, error_lines};
use slabcore_storage::Reassigned;

use crate::connection::gather::{ClassesReply, Gather, Gathering, MetricsReply};
use crate::executor::Executor;
use crate::requests::stats;
use crate::requests::stats_more::{encode_prefixes, encode_shards};

impl Gather {
    /// The reply once all have answered.
    pub(super) fn reply(&self, executor: &Executor) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.gathering {
            Gathering::Done => Reply::Ok.encode(&mut out),
            Gathering::Prefixes(counts) => {
                encode_prefixes(&mut out, counts, self.echo);
                return out;
            }
            Gathering::Sizes(sizes) => sizes.encode(&mut out),
            Gathering::Connections(connections) => {
                let cluster = &executor.cluster;
                connections.encode(&mut out, &cluster.port_sockets, cluster.clock.uptime());
            }
            Gathering::Shards(shards) => encode_shards(&mut out, &executor.cluster, shards),
            Gathering::Metrics(sum, MetricsReply::General) => {
                stats::general(&mut out, &executor.cluster, sum);
            }
            Gathering::Metrics(sum, MetricsReply::Slabcore) => {
                stats::slabcore(&mut out, &executor.cluster, sum);
            }
            Gathering::Metrics(sum, MetricsReply::Reset) => {
                executor.cluster.reset_stats(sum, stats::shared_counts(&executor.cluster));
                Reply::Reset.encode(&mut out);
            }
            Gathering::Classes(sum, ClassesReply::Items) => {
                stats::items(&mut out, &executor.cluster, sum);
            }
            Gathering::Classes(sum, ClassesReply::Slabs) => {
                stats::slabs(&mut out, &executor.cluster, sum);
            }
            Gathering::Reassign(Reassigned::Begun) => Reply::Ok.encode(&mut out),
            Gathering::Reassign(Reassigned::Busy) => {
                out.extend_from_slice(error_lines::REASSIGN_BUSY);
            }
            Gathering::Reassign(Reassigned::NoSpare) => {
                out.extend_from_slice(error_lines::REASSIGN_NO_SPARE);
            }
            Gathering::Dump(_) => unreachable!("its connection shows what it may of it"),
        }
        match self.echo {
            None => out,
            Some(echo) => {
                let mut packets = Vec::new();
                encode_stat_packets(&mut packets, echo, &out);
                packets
            }
        }
    }
}
