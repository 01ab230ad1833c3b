//! Events for those who watch a store: evictions and moves of pages. Nothing is noted unless
//! someone watches.

use alloc::{boxed::Box, vec::Vec};

use crate::item::chunk_sizes::SlabClassId;
use crate::limits::EVENTS_MAX;

/// Something that a store did without a request for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// A live item was evicted whose key memcached's protocols can name.
    Evicted {
        /// The key.
        key: Vec<u8>,
        /// Whether a get had read it.
        fetched: bool,
        /// Second at which it would have expired. 0: never.
        exptime: u32,
        /// Seconds since it was accessed.
        idle: u32,
        /// Slab class.
        class: SlabClassId,
        /// Bytes of the value.
        value_bytes: usize,
    },
    /// A page left a slab class.
    PageMoved {
        /// The slab class that loses the page.
        from: SlabClassId,
        /// The slab class that gets it. `None`: none yet.
        to: Option<SlabClassId>,
    },
}

/// The events since they were last taken.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    /// `None`: nobody watches.
    noted: Option<Box<Noted>>,
}

#[derive(Debug, Default)]
struct Noted {
    events: Vec<StoreEvent>,
    /// Number of events for which there was no room.
    dropped: u64,
}

impl EventLog {
    /// Begins or ends to note events.
    pub(crate) fn switch(&mut self, on: bool) {
        if on != self.is_on() {
            self.noted = on.then(Default::default);
        }
    }

    /// Whether events are noted.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.noted.is_some()
    }

    /// Whether [`Self::take`] has any.
    pub(crate) fn has_events(&self) -> bool {
        self.noted.as_ref().is_some_and(|noted| !noted.events.is_empty())
    }

    /// The events since the last call, and the number of those that were dropped.
    pub(crate) fn take(&mut self) -> (Vec<StoreEvent>, u64) {
        let noted = self.noted.as_deref_mut().map(core::mem::take).unwrap_or_default();
        (noted.events, noted.dropped)
    }

    /// Notes an event.
    #[cold]
    pub(crate) fn add(&mut self, event: StoreEvent) {
        let Some(noted) = &mut self.noted else { return };
        if noted.events.len() < EVENTS_MAX {
            noted.events.push(event);
        } else {
            noted.dropped += 1;
        }
    }
}
