//! The memory of all shards, and one store's window on it.
//!
//! This is the only file of the crate with `unsafe`. A [`Region`] is a run of bytes that lives as
//! long as the pool that cuts it into pages. A store reads and writes it through its
//! [`OwnedPages`] only: every access is checked against the region's length in all builds, and
//! against the pages that the store owns in builds with debug assertions.
#![allow(unsafe_code)]

use alloc::{boxed::Box, sync::Arc};
use core::sync::atomic::AtomicU32;
use core::{ptr, ptr::NonNull, slice};

#[cfg(debug_assertions)]
use alloc::collections::BTreeSet;

use crate::limits::{GRANULE_BYTES_MIN, PAGE_BYTES};
use crate::memory::page_pool::{Page, PagePool};

/// Memory of arbitrary content that is to be cut into pages.
///
/// Pages that are never taken are never touched, so resident memory follows use.
pub struct Region {
    base: NonNull<u8>,
    bytes: usize,
    /// Kept as a raw pointer: moving a `Box` would end the life of what was borrowed through it.
    owner: *mut (dyn AsMut<[u8]> + Send),
}

// SAFETY: the owner is `Send` and is only touched again when dropped; the bytes are reached through
// `OwnedPages` alone, whose pages belong to one store at a time.
unsafe impl Send for Region {}
// SAFETY: as above; `&Region` itself gives no access to the bytes.
unsafe impl Sync for Region {}

impl Region {
    /// Takes the memory; it is dropped together with the region. `memory.as_mut()` is called once.
    pub fn new(memory: Box<dyn AsMut<[u8]> + Send>) -> Region {
        let owner = Box::into_raw(memory);
        // SAFETY: `owner` comes from `Box::into_raw` and nothing else points to it.
        let bytes = unsafe { (*owner).as_mut() };
        Region { bytes: bytes.len(), base: NonNull::from(bytes).cast(), owner }
    }

    /// Length in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory of a page, which belongs to whoever holds the page.
    pub(crate) fn page_memory<'a>(&'a self, page: &'a mut Page) -> &'a mut [u8] {
        let at = page.number() as usize * PAGE_BYTES;
        assert!(at + PAGE_BYTES <= self.bytes, "a page of another region");
        // SAFETY: inside the region (asserted), initialised by its owner; there is one value for
        // each page, and it is borrowed as long as the slice.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr().add(at), PAGE_BYTES) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` in `new`, dropped nowhere else; every `OwnedPages` holds
        // the pool, and with it this region, so no window outlives this.
        drop(unsafe { Box::from_raw(self.owner) });
    }
}

/// Bytes of the largest region whose locations count in the same unit as those of one of `bytes`.
pub const fn region_reach(bytes: usize) -> usize {
    let mut reach = GRANULE_BYTES_MIN << 32;
    while reach < bytes {
        reach <<= 1;
    }
    reach
}

/// Words that are 0. Memory that nobody touches is not touched here either.
pub(crate) fn zeroed_words(count: usize) -> Box<[AtomicU32]> {
    // SAFETY: all bytes 0 is an atomic 0.
    unsafe { Box::<[AtomicU32]>::new_zeroed_slice(count).assume_init() }
}

/// Where a chunk is: in granules from the start of the region, so independent of where it is
/// mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(crate) struct Location(pub(crate) u32);

impl Location {
    /// No chunk. Never a real one: a chunk is longer than one granule.
    pub(crate) const NONE: Location = Location(u32::MAX);

    pub(crate) fn is_none(self) -> bool {
        self == Location::NONE
    }

    pub(crate) fn some(self) -> Option<Location> {
        if self.is_none() { None } else { Some(self) }
    }
}

/// The pages of one store: the only way to their bytes.
pub(crate) struct OwnedPages {
    base: NonNull<u8>,
    bytes: usize,
    granule_shift: u32,
    pool: Arc<PagePool>,
    /// `None` in [`PinnedChunks`], which do not follow what their store owns.
    #[cfg(debug_assertions)]
    owned: Option<BTreeSet<u32>>,
}

