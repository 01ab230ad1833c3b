//! Marks that separate the items stored before a flush from those stored after it, and the number
//! of items with each mark. `flush.rs` explains them.

/// Flush epochs: a mark has two bits.
pub(crate) const EPOCHS: usize = 4;

/// No item has this mark.
const NO_MARK: u8 = u8::MAX;

/// The epochs of a store.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FlushEpochs {
    /// The mark of items that are stored now.
    pub(crate) current: u8,
    /// The mark that only live items have, or [`NO_MARK`]: the fast way to judge an item.
    live: u8,
    /// Linked items of each mark.
    pub(crate) items: [usize; EPOCHS],
    /// Of the current mark, those that are dead.
    pub(crate) dead: usize,
}

impl FlushEpochs {
    /// Whether an item with this mark is alive whatever its page.
    #[inline]
    pub(crate) fn is_live(&self, mark: u8) -> bool {
        mark == self.live
    }

    /// Whether dead items have the current mark.
    #[inline]
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.live == NO_MARK
    }

    /// Linked items that no flush has ended.
    pub(crate) fn live_items(&self) -> usize {
        self.items[usize::from(self.current)] - self.dead
    }

    /// Whether no mark is free for the next flush.
    pub(crate) fn are_all_used(&self) -> bool {
        let used = |mark: u8| mark == self.current || self.items[usize::from(mark)] > 0;
        (0..EPOCHS as u8).all(used)
    }

    /// Begins the next epoch.
    pub(crate) fn advance(&mut self) {
        let others = (0..EPOCHS as u8).filter(|mark| *mark != self.current);
        let next = others.min_by_key(|mark| self.items[usize::from(*mark)]);
        self.current = next.expect("there are others");
        self.set_dead(self.items[usize::from(self.current)]);
    }

    /// Whether so many dead items have the current mark; for the recount.
    pub(crate) fn is_sound(&self, dead: Option<usize>) -> bool {
        dead == Some(self.dead) && self.is_ambiguous() == (self.dead > 0)
    }

    /// So many items of the current mark are dead.
    pub(crate) fn set_dead(&mut self, dead: usize) {
        self.dead = dead;
        self.live = if dead == 0 { self.current } else { NO_MARK };
    }
}
