//! The file of the item memory (`-e`): the items outlive the process in it.
//!
//! ```text
//! | pages of items | page directory | records of the shards | unused | header: 4 KiB |
//! ```
//!
//! The header says how the rest is to be read. It is written when the memory is ready for items,
//! and taken away before the memory is emptied. So a process that ends at any time leaves a file
//! that is whole, or one without a header.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{Ordering, compiler_fence};
use std::sync::{Mutex, PoisonError};

use memmap2::MmapMut;
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock, fstatfs};
use rustix::io::{Errno, retry_on_intr};
use slabcore_storage::PAGE_BYTES;

use crate::settings::Settings;
use crate::settings::item_memory::{ItemMemory, map};

const HEADER_BYTES: usize = 4096;
/// Begins the header of a file with items.
const MAGIC: u64 = u64::from_le_bytes(*b"slabcore");
/// Number of the layout of items, directory and records. A change of any of them raises it.
const LAYOUT: u64 = 3;

/// Types of file systems that keep files in memory, by the magic numbers of `statfs(2)`.
/// ramfs is not among them: it allocates nothing ahead.
const IN_MEMORY: [(i64, &str); 2] = [(0x0102_1994, "tmpfs"), (0x9584_58f6, "hugetlbfs")];

/// A file that this process alone uses for its items.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    file: File,
    /// Bytes of pages, directory and records.
    bytes: usize,
    /// Bytes of the file.
    file_bytes: usize,
    layout: Layout,
    /// The header that the file had when it was opened.
    found: Header,
    /// The whole file. A file on hugetlbfs can only be written to where it is mapped.
    mapping: Mutex<MmapMut>,
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

impl MemoryFile {
    /// Opens the file, which is made if need be, and allocates all of it. The error is for the
    /// operator.
    pub(crate) fn open(path: &Path, settings: &Settings) -> Result<MemoryFile, String> {
        let refused = |error: &dyn std::fmt::Display| error.to_string();
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(|error| refused(&error))?;
        let system = fstatfs(&file).map_err(|error| refused(&error))?;
        // The type's width and sign differ between platforms.
        let is_in_memory = |magic: i64| system.f_type as u32 == magic as u32;
        if !IN_MEMORY.iter().any(|(magic, _)| is_in_memory(*magic)) {
            let names = IN_MEMORY.map(|(_, name)| name).join(", ");
            return Err(format!(
                "it is on a disk, which each request would write to; use a file system in memory \
                 ({names})"
            ));
        }
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => "another server uses it".to_owned(),
            error => refused(&error),
        })?;
        let found = read_header(&file).map_err(|error| refused(&error))?;
        let pages = settings.memory_bytes / PAGE_BYTES;
        let bytes = slabcore_storage::region_bytes(pages).next_multiple_of(HEADER_BYTES);
        let block = usize::try_from(system.f_bsize).unwrap_or(HEADER_BYTES).max(HEADER_BYTES);
        let file_bytes = (bytes + HEADER_BYTES).next_multiple_of(block);
        let layout = Layout {
            pages: pages as u64,
            shards: settings.shards as u64,
            chunk_bytes_min: settings.chunk_bytes_min as u64,
            growth_factor: settings.growth_factor.to_bits(),
            boot: boot_id(),
        };
        allocate(&file, file_bytes as u64).map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NOSPC | Errno::NOMEM) => {
                format!("its file system has no room for {} MiB", file_bytes.div_ceil(1 << 20))
            }
            _ => refused(&error),
        })?;
        let mapping = map(&file, file_bytes).map_err(|error| refused(&error))?;
        Ok(MemoryFile { file, bytes, file_bytes, layout, found, mapping: Mutex::new(mapping) })
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
        let start = self.file_bytes - HEADER_BYTES + from;
        let mut mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
        mapping[start..start + bytes.len()].copy_from_slice(bytes);
        compiler_fence(Ordering::SeqCst);
    }
}

/// Has the system set the memory aside: a page that is missing when it is touched would end the
/// process.
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    if file.metadata()?.len() != bytes {
        file.set_len(bytes)?;
    }
    // A signal, or what a ring has for this thread, interrupts it.
    Ok(retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, bytes))?)
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
