//! What the record of a shard says of its linked items.

use crate::linked::linked_items::LinkedItems;
use crate::memory::shard_record::RecordWords;

impl LinkedItems {
    /// Whether a record can say all about the items. Their sizes are too many.
    pub(crate) fn can_be_kept(&self) -> bool {
        self.accounts.sizes().is_none()
    }

    /// Keeps what is known of the items outside of their pages.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        self.slabs_mut().keep(words);
        self.keep_index(words);
        self.accounts.keep(words);
        self.epochs.keep(words);
    }

    /// Links what was kept, and derives the rest from it. False: it contradicts itself.
    pub(crate) fn settle(&mut self) -> bool {
        if !self.slabs_mut().settle() {
            return false;
        }
        self.keep_epoch();
        let stock = &self.slabs().stock;
        let is_settled =
            self.index().is_settled(stock.index_pages(), |page_at| stock.is_index_page(page_at));
        let items = self.slabs().class_ids().map(|class| self.slabs().class(class).items());
        let items = items.fold(0_usize, usize::saturating_add);
        let (live, databases) = (self.epochs.live_items() as u64, self.accounts.databases());
        let others = databases.iter().try_fold(0_u64, |sum, items| sum.checked_add(*items));
        let has_databases = databases[0] == 0 && others.is_some_and(|others| others <= live);
        is_settled
            && has_databases
            && items == self.items()
            && self.epochs.all_items() == Some(items)
    }
}
