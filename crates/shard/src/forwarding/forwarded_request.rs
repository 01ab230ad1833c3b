//! One request between shards.

use slabcore_protocol::{Echo, StoreRequest};
use slabcore_storage::{HashedKey, PageWish};

use crate::observation::dump::DumpPart;
use crate::observation::watched_lines::Watch;
use crate::requests::request::KeyRequest;
use crate::requests::upload_id::UploadId;

/// What a shard is asked to tell of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsKind {
    /// The counters and gauges of [`slabcore_metrics::Snapshot`].
    Metrics,
    /// The slab classes, a [`crate::ClassTable`].
    Classes,
    /// As `Metrics`; what else is counted for `stats` begins anew.
    Reset,
    /// How many items have which size: pairs of words.
    Sizes,
    /// Requests by prefix, a [`crate::PrefixCounts`].
    Prefixes,
    /// Nothing; requests are counted by prefix from now on, or no longer.
    Detail(bool),
    /// What the executor last told the shard of its connections.
    Connections,
    /// Nothing: the shard's executor has a turn, and so looks at what all share.
    Turn,
}

impl StatsKind {
    /// All of them; the code of each is its index.
    const ALL: [Self; 9] = [
        Self::Metrics,
        Self::Classes,
        Self::Reset,
        Self::Sizes,
        Self::Prefixes,
        Self::Detail(false),
        Self::Detail(true),
        Self::Connections,
        Self::Turn,
    ];

    pub(super) fn code(self) -> u8 {
        let place = Self::ALL.iter().position(|kind| *kind == self);
        place.expect("all kinds are there") as u8
    }

    pub(super) fn of_code(code: u8) -> Self {
        Self::ALL[usize::from(code)]
    }
}

/// One request to another shard.
#[derive(Debug, Clone, Copy)]
pub enum ForwardedRequest<'a> {
    /// A classic get of one key that only returns the value.
    PlainGet(HashedKey<'a>),
    /// The same in the binary protocol, and what the reply repeats.
    PlainBinaryGet(HashedKey<'a>, Echo),
    /// A request for a key; the key is the request's.
    Key(HashedKey<'a>, KeyRequest<'a>),
    /// An upload starts; the key is the command's.
    UploadBegin(HashedKey<'a>, UploadId, StoreRequest<'a>),
    /// More bytes of an upload.
    UploadBytes(UploadId, &'a [u8]),
    /// An upload is whole; true if its data block ended as it must.
    UploadEnd(UploadId, bool),
    /// The uploading connection is gone.
    UploadAbandon(UploadId),
    /// `flush_all`, as in [`crate::Shard::flush_all`].
    Flush(Option<u32>),
    /// Counters or classes, as words.
    Stats(StatsKind),
    /// Pages would be welcome at the source.
    PagesWanted(PageWish),
    /// A part of a dump.
    Dump(DumpPart),
    /// A page is to leave a slab class for another, as numbered by memcached.
    Reassign(i32, i32),
    /// Whose the requests are that follow, for those who watch.
    Watch(Watch),
}
