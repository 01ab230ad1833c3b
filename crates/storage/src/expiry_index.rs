//! When something in each page expires at the earliest: expired memory is found without being
//! asked for, and before anything live is evicted.
//!
//! A page's second is a lower bound: it falls when an item is linked there and rises when the page
//! was swept. Pages are found through groups, so that a search reads one number per group.

use alloc::vec::Vec;

/// Nothing in the page expires.
pub(crate) const NEVER: u32 = u32::MAX;

/// Pages of a group.
const GROUP: usize = 64;

/// See the module. Pages are named by their record.
#[derive(Default)]
pub(crate) struct ExpiryIndex {
    pages: Vec<u32>,
    groups: Vec<u32>,
}

impl ExpiryIndex {
    /// An item of the page expires at this second (not 0).
    #[inline]
    pub(crate) fn note(&mut self, record: usize, exptime: u32) {
        if record >= self.pages.len() {
            self.pages.resize(record + 1, NEVER);
            self.groups.resize(record / GROUP + 1, NEVER);
        }
        if exptime < self.pages[record] {
            self.pages[record] = exptime;
            let group = &mut self.groups[record / GROUP];
            *group = exptime.min(*group);
        }
    }

    /// A page about to be swept: what is noted from now on counts for it.
    pub(crate) fn clear(&mut self, record: usize) {
        self.pages[record] = NEVER;
        let start = record / GROUP * GROUP;
        let end = self.pages.len().min(start + GROUP);
        let earliest = self.pages[start..end].iter().copied().min();
        self.groups[record / GROUP] = earliest.unwrap_or(NEVER);
    }

    /// A page in which something may have expired.
    pub(crate) fn due_page(&self, now: u32) -> Option<usize> {
        let group = self.groups.iter().position(|earliest| *earliest <= now)?;
        let start = group * GROUP;
        let end = self.pages.len().min(start + GROUP);
        let offset = self.pages[start..end].iter().position(|earliest| *earliest <= now);
        Some(start + offset.expect("a group's second is one of its pages'"))
    }

    /// The page's second, for the recount.
    pub(crate) fn earliest(&self, record: usize) -> u32 {
        self.pages.get(record).copied().unwrap_or(NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_due_from_their_earliest_second_until_cleared() {
        let mut index = ExpiryIndex::default();
        assert_eq!(index.due_page(u32::MAX - 1), None);
        index.note(200, 50);
        index.note(200, 70);
        index.note(3, 60);
        assert_eq!(index.due_page(49), None);
        assert_eq!(index.due_page(50), Some(200));
        assert_eq!(index.due_page(60), Some(3));
        index.clear(3);
        assert_eq!(index.due_page(60), Some(200));
        index.clear(200);
        assert_eq!(index.due_page(u32::MAX - 1), None);
        index.note(201, 10);
        assert_eq!((index.due_page(10), index.earliest(201)), (Some(201), 10));
    }
}
