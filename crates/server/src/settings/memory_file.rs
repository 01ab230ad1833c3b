//! The file of the item memory (`-e`, `--keep-memory`): the items outlive the process in it.
//!
//! ```text
//! | pages of items | page directory | records of the shards | unused | header: 4 KiB |
//! ```
//!
//! The header says how the rest is to be read. It is written when the memory is ready for items,
//! and taken away before the memory is emptied. So a process that ends at any time leaves a file
//! that is whole, or one without a header. Behind its words is the second at which a server last
//! had the file, written each second.
//!
//! A file of another size becomes one of this size in steps, each of which leaves a header at the
//! end of the file that is right: a longer file gets its header first, which still says where the
//! old directory is; then the directory is copied, and one word of the header says where it is
//! now. A file becomes shorter in the opposite order.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{Ordering, compiler_fence};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};
use slabcore_storage::{Generation, PAGE_BYTES, directory_end, move_directory};

use crate::settings::Settings;
use crate::settings::division::{DIVISION_WORDS, Division, Divisions, Move};
use crate::settings::file_mapping::FileMapping;
use crate::settings::item_memory::ItemMemory;
use crate::settings::kept_file::KeptFile;
use crate::settings::kept_time::{LastAlive, boot_id};

/// Unit in which the system says how much memory a file has.
const BLOCK_BYTES: u64 = 512;

const HEADER_BYTES: usize = 4096;
/// Begins the header of a file with items.
const MAGIC: u64 = u64::from_le_bytes(*b"slabcore");
/// Number of the layout of items, directory and records. A change of any of them raises it.
const LAYOUT: u64 = 7;
/// Byte of the header at which there are: the generations in use, and the division of the second.
const DIVISIONS_AT: usize = 256;
/// Byte of the header at which the words of [`LastAlive`] are.
const ALIVE_AT: usize = 512;

/// A file that this process alone uses for its items.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    file: KeptFile,
    /// Bytes of the file.
    file_bytes: NonZeroUsize,
    /// What the settings want.
    wanted: Layout,
    /// Pages before the directory.
    pages: usize,
    /// How the pages are divided now.
    divisions: Divisions,
    /// Why the pages that were found cannot be used; empty: there are none.
    refusal: Option<&'static str>,
    /// The header that the file had when it was opened.
    found: Header,
    found_alive: LastAlive,
    opened: LastAlive,
    /// Seconds of absence after which items are not used any more.
    restart_within: u64,
    /// The whole file. One on hugetlbfs can only be written to where it is mapped.
    mapping: Mutex<FileMapping>,
}

/// What two processes must agree on to use the same items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    pages: usize,
    division: Division,
    boot: [u64; 2],
}

/// What a process goes on with if it uses the items of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Seed of the hash of keys.
    pub(crate) seed: u64,
    /// Second of the system's boot clock that the server counts from, modulo 2^64.
    pub(crate) boot_at_zero: u64,
}

/// Words of the header, in order: magic, layout, pages, division of the first generation (4), boot
/// (2), seed, time of tick 0. The last one says whether the records of the shards are valid.
type Header = [u64; 12];

/// Bytes of a word.
const WORD_BYTES: usize = size_of::<u64>();
/// Places of words in the header.
const PAGES: usize = 2;
const FIRST_DIVISION: usize = 3;

/// The last word, if the records are valid.
const VALID: u64 = u64::from_le_bytes(*b"attached");

/// Byte of the last word in the header.
const RECORDS_AT: usize = size_of::<Header>() - size_of::<u64>();

impl MemoryFile {
    /// Opens the file that the settings name, which is made if need be, and allocates all of it.
    /// The error is for the operator.
    pub(crate) fn open(settings: &Settings) -> Result<MemoryFile, String> {
        let file = KeptFile::open(settings)?;
        let said = |error: io::Error| error.to_string();
        let found = read_words(&file.file, 0).map_err(said)?;
        let divisions = read_words(&file.file, DIVISIONS_AT).map_err(said)?;
        let alive = read_words(&file.file, ALIVE_AT).map_err(said)?;
        let wanted = Layout {
            pages: settings.memory_bytes / PAGE_BYTES,
            division: Division::of(settings),
            boot: boot_id(),
        };
        let found_bytes = file.bytes().map_err(said)?;
        let (refusal, pages, divisions) = match read_layout(&found, divisions, found_bytes) {
            Ok((pages, divisions)) => (None, pages, divisions),
            Err(reason) => (Some(reason), wanted.pages, Divisions::one(wanted.division)),
        };
        let mut file_bytes = file_bytes(&file, wanted.pages);
        if refusal.is_some() {
            file.allocate(file_bytes)?;
        } else if found_bytes < file_bytes.get() {
            file.extend(file_bytes, HEADER_BYTES)?;
        } else {
            // It is cut when its last pages are empty.
            file_bytes = NonZeroUsize::new(found_bytes).unwrap_or(file_bytes);
            file.allocate(file_bytes)?;
        }
        let mapping = FileMapping::map(&file.file, file_bytes).map_err(said)?;
        Ok(MemoryFile {
            file,
            file_bytes,
            wanted,
            pages,
            divisions,
            refusal,
            found,
            found_alive: LastAlive::of_words(alive),
            opened: LastAlive::now(),
            restart_within: settings.keeping.restart_within.unwrap_or(u64::MAX),
            mapping: Mutex::new(mapping),
        })
    }

