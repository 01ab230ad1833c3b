//! The growth and shrinking of the hash table, a little with each insertion.

use crate::item::expiry::Moment;
use crate::limits::{GROWTH_RETRY_INSERTS, MERGES_PER_INSERT, SPLITS_PER_INSERT};
use crate::linked::linked_items::LinkedItems;
use crate::page_moves::drain::PageMoves;
use crate::slabs::page_record::RecordId;

/// The growth of one hash table.
#[derive(Default)]
pub(super) struct IndexGrowth {
    /// Insertions to wait, after no page could be had.
    pause: u32,
}

impl IndexGrowth {
    /// Grows or shrinks the hash table if that is due, and makes room for an insertion. False:
    /// there is none, and no page could be had.
    pub(super) fn prepare_insert(&mut self, moves: &mut PageMoves, now: Moment) -> bool {
        if moves.eviction().items().index().is_growth_due() {
            self.grow(moves, now);
        } else {
            shrink(moves.eviction_mut().items_mut());
        }
        if moves.eviction().items().index().has_overflow_room() {
            return true;
        }
        let Some(page) = take_page(moves, now) else { return false };
        moves.eviction_mut().items_mut().add_overflow_page(page);
        true
    }

    fn grow(&mut self, moves: &mut PageMoves, now: Moment) {
        for _ in 0..SPLITS_PER_INSERT {
            if moves.eviction().items().index().needs_bucket_page() {
                if self.pause > 0 {
                    self.pause -= 1;
                    return;
                }
                let Some(page) = take_page(moves, now) else {
                    self.pause = GROWTH_RETRY_INSERTS;
                    return;
                };
                moves.eviction_mut().items_mut().add_bucket_page(page);
            }
            let items = moves.eviction_mut().items_mut();
            items.split_bucket();
            if !items.index().is_growth_due() {
                return;
            }
        }
    }
}

fn shrink(items: &mut LinkedItems) {
    for _ in 0..MERGES_PER_INSERT {
        if !items.index().is_shrink_due() || !items.index().has_overflow_room() {
            return;
        }
        items.merge_bucket();
    }
}

/// A page for the hash table.
fn take_page(moves: &mut PageMoves, now: Moment) -> Option<RecordId> {
    let page = moves.eviction_mut().items_mut().slabs_mut().stock.take_page();
    if page.is_some() || !moves.clear_any_page(now, None) {
        return page;
    }
    moves.eviction_mut().items_mut().slabs_mut().stock.take_page()
}
