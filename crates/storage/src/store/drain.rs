//! Pages are **drained** a little at a time: dead items are taken back, live ones move into other
//! pages of their class, where the class's most dispensable items make room. So what is lost is not
//! what happened to lie in the page, and no operation works on it for long.
//!
//! One page is drained at a time, for whoever wanted it first, or whoever needs it before them. A
//! drain is **lossless** where its items fit the free chunks of their class.
//!
//! Allocations go on with a drain. One that they have left alone is finished in the background: the
//! class that wanted the page may never allocate again.

use crate::item::item::{self, ChunkUse};
use crate::limits::{
    COMPACT_LOOKS_MAX, COMPACT_SLACK_PART, COMPACT_WORK, DRAIN_WORK_MAX, EVICTION_WORK,
    PREFETCH_CHUNKS, RECLAIM_WORK, RELOCATION_WORK, RELOCATION_WORK_BYTES, RESCUE_WORK,
    RESERVE_WORK, STEAL_LOOKS_MAX,
};
use crate::memory::region::Location;
use crate::slabs::slab_allocator::NONE;
use crate::store::events::StoreEvent;
use crate::store::store::Store;

/// Who gets a page that is being drained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Recipient {
    /// A slab class that would evict otherwise.
    Class(usize),
    /// The reserve of spare pages.
    Reserve,
    /// Other shards, through the pool.
    Pool,
}

/// The page that is being drained.
#[derive(Clone, Copy)]
pub(crate) struct Drain {
    record: u32,
    /// The next chunk to be emptied.
    chunk: usize,
    pub(crate) recipient: Recipient,
    /// The class that loses the page.
    from: usize,
    /// Begun because nothing live is lost by it.
    pub(crate) lossless: bool,
    /// An operator takes the page. Only an allocation that finds nothing else gets it before.
    pub(crate) ordered: bool,
    /// No allocation has gone on with it since the last background work.
    is_stalled: bool,
}

impl Store {
    pub(crate) fn begin_drain(&mut self, page: u32, recipient: Recipient, lossless: bool) {
        let from = self.slabs.class_of_record(page);
        self.slabs.begin_drain(page);
        self.drained_for = Some(recipient);
        let (ordered, is_stalled) = (false, false);
        let drain =
            Drain { record: page, chunk: 0, recipient, from, lossless, ordered, is_stalled };
        self.drain = Some(drain);
    }

    /// Gives up on the page that is being drained; it stays in its class, unless it is empty by
    /// now.
    pub(crate) fn cancel_drain(&mut self) {
        match self.drain.take() {
            Some(drain) if self.slabs.draining != drain.record => self.end_drain(drain),
            _ => self.slabs.cancel_drain(),
        }
    }

    /// The drained page is free.
    fn end_drain(&mut self, drain: Drain) {
        self.drain = None;
        self.drained_for = Some(drain.recipient);
        self.slabs_moved += 1;
        self.note_page_move(drain);
        if drain.ordered {
            self.end_reassigning(drain.recipient);
        }
        if drain.recipient == Recipient::Pool {
            self.give_granted_page();
        }
    }

    /// Record of the page that is being drained. `None`: no page is, or it is empty by now.
    pub(crate) fn drained_page(&self) -> Option<u32> {
        self.drain.map(|drain| drain.record).filter(|record| *record == self.slabs.draining)
    }

    /// The class of that page.
    pub(crate) fn drained_class(&self) -> Option<usize> {
        self.drained_page().map(|record| self.slabs.class_of_record(record))
    }

    /// Goes on with the drain until so much work is done. True: its page is free now.
    pub(crate) fn go_on_draining(&mut self, now: u32, work: usize) -> bool {
        let mut left = work.cast_signed();
        while left > 0 {
            let Some(mut drain) = self.drain else { return false };
            if self.slabs.draining != drain.record {
                // Its last item went, or died or was deleted meanwhile.
                self.end_drain(drain);
                return true;
            }
            let chunk = self.slabs.chunk_in_page(drain.record, drain.chunk);
            let Some(chunk) = chunk.filter(|_| !self.slabs.is_pinned(drain.record)) else {
                self.cancel_drain();
                return false;
            };
            if drain.chunk.is_multiple_of(PREFETCH_CHUNKS) {
                self.prefetch_buckets_of(drain.record, drain.chunk);
            }
            drain.chunk += 1;
            drain.is_stalled = false;
            self.drain = Some(drain);
            left -= self.empty_chunk(now, chunk).cast_signed();
            let is_left = self.slabs.draining == drain.record
                && item::chunk_use(&self.slabs.pages, chunk) != ChunkUse::Free;
            if is_left {
                // Its class has nothing but temporary items.
                self.cancel_drain();
                return false;
            }
        }
        false
    }

    /// Goes on with a drain that an operator ordered, or that no allocation has gone on with since
    /// this was last called. True: there is more to do.
    pub(crate) fn go_on_draining_in_background(&mut self, now: u32) -> bool {
        let Some(drain) = &mut self.drain else { return false };
        let goes_on = core::mem::replace(&mut drain.is_stalled, true) || drain.ordered;
        if goes_on {
            if drain.lossless && !self.is_still_lossless() {
                self.cancel_drain();
            }
            self.go_on_draining(now, DRAIN_WORK_MAX);
            if let Some(drain) = &mut self.drain {
                drain.is_stalled = true;
            }
        }
        self.drain.is_some()
    }

    /// Whether the items of the drained page still fit the free chunks of their class.
    fn is_still_lossless(&self) -> bool {
        self.drained_class().is_none_or(|class| {
            let class = &self.slabs.classes[class];
            class.chunks() - class.used_chunks >= class.chunks_per_page
        })
    }