    /// The file, for a process that keeps it.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.file.as_fd()
    }

    /// Whether the system holds more memory for the file than it needs without so many pages.
    pub(crate) fn holds_more_than_without(&self, pages: usize) -> bool {
        let needed = self.file_bytes.get().saturating_sub(pages * PAGE_BYTES);
        let blocks = self.file.file.metadata().map_or(0, |found| found.blocks());
        blocks * BLOCK_BYTES > needed as u64
    }

    /// Maps the pages and their directory.
    pub(crate) fn item_memory(&self) -> io::Result<ItemMemory> {
        let bytes = slabcore_storage::region_bytes(self.pages).next_multiple_of(HEADER_BYTES);
        ItemMemory::of_file(&self.file.file, bytes, self.file_bytes)
    }

    /// Pages before the directory.
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    /// The generation of the shards that have the items.
    pub(crate) fn generation(&self) -> Generation {
        self.divisions.generation()
    }

    fn header(&self, kept: Kept) -> Header {
        let Kept { seed, boot_at_zero } = kept;
        let [boot, rest] = self.wanted.boot;
        let ([shards, chunk_bytes_min, growth_factor, granule_bytes], _) = self.divisions.words();
        [
            MAGIC,
            LAYOUT,
            self.pages as u64,
            shards,
            chunk_bytes_min,
            growth_factor,
            granule_bytes,
            boot,
            rest,
            seed,
            boot_at_zero,
            0,
        ]
    }

    /// What an earlier process left. The error says why its items cannot be used; it is empty if
    /// there are none.
    pub(crate) fn kept(&self) -> Result<Kept, Cow<'static, str>> {
        let [.., seed, boot_at_zero, records] = self.found;
        let is_same_boot = self.is_same_boot();
        if let Some(reason) = self.refusal {
            return Err(reason.into());
        }
        // Nobody knows what of the processor's caches got to memory that outlives a boot.
        if !is_same_boot && records != VALID {
            return Err("the machine was started again".into());
        }
        let (absence, most) = (self.absence_seconds(), self.restart_within);
        if absence > most {
            return Err(format!("nobody had it for {absence} s (--restart-within {most})").into());
        }
        let boot_at_zero = self.found_alive.carry_over(self.opened, is_same_boot, boot_at_zero);
        Ok(Kept { seed, boot_at_zero })
    }

    /// The options that the items' server had with other values.
    pub(crate) fn differences(&self) -> Vec<&'static str> {
        let memory = (self.pages != self.wanted.pages).then_some("-m");
        let found = self.divisions.of(self.divisions.generation());
        memory.into_iter().chain(found.differences(self.wanted.division)).collect()
    }

    /// Seconds for which no server had the file; 0 if it has no items that this one knows.
    pub(crate) fn absence_seconds(&self) -> u64 {
        let [magic, layout, ..] = self.found;
        let is_known = (magic, layout) == (MAGIC, LAYOUT);
        let absence = self.found_alive.absence(self.opened, self.is_same_boot());
        if is_known { absence } else { 0 }
    }

    /// Whether the file was used in this boot of the machine.
    pub(crate) fn is_same_boot(&self) -> bool {
        let [.., boot, rest, _, _, _] = self.found;
        self.wanted.boot != [0; 2] && self.wanted.boot == [boot, rest]
    }

    /// Notes that a server has the file now.
    pub(crate) fn note_alive(&self) {
        let [boot, unix] = LastAlive::now().words();
        self.write_header(ALIVE_AT, &boot.to_le_bytes());
        self.write_header(ALIVE_AT + size_of::<u64>(), &unix.to_le_bytes());
    }

    /// Whether the records of the shards are those of the items. Then they are noted to be so no
    /// longer: what follows changes items.
    pub(crate) fn take_records(&self) -> bool {
        let [.., records] = self.found;
        self.write_header(RECORDS_AT, &0_u64.to_le_bytes());
        records == VALID
    }

    /// Notes that the records of the shards are those of the items. Nothing changes any more.
    pub(crate) fn note_records(&self) {
        self.note_alive();
        // For memory that outlives a boot.
        let _ = self.file.file.sync_data();
        self.write_header(RECORDS_AT, &VALID.to_le_bytes());
        let _ = self.file.file.sync_data();
    }

    /// Notes that the items are about to change: the records are not those of the items.
    pub(crate) fn forget_records(&self) {
        self.write_header(RECORDS_AT, &0_u64.to_le_bytes());
    }

    /// Lets another process have the file. This one ends, and the system takes a while to unmap the
    /// file.
    pub(crate) fn release(&self) {
        let _ = flock(&self.file.file, FlockOperation::Unlock);
    }

    /// Notes that the memory has no items that can be used.
    fn forget(&self) {
        self.write_header(0, &[0; size_of::<Header>()]);
    }

    /// Notes that the memory is ready for items.
    pub(crate) fn keep(&self, kept: Kept) {
        self.note_alive();
        let header: Vec<u8> = self.header(kept).into_iter().flat_map(u64::to_le_bytes).collect();
        // The first word says that the others are there.
        let (magic, rest) = header.split_at(size_of::<u64>());
        self.forget();
        self.write_divisions();
        self.write_header(magic.len(), rest);
        self.write_header(0, magic);
    }

    /// Writes to the header from this byte on.
    fn write_header(&self, from: usize, bytes: &[u8]) {
        self.write_at(self.file_bytes.get() - HEADER_BYTES + from, bytes);
    }

    fn write_at(&self, start: usize, bytes: &[u8]) {
        let mut mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
        mapping.as_mut()[start..start + bytes.len()].copy_from_slice(bytes);
        compiler_fence(Ordering::SeqCst);
    }
}

