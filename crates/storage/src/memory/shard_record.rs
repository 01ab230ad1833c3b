//! The records of the shards: what each store knows outside of its pages.
//!
//! A process that ends cleanly saves a record for each of its stores in the region. The next one
//! **attaches** its stores by them, and looks at no item.
//!
//! ```text
//! record:  | words of the rest | checksum of the rest | pages
//!          | page: 32, note: 32 | for each page | words of the store ...
//! ```
//!
//! Records lie one after the other behind the page directory, where a number of each shard says
//! where its own is ([`ShardNumber::Record`]).
//!
//! One function of each part of a store passes the part's fields to [`RecordWords::keep`], which
//! writes them, or sets them to what was written. So saving and attaching cannot disagree.
//! `store/store_record.rs` has the order of the parts.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::limits::PAGE_BYTES;
use crate::memory::page_directory::{Owner, PageDirectory, ShardNumber};
use crate::memory::region::{Location, Region};

/// Words before the pages.
const LEAD_WORDS: usize = 3;

/// What a store saves, or is set to.
pub(crate) struct RecordWords {
    words: Vec<u64>,
    /// The next word to be read. `None`: words are written.
    next: Option<usize>,
    fits: bool,
}

impl RecordWords {
    /// A record that is written.
    pub(crate) fn saving() -> RecordWords {
        RecordWords { words: Vec::new(), next: None, fits: true }
    }

    /// A record of these words.
    #[cfg(test)]
    pub(crate) fn of(words: Vec<u64>) -> RecordWords {
        RecordWords { words, ..RecordWords::saving() }
    }

    /// A record that is read.
    fn attaching(words: Vec<u64>) -> RecordWords {
        RecordWords { words, next: Some(0), fits: true }
    }

    fn pass(&mut self, word: u64) -> u64 {
        let Some(next) = &mut self.next else {
            self.words.push(word);
            return word;
        };
        let Some(kept) = self.words.get(*next) else {
            self.fits = false;
            return word;
        };
        *next += 1;
        *kept
    }

    /// Writes a field, or sets it to what was written.
    pub(crate) fn keep<T: RecordWord>(&mut self, field: &mut T) {
        let word = self.pass(field.word());
        match T::of_word(word) {
            Some(kept) => *field = kept,
            None => self.fits = false,
        }
    }

    /// As [`Self::keep`], for several fields.
    pub(crate) fn keep_each<T: RecordWord>(&mut self, fields: &mut [T]) {
        for field in fields {
            self.keep(field);
        }
    }

    /// As [`Self::keep`], for a list of any length.
    pub(crate) fn keep_list<T: RecordWord>(&mut self, list: &mut Vec<T>) {
        let mut len = list.len();
        self.keep(&mut len);
        let Some(next) = self.next else { return self.keep_each(list) };
        list.clear();
        let words = self.words.get(next..).unwrap_or_default();
        match words.get(..len).map(|words| words.iter().map(|word| T::of_word(*word)).collect()) {
            Some(Some(kept)) => *list = kept,
            _ => self.fits = false,
        }
        self.next = Some(next.saturating_add(len).min(self.words.len()));
    }

    /// Notes that what was read makes no sense.
    pub(crate) fn refuse(&mut self) {
        self.fits = false;
    }

    /// Whether all words were read, and made sense.
    pub(crate) fn is_whole(&self) -> bool {
        self.fits && self.next == Some(self.words.len())
    }

    /// The words that were written.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }
}

/// A field that one word keeps.
pub(crate) trait RecordWord: Sized {
    /// The word of the field.
    fn word(&self) -> u64;

    /// The field of a word. `None`: no field has it.
    fn of_word(word: u64) -> Option<Self>;
}

macro_rules! number_is_word {
    ($($number:ty)+) => {$(
        impl RecordWord for $number {
            fn word(&self) -> u64 {
                u64::try_from(*self).expect("no number is wider")
            }

            fn of_word(word: u64) -> Option<$number> {
                <$number>::try_from(word).ok()
            }
        }
    )+};
}
number_is_word!(u8 u32 u64 usize);

impl RecordWord for bool {
    fn word(&self) -> u64 {
        u64::from(*self)
    }

    fn of_word(word: u64) -> Option<bool> {
        (word < 2).then_some(word == 1)
    }
}

