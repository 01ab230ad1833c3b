//! The parts of a reply that need every shard: `stats`, `flush_all`.
//!
//! Dialects: the replies to questions that all shards answer.

use slabcore_metrics::Snapshot;
use slabcore_protocol::Echo;
use slabcore_shard::{ClassTable, HotKeyList, MissRatioCurve, PrefixCounts, ShardId};
use slabcore_storage::Reassigned;

use crate::connection::connection_reports::ConnectionReports;
use crate::connection::sizes::Sizes;
use crate::settings::limits::OPEN_GATHERS_MAX;

/// The parts gathered so far, and the reply they are for.
#[derive(Debug)]
pub(crate) enum Gathering {
    /// No parts, only the end of each shard's work: `flush_all`.
    Done,
    /// Counters, summed.
    Metrics(Box<Snapshot>, MetricsReply),
    /// Slab classes, summed.
    Classes(Box<ClassTable>, ClassesReply),
    /// `slabs reassign`: the best outcome of all shards.
    Reassign(Reassigned),
    /// A part of a dump, of one shard.
    Dump(Vec<u8>),
    /// `stats detail dump`.
    Prefixes(Box<PrefixCounts>),
    /// `stats hotkeys`.
    HotKeys(Box<HotKeyList>),
    /// `stats mrc`.
    MissRatioCurve(Box<MissRatioCurve>),
    /// `stats sizes`.
    Sizes(Box<Sizes>),
    /// `stats conns`.
    Connections(Box<ConnectionReports>),
    /// No parts, only a turn of each executor: `stats latency`.
    Latency,
    /// `stats shards`: the numbers of each.
    Shards(Vec<Snapshot>),
}

/// Replies made of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricsReply {
    /// `stats`.
    General,
    /// `stats slabcore`.
    Slabcore,
    /// `stats reset`.
    Reset,
}

/// Replies made of slab classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClassesReply {
    /// `stats items`.
    Items,
    /// `stats slabs`.
    Slabs,
}

/// The answers of all shards that make one reply.
#[derive(Debug)]
pub(crate) struct Gather {
    pub(crate) gathering: Gathering,
    /// Shards that have not answered yet.
    remaining: usize,
    /// Echo of a binary request, whose reply is packets.
    pub(crate) echo: Option<Echo>,
}

impl Gather {
    /// Waits for `shards` answers. `echo` is that of a binary request.
    pub(crate) fn new(gathering: Gathering, shards: usize, echo: Option<Echo>) -> Self {
        Self { gathering, remaining: shards, echo }
    }

    /// Its weight among the gathers that a connection may wait for. A gather whose reply grows with
    /// the number of prefixes, sizes or connections has the whole weight.
    pub(super) fn weight(&self) -> usize {
        match self.gathering {
            Gathering::Prefixes(_) | Gathering::Sizes(_) | Gathering::Connections(_) => {
                OPEN_GATHERS_MAX
            }
            _ => 1,
        }
    }

    /// Adds a shard's answer; true if it was the last.
    pub(crate) fn add(&mut self, shard: ShardId, bytes: &[u8]) -> bool {
        match &mut self.gathering {
            Gathering::Done | Gathering::Latency => {}
            Gathering::Prefixes(counts) => counts.merge_bytes(bytes),
            Gathering::HotKeys(keys) => keys.merge_bytes(bytes),
            Gathering::MissRatioCurve(curve) => curve.merge_bytes(bytes),
            Gathering::Sizes(sizes) => sizes.merge_bytes(bytes),
            Gathering::Connections(reports) => reports.merge_bytes(bytes),
            Gathering::Shards(shards) => shards[shard.index()] = snapshot_of(bytes),
            Gathering::Metrics(sum, _) => sum.merge(&snapshot_of(bytes)),
            Gathering::Classes(sum, _) => sum.merge_bytes(bytes),
            Gathering::Reassign(best) => *best = better(*best, bytes),
            Gathering::Dump(part) => part.extend_from_slice(bytes),
        }
        self.remaining -= 1;
        self.remaining == 0
    }

    /// The part of a dump that has come.
    pub(crate) fn take_dump(&mut self) -> Option<Vec<u8>> {
        match &mut self.gathering {
            Gathering::Dump(part) => Some(std::mem::take(part)),
            _ => None,
        }
    }
}

/// The better of two outcomes; `bytes` has the second one as a byte.
fn better(best: Reassigned, bytes: &[u8]) -> Reassigned {
    let all = [Reassigned::Begun, Reassigned::Busy, Reassigned::NoSpare];
    let came = all.into_iter().find(|outcome| bytes == [*outcome as u8]);
    let came = came.expect("a shard answers with one of them");
    if (came as u8) < best as u8 { came } else { best }
}

fn snapshot_of(bytes: &[u8]) -> Snapshot {
    let mut words = [0; Snapshot::WORDS];
    let (chunks, _) = bytes.as_chunks::<8>();
    assert_eq!(chunks.len(), words.len(), "all shards have the same counters");
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*chunk);
    }
    Snapshot::from_words(words)
}
