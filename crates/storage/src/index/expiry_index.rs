//! When something in each page expires at the earliest: expired memory is found without being
//! asked for, and before anything live is evicted.
//!
//! A page's second is a lower bound: it falls when an item is linked there and rises when the page
//! was swept. Pages are found through groups, so that a search reads one number per group; and
//! the earliest of all groups is at hand, so that where nothing is due no search begins.

use alloc::vec::Vec;

/// Nothing in the page expires.
pub(crate) const NEVER: u32 = u32::MAX;

/// Pages of a group.
const GROUP: usize = 64;

/// See the module. Pages are named by their record.
pub(crate) struct ExpiryIndex {
    pages: Vec<u32>,
    /// The earliest second of each group's pages.
    groups: Vec<u32>,
    /// The earliest second of all groups.
    earliest: u32,
}

impl Default for ExpiryIndex {
    fn default() -> ExpiryIndex {
        ExpiryIndex { pages: Vec::new(), groups: Vec::new(), earliest: NEVER }
    }
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
            self.earliest = exptime.min(self.earliest);
        }
    }

    /// A page about to be swept: what is noted from now on counts for it.
    pub(crate) fn clear(&mut self, record: usize) {
        self.pages[record] = NEVER;
        let group = record / GROUP;
        let before = self.groups[group];
        self.groups[group] = self.earliest_of(group);
        if before == self.earliest {
            self.earliest = self.groups.iter().copied().min().unwrap_or(NEVER);
        }
    }

    /// The earliest second of a group's pages, read from them.
    fn earliest_of(&self, group: usize) -> u32 {
        let pages = self.pages.iter().skip(group * GROUP).take(GROUP);
        pages.copied().min().unwrap_or(NEVER)
    }

    /// A page in which something may have expired; `now` is before [`NEVER`]. Where there is none
    /// this costs one comparison.
    pub(crate) fn due_page(&self, now: u32) -> Option<usize> {
        if now < self.earliest {
            return None;
        }
        let group = self.groups.iter().position(|earliest| *earliest <= now)?;
        let start = group * GROUP;
        let end = self.pages.len().min(start + GROUP);
        let offset = self.pages[start..end].iter().position(|earliest| *earliest <= now);
        Some(start + offset.expect("a group's second is one of its pages'"))
    }

    /// When something expires next, at the earliest.
    pub(crate) fn earliest_of_all(&self) -> u32 {
        self.earliest
    }

    /// The page's second, for the recount.
    pub(crate) fn earliest(&self, record: usize) -> u32 {
        self.pages.get(record).copied().unwrap_or(NEVER)
    }

    /// Whether the groups, and the earliest of them, are what their pages say; for the recount.
    pub(crate) fn is_sound(&self) -> bool {
        let mut groups = self.groups.iter().enumerate();
        let all = self.pages.iter().copied().min().unwrap_or(NEVER);
        groups.all(|(group, earliest)| *earliest == self.earliest_of(group)) && self.earliest == all
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

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
        assert!(index.is_sound());
        assert_eq!((index.due_page(10), index.earliest(201)), (Some(201), 10));
    }

    /// Random notes and clears, compared with a search of all pages.
    #[test]
    fn the_earliest_of_all_stays_that_of_the_pages() {
        let (mut index, mut pages) = (ExpiryIndex::default(), vec![NEVER; 300]);
        let mut random = 1_u64;
        for _ in 0..4000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (record, second) = ((random >> 33) as usize % 300, (random >> 48) as u32 % 500);
            if let Some(due) = index.due_page(second).filter(|_| random >> 63 == 0) {
                assert!(pages[due] <= second);
                index.clear(due);
                pages[due] = NEVER;
            } else {
                index.note(record, second + 1);
                pages[record] = pages[record].min(second + 1);
            }
            let is_due = pages.iter().any(|earliest| *earliest <= second);
            assert_eq!(index.due_page(second).is_some(), is_due);
        }
        assert!(index.is_sound());
    }
}
