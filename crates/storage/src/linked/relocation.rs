//! Moves of live items to other chunks, so that their page can leave its class without losing them.

use crate::item::chain;
use crate::linked::linked_items::LinkedItems;
use crate::memory::region::Location;

impl LinkedItems {
    /// Moves one chunk of a linked item that is not held to another page of its class. False: no
    /// other page of the class has room.
    pub(crate) fn relocate(&mut self, item: Location, chunk: Location) -> bool {
        let Some(new) = self.slabs_mut().copy_chunk(chunk) else { return false };
        if chunk == item {
            self.clean_page_of_moved(new);
            self.follow(item, new);
            chain::relink_head(self.pages_mut(), new);
        } else {
            chain::relink_body(self.pages_mut(), new);
        }
        self.slabs_mut().free_chunk(chunk);
        self.accounts.chunks_moved += 1;
        true
    }
}
