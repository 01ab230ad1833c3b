//! The memory of the items: one mapping, on huge pages if the system has them.
//!
//! Without `-L` the kernel is asked for transparent huge pages and makes them as memory is touched.
//! With `-L` the pages come from those that the operator reserved (`vm.nr_hugepages`). The kernel
//! sets as many aside at the start, so they cannot run out later. Resident memory still follows
//! use.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;

use memmap2::{Advice, MmapMut, MmapOptions};
use rustix::mm::{Advice as MemoryAdvice, madvise};
use slabcore_storage::{granule_bytes, granule_reach};
use tracing::warn;

use crate::settings::Settings;
use crate::settings::file_mapping::{FileMapping, HUGE_PAGE_BYTES, collapse};

/// Size of the reserved huge pages that are asked for, whatever the system's default is.
const HUGE_PAGE_BITS: u8 = HUGE_PAGE_BYTES.ilog2() as u8;

/// The mapped memory of the items.
pub(crate) struct ItemMemory {
    mapping: Mapping,
    bytes: usize,
}

enum Mapping {
    /// Of the process. Whole huge pages if they are reserved: the kernel unmaps no part of one.
    Process(MmapMut),
    File(FileMapping),
}

impl ItemMemory {
    /// Maps `-m` bytes, and address space for `cache_memlimit` to grow into: as much as the machine
    /// has memory, but no further than the items' addresses reach. With `-k` there is none, because
    /// `-k` locks all that is mapped. A warning says if `-L` gets no reserved pages.
    pub(crate) fn map(settings: &Settings) -> io::Result<ItemMemory> {
        let bytes = settings.memory_bytes;
        if settings.huge_pages {
            match reserved(bytes) {
                // Never swapped out, so there is nothing to lock.
                Ok(mapping) => return Ok(ItemMemory::of_process(mapping, bytes)),
                Err(error) => warn!("{}", reserved_refused(bytes, &error)),
            }
        }
        let reserve = if settings.lock_memory { bytes } else { reserve_bytes(bytes) };
        let (mapping, bytes) = match advised(reserve) {
            Ok(mapping) => (mapping, reserve),
            // The process may not have so much address space.
            Err(_) => (advised(bytes)?, bytes),
        };
        Ok(ItemMemory::of_process(mapping, bytes))
    }

    fn of_process(mapping: MmapMut, bytes: usize) -> ItemMemory {
        ItemMemory { mapping: Mapping::Process(mapping), bytes }
    }

    /// Maps a file of `file_bytes`, of which the first `bytes` are pages and their directory.
    pub(super) fn of_file(
        file: &File,
        bytes: usize,
        file_bytes: NonZeroUsize,
    ) -> io::Result<ItemMemory> {
        let mapping = Mapping::File(FileMapping::map(file, file_bytes)?);
        Ok(ItemMemory { mapping, bytes })
    }
}

impl ItemMemory {
    /// Where the memory is.
    pub(crate) fn range(&self) -> MappedRange {
        let (address, is_file) = match &self.mapping {
            Mapping::Process(mapping) => (mapping.as_ptr().expose_provenance(), false),
            Mapping::File(mapping) => (mapping.address(), true),
        };
        MappedRange { address, bytes: self.bytes, is_file }
    }
}

impl AsMut<[u8]> for ItemMemory {
    fn as_mut(&mut self) -> &mut [u8] {
        let mapping = match &mut self.mapping {
            Mapping::Process(mapping) => mapping,
            Mapping::File(mapping) => mapping.as_mut(),
        };
        &mut mapping[..self.bytes]
    }
}

/// Bytes of address space for a memory of `bytes`.
fn reserve_bytes(bytes: usize) -> usize {
    let system = rustix::system::sysinfo();
    let physical = (system.totalram as usize).saturating_mul(system.mem_unit as usize);
    physical.min(granule_reach(granule_bytes(bytes))).max(bytes)
}

/// Where a mapping is, for advice to the kernel on all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MappedRange {
    address: usize,
    bytes: usize,
    is_file: bool,
}

