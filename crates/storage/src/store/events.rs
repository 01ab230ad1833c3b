//! What a store does by itself, for those who watch it: live items pushed out, pages that move.
//! Nothing is noted while nobody watches.

use alloc::vec::Vec;

use crate::index::key_hasher::HashedKey;
use crate::item::item;
use crate::item::item_ref::ItemRef;
use crate::limits::EVENTS_MAX;
use crate::memory::region::Location;
use crate::store::store::{Miss, Store};

/// Something that a store did by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// A live item was pushed out.
    Evicted {
        /// Its key.
        key: Vec<u8>,
        /// A get had read it.
        fetched: bool,
        /// Second at which it would have died; 0: never.
        exptime: u32,
        /// Seconds since it was accessed.
        idle: u32,
        /// Slab class, from 1.
        class: usize,
        /// Bytes of the value.
        value_bytes: usize,
    },
    /// A page left a slab class for another one, or 0: for none yet.
    PageMoved {
        /// Slab class, from 1.
        from: usize,
        /// Slab class, from 1, or 0.
        to: usize,
    },
}

/// Events that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    events: Vec<StoreEvent>,
    /// Those that found no room.
    dropped: u64,
}

/// What is known of a key without touching its item.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// Slab class, from 1.
    pub class: usize,
    /// Bytes of the value.
    pub value_bytes: usize,
    /// Second at which the item dies; 0: never.
    pub exptime: u32,
    /// 0 if it has none.
    pub cas: u64,
}

impl Store {
    /// Begins or ends to note events.
    pub fn note_events(&mut self, note: bool) {
        if note != self.events.is_some() {
            self.events = note.then(Default::default);
        }
    }

    /// Whether [`Self::take_events`] has any.
    pub fn has_events(&self) -> bool {
        self.events.as_ref().is_some_and(|log| !log.events.is_empty())
    }

    /// The events since this was last asked, and how many more there were.
    pub fn take_events(&mut self) -> (Vec<StoreEvent>, u64) {
        let log = self.events.as_deref_mut().map(core::mem::take).unwrap_or_default();
        (log.events, log.dropped)
    }

    #[cold]
    pub(crate) fn note_event(&mut self, event: StoreEvent) {
        let Some(log) = &mut self.events else { return };
        if log.events.len() < EVENTS_MAX {
            log.events.push(event);
        } else {
            log.dropped += 1;
        }
    }

    #[cold]
    pub(crate) fn note_eviction(&mut self, now: u32, class: usize, item: Location) {
        let view = ItemRef::new(&self.slabs.pages, item);
        let event = StoreEvent::Evicted {
            key: view.key().to_vec(),
            fetched: view.is_fetched(),
            exptime: view.exptime(),
            idle: self.clock.seconds_since(now, view.access().step()),
            class: class + 1,
            value_bytes: view.value_len(),
        };
        self.note_event(event);
    }

    /// Looks at a key's item without counting as a read, nor taking back a dead one.
    pub fn glance(&self, now: u32, key: HashedKey<'_>) -> Result<Glance, Miss> {
        let item = self.find_linked(key).ok_or(Miss::NotFound)?;
        if let Some(miss) = self.death_of(now, item) {
            return Err(miss);
        }
        let view = ItemRef::new(&self.slabs.pages, item);
        Ok(Glance {
            class: self.slabs.class_of(item) + 1,
            value_bytes: view.value_len(),
            exptime: view.exptime(),
            cas: view.cas(),
        })
    }

    /// The slab class, from 1, that such an item would be stored in.
    pub fn class_of_new(
        &self,
        key_bytes: usize,
        value_bytes: usize,
        flags: u32,
        exptime: u32,
    ) -> usize {
        let shape =
            item::ItemShape::new(&self.slabs.sizes, key_bytes, value_bytes, flags, exptime, false);
        self.slabs.class_for(shape.head_bytes) + 1
    }
}
