//! The memory of all shards, and one store's window on it.
//!
//! This is the only file of the crate with `unsafe`. A [`Region`] is a run of bytes. The page pool
//! cuts it into pages, and a store reads and writes its own pages through [`OwnedPages`]. Each
//! access is checked against the region's length, and in builds with debug assertions also against
//! the pages that the store owns.
#![allow(unsafe_code)]

use alloc::{boxed::Box, sync::Arc};
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::{ptr, ptr::NonNull, slice};

#[cfg(debug_assertions)]
use alloc::collections::BTreeSet;

use crate::limits::{
    GRANULE_BYTES_MIN, KEPT_NUMBERS, OWNERS_KEPT_MAX, PAGE_BYTES, PAGE_RECORD_WORDS,
    SHARD_RECORD_WORDS, SHARDS_KEPT_MAX,
};
use crate::memory::page::Page;

/// Memory of arbitrary content, to be cut into pages.
///
/// Pages that no store takes are never touched, so resident memory follows use.
pub struct Region {
    base: NonNull<u8>,
    /// Bytes of the pages.
    bytes: usize,
    /// Words of the page directory, which lies behind the pages. 0: there is none.
    kept_words: usize,
    /// Words for the records of the shards, behind the directory.
    record_words: usize,
    /// A raw pointer, because moving a `Box` would end the borrow that `base` comes from.
    owner: *mut (dyn AsMut<[u8]> + Send),
}

// SAFETY: the owner is `Send` and is touched again only when it is dropped. The bytes are reached
// only through `OwnedPages`, whose pages belong to one store at a time, and through `page_memory`.
unsafe impl Send for Region {}
// SAFETY: as above; `&Region` itself gives no access to the bytes.
unsafe impl Sync for Region {}

impl Region {
    /// Takes the memory, which is dropped together with the region. Calls `memory.as_mut()` once.
    pub fn new(memory: Box<dyn AsMut<[u8]> + Send>) -> Region {
        let owner = Box::into_raw(memory);
        // SAFETY: `owner` comes from `Box::into_raw` and nothing else points to it.
        let bytes = unsafe { (*owner).as_mut() };
        let (bytes, base) = (bytes.len(), NonNull::from(bytes).cast());
        Region { base, bytes, kept_words: 0, record_words: 0, owner }
    }

    /// As [`Self::new`], with a directory of this many pages in the memory itself, so that another
    /// process that maps the same memory finds the items again. The memory starts at a multiple of
    /// 8, and has at least [`region_bytes`].
    pub fn with_directory(memory: Box<dyn AsMut<[u8]> + Send>, pages: usize) -> Region {
        let mut region = Region::new(memory);
        assert!(region.base.cast::<AtomicU64>().is_aligned(), "memory that is not aligned");
        assert!(region_bytes(pages) <= region.bytes, "memory that is too short");
        region.bytes = pages * PAGE_BYTES;
        region.kept_words = directory_words(pages);
        region.record_words = record_words(pages);
        region
    }

    /// The words of the page directory.
    #[expect(clippy::cast_ptr_alignment, reason = "asserted when the region is made")]
    pub(super) fn kept_words(&self) -> &[AtomicU32] {
        if self.kept_words == 0 {
            return &[];
        }
        // SAFETY: inside the memory and behind its pages, so no window reaches them. They are
        // aligned, as the memory is (asserted in `with_directory`) and pages are; an atomic word
        // may be changed through a shared reference.
        unsafe {
            let first = self.base.as_ptr().add(self.bytes).cast::<AtomicU32>();
            slice::from_raw_parts(first, self.kept_words)
        }
    }

    /// The words for the records of the shards.
    #[expect(clippy::cast_ptr_alignment, reason = "asserted when the region is made")]
    pub(super) fn record_words(&self) -> &[AtomicU64] {
        if self.record_words == 0 {
            return &[];
        }
        let at = self.bytes + self.kept_words * size_of::<AtomicU32>();
        // SAFETY: as in `kept_words`; the directory has an even number of words.
        unsafe {
            let first = self.base.as_ptr().add(at).cast::<AtomicU64>();
            slice::from_raw_parts(first, self.record_words)
        }
    }

    /// A copy of all memory. For tests with one thread.
    #[cfg(test)]
    pub(crate) fn copy(&self) -> alloc::vec::Vec<u8> {
        let bytes = region_bytes(self.bytes / PAGE_BYTES);
        // SAFETY: inside the memory; the only thread does not write meanwhile.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), bytes) }.to_vec()
    }

    /// Length of the pages in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory of a page. It belongs to the holder of the [`Page`].
    pub(super) fn page_memory<'a>(&'a self, page: &'a mut Page) -> &'a mut [u8] {
        let at = page.number() as usize * PAGE_BYTES;
        assert!(at + PAGE_BYTES <= self.bytes, "a page of another region");
        // SAFETY: inside the region (asserted), initialised by its owner; each page has one `Page`
        // value, which is borrowed as long as the slice.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr().add(at), PAGE_BYTES) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` in `new`, dropped nowhere else; every `OwnedPages` holds
        // an `Arc` of this region, so no window outlives it.
        drop(unsafe { Box::from_raw(self.owner) });
    }
}

