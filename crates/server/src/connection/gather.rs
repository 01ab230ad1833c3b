//! The parts of a reply that need every shard: `stats`, `flush_all`.
//!
//! Dialects: the replies to questions that all shards answer.

use slabcore_metrics::Snapshot;
use slabcore_protocol::{Echo, RespVersion, RespWriter};
use slabcore_shard::{ClassTable, HotKeyList, MissRatioCurve, PrefixCounts, ShardId};
use slabcore_storage::Reassigned;

use crate::connection::connection_reports::ConnectionReports;
use crate::connection::redis_clients::RedisClients;
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
    /// A Redis command that counts keys: how many there are so far.
    Count(i64),
    /// A Redis command that stores several values: the first reply that is an error.
    Stored(Option<Box<[u8]>>),
    /// `CLIENT LIST` and `CLIENT INFO`.
    RedisClients(Box<RedisClients>),
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
            Gathering::Prefixes(_)
            | Gathering::Sizes(_)
            | Gathering::Connections(_)
            | Gathering::RedisClients(_) => OPEN_GATHERS_MAX,
            // They are as small as other slots.
            Gathering::Count(_) | Gathering::Stored(_) => 0,
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
            Gathering::RedisClients(clients) => clients.merge_bytes(bytes),
            Gathering::Count(_) | Gathering::Stored(_) => self.add_part(bytes),
        }
        self.end_part()
    }

    /// One more answer is to come.
    pub(crate) fn expect_part(&mut self) {
        self.remaining += 1;
    }

    /// An answer has come; true if it was the last.
    pub(crate) fn end_part(&mut self) -> bool {
        self.remaining -= 1;
        self.remaining == 0
    }

    /// Adds the reply to the part of a Redis command for one key.
    pub(crate) fn add_part(&mut self, reply: &[u8]) {
        match (&mut self.gathering, reply) {
            (Gathering::Count(sum), [b':', digits @ .., b'\r', b'\n']) => {
                let number = std::str::from_utf8(digits).ok().and_then(|it| it.parse::<i64>().ok());
                *sum += number.expect("a shard counts");
            }
            (Gathering::Stored(error), [b'-', ..]) => {
                error.get_or_insert_with(|| reply.into());
            }
            _ => {}
        }
    }

    /// Appends the reply to a Redis command for several keys.
    pub(crate) fn encode_redis(&self, out: &mut Vec<u8>) {
        // It is the same in all versions.
        let mut writer = RespWriter::new(out, RespVersion::Two);
        match &self.gathering {
            Gathering::Count(sum) => writer.integer(*sum),
            Gathering::Stored(None) => writer.status("OK"),
            Gathering::Stored(Some(error)) => out.extend_from_slice(error),
            _ => unreachable!("it is for one of these commands"),
        }
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
