//! The LRU lists of the slab classes: linking, and the moves between HOT, WARM and COLD.
//!
//! New items enter HOT. A list over its share of the class gives its tail away: an active item
//! (read twice) to WARM, any other to COLD. Evictions take from COLD's tail.

use crate::item::{self, ItemRef, Segment};
use crate::region::Location;
use crate::slab_allocator::SlabAllocator;

/// Shares of a class's items, in percent, above which a list gives its tail away.
#[derive(Clone, Copy)]
pub(crate) struct SegmentShares {
    pub(crate) hot_pct: u32,
    pub(crate) warm_pct: u32,
}

impl SlabAllocator {
    /// Puts an item that is on no list at the head of one.
    pub(crate) fn lru_push(&mut self, class: usize, segment: Segment, item: Location) {
        let head = self.classes[class].lists[segment.index()].head;
        item::set_next(&mut self.pages, item, head);
        item::set_prev(&mut self.pages, item, Location::NONE);
        item::set_segment(&mut self.pages, item, Some(segment));
        if let Some(head) = head.some() {
            item::set_prev(&mut self.pages, head, item);
        }
        let list = &mut self.classes[class].lists[segment.index()];
        list.head = item;
        if list.tail.is_none() {
            list.tail = item;
        }
        list.items += 1;
    }

    /// Takes an item off its list; returns which it was.
    pub(crate) fn lru_remove(&mut self, class: usize, item: Location) -> Segment {
        let segment = match item::chunk_use(&self.pages, item) {
            item::ChunkUse::Linked(segment) => segment,
            chunk_use => panic!("not on a list: {chunk_use:?}"),
        };
        let (next, prev) = (item::next(&self.pages, item), item::prev(&self.pages, item));
        if let Some(next) = next.some() {
            item::set_prev(&mut self.pages, next, prev);
        }
        if let Some(prev) = prev.some() {
            item::set_next(&mut self.pages, prev, next);
        }
        let list = &mut self.classes[class].lists[segment.index()];
        if next.is_none() {
            assert_eq!(list.tail, item, "the end of a list is not its tail");
            list.tail = prev;
        }
        if prev.is_none() {
            assert_eq!(list.head, item, "the start of a list is not its head");
            list.head = next;
        }
        list.items -= 1;
        item::set_segment(&mut self.pages, item, None);
        segment
    }

    /// Lets the neighbours of an item on its list point to its new place; its own links were copied
    /// there.
    pub(crate) fn lru_follow(&mut self, class: usize, old: Location, new: Location) {
        let segment = match item::chunk_use(&self.pages, new) {
            item::ChunkUse::Linked(segment) => segment,
            chunk_use => panic!("not on a list: {chunk_use:?}"),
        };
        let (next, prev) = (item::next(&self.pages, new), item::prev(&self.pages, new));
        let list = &mut self.classes[class].lists[segment.index()];
        match next.some() {
            Some(next) => item::set_prev(&mut self.pages, next, new),
            None => {
                assert_eq!(list.tail, old, "the end of a list is not its tail");
                list.tail = new;
            }
        }
        match prev.some() {
            Some(prev) => item::set_next(&mut self.pages, prev, new),
            None => {
                assert_eq!(list.head, old, "the start of a list is not its head");
                list.head = new;
            }
        }
    }

    /// Moves an item to the head of a list of its class.
    pub(crate) fn lru_move(&mut self, class: usize, item: Location, segment: Segment) {
        let from = self.lru_remove(class, item);
        self.lru_push(class, segment, item);
        let counters = &mut self.classes[class].counters;
        match segment {
            _ if from == segment => counters.moves_within_lru += 1,
            Segment::Cold => counters.moves_to_cold += 1,
            _ => counters.moves_to_warm += 1,
        }
    }

    pub(crate) fn lru_tail(&self, class: usize, segment: Segment) -> Option<Location> {
        self.classes[class].lists[segment.index()].tail.some()
    }

    /// Makes one move that the shares ask for; false when none is due.
    pub(crate) fn lru_balance(&mut self, class: usize, shares: SegmentShares) -> bool {
        let all = u64::from(self.classes[class].items());
        for (segment, pct) in [(Segment::Hot, shares.hot_pct), (Segment::Warm, shares.warm_pct)] {
            let items = u64::from(self.classes[class].lists[segment.index()].items);
            if items * 100 > all * u64::from(pct) && self.lru_demote_tail(class, segment) {
                return true;
            }
        }
        false
    }

    /// Moves a list's tail on: active to WARM's head, others to COLD's. False: the list is empty.
    pub(crate) fn lru_demote_tail(&mut self, class: usize, segment: Segment) -> bool {
        let Some(tail) = self.lru_tail(class, segment) else { return false };
        let to = if ItemRef::new(&self.pages, tail).is_active() {
            let state = item::state(&self.pages, tail) & !item::ACTIVE;
            item::set_state(&mut self.pages, tail, state);
            Segment::Warm
        } else {
            Segment::Cold
        };
        self.lru_move(class, tail, to);
        true
    }
}
