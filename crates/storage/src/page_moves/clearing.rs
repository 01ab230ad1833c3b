//! The clearing of a page at once, for a class that has nothing to evict.

use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::page_moves::drain::PageMoves;
use crate::page_moves::page_choice::dispensable_page;
use crate::slabs::page_record::RecordId;

impl PageMoves {
    /// Frees a page at once for a class, or for the hash table (`None`). Its items move to other
    /// pages of their class, for which more dispensable ones go. False: all pages are pinned, or
    /// evictions are off.
    pub(crate) fn clear_any_page(&mut self, now: Moment, wanted: Option<SlabClassId>) -> bool {
        if !self.eviction.evicts() {
            return false;
        }
        let begun = self.drained_page().filter(|_| self.drained_class() != wanted);
        self.cancel_drain();
        let is_pinned = |page: RecordId| self.eviction.items().slabs().is_pinned(page);
        // The page that was being drained has less left in it than any other.
        let page = match begun.filter(|page| !is_pinned(*page)) {
            Some(page) => Some(page),
            None => {
                let page = dispensable_page(&mut self.eviction, now, wanted);
                if self.eviction.items().slabs().stock.spare_pages() > 0 {
                    // The search found dead items, and a page of nothing else.
                    return true;
                }
                page
            }
        };
        let Some(page) = page else { return false };
        self.eviction.clear_page(now, page);
        self.pages_moved += 1;
        true
    }
}