/// Words of the directory of so many pages, see `page_directory.rs`. An even number, so that words
/// of 8 bytes can follow.
pub(super) const fn directory_words(pages: usize) -> usize {
    (pages + OWNERS_KEPT_MAX * KEPT_NUMBERS).next_multiple_of(2)
}

/// Offset of the end of the directory of a region of so many pages.
pub const fn directory_end(pages: usize) -> usize {
    pages * PAGE_BYTES + directory_words(pages) * size_of::<AtomicU32>()
}

/// Copies the directory of a region of `from` pages to where that of a region of `to` pages is, in
/// memory that has both. Pages that only one of them has are in no slab class.
pub fn move_directory(memory: &mut [u8], from: usize, to: usize) {
    const WORD_BYTES: usize = size_of::<AtomicU32>();
    let old = memory[from * PAGE_BYTES..directory_end(from)].to_vec();
    let (pages, numbers) = old.split_at(from * WORD_BYTES);
    let numbers = &numbers[..OWNERS_KEPT_MAX * KEPT_NUMBERS * WORD_BYTES];
    let new = &mut memory[to * PAGE_BYTES..directory_end(to)];
    new.fill(0);
    let kept = from.min(to) * WORD_BYTES;
    new[..kept].copy_from_slice(&pages[..kept]);
    new[to * WORD_BYTES..][..numbers.len()].copy_from_slice(numbers);
}

/// Words for the records of the shards of a region of so many pages.
pub(crate) const fn record_words(pages: usize) -> usize {
    pages * PAGE_RECORD_WORDS + SHARDS_KEPT_MAX * SHARD_RECORD_WORDS
}

/// Bytes of memory for a region of so many pages with a directory:
///
/// ```text
/// | pages | page directory | records of the shards |
/// ```
pub const fn region_bytes(pages: usize) -> usize {
    pages * PAGE_BYTES
        + directory_words(pages) * size_of::<AtomicU32>()
        + record_words(pages) * size_of::<AtomicU64>()
}

/// Bytes of the granule of a region of `bytes`, the unit of items' addresses: a power of two, at
/// least 8. Chunk sizes are multiples of it.
pub const fn granule_bytes(bytes: usize) -> usize {
    let mut granule = GRANULE_BYTES_MIN;
    while granule_reach(granule) < bytes {
        granule <<= 1;
    }
    granule
}

/// Bytes of the largest region whose addresses have this granule. `granule`: a power of two, at
/// most [`CHUNK_BYTES_MAX`](crate::CHUNK_BYTES_MAX).
pub const fn granule_reach(granule: usize) -> usize {
    granule << u32::BITS
}

/// Words that are 0. Their memory is not touched until they are used.
pub(super) fn zeroed_words(count: usize) -> Box<[AtomicU32]> {
    // SAFETY: all bytes 0 is an atomic 0.
    unsafe { Box::<[AtomicU32]>::new_zeroed_slice(count).assume_init() }
}

/// Where a chunk is, in granules from the start of the region: the same wherever the region is
/// mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(crate) struct Location(pub(crate) u32);

impl Location {
    /// No chunk. No chunk has this location, because a chunk is longer than one granule.
    pub(crate) const NONE: Location = Location(u32::MAX);

    pub(crate) fn is_none(self) -> bool {
        self == Location::NONE
    }

    pub(crate) fn some(self) -> Option<Location> {
        if self.is_none() { None } else { Some(self) }
    }
}

/// The bytes of one store's pages.
pub(crate) struct OwnedPages {
    base: NonNull<u8>,
    bytes: usize,
    granule_shift: u32,
    /// Keeps the memory alive.
    region: Arc<Region>,
    /// Numbers of the pages. `None` in [`PinnedChunks`], which do not follow what their store owns.
    #[cfg(debug_assertions)]
    owned: Option<BTreeSet<u32>>,
}

// SAFETY: `base` points into the region, which `region` keeps alive. Only this store's pages are
// accessed; another thread reaches only pinned chunks of them, which do not change.
unsafe impl Send for OwnedPages {}

/// The chunks of a held item, for a reader on any thread. They are neither changed nor freed while
/// the hold is alive, except the header of the head chunk, which is not read through this.
pub(crate) struct PinnedChunks(OwnedPages);

impl PinnedChunks {
    /// The bytes, to be read only.
    pub(crate) fn pages(&self) -> &OwnedPages {
        &self.0
    }
}

impl OwnedPages {
    /// A window on no page yet. Its pages must be within the reach of the granule, which is a
    /// power of two.
    pub(super) fn new(region: Arc<Region>, granule_bytes: usize) -> OwnedPages {
        assert!(granule_bytes.is_power_of_two() && granule_bytes >= GRANULE_BYTES_MIN);
        OwnedPages {
            base: region.base,
            bytes: region.bytes,
            granule_shift: granule_bytes.trailing_zeros(),
            #[cfg(debug_assertions)]
            owned: Some(BTreeSet::new()),
            region,
        }
    }