// SAFETY: the pointer leads into the region that `pool` keeps alive, and to the pages of this store
// only, which no other thread reaches, but for pinned chunks, which nobody changes.
unsafe impl Send for OwnedPages {}

/// A window on the chunks of a held item, for readers on any thread: what a hold pins is neither
/// changed nor freed while it is alive, but for the header of the head chunk, which is not read
/// through this.
pub(crate) struct PinnedChunks(OwnedPages);

impl PinnedChunks {
    /// To be read only.
    pub(crate) fn pages(&self) -> &OwnedPages {
        &self.0
    }
}

impl OwnedPages {
    pub(crate) fn new(pool: Arc<PagePool>) -> OwnedPages {
        let region = pool.region();
        let mut granule_shift = GRANULE_BYTES_MIN.trailing_zeros();
        while region.bytes >> granule_shift > u32::MAX as usize + 1 {
            granule_shift += 1;
        }
        OwnedPages {
            base: region.base,
            bytes: region.bytes,
            granule_shift,
            #[cfg(debug_assertions)]
            owned: Some(BTreeSet::new()),
            pool,
        }
    }

    /// A window for the reader of a held item.
    pub(crate) fn pinned_chunks(&self) -> PinnedChunks {
        PinnedChunks(OwnedPages {
            base: self.base,
            bytes: self.bytes,
            granule_shift: self.granule_shift,
            pool: Arc::clone(&self.pool),
            #[cfg(debug_assertions)]
            owned: None,
        })
    }

    pub(crate) fn pool(&self) -> &PagePool {
        &self.pool
    }

    /// Bytes of the unit in which locations count.
    pub(crate) fn granule_bytes(&self) -> usize {
        1 << self.granule_shift
    }

    /// Byte offset of a location.
    #[inline]
    pub(crate) fn at(&self, location: Location) -> usize {
        (location.0 as usize) << self.granule_shift
    }

    /// Location of a byte offset, which is a multiple of the granule.
    #[inline]
    pub(crate) fn location(&self, at: usize) -> Location {
        debug_assert_eq!(at & (self.granule_bytes() - 1), 0);
        Location((at >> self.granule_shift) as u32)
    }

    /// Takes a page from the pool and puts the store's `note` on it.
    pub(crate) fn take(&mut self, note: u32) -> Option<Page> {
        let page = self.pool.take()?;
        self.pool.set_note(page.number(), note);
        #[cfg(debug_assertions)]
        assert!(self.owned_mut().insert(page.number()), "a page was handed out twice");
        Some(page)
    }

    /// Gives a page to the pool.
    pub(crate) fn give(&mut self, page: Page) {
        #[cfg(debug_assertions)]
        assert!(self.owned_mut().remove(&page.number()), "a page of another owner");
        self.pool.give(page);
    }

    #[cfg(debug_assertions)]
    fn owned_mut(&mut self) -> &mut BTreeSet<u32> {
        self.owned.as_mut().expect("a window of a store")
    }

    /// The note on the page that holds byte `at`.
    #[inline]
    pub(crate) fn note(&self, at: usize) -> u32 {
        self.pool.note((at / PAGE_BYTES) as u32)
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
        // SAFETY: inside the region (asserted), initialised by its owner; the page is this store's,
        // so `&self` excludes writers; or the bytes are pinned, and so change for nobody.
        unsafe { slice::from_raw_parts(self.base.as_ptr().add(at), len) }
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self, at: usize, len: usize) -> &mut [u8] {
        self.assert_inside(at, len);
        // SAFETY: as in `bytes`; `&mut self` excludes every other access to this store's pages.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr().add(at), len) }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.assert_inside(at, N);
        // SAFETY: inside the region (asserted); an array of bytes has no alignment.
        unsafe { ptr::read(self.base.as_ptr().add(at).cast()) }
    }

    #[inline]
    pub(crate) fn set_array<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.bytes_mut(at, N).copy_from_slice(&bytes);
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

    /// Copies within the store's pages; the ranges may overlap.
    pub(crate) fn copy(&mut self, from: usize, to: usize, len: usize) {
        self.assert_inside(from, len);
        self.assert_inside(to, len);
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