/// A number that is never the largest one.
impl RecordWord for Option<u64> {
    fn word(&self) -> u64 {
        self.unwrap_or(u64::MAX)
    }

    fn of_word(word: u64) -> Option<Option<u64>> {
        Some((word != u64::MAX).then_some(word))
    }
}

impl RecordWord for (u32, u32) {
    fn word(&self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.1)
    }

    fn of_word(word: u64) -> Option<(u32, u32)> {
        Some(((word >> 32) as u32, word as u32))
    }
}

impl RecordWord for [u16; 4] {
    fn word(&self) -> u64 {
        self.iter().fold(0, |word, part| word << 16 | u64::from(*part))
    }

    fn of_word(word: u64) -> Option<[u16; 4]> {
        Some([48, 32, 16, 0].map(|shift| (word >> shift) as u16))
    }
}

impl RecordWord for Location {
    fn word(&self) -> u64 {
        u64::from(self.0)
    }

    fn of_word(word: u64) -> Option<Location> {
        u32::of_word(word).map(Location)
    }
}

/// A record as it is in the region.
pub(crate) struct ShardRecord {
    /// The pages of the store, each with the store's note.
    pub(crate) pages: Vec<(u32, u32)>,
    pub(crate) words: RecordWords,
}

impl ShardRecord {
    /// Reads the record at this place, from 1. `None`: there is none, or it is damaged.
    pub(super) fn read(region: &Region, start: u32) -> Option<ShardRecord> {
        let words = region.record_words().get(start.checked_sub(1)? as usize..)?;
        let word = |place: usize| words.get(place).map(|word| word.load(Ordering::Relaxed));
        let (len, sum, pages) = (word(0)?, word(1)?, usize::try_from(word(2)?).ok()?);
        let rest = words.get(2..)?.get(..usize::try_from(len).ok()?)?;
        let rest: Vec<u64> = rest.iter().map(|word| word.load(Ordering::Relaxed)).collect();
        if checksum(&rest) != sum {
            return None;
        }
        let (listed, words) = rest.get(1..)?.split_at_checked(pages)?;
        let listed = listed.iter().map(|word| <(u32, u32)>::of_word(*word)).collect::<Option<_>>();
        Some(ShardRecord { pages: listed?, words: RecordWords::attaching(words.to_vec()) })
    }

    /// Words of the whole record.
    pub(crate) fn len(&self) -> usize {
        LEAD_WORDS + self.pages.len() + self.words.words().len()
    }

    /// Writes the record to these words, which are as many.
    pub(super) fn write(&self, to: &[AtomicU64]) {
        let pages = self.pages.iter().map(RecordWord::word);
        let count = core::iter::once(self.pages.len() as u64);
        let rest: Vec<u64> = count.chain(pages).chain(self.words.words().iter().copied()).collect();
        let lead = [rest.len() as u64, checksum(&rest)];
        for (word, value) in to.iter().zip(lead.iter().chain(&rest)) {
            word.store(*value, Ordering::Relaxed);
        }
    }
}

/// Differs if a word differs. It is no protection against a forger.
fn checksum(words: &[u64]) -> u64 {
    words.iter().fold(0x736c_6162, |sum: u64, word| {
        (sum.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// What the records of these owners say of each page: the note of the store that has it. `None`: a
/// record is missing or damaged, or the records disagree with each other or with the directory.
pub(super) fn notes_of_records(
    region: &Region,
    directory: &PageDirectory,
    owners: impl Iterator<Item = Owner>,
) -> Option<Vec<Option<u32>>> {
    let mut notes = alloc::vec![None; region.bytes() / PAGE_BYTES];
    for owner in owners {
        let start = directory.number(owner, ShardNumber::Record);
        for (page, note) in ShardRecord::read(region, start)?.pages {
            let is_second = notes.get_mut(page as usize)?.replace(note).is_some();
            let entry = directory.entry(page);
            if is_second || entry.is_some_and(|entry| entry.owner != owner) {
                return None;
            }
        }
    }
    let is_free = |page: u32| directory.entry(page).is_none();
    let mut pages = (0..).zip(&notes);
    pages.all(|(page, note)| note.is_some() || is_free(page)).then_some(notes)
}