    /// The window of a reader of a held item.
    pub(crate) fn pinned_chunks(&self) -> PinnedChunks {
        PinnedChunks(OwnedPages {
            base: self.base,
            bytes: self.bytes,
            granule_shift: self.granule_shift,
            region: Arc::clone(&self.region),
            #[cfg(debug_assertions)]
            owned: None,
        })
    }

    /// Bytes of a granule, the unit of locations.
    pub(crate) fn granule_bytes(&self) -> usize {
        1 << self.granule_shift
    }

    /// Byte offset of a location.
    #[inline]
    pub(crate) fn at(&self, location: Location) -> usize {
        (location.0 as usize) << self.granule_shift
    }

    /// Location of a byte offset that is a multiple of the granule.
    #[inline]
    pub(crate) fn location(&self, at: usize) -> Location {
        debug_assert_eq!(at & (self.granule_bytes() - 1), 0);
        Location((at >> self.granule_shift) as u32)
    }

    /// From now on the page is the store's. That no other store has it is checked in builds with
    /// debug assertions only.
    pub(crate) fn add(&mut self, page: &Page) {
        let reach = granule_reach(self.granule_bytes());
        assert!((page.number() as usize) < reach / PAGE_BYTES, "a page beyond all locations");
        #[cfg(debug_assertions)]
        assert!(self.owned_mut().insert(page.number()), "a page was handed out twice");
        let _ = page;
    }

    /// From now on the page is no longer the store's.
    pub(crate) fn remove(&mut self, page: &Page) {
        #[cfg(debug_assertions)]
        assert!(self.owned_mut().remove(&page.number()), "a page of another owner");
        let _ = page;
    }

    #[cfg(debug_assertions)]
    fn owned_mut(&mut self) -> &mut BTreeSet<u32> {
        self.owned.as_mut().expect("a window of a store")
    }

    #[inline]
    fn assert_inside(&self, at: usize, len: usize) {
        assert!(at <= self.bytes && len <= self.bytes - at, "access outside of the region");
        #[cfg(debug_assertions)]
        if len > 0 {
            assert_eq!(at / PAGE_BYTES, (at + len - 1) / PAGE_BYTES, "access across pages");
            let is_own = |owned: &BTreeSet<u32>| owned.contains(&((at / PAGE_BYTES) as u32));
            assert!(self.owned.as_ref().is_none_or(is_own), "page of another owner");
        }
    }

    #[inline]
    pub(crate) fn bytes(&self, at: usize, len: usize) -> &[u8] {
        self.assert_inside(at, len);
        // SAFETY: inside the region (asserted), initialised by its owner. The page is this store's,
        // so `&self` excludes writers; or the bytes are pinned, and do not change.
        unsafe { slice::from_raw_parts(self.base.as_ptr().add(at), len) }
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self, at: usize, len: usize) -> &mut [u8] {
        self.assert_inside(at, len);
        #[cfg(test)]
        super::cuts::count(&self.region, at..at + len);
        // SAFETY: as in `bytes`; `&mut self` excludes every other access to this store's pages.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr().add(at), len) }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.assert_inside(at, N);
        // SAFETY: inside the region (asserted); an array of bytes has no alignment.
        unsafe { ptr::read(self.base.as_ptr().add(at).cast()) }
    }

    /// Up to 8 bytes are written by one instruction.
    #[inline]
    pub(crate) fn set_array<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.assert_inside(at, N);
        #[cfg(test)]
        super::cuts::count(&self.region, if N > 8 { at..at + N } else { 0..0 });
        // SAFETY: inside the region (asserted); `&mut self` excludes others; an array of bytes has
        // no alignment.
        unsafe { ptr::write(self.base.as_ptr().add(at).cast(), bytes) };
    }

    #[inline]
    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    #[inline]
    pub(crate) fn set_u32(&mut self, at: usize, value: u32) {
        self.set_array(at, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    #[inline]
    pub(crate) fn set_u64(&mut self, at: usize, value: u64) {
        self.set_array(at, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn u8(&self, at: usize) -> u8 {
        let [byte] = self.array(at);
        byte
    }

    #[inline]
    pub(crate) fn set_u8(&mut self, at: usize, value: u8) {
        self.set_array(at, [value]);
    }

    /// Copies bytes within the store's pages. The ranges may overlap.
    pub(crate) fn copy(&mut self, from: usize, to: usize, len: usize) {
        self.assert_inside(from, len);
        self.assert_inside(to, len);
        #[cfg(test)]
        super::cuts::count(&self.region, to..to + len);
        let base = self.base.as_ptr();
        // SAFETY: both ranges lie inside the region (asserted); `&mut self` excludes others.
        unsafe { ptr::copy(base.add(from), base.add(to), len) };
    }

    /// Asks the processor to fetch the cache line of byte `at`. Never faults.
    #[inline]
    pub(crate) fn prefetch(&self, at: usize) {
        debug_assert!(at < self.bytes + crate::limits::CACHE_LINE_BYTES);
        #[cfg(target_arch = "x86_64")]
        {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let line = self.base.as_ptr().wrapping_add(at).cast::<i8>();
            // SAFETY: a prefetch reads nothing and faults on no address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }
}
