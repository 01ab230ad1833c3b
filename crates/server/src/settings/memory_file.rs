//! The file of the item memory (`-e`, `--keep-memory`): the items outlive the process in it.
//!
//! ```text
//! | pages of items | page directory | records of the shards | unused | header: 4 KiB |
//! ```
//!
//! The header says how the rest is to be read. It is written when the memory is ready for items,
//! and taken away before the memory is emptied. So a process that ends at any time leaves a file
//! that is whole, or one without a header.

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

const HEADER_BYTES: usize = 4096;
/// Begins the header of a file with items.
const MAGIC: u64 = u64::from_le_bytes(*b"slabcore");
/// Number of the layout of items, directory and records. A change of any of them raises it.
const LAYOUT: u64 = 3;

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
    /// Second of the system's monotonic clock that the server counts from.
    pub(crate) monotonic_at_zero: u64,
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
        let found = read_header(&kept.file).map_err(|error| error.to_string())?;
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
        Ok(MemoryFile { file, bytes, file_bytes, layout, found, mapping: Mutex::new(mapping) })
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
        let Kept { seed, monotonic_at_zero } = kept;
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
            monotonic_at_zero,
            0,
        ]
    }

    /// What an earlier process left. The error says why its items cannot be used; it is empty if
    /// there are none.
    pub(crate) fn kept(&self) -> Result<Kept, &'static str> {
        let [
            magic,
            layout,
            pages,
            shards,
            chunk_bytes_min,
            growth_factor,
            boot,
            rest,
            seed,
            zero,
            _,
        ] = self.found;
        let Layout { boot: own_boot, .. } = self.layout;
        let reasons = [
            (magic == 0, ""),
            (own_boot == [0; 2], "the system does not tell one boot from another"),
            (magic != MAGIC, "it is another program's"),
            (layout != LAYOUT, "its layout is of another version"),
            (pages != self.layout.pages, "-m was different"),
            (shards != self.layout.shards, "-t was different"),
            (chunk_bytes_min != self.layout.chunk_bytes_min, "-n was different"),
            (growth_factor != self.layout.growth_factor, "-f was different"),
            ([boot, rest] != own_boot, "the machine was started again"),
        ];
        match reasons.into_iter().find(|(is_so, _)| *is_so) {
            Some((_, reason)) => Err(reason),
            None => Ok(Kept { seed, monotonic_at_zero: zero }),
        }
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
        self.write_header(RECORDS_AT, &VALID.to_le_bytes());
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
        let header: Vec<u8> = self.header(kept).into_iter().flat_map(u64::to_le_bytes).collect();
        // The first word says that the others are there.
        let (magic, rest) = header.split_at(size_of::<u64>());
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

/// The words where the header of a file is; 0 if the file is too short.
fn read_header(file: &File) -> io::Result<Header> {
    let Some(at) = file.metadata()?.len().checked_sub(HEADER_BYTES as u64) else {
        return Ok(Header::default());
    };
    let mut bytes = [0; size_of::<Header>()];
    file.read_exact_at(&mut bytes, at)?;
    let (words, _) = bytes.as_chunks::<8>();
    Ok(std::array::from_fn(|place| u64::from_le_bytes(words[place])))
}

/// The system's number of this boot; 0 if it has none.
fn boot_id() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |range: std::ops::Range<usize>| {
        digits.get(range).and_then(|part| u64::from_str_radix(part, 16).ok()).unwrap_or(0)
    };
    [half(0..16), half(16..32)]
}
