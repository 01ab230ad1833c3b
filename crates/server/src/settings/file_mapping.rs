//! A mapping of a file in memory, at an address that huge pages can be at.
//!
//! Shared memory is on small pages where the system's settings do not ask for huge ones
//! (`shmem_enabled`, the option `huge=` of a mount). `MADV_COLLAPSE` (Linux 6.1) makes huge pages
//! all the same. Memory that was not touched yet becomes a huge page faster than it becomes 512
//! small ones; used memory is copied.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::retry_on_intr;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// Size of a huge page.
pub(super) const HUGE_PAGE_BYTES: usize = 1 << 21;

/// `MADV_COLLAPSE` of `madvise(2)`, which the crates for system calls do not name.
const MADV_COLLAPSE: libc::c_int = 25;

/// The first bytes of a file, mapped shared, until this is dropped.
#[derive(Debug)]
pub(super) struct FileMapping {
    /// Exposed: the memory is reached through slices and by its address.
    address: usize,
    bytes: NonZeroUsize,
}

impl FileMapping {
    /// Maps the first `bytes` of a file of this process, which has as many. To touch a byte that is
    /// not allocated and finds no room ends the process.
    pub(super) fn map(file: &File, bytes: NonZeroUsize) -> io::Result<FileMapping> {
        let whole = bytes.get().next_multiple_of(HUGE_PAGE_BYTES);
        let reserved = whole + HUGE_PAGE_BYTES;
        let (none, private) = (ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE);
        // SAFETY: a new mapping, where the kernel likes.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), reserved, none, private)? };
        let start = start.expose_provenance();
        let address = start.next_multiple_of(HUGE_PAGE_BYTES);
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        let to = std::ptr::with_exposed_provenance_mut(address);
        // SAFETY: it replaces a part of the mapping above, which nobody uses.
        let mapped = unsafe { mmap(to, bytes.get(), access, flags, file.as_fd(), 0) };
        // What is left before and behind. A file of reserved huge pages is mapped to the end of
        // the last one, so nothing of it is unmapped here.
        let end = address + whole;
        for (from, to) in [(start, address), (end, start + reserved)] {
            if from < to {
                let from_pointer = std::ptr::with_exposed_provenance_mut(from);
                // SAFETY: a part of the first mapping that nobody uses.
                unsafe { munmap(from_pointer, to - from)? };
            }
        }
        mapped?;
        Ok(FileMapping { address, bytes })
    }

    /// Where the mapping begins.
    pub(super) fn address(&self) -> usize {
        self.address
    }
}

impl AsMut<[u8]> for FileMapping {
    fn as_mut(&mut self) -> &mut [u8] {
        let start = std::ptr::with_exposed_provenance_mut(self.address);
        // SAFETY: the mapping has so many bytes until it is dropped, and is borrowed by nobody
        // else. A process that writes to the file may write to this process's memory, too.
        unsafe { std::slice::from_raw_parts_mut(start, self.bytes.get()) }
    }
}

impl Drop for FileMapping {
    fn drop(&mut self) {
        let start = std::ptr::with_exposed_provenance_mut(self.address);
        let bytes = self.bytes.get().next_multiple_of(HUGE_PAGE_BYTES);
        // SAFETY: the address space of this mapping, which nobody borrows any more. What is
        // behind the file in its last huge page is this mapping's, too.
        let _ = unsafe { munmap(start, bytes) };
    }
}

/// Makes one huge page of the memory at a multiple of [`HUGE_PAGE_BYTES`]. False: there is none.
/// Of memory without any page the kernel makes none.
pub(super) fn collapse(address: usize) -> bool {
    let start = std::ptr::with_exposed_provenance_mut::<libc::c_void>(address);
    // SAFETY: this advice changes no byte, wherever it is given.
    unsafe { libc::madvise(start, HUGE_PAGE_BYTES, MADV_COLLAPSE) == 0 }
}

/// Allocates a file without any allocated byte on huge pages, as far as there are some.
pub(super) fn allocate_huge(file: &File, bytes: NonZeroUsize) -> io::Result<()> {
    let mapping = FileMapping::map(file, bytes)?;
    for offset in (0..bytes.get() / HUGE_PAGE_BYTES).map(|page| page * HUGE_PAGE_BYTES) {
        // The kernel makes a huge page where at least one page is.
        retry_on_intr(|| fallocate(file, FallocateFlags::empty(), offset as u64, 1))?;
        if !collapse(mapping.address() + offset) {
            break;
        }
    }
    Ok(())
}