/// The next step of a file on the way to the size and division that the settings want.
#[derive(Debug)]
pub(crate) enum Step {
    /// Items are to move.
    Move(Move),
    /// The directory is to be behind as many pages as the settings want.
    Resize,
}

/// Changes of the size and the division, before anybody uses the items.
impl MemoryFile {
    /// The next step. `None`: all is as the settings want. `is_emptied`: no item is in a page
    /// beyond those that the settings want.
    pub(crate) fn next_step(&self, is_emptied: bool) -> Option<Step> {
        let is_emptying = self.pages > self.wanted.pages && !is_emptied;
        if self.pages < self.wanted.pages {
            return Some(Step::Resize);
        }
        let step = self.divisions.next_move(self.wanted.division, is_emptying);
        let is_resized = self.file_bytes == file_bytes(&self.file, self.wanted.pages)
            && self.pages == self.wanted.pages;
        step.map(Step::Move).or_else(|| (!is_resized).then_some(Step::Resize))
    }

    /// Pages that the settings want and items of this division can be in, or all if there are
    /// fewer.
    pub(crate) fn usable_pages(&self, division: Division) -> usize {
        self.pages.min(self.wanted.pages).min(division.pages_max())
    }

    /// Notes that items move.
    pub(crate) fn begin_move(&mut self, step: &Move) {
        self.divisions = self.divisions.begun(step);
        self.write_word(RECORDS_AT, 0);
        self.write_divisions();
    }

    /// Notes that all items have moved.
    pub(crate) fn end_move(&mut self, step: &Move) {
        self.divisions = self.divisions.ended(step);
        self.write_divisions();
    }

    /// Writes both divisions, then the word that says which are in use. Only a division without
    /// items changes.
    fn write_divisions(&self) {
        let (first, [in_use, second @ ..]) = self.divisions.words();
        for (place, word) in first.into_iter().enumerate() {
            self.write_word((FIRST_DIVISION + place) * WORD_BYTES, word);
        }
        for (place, word) in second.into_iter().enumerate() {
            self.write_word(DIVISIONS_AT + (1 + place) * WORD_BYTES, word);
        }
        self.write_word(DIVISIONS_AT, in_use);
    }

