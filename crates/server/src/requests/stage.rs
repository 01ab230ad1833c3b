//! Requests of several connections, decoded together: while one is decoded, what the ones before it
//! will touch comes near. First hash buckets, then items; then each is executed, in the order of
//! its connection.
//!
//! Dialects: the plain reads of each.

use std::ops::Range;

use arrayvec::ArrayVec;
use slabcore_protocol::{Decoded, Decoder, MetaFlags, Protocol};
use slabcore_shard::{Route, ShardId};
use slabcore_storage::HashedKey;

use crate::executor::Executor;
use crate::requests::planned::Planned;
use crate::settings::limits::{REQUEST_GROUP, STAGE_REQUESTS};

/// See the module.
pub(crate) struct Stage<'a> {
    requests: ArrayVec<Staged<'a>, STAGE_REQUESTS>,
    /// The flags of plain mgs.
    meta_flags: ArrayVec<MetaFlags<'a>, STAGE_REQUESTS>,
    /// Those that are no plain reads.
    others: ArrayVec<Planned<'a>, STAGE_REQUESTS>,
}

/// A request in a stage, short as what is asked most: a read of one key that has no other effect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Staged<'a> {
    key: HashedKey<'a>,
    /// Bytes of a plain read.
    consumed: u32,
    shard: ShardId,
    kind: Kind,
    /// Number among those of its kind.
    number: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    PlainGet,
    PlainMetaGet,
    PlainBinaryGet,
    Other,
}

const _: () = assert!(STAGE_REQUESTS <= u8::MAX as usize);
const _: () = assert!(size_of::<Staged<'_>>() == 32);

impl<'a> Staged<'a> {
    #[inline]
    pub(super) fn route(&self) -> Route<'a> {
        Route { key: self.key, shard: self.shard }
    }
}

/// The requests of one connection in a stage.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// Which of the stage's they are.
    pub(super) requests: Range<usize>,
    /// What stands behind them, if it was decoded: no whole request for one key.
    pub(super) odd: Option<Decoded<'a>>,
}

impl Plan<'_> {
    /// True if what stands behind its requests only a connection can be answered.
    pub(super) fn is_endless(&self) -> bool {
        matches!(&self.odd, Some(Decoded::Request { request, .. }) if request.is_endless())
    }
}

/// What to execute for a request.
pub(super) enum Todo<'s, 'a> {
    /// A get of one key whose line has so many bytes.
    PlainGet(usize),
    /// An mg whose flags only say what to tell, and the bytes of its line.
    PlainMetaGet(MetaFlags<'a>, usize),
    /// A binary get of so many bytes.
    PlainBinaryGet(usize),
    /// Another request.
    Planned(&'s Planned<'a>),
}

impl<'a> Stage<'a> {
    pub(crate) fn new() -> Self {
        Self { requests: ArrayVec::new(), meta_flags: ArrayVec::new(), others: ArrayVec::new() }
    }

    /// Requests so far.
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// True if there is room for another connection's usual number of requests.
    pub(crate) fn takes_connection(&self) -> bool {
        self.requests.remaining_capacity() >= REQUEST_GROUP
    }

    /// True if no further request fits.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.requests.is_full()
    }

    /// Adds the plain read that the input starts with, and brings its bucket near; returns its
    /// bytes, or 0 if there is none.
    #[expect(clippy::inline_always, reason = "most requests are this one")]
    #[inline(always)]
    pub(super) fn push_read(
        &mut self,
        executor: &mut Executor,
        decoder: &mut Decoder,
        input: &'a [u8],
    ) -> usize {
        if decoder.protocol() == Protocol::Binary {
            return self.push_binary_read(executor, decoder, input);
        }
        if let Some((key, line_bytes)) = decoder.single_get(input) {
            self.push_entry(executor, key, line_bytes, Kind::PlainGet, 0);
            return line_bytes;
        }
        if let Some((key, flags, line_bytes)) = decoder.single_meta_get(input) {
            self.push_entry(executor, key, line_bytes, Kind::PlainMetaGet, self.meta_flags.len());
            self.meta_flags.push(flags);
            return line_bytes;
        }
        0
    }

    /// The same of a binary connection. Not inline, so that a text one does not pay for it.
    #[inline(never)]
    fn push_binary_read(
        &mut self,
        executor: &mut Executor,
        decoder: &Decoder,
        input: &'a [u8],
    ) -> usize {
        let Some((key, bytes)) = decoder.single_binary_get(input) else { return 0 };
        self.push_entry(executor, key, bytes, Kind::PlainBinaryGet, 0);
        bytes
    }

    /// Adds a request and brings its bucket near.
    #[inline]
    pub(super) fn push(&mut self, executor: &mut Executor, planned: Planned<'a>) {
        self.push_entry(executor, planned.request.key(), 0, Kind::Other, self.others.len());
        self.others.push(planned);
    }

    #[inline]
    fn push_entry(
        &mut self,
        executor: &mut Executor,
        key: &'a [u8],
        consumed: usize,
        kind: Kind,
        number: usize,
    ) {
        let route = executor.router.route(key);
        if let Some(shard) = executor.reach(route.shard) {
            shard.prefetch_bucket(route.key.hash());
        }
        let (consumed, shard, number) = (consumed as u32, route.shard, number as u8);
        self.requests.push(Staged { key: route.key, consumed, shard, kind, number });
    }

    /// Brings the items near, once all is decoded.
    #[inline]
    pub(crate) fn prefetch_items(&self, executor: &Executor) {
        executor.shards.begin_group();
        for request in &self.requests {
            if let Some(shard) = executor.shards.held(request.shard) {
                shard.prefetch_item(request.key.hash());
            }
        }
    }

    /// The requests of a plan.
    #[inline]
    pub(super) fn requests(&self, plan: Range<usize>) -> &[Staged<'a>] {
        &self.requests[plan]
    }

    /// What to do for one of them.
    #[inline]
    pub(super) fn todo(&self, request: &Staged<'a>) -> Todo<'_, 'a> {
        let (number, consumed) = (usize::from(request.number), request.consumed as usize);
        match request.kind {
            Kind::PlainGet => Todo::PlainGet(consumed),
            Kind::PlainMetaGet => Todo::PlainMetaGet(self.meta_flags[number], consumed),
            Kind::PlainBinaryGet => Todo::PlainBinaryGet(consumed),
            Kind::Other => Todo::Planned(&self.others[number]),
        }
    }
}
