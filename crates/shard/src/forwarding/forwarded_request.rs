//! A request that one shard forwards to another.

use slabcore_protocol::{Echo, StoreRequest};
use slabcore_storage::{HashedKey, PageWish};

use crate::observation::dump::DumpPart;
use crate::observation::watched_lines::Watch;
use crate::requests::request::KeyRequest;
use crate::requests::upload_id::UploadId;

/// What a shard is asked about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsKind {
    /// The counters and gauges of [`slabcore_metrics::Snapshot`].
    Metrics,
    /// The slab classes, a [`crate::ClassTable`].
    Classes,
    /// As `Metrics`; also resets what else is counted for `stats`.
    Reset,
    /// The number of items of each size: pairs of words.
    Sizes,
    /// Requests by prefix, a [`crate::PrefixCounts`].
    Prefixes,
    /// No answer; starts or stops to count requests by prefix.
    Detail(bool),
    /// The executor's last report of its connections.
    Connections,
    /// No answer; gives the shard's executor a turn, in which it reads the settings that all
    /// threads share.
    Turn,
}

impl StatsKind {
    /// All kinds; the code of each is its index.
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
    /// The same in the binary protocol, with the bytes that the reply repeats.
    PlainBinaryGet(HashedKey<'a>, Echo),
    /// Another request for a key, with the key of the request.
    Key(HashedKey<'a>, KeyRequest<'a>),
    /// The start of an upload, with the key of the command.
    UploadBegin(HashedKey<'a>, UploadId, StoreRequest<'a>),
    /// More bytes of an upload.
    UploadBytes(UploadId, &'a [u8]),
    /// The end of an upload; true if its data block ended correctly.
    UploadEnd(UploadId, bool),
    /// The end of an upload whose connection is closed.
    UploadAbandon(UploadId),
    /// `flush_all`, as in [`crate::Shard::flush_all`].
    Flush(Option<u32>),
    /// A question about the shard.
    Stats(StatsKind),
    /// The source's wish for pages.
    PagesWanted(PageWish),
    /// The next part of a dump.
    Dump(DumpPart),
    /// A page move from one slab class to another, see [`crate::Shard::reassign`].
    Reassign(i32, i32),
    /// What is watched, and whose requests follow.
    Watch(Watch),
}
