//! The memory of the items: one mapping, on huge pages where they are to be had.
//!
//! Without `-L` the kernel is asked for transparent huge pages and makes them as memory is touched.
//! With `-L` the pages come from those that the operator reserved (`vm.nr_hugepages`): the kernel
//! sets as many aside at the start, so they cannot run out later, and resident memory still follows
//! use.

#![allow(unsafe_code)]

use std::io;

use memmap2::{Advice, MmapMut, MmapOptions};
use rustix::mm::{Advice as MemoryAdvice, madvise};
use slabcore_storage::region_reach;
use tracing::warn;

use crate::settings::Settings;

/// Reserved huge pages are asked for in this size, whatever the system's default is.
const HUGE_PAGE_BITS: u8 = 21;
const HUGE_PAGE_BYTES: usize = 1 << HUGE_PAGE_BITS;

/// See the module.
pub(crate) struct ItemMemory {
    /// Whole pages of its size: the kernel unmaps nothing less.
    mapping: MmapMut,
    bytes: usize,
}

impl ItemMemory {
    /// Maps `-m` bytes, and beside them address space for `cache_memlimit` to grow into: as much
    /// as the machine could fill without items getting longer addresses, but none with `-k`, which
    /// has all of it at once. What `-L` cannot have is said on stderr.
    pub(crate) fn map(settings: &Settings) -> io::Result<ItemMemory> {
        let bytes = settings.memory_bytes;
        if settings.huge_pages {
            match reserved(bytes) {
                // Never swapped out, so there is nothing to lock.
                Ok(mapping) => return Ok(ItemMemory { mapping, bytes }),
                Err(error) => warn!("{}", refused(bytes, &error)),
            }
        }
        let reserve = if settings.lock_memory { bytes } else { reserve_bytes(bytes) };
        let (mapping, bytes) = match advised(reserve) {
            Ok(mapping) => (mapping, reserve),
            // The process may not have so much address space.
            Err(_) => (advised(bytes)?, bytes),
        };
        Ok(ItemMemory { mapping, bytes })
    }
}

impl ItemMemory {
    /// Where it lies.
    pub(crate) fn range(&self) -> MappedRange {
        MappedRange { address: self.mapping.as_ptr().expose_provenance(), bytes: self.bytes }
    }
}

impl AsMut<[u8]> for ItemMemory {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.mapping[..self.bytes]
    }
}

/// Bytes of address space for a memory of `bytes`.
fn reserve_bytes(bytes: usize) -> usize {
    let system = rustix::system::sysinfo();
    let physical = (system.totalram as usize).saturating_mul(system.mem_unit as usize);
    physical.min(region_reach(bytes)).max(bytes)
}

/// Where a mapping lies, for advice to the kernel on all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MappedRange {
    address: usize,
    bytes: usize,
}

impl MappedRange {
    /// Asks for huge pages, or for none: the kernel would make whole ones again of those of which
    /// parts were returned.
    pub(crate) fn advise_huge_pages(self, wanted: bool) {
        let advice =
            if wanted { MemoryAdvice::LinuxHugepage } else { MemoryAdvice::LinuxNoHugepage };
        let start = std::ptr::with_exposed_provenance_mut(self.address);
        // SAFETY: this advice changes no byte, wherever it is given.
        let _ = unsafe { madvise(start, self.bytes, advice) };
    }
}

/// Gives memory back to the system: it reads as zeros from now on, and is had anew when touched.
pub(crate) fn return_to_system(bytes: &mut [u8]) {
    // SAFETY: the bytes are of a private anonymous mapping and borrowed by nobody else; zeros are
    // as good as what they were. What the system refuses stays where it is.
    let _ = unsafe { madvise(bytes.as_mut_ptr().cast(), bytes.len(), MemoryAdvice::LinuxDontNeed) };
}

fn advised(bytes: usize) -> io::Result<MmapMut> {
    let mapping = MmapOptions::new().len(bytes).no_reserve_swap().map_anon()?;
    // Fewer TLB misses where huge pages are to be had; nothing is lost where not.
    let _ = mapping.advise(Advice::HugePage);
    Ok(mapping)
}

/// Must not be mapped without a reservation (`MAP_NORESERVE`): a page that is then missing when it
/// is touched is a SIGBUS.
fn reserved(bytes: usize) -> io::Result<MmapMut> {
    let bytes = bytes.next_multiple_of(HUGE_PAGE_BYTES);
    MmapOptions::new().len(bytes).huge(Some(HUGE_PAGE_BITS)).map_anon()
}

/// The one line that says why `-L` has no reserved pages, and how it would have them.
fn refused(bytes: usize, error: &io::Error) -> String {
    let pages = bytes.div_ceil(HUGE_PAGE_BYTES);
    let cause = match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::NOMEM) => "they are not reserved or not free".to_owned(),
        _ => error.to_string(),
    };
    format!(
        "warning: -L: {pages} huge pages of 2 MiB are not to be had: {cause}; reserve them with \
         sysctl vm.nr_hugepages={pages} (more where others use some); going on with transparent \
         huge pages"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_says_why_and_what_to_do() {
        let line = refused((64 << 20) + 1, &rustix::io::Errno::NOMEM.into());
        assert_eq!(
            line,
            "warning: -L: 33 huge pages of 2 MiB are not to be had: they are not reserved or not \
             free; reserve them with sysctl vm.nr_hugepages=33 (more where others use some); going \
             on with transparent huge pages"
        );
        let line = refused(1, &rustix::io::Errno::INVAL.into());
        assert!(
            line.contains("1 huge pages of 2 MiB are not to be had: Invalid argument"),
            "{line}"
        );
    }
}
