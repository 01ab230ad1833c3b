//! The marks that separate items stored before a flush from those stored after it, and the number
//! of items with each mark. `flush.rs` explains them.

use crate::memory::shard_record::RecordWords;

/// Number of marks. A mark has two bits.
const MARKS: usize = 4;

/// No item has this mark.
const NO_MARK: u8 = u8::MAX;

/// The flush epochs of a store.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FlushEpochs {
    /// The mark of items that are stored now.
    current: u8,
    /// The mark that only live items have, or [`NO_MARK`]. It makes the common test one comparison.
    live: u8,
    /// Linked items of each mark.
    items: [usize; MARKS],
    /// Items of the current mark that are dead.
    dead: usize,
}

impl FlushEpochs {
    /// No items, and this mark for those that are stored.
    pub(super) fn of_mark(mark: u8) -> FlushEpochs {
        FlushEpochs { current: mark, live: mark, ..FlushEpochs::default() }
    }

    /// Keeps the marks and their counts.
    pub(super) fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.current);
        words.keep_each(&mut self.items);
        words.keep(&mut self.dead);
        let is_mark = usize::from(self.current) < MARKS;
        if is_mark && self.dead <= self.items[usize::from(self.current)] {
            self.set_dead(self.dead);
        } else {
            words.refuse();
        }
    }

    /// Linked items of all marks.
    pub(super) fn all_items(&self) -> Option<usize> {
        self.items.iter().try_fold(0_usize, |sum, items| sum.checked_add(*items))
    }

    /// The mark of items that are stored now.
    #[inline]
    pub(super) fn current(&self) -> u8 {
        self.current
    }

    /// Whether every item with this mark is alive.
    #[inline]
    pub(super) fn is_live(&self, mark: u8) -> bool {
        mark == self.live
    }

    /// Whether dead items have the current mark.
    #[inline]
    pub(super) fn is_ambiguous(&self) -> bool {
        self.live == NO_MARK
    }

    /// Counts a linked item.
    #[inline]
    pub(super) fn add(&mut self, mark: u8) {
        self.items[usize::from(mark)] += 1;
    }

    /// Counts an item that is no longer linked. If it is a dead one of the current mark, the caller
    /// then calls [`Self::remove_dead`].
    #[inline]
    pub(super) fn remove(&mut self, mark: u8) {
        self.items[usize::from(mark)] -= 1;
    }

    /// Counts a dead item of the current mark that is no longer linked.
    pub(super) fn remove_dead(&mut self) {
        self.set_dead(self.dead - 1);
    }

    /// Linked items that no flush has ended.
    pub(super) fn live_items(&self) -> usize {
        self.items[usize::from(self.current)] - self.dead
    }

    /// Whether no mark is free for the next flush, or a flush had to reuse one.
    pub(super) fn are_scarce(&self) -> bool {
        let used = |mark: u8| mark == self.current || self.items[usize::from(mark)] > 0;
        self.is_ambiguous() || (0..MARKS as u8).all(used)
    }

    /// Begins the next epoch, with the mark that the fewest items have.
    pub(super) fn advance(&mut self) {
        let others = (0..MARKS as u8).filter(|mark| *mark != self.current);
        let next = others.min_by_key(|mark| self.items[usize::from(*mark)]);
        self.current = next.expect("there are others");
        self.set_dead(self.items[usize::from(self.current)]);
    }

    fn set_dead(&mut self, dead: usize) {
        self.dead = dead;
        self.live = if dead == 0 { self.current } else { NO_MARK };
    }

    /// Whether the counts are these: linked items of each mark, and dead ones of the current mark.
    /// For the recount.
    pub(super) fn is_sound(&self, items: [usize; MARKS], dead: usize) -> bool {
        items == self.items && dead == self.dead && self.is_ambiguous() == (self.dead > 0)
    }
}
