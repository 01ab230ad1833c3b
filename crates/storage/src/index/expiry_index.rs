//! The second of the earliest expiry in each page. With it, expired items are found before they are
//! requested, and before a live item is evicted.
//!
//! A page's second is a lower bound. It falls when an item is linked in the page, and rises when
//! the page was swept. Pages form groups, so a search reads one number per group. The earliest
//! second of all groups is kept, too, so nothing is searched while nothing is due.

use alloc::vec::Vec;

use crate::memory::shard_record::RecordWords;
use crate::slabs::page_record::RecordId;

/// The second of a page in which nothing expires.
pub(crate) const NEVER: u32 = u32::MAX;

/// Pages in a group.
const GROUP: usize = 64;

/// The earliest expiry of each page of a store.
pub(crate) struct ExpiryIndex {
    /// By page record.
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
    /// Keeps the seconds of the pages for which `is_kept` holds. The others have none.
    pub(crate) fn keep(&mut self, words: &mut RecordWords, is_kept: impl Fn(RecordId) -> bool) {
        let seconds = (0_u32..).zip(self.pages.iter().copied());
        let mut notes: Vec<(u32, u32)> = seconds
            .filter(|(id, at)| *at != NEVER && is_kept(RecordId::new(*id as usize)))
            .collect();
        words.keep_list(&mut notes);
        for (id, second) in notes {
            let id = RecordId::new(id as usize);
            if is_kept(id) && second != 0 {
                self.note(id, second);
            } else {
                words.refuse();
            }
        }
    }

    /// Notes that an item of the page expires at this second (not 0).
    #[inline]
    pub(crate) fn note(&mut self, record: RecordId, exptime: u32) {
        let record = record.index();
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

    /// Forgets a page that is about to be swept. Notes from now on count.
    pub(crate) fn clear(&mut self, record: RecordId) {
        let record = record.index();
        self.pages[record] = NEVER;
        let group = record / GROUP;
        let before = self.groups[group];
        self.groups[group] = self.earliest_of(group);
        if before == self.earliest {
            self.earliest = self.groups.iter().copied().min().unwrap_or(NEVER);
        }
    }

    /// The earliest second of a group, read from its pages.
    fn earliest_of(&self, group: usize) -> u32 {
        let pages = self.pages.iter().skip(group * GROUP).take(GROUP);
        pages.copied().min().unwrap_or(NEVER)
    }

    /// A page in which something may have expired. `now` is before [`NEVER`]. If there is none,
    /// this takes one comparison.
    pub(crate) fn due_page(&self, now: u32) -> Option<RecordId> {
        if now < self.earliest {
            return None;
        }
        let group = self.groups.iter().position(|earliest| *earliest <= now)?;
        let start = group * GROUP;
        let end = self.pages.len().min(start + GROUP);
        let offset = self.pages[start..end].iter().position(|earliest| *earliest <= now);
        Some(RecordId::new(start + offset.expect("a group's second is one of its pages'")))
    }

    /// The earliest second at which something expires.
    pub(crate) fn earliest_of_all(&self) -> u32 {
        self.earliest
    }

    /// A page's second, for the recount.
    pub(crate) fn earliest(&self, record: RecordId) -> u32 {
        self.pages.get(record.index()).copied().unwrap_or(NEVER)
    }

    /// Whether the seconds of the groups, and the earliest of all, are those of their pages. For
    /// the recount.
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
        let (first, second, third) = (RecordId::new(3), RecordId::new(200), RecordId::new(201));
        let mut index = ExpiryIndex::default();
        assert_eq!(index.due_page(u32::MAX - 1), None);
        index.note(second, 50);
        index.note(second, 70);
        index.note(first, 60);
        assert_eq!(index.due_page(49), None);
        assert_eq!(index.due_page(50), Some(second));
        assert_eq!(index.due_page(60), Some(first));
        index.clear(first);
        assert_eq!(index.due_page(60), Some(second));
        index.clear(second);
        assert_eq!(index.due_page(u32::MAX - 1), None);
        index.note(third, 10);
        assert!(index.is_sound());
        assert_eq!((index.due_page(10), index.earliest(third)), (Some(third), 10));
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
                assert!(pages[due.index()] <= second);
                index.clear(due);
                pages[due.index()] = NEVER;
            } else {
                index.note(RecordId::new(record), second + 1);
                pages[record] = pages[record].min(second + 1);
            }
            let is_due = pages.iter().any(|earliest| *earliest <= second);
            assert_eq!(index.due_page(second).is_some(), is_due);
        }
        assert!(index.is_sound());
    }
}
