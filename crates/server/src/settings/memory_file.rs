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

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{Ordering, compiler_fence};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};
use slabcore_storage::PAGE_BYTES;

use crate::settings::Settings;
use crate::settings::file_mapping::FileMapping;
use crate::settings::item_memory::ItemMemory;
use crate::settings::kept_file::KeptFile;
use crate::settings::kept_time::{LastAlive, boot_id};

const HEADER_BYTES: usize = 4096;
/// Begins the header of a file with items.
const MAGIC: u64 = u64::from_le_bytes(*b"slabcore");
/// Number of the layout of items, directory and records. A change of any of them raises it.
const LAYOUT: u64 = 4;
/// Byte of the header at which the words of [`LastAlive`] are.
const ALIVE_AT: usize = 512;

/// A file that this process alone uses for its items.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    file: File,
    /// Bytes of pages, directory and records.
    bytes: usize,
    /// Bytes of the file.
    file_bytes: NonZeroUsize,
    layout: Layout,
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
    pages: u64,
    shards: u64,
    chunk_bytes_min: u64,
    growth_factor: u64,
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

/// Words of the header, in order. The last one says whether the records of the shards are valid.
type Header = [u64; 11];

/// The last word, if the records are valid.
const VALID: u64 = u64::from_le_bytes(*b"attached");

/// Byte of the last word in the header.
const RECORDS_AT: usize = size_of::<Header>() - size_of::<u64>();

impl MemoryFile {
    /// Opens the file that the settings name, which is made if need be, and allocates all of it.
    /// The error is for the operator.
    pub(crate) fn open(settings: &Settings) -> Result<MemoryFile, String> {
        let kept = KeptFile::open(settings)?;
        let found = read_words(&kept.file, 0).map_err(|error| error.to_string())?;
        let alive = read_words(&kept.file, ALIVE_AT).map_err(|error| error.to_string())?;
        let pages = settings.memory_bytes / PAGE_BYTES;
        let bytes = slabcore_storage::region_bytes(pages).next_multiple_of(HEADER_BYTES);
        let block = kept.block_bytes.max(HEADER_BYTES);
        let file_bytes = (bytes + HEADER_BYTES).next_multiple_of(block);
        let file_bytes = NonZeroUsize::new(file_bytes).expect("a file has a header");
        let layout = Layout {
            pages: pages as u64,
            shards: settings.shards as u64,
            chunk_bytes_min: settings.chunk_bytes_min as u64,
            growth_factor: settings.growth_factor.to_bits(),
            boot: boot_id(),
        };
        kept.allocate(file_bytes)?;
        let file = kept.file;
        let mapping = FileMapping::map(&file, file_bytes).map_err(|error| error.to_string())?;
        Ok(MemoryFile {
            file,
            bytes,
            file_bytes,
            layout,
            found,
            found_alive: LastAlive::of_words(alive),
            opened: LastAlive::now(),
            restart_within: settings.keeping.restart_within.unwrap_or(u64::MAX),
            mapping: Mutex::new(mapping),
        })
    }

    /// The file, for a process that keeps it.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Maps the pages and their directory.
    pub(crate) fn item_memory(&self) -> io::Result<ItemMemory> {
        ItemMemory::of_file(&self.file, self.bytes, self.file_bytes)
    }

    fn header(&self, kept: Kept) -> Header {
        let Layout { pages, shards, chunk_bytes_min, growth_factor, boot } = self.layout;
        let Kept { seed, boot_at_zero } = kept;
        let [boot, rest] = boot;
        [
            MAGIC,
            LAYOUT,
            pages,
            shards,
            chunk_bytes_min,
            growth_factor,
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
        let [
            magic,
            layout,
            pages,
            shards,
            chunk_bytes_min,
            growth_factor,
            _,
            _,
            seed,
            boot_at_zero,
            records,
        ] = self.found;
        let is_same_boot = self.is_same_boot();
        let reasons = [
            (magic == 0, ""),
            (magic != MAGIC, "it is another program's"),
            (layout != LAYOUT, "its layout is of another version"),
            (pages != self.layout.pages, "-m was different"),
            (shards != self.layout.shards, "-t was different"),
            (chunk_bytes_min != self.layout.chunk_bytes_min, "-n was different"),
            (growth_factor != self.layout.growth_factor, "-f was different"),
            // Nobody knows what of the processor's caches got to memory that outlives a boot.
            (!is_same_boot && records != VALID, "the machine was started again"),
        ];
        if let Some((_, reason)) = reasons.into_iter().find(|(is_so, _)| *is_so) {
            return Err(reason.into());
        }
        let (absence, most) = (self.absence_seconds(), self.restart_within);
        if absence > most {
            return Err(format!("nobody had it for {absence} s (--restart-within {most})").into());
        }
        let boot_at_zero = self.found_alive.carry_over(self.opened, is_same_boot, boot_at_zero);
        Ok(Kept { seed, boot_at_zero })
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
        self.layout.boot != [0; 2] && self.layout.boot == [boot, rest]
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
        let _ = self.file.sync_data();
        self.write_header(RECORDS_AT, &VALID.to_le_bytes());
        let _ = self.file.sync_data();
    }

    /// Lets another process have the file. This one ends, and the system takes a while to unmap the
    /// file.
    pub(crate) fn release(&self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }

    /// Notes that the memory has no items that can be used.
    pub(crate) fn forget(&self) {
        self.write_header(0, &[0; size_of::<Header>()]);
    }

    /// Notes that the memory is ready for items.
    pub(crate) fn keep(&self, kept: Kept) {
        self.note_alive();
        let header: Vec<u8> = self.header(kept).into_iter().flat_map(u64::to_le_bytes).collect();
        // The first word says that the others are there.
        let (magic, rest) = header.split_at(size_of::<u64>());
        self.forget();
        self.write_header(magic.len(), rest);
        self.write_header(0, magic);
    }

    /// Writes to the header from this byte on.
    fn write_header(&self, from: usize, bytes: &[u8]) {
        let start = self.file_bytes.get() - HEADER_BYTES + from;
        let mut mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
        mapping.as_mut()[start..start + bytes.len()].copy_from_slice(bytes);
        compiler_fence(Ordering::SeqCst);
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