impl MappedRange {
    /// Whether the memory is that of a file: it must be allocated before it is touched.
    pub(crate) fn is_file(self) -> bool {
        self.is_file
    }

    /// Returns memory of this range to the system. It reads as zeros then. That of a file must be
    /// allocated ([`allocate`]) before it is touched again; other memory is allocated by a touch.
    pub(crate) fn return_to_system(self, bytes: &mut [u8]) {
        let advice =
            if self.is_file { MemoryAdvice::LinuxRemove } else { MemoryAdvice::LinuxDontNeed };
        // SAFETY: the bytes are borrowed by nobody else, and their values are not needed. If the
        // system refuses, the memory stays as it is.
        let _ = unsafe { madvise(bytes.as_mut_ptr().cast(), bytes.len(), advice) };
    }

    /// How many huge pages the memory has room for.
    pub(crate) fn huge_pages(self) -> usize {
        self.bytes / HUGE_PAGE_BYTES
    }

    /// Makes a huge page of a part of the memory. Parts of it that were returned to the system are
    /// allocated. False: the system has no huge page.
    pub(crate) fn make_huge(self, page: usize) -> bool {
        collapse(self.address + page * HUGE_PAGE_BYTES)
    }

    /// Asks the kernel for huge pages, or for none. After memory was returned the kernel would
    /// otherwise make whole huge pages of the rest.
    pub(crate) fn advise_huge_pages(self, wanted: bool) {
        let advice =
            if wanted { MemoryAdvice::LinuxHugepage } else { MemoryAdvice::LinuxNoHugepage };
        let start = std::ptr::with_exposed_provenance_mut(self.address);
        // SAFETY: this advice changes no byte, wherever it is given.
        let _ = unsafe { madvise(start, self.bytes, advice) };
    }
}

/// Allocates memory of a file. False: the file's system has no room.
pub(crate) fn allocate(bytes: &mut [u8]) -> bool {
    let start: *mut libc::c_void = bytes.as_mut_ptr().cast();
    // SAFETY: this advice changes no byte, wherever it is given.
    unsafe { libc::madvise(start, bytes.len(), libc::MADV_POPULATE_WRITE) == 0 }
}

fn advised(bytes: usize) -> io::Result<MmapMut> {
    let mapping = MmapOptions::new().len(bytes).no_reserve_swap().map_anon()?;
    // Huge pages mean fewer TLB misses; without them nothing is lost.
    let _ = mapping.advise(Advice::HugePage);
    Ok(mapping)
}

/// A mapping of reserved huge pages. It must not be without a reservation (`MAP_NORESERVE`): if a
/// page is missing when it is touched, the process gets a SIGBUS.
fn reserved(bytes: usize) -> io::Result<MmapMut> {
    let bytes = bytes.next_multiple_of(HUGE_PAGE_BYTES);
    MmapOptions::new().len(bytes).huge(Some(HUGE_PAGE_BITS)).map_anon()
}

/// The warning that says why `-L` gets no reserved pages, and how to reserve them.
pub(super) fn reserved_refused(bytes: usize, error: &io::Error) -> String {
    let pages = bytes.div_ceil(HUGE_PAGE_BYTES);
    let cause = match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::NOMEM) => "not reserved or not free".to_owned(),
        _ => error.to_string(),
    };
    format!(
        "warning: -L: cannot get {pages} huge pages of 2 MiB: {cause}; reserve them with sysctl \
         vm.nr_hugepages={pages} (more if other processes use some); using transparent huge pages \
         instead"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_says_why_and_what_to_do() {
        let line = reserved_refused((64 << 20) + 1, &rustix::io::Errno::NOMEM.into());
        assert_eq!(
            line,
            "warning: -L: cannot get 33 huge pages of 2 MiB: not reserved or not free; reserve \
             them with sysctl vm.nr_hugepages=33 (more if other processes use some); using \
             transparent huge pages instead"
        );
        let line = reserved_refused(1, &rustix::io::Errno::INVAL.into());
        assert!(line.contains("cannot get 1 huge pages of 2 MiB: Invalid argument"), "{line}");
    }
}