    /// Gives the file the pages that the settings want. If there are fewer than before, the last
    /// ones have no items.
    pub(crate) fn resize(mut self) -> Result<MemoryFile, String> {
        let (from, to) = (self.pages, self.wanted.pages);
        let bytes = file_bytes(&self.file, to);
        self.write_word(RECORDS_AT, 0);
        if from != to {
            // If the new directory, or the header behind it, covers the old one, a process that
            // ends meanwhile leaves neither.
            let old = from * PAGE_BYTES..directory_end(from);
            let new = to * PAGE_BYTES..directory_end(to);
            let header = bytes.get() - HEADER_BYTES..bytes.get();
            let covers = |new: &Range<usize>| new.start < old.end && old.start < new.end;
            if covers(&new) || covers(&header) {
                self.write_word(0, 0);
            }
            let mut mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
            move_directory(mapping.as_mut(), from, to);
            compiler_fence(Ordering::SeqCst);
            drop(mapping);
            self.pages = to;
        }
        if bytes == self.file_bytes {
            self.write_word(PAGES * WORD_BYTES, to as u64);
            self.write_word(0, MAGIC);
            return Ok(self);
        }
        let start = self.file_bytes.get() - HEADER_BYTES;
        let mut mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut header = mapping.as_mut()[start..start + HEADER_BYTES].to_vec();
        drop(mapping);
        for (place, word) in [(0, MAGIC), (PAGES, to as u64)] {
            header[place * WORD_BYTES..][..WORD_BYTES].copy_from_slice(&word.to_le_bytes());
        }
        self.write_at(bytes.get() - HEADER_BYTES, &header);
        self.of_bytes(bytes)
    }

    /// The file without items, of the size that the settings want.
    pub(crate) fn emptied(mut self) -> Result<MemoryFile, String> {
        self.forget();
        self.pages = self.wanted.pages;
        self.divisions = Divisions::one(self.wanted.division);
        let bytes = file_bytes(&self.file, self.pages);
        let file = self.of_bytes(bytes)?;
        // What is at the end of the file now.
        file.forget();
        Ok(file)
    }

    /// The file with another length.
    fn of_bytes(self, file_bytes: NonZeroUsize) -> Result<MemoryFile, String> {
        if file_bytes == self.file_bytes {
            return Ok(self);
        }
        self.file.allocate(file_bytes)?;
        let mapping = FileMapping::map(&self.file.file, file_bytes);
        let mapping = Mutex::new(mapping.map_err(|error| error.to_string())?);
        Ok(MemoryFile { file_bytes, mapping, ..self })
    }

    fn write_word(&self, at: usize, word: u64) {
        self.write_header(at, &word.to_le_bytes());
    }
}

/// Bytes of a file with so many pages.
fn file_bytes(file: &KeptFile, pages: usize) -> NonZeroUsize {
    let bytes = slabcore_storage::region_bytes(pages).next_multiple_of(HEADER_BYTES) + HEADER_BYTES;
    let bytes = bytes.next_multiple_of(file.block_bytes.max(HEADER_BYTES));
    NonZeroUsize::new(bytes).expect("a file has a header")
}

/// What a header says. `found_bytes`: the length of its file. The error says why the pages cannot
/// be used; it is empty if there are none.
fn read_layout(
    found: &Header,
    second: [u64; 1 + DIVISION_WORDS],
    found_bytes: usize,
) -> Result<(usize, Divisions), &'static str> {
    let [magic, layout, pages, shards, chunk_bytes_min, growth_factor, granule_bytes, ..] = *found;
    let first = [shards, chunk_bytes_min, growth_factor, granule_bytes];
    let divisions = Divisions::from_words(first, second);
    let pages = usize::try_from(pages).unwrap_or(usize::MAX);
    let has_room = pages > 0
        && pages <= found_bytes / PAGE_BYTES
        && slabcore_storage::region_bytes(pages) + HEADER_BYTES <= found_bytes;
    let reasons = [
        (magic == 0, ""),
        (magic != MAGIC, "it is another program's"),
        (layout != LAYOUT, "its layout is of another version"),
        (!has_room || divisions.is_none(), "it is damaged"),
    ];
    match (reasons.into_iter().find(|(is_so, _)| *is_so), divisions) {
        (Some((_, reason)), _) => Err(reason),
        (None, divisions) => divisions.map(|divisions| (pages, divisions)).ok_or("it is damaged"),
    }
}

/// Words from a byte of the header on; 0 if the file is too short.
fn read_words<const WORDS: usize>(file: &File, from: usize) -> io::Result<[u64; WORDS]> {
    let Some(header) = file.metadata()?.len().checked_sub(HEADER_BYTES as u64) else {
        return Ok([0; WORDS]);
    };
    let mut bytes = [[0; size_of::<u64>()]; WORDS];
    file.read_exact_at(bytes.as_flattened_mut(), header + from as u64)?;
    Ok(bytes.map(u64::from_le_bytes))
}

#[cfg(test)]
#[path = "memory_file_tests.rs"]
mod tests;
