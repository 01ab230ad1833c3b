//! The place of a reply that is missing, or that is sent without a copy.

use std::ops::Range;

use crate::connection::gather::Gather;
use crate::connection::outgoing::LargeValue;
use crate::connection::request_group::RequestGroup;

/// A reply that is owed.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) state: SlotState,
    /// Bytes of `tail` that follow this slot, up to the next.
    pub(super) after: usize,
    /// Requests that are answered once this reply, and all before it, are there.
    pub(super) requests: RequestGroup,
}

/// How far the reply is.
#[derive(Debug)]
pub(super) enum SlotState {
    /// Another shard owes the reply, which has no value.
    Open,
    /// Another shard owes the reply, which may have a value.
    OpenRead,
    /// The reply is here, but waits for earlier ones. It is a range of `late`, which may be empty.
    Late(Range<usize>),
    /// A large value, or the rest of one.
    Large(Box<LargeValue>),
    /// A part of a large value is being sent; more parts follow.
    Leaving,
    /// Several shards owe parts of the reply.
    Gather(Box<Gather>),
}
