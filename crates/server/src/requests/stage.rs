//! A stage: requests of several connections that are decoded together, so that memory latencies
//! overlap.
//!
//! While a request is decoded, the hash buckets of those before it are prefetched. Then all items
//! are prefetched, and each connection's requests are executed in their order.
//!
//! Dialects: the plain reads of each.

use std::ops::Range;

use arrayvec::ArrayVec;
use slabcore_protocol::{Decoded, Decoder, MetaFlags, Protocol};
use slabcore_shard::{Route, ShardId};
use slabcore_storage::{HashedKey, KeyPlace};

use crate::executor::Executor;
use crate::requests::staged_request::StagedRequest;
use crate::settings::limits::{REQUEST_GROUP, STAGE_REQUESTS};

/// The requests of several connections that are decoded and executed together.
pub(crate) struct Stage<'a> {
    slots: ArrayVec<StageSlot<'a>, STAGE_REQUESTS>,
    /// Flags of the plain `mg` requests.
    meta_flags: ArrayVec<MetaFlags<'a>, STAGE_REQUESTS>,
    /// Requests that are not plain reads.
    others: ArrayVec<StagedRequest<'a>, STAGE_REQUESTS>,
}

/// A request in a stage. It is short, because most requests are plain reads: a read of one key with
/// no other effect.
#[derive(Debug, Clone, Copy)]
pub(super) struct StageSlot<'a> {
    key: &'a [u8],
    hash: u64,
    place: KeyPlace,
    /// Input bytes of a plain read.
    consumed: u16,
    shard: ShardId,
    kind: Kind,
    /// Index among the requests of its kind.
    index: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    PlainGet,
    PlainMetaGet,
    PlainBinaryGet,
    Other,
}

/// Input bytes of a plain read in a slot. Only flags could make a longer one.
const READ_BYTES_MAX: usize = u16::MAX as usize;

const _: () = assert!(STAGE_REQUESTS <= u8::MAX as usize);
const _: () = assert!(size_of::<StageSlot<'_>>() == 32);

impl<'a> StageSlot<'a> {
    #[inline]
    pub(super) fn route(&self) -> Route<'a> {
        let key = HashedKey::rejoin_at(self.place, self.key, self.hash);
        Route { key, shard: self.shard }
    }
}

/// The requests of one connection in a stage.
#[derive(Debug, Default)]
pub(crate) struct StagedRequests<'a> {
    /// Range of their slots.
    pub(super) requests: Range<usize>,
    /// What the decoder found after them, if that is not a whole request for one key.
    pub(super) next: Option<Decoded<'a>>,
}

impl StagedRequests<'_> {
    /// True if nothing was staged.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.next.is_none()
    }

    /// True if the request after them needs a connection for its reply.
    pub(super) fn is_endless(&self) -> bool {
        matches!(&self.next, Some(Decoded::Request { request, .. }) if request.is_endless())
    }
}

/// The request of a slot.
pub(super) enum SlotRequest<'s, 'a> {
    /// `get` of one key, with the bytes of its line.
    PlainGet(usize),
    /// `mg` whose flags only choose what the reply shows, with the bytes of its line.
    PlainMetaGet(MetaFlags<'a>, usize),
    /// Binary get, with its bytes.
    PlainBinaryGet(usize),
    /// Another request.
    Other(&'s StagedRequest<'a>),
}

impl<'a> Stage<'a> {
    pub(crate) fn new() -> Self {
        Self { slots: ArrayVec::new(), meta_flags: ArrayVec::new(), others: ArrayVec::new() }
    }

    /// How many requests are staged.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is room for another connection's usual number of requests.
    pub(crate) fn takes_connection(&self) -> bool {
        self.slots.remaining_capacity() >= REQUEST_GROUP
    }

    /// True if no further request fits.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.slots.is_full()
    }