    fn note_page_move(&mut self, drain: Drain) {
        if self.events.is_some() {
            let to = match drain.recipient {
                Recipient::Class(class) => class + 1,
                Recipient::Reserve | Recipient::Pool => 0,
            };
            self.note_event(StoreEvent::PageMoved { from: drain.from + 1, to });
        }
    }

    /// Brings near what must change when the items of some chunks of a page go.
    pub(crate) fn prefetch_buckets_of(&self, record: u32, first: usize) {
        for number in first..first + PREFETCH_CHUNKS {
            if let Some(chunk) = self.slabs.chunk_in_page(record, number)
                && item::chunk_use(&self.slabs.pages, chunk) == ChunkUse::Linked
            {
                self.index.prefetch(&self.slabs.pages, self.hash_of(chunk));
            }
        }
    }

    /// Takes what is in a chunk of the drained page out of it; returns how much work that was. A
    /// temporary item stays if its class has no others, and the page can.
    fn empty_chunk(&mut self, now: u32, chunk: Location) -> usize {
        let class = self.slabs.class_of(chunk);
        let mut work = 1;
        for _ in 0..2 {
            let item = match item::chunk_use(&self.slabs.pages, chunk) {
                ChunkUse::Free => return work,
                ChunkUse::Body => item::body_head(&self.slabs.pages, chunk),
                ChunkUse::Linked => chunk,
                ChunkUse::Unlinked => panic!("an unlinked item is not pinned"),
            };
            if self.death_of(now, item).is_some() {
                self.evict(now, item);
                return work + RECLAIM_WORK;
            }
            let bytes = self.slabs.classes[class].chunk_bytes;
            if self.relocate(item, chunk) {
                return work + RELOCATION_WORK + bytes / RELOCATION_WORK_BYTES;
            }
            if self.is_temporary(now, item) {
                if !self.rescue(now, item, chunk) && !self.may_stay() {
                    self.evict(now, item);
                }
                return work + RESCUE_WORK;
            }
            work += EVICTION_WORK;
            // This may evict the very item, or make room for it.
            if !self.evict_from_class(now, class) {
                self.evict(now, item);
                return work;
            }
            if self.slabs.draining == NONE {
                return work;
            }
        }
        if let Some(item) = self.item_of_chunk(chunk) {
            self.evict(now, item);
        }
        work
    }

    /// Whether the page that is being emptied may stay in its class after all.
    fn may_stay(&self) -> bool {
        self.drain.is_some_and(|drain| !drain.ordered && drain.recipient != Recipient::Pool)
    }

    /// Drains a page of a class that has more free chunks than it will soon fill again: nothing
    /// live is lost. True: a chunk or a page is free now.
    pub(crate) fn compact_page(&mut self, now: u32, wanted: usize) -> bool {
        if self.drain.is_none() && !self.begin_compaction(wanted) {
            return false;
        }
        let Some(drain) = self.drain.as_mut().filter(|drain| drain.lossless) else { return false };
        // Whoever began it: this class needs the page now.
        drain.recipient = Recipient::Class(wanted);
        let Some(class) = self.drained_class() else { return self.go_on_draining(now, 1) };
        if class == wanted || !self.is_still_lossless() {
            // It needs its chunks itself.
            self.cancel_drain();
            return class == wanted && self.slabs.has_room(wanted);
        }
        // With evictions off nobody else would go on with it, and a set would fail meanwhile.
        self.go_on_draining(now, if self.config.evict { COMPACT_WORK } else { isize::MAX as usize })
    }

    /// Finds a page whose class has more free chunks than it will soon fill. False: there is none.
    pub(crate) fn begin_compaction(&mut self, wanted: usize) -> bool {
        let roomy = self.slabs.classes.iter().enumerate().position(|(number, class)| {
            let chunks = class.chunks();
            let slack = class.chunks_per_page.max(chunks / COMPACT_SLACK_PART);
            number != wanted && chunks - class.used_chunks >= class.chunks_per_page + slack
        });
        let Some(page) = roomy.and_then(|class| self.emptiest_page(class)) else { return false };
        self.begin_drain(page, Recipient::Class(wanted), true);
        true
    }

    /// Sees to it that a page is ready for what cannot wait: the hash table's growth, and a class
    /// that has nothing to evict.
    pub(crate) fn refill_reserve(&mut self, now: u32) {
        if self.slabs.spare_pages >= self.slabs.reserve_pages() {
            return;
        }
        if self.drain.is_none() {
            let Some(page) = self.dispensable_page(now, None) else { return };
            self.begin_drain(page, Recipient::Reserve, false);
        }
        if self.drain.is_some_and(|drain| drain.recipient == Recipient::Reserve) {
            self.go_on_draining(now, RESERVE_WORK);
        }
    }

    /// Record of the page of a class that is to leave it: of those with room the emptiest, else
    /// any; none that is pinned.
    pub(crate) fn emptiest_page(&self, class: usize) -> Option<u32> {
        let unpinned = |record: &u32| !self.slabs.is_pinned(*record);
        let rooms = self.slabs.room_records(class).take(COMPACT_LOOKS_MAX).filter(unpinned);
        let emptiest = rooms.min_by_key(|record| self.slabs.records[*record as usize].used);
        let pages = &self.slabs.classes[class].pages;
        emptiest.or_else(|| {
            let sample = self.slabs.classes[class].sample;
            let start = (sample.draw(0) % pages.len().max(1) as u64) as usize;
            let (before, behind) = pages.split_at(start);
            behind.iter().chain(before).copied().take(STEAL_LOOKS_MAX).find(unpinned)
        })
    }
}