    /// Adds the plain read at the start of the input, and prefetches its bucket. Returns its bytes;
    /// 0 if the input starts with something else.
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
            self.push_slot(executor, key, line_bytes, Kind::PlainGet, 0);
            return line_bytes;
        }
        if let Some((key, flags, line_bytes)) = decoder.single_meta_get(input)
            && line_bytes <= READ_BYTES_MAX
        {
            self.push_slot(executor, key, line_bytes, Kind::PlainMetaGet, self.meta_flags.len());
            self.meta_flags.push(flags);
            return line_bytes;
        }
        0
    }

    /// As [`Self::push_read`], of a binary connection. Not inline, so that text connections do not
    /// pay for it.
    #[inline(never)]
    fn push_binary_read(
        &mut self,
        executor: &mut Executor,
        decoder: &Decoder,
        input: &'a [u8],
    ) -> usize {
        let Some((key, bytes)) = decoder.single_binary_get(input) else { return 0 };
        self.push_slot(executor, key, bytes, Kind::PlainBinaryGet, 0);
        bytes
    }

    /// Adds a request of Redis' dialect and prefetches its bucket.
    pub(super) fn push_redis(&mut self, executor: &mut Executor, request: StagedRequest<'a>) {
        let (key, database) = (request.request.key(), request.request.database());
        let route = executor.router.route_in(database, key);
        self.push_route(executor, route, 0, Kind::Other, self.others.len());
        self.others.push(request);
    }

    /// Adds a request and prefetches its bucket.
    #[inline]
    pub(super) fn push(&mut self, executor: &mut Executor, request: StagedRequest<'a>) {
        self.push_slot(executor, request.request.key(), 0, Kind::Other, self.others.len());
        self.others.push(request);
    }

    #[inline(never)]
    fn push_slot(
        &mut self,
        executor: &mut Executor,
        key: &'a [u8],
        consumed: usize,
        kind: Kind,
        index: usize,
    ) {
        let route = executor.router.route(key);
        self.push_route(executor, route, consumed, kind, index);
    }

    #[expect(clippy::inline_always, reason = "each request does this")]
    #[inline(always)]
    fn push_route(
        &mut self,
        executor: &mut Executor,
        route: Route<'a>,
        consumed: usize,
        kind: Kind,
        index: usize,
    ) {
        if let Some(shard) = executor.reach(route.shard) {
            shard.prefetch_bucket(route.key.hash());
        }
        let key = route.key.key();
        debug_assert!(consumed <= READ_BYTES_MAX, "a plain read is short");
        let (consumed, shard, index) = (consumed as u16, route.shard, index as u8);
        let (hash, place) = (route.key.hash(), route.key.place());
        self.slots.push(StageSlot { key, hash, place, consumed, shard, kind, index });
    }

    /// Prefetches the items. Called once all requests are decoded.
    #[inline]
    pub(crate) fn prefetch_items(&self, executor: &Executor) {
        executor.shards.begin_group();
        for slot in &self.slots {
            if let Some(shard) = executor.shards.held(slot.shard) {
                shard.prefetch_item(slot.hash);
            }
        }
    }

    /// The slots of one connection's requests.
    #[inline]
    pub(super) fn slots(&self, range: Range<usize>) -> &[StageSlot<'a>] {
        &self.slots[range]
    }

    /// The request of one of the slots.
    #[inline]
    pub(super) fn request(&self, slot: &StageSlot<'a>) -> SlotRequest<'_, 'a> {
        let (index, consumed) = (usize::from(slot.index), usize::from(slot.consumed));
        match slot.kind {
            Kind::PlainGet => SlotRequest::PlainGet(consumed),
            Kind::PlainMetaGet => SlotRequest::PlainMetaGet(self.meta_flags[index], consumed),
            Kind::PlainBinaryGet => SlotRequest::PlainBinaryGet(consumed),
            Kind::Other => SlotRequest::Other(&self.others[index]),
        }
    }
}
