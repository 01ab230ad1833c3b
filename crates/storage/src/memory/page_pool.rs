//! The pool of free pages, which all shards share. It is lock-free.
//!
//! A page comes from one of three places: a stack of pages given back, a stack of pages whose
//! memory was returned to the system, and the pages that were never taken, in ascending order. So
//! memory is touched only when it is needed. The stacks are linked through one word per page; a
//! stack's head carries a counter against the ABA problem. While a store owns a page, the same word
//! holds the store's **note**: the number of its record for the page. A `take` that races and reads
//! a note as a link fails its exchange, because the counter has changed.
//!
//! ```text
//! head  = | change counter: 32 | page number or NONE: 32 |
//! words = | next free page, or the owner's note |  one per page
//! ```
//!
//! A region with a directory is a file's, and all of it was allocated: all free pages are in the
//! stack of pages given back. A page that was returned to the system needs room in the file again
//! before it is free ([`PagePool::take_to_allocate`]).
//!
//! The region may have more pages than the **limit**, which moves while the server runs. `room` is
//! how many more pages may be taken. A `take` first takes one off `room`, then looks for the page.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::limits::{
    INDEX_PAGES_MIN, OWNERS_KEPT_MAX, PAGE_BYTES, PAGE_LOOKS_MAX, SHARDS_KEPT_MAX,
};
use crate::memory::page::Page;
use crate::memory::page_directory::{
    DirectoryEntry, Generation, Owner, PageDirectory, ShardNumber,
};
use crate::memory::region::{OwnedPages, Region, granule_bytes, granule_reach, zeroed_words};
use crate::memory::shard_record::{ShardRecord, notes_of_records};

/// Ends a stack.
const NONE: u32 = u32::MAX;

/// A stack of pages, linked through their words.
struct PageStack(AtomicU64);

impl PageStack {
    const fn new() -> PageStack {
        PageStack(AtomicU64::new(NONE as u64))
    }

    /// Forgets all pages. While nobody else uses the stack.
    fn clear(&self) {
        self.0.store(NONE.into(), Ordering::Relaxed);
    }

    #[expect(clippy::needless_pass_by_value, reason = "the token ends here")]
    fn push(&self, words: &[AtomicU32], page: Page) {
        let number = page.number();
        let word = &words[number as usize];
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            word.store(head as u32, Ordering::Relaxed);
            let new = next_head(head, number);
            match self.0.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn pop(&self, words: &[AtomicU32]) -> Option<Page> {
        let mut head = self.0.load(Ordering::Acquire);
        loop {
            let number = head as u32;
            if number == NONE {
                return None;
            }
            let below = words[number as usize].load(Ordering::Relaxed);
            let new = next_head(head, below);
            match self.0.compare_exchange_weak(head, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(Page::new(number)),
                Err(now) => head = now,
            }
        }
    }
}

/// The shards of one generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GenerationShards {
    /// How many there are, 1 to 64.
    pub shards: u32,
    /// The unit of their items' addresses, see [`granule_bytes`].
    pub granule_bytes: usize,
}

/// The pages that belong to no store.
pub struct PagePool {
    region: Arc<Region>,
    words: Box<[AtomicU32]>,
    directory: PageDirectory,
    /// Owners that have not taken over their kept pages yet, a bit each.
    unrecovered: [AtomicU64; OWNERS_KEPT_MAX / u64::BITS as usize],
    /// The generation of the stores that take pages.
    generation: Generation,
    /// Whether its shards have records, see [`PagePool::attached`].
    has_records: AtomicBool,
    /// Words of the records saved so far.
    record_words: AtomicUsize,
    /// Bytes of the granule of the stores that take pages, and of those of the other generation.
    granules: [usize; 2],
    /// Pages from this number on are never handed out.
    usable: usize,
    given: PageStack,
    /// Pages whose memory was returned to the system.
    returned: PageStack,
    /// Number of these pages, and of those taken by [`PagePool::take_to_return`].
    returned_pages: AtomicUsize,
    /// The first page that was never taken.
    untouched: AtomicUsize,
    /// Pages that may be owned.
    limit: AtomicUsize,
    /// The limit minus the pages that are owned. Below 0 if the limit was lowered.
    room: AtomicIsize,
    /// Sum over the stores of the most pages that their slab classes had at a time.
    class_pages_max: AtomicUsize,
    /// Bit n is set if a store that evicts nothing had no memory for slab class n.
    full_classes: AtomicU64,
    /// Bytes of the shortest chained value for which such a store had no memory.
    refused_bytes: AtomicUsize,
}

impl PagePool {
    /// Cuts the region into pages of [`PAGE_BYTES`](crate::PAGE_BYTES). Bytes at the end that make
    /// no page stay unused.
    pub fn new(region: Region) -> PagePool {
        PagePool::with_limit(region, usize::MAX)
    }

    /// As [`Self::new`], with a limit on the pages that may be owned. What the region's directory
    /// says is forgotten.
    pub fn with_limit(region: Region, limit: usize) -> PagePool {
        let pool = PagePool::without_kept_pages(region, limit);
        pool.directory.clear();
        if pool.directory.is_kept() {
            pool.keep_pages(|_| false);
        }
        pool
    }

    /// The pool of a region whose directory says which pages have items. Each of the `shards` of
    /// this generation takes its own over, see [`Store::recover`](crate::Store::recover). All
    /// others are free.
    pub fn recovered(
        region: Region,
        limit: usize,
        shards: u32,
        generation: Generation,
    ) -> PagePool {
        let mut pool = PagePool::without_kept_pages(region, limit);
        pool.generation = generation;
        pool.recover_instead(shards);
        pool
    }

    /// As [`Self::recovered`], but if the region has a record of each of the shards, each of them
    /// takes the pages over that its record names, see [`Store::attach`](crate::Store::attach).
    pub fn attached(region: Region, limit: usize, shards: u32, generation: Generation) -> PagePool {
        let mut pool = PagePool::without_kept_pages(region, limit);
        pool.generation = generation;
        let owners = (0..shards).map(|shard| generation.owner(shard));
        let Some(notes) = notes_of_records(&pool.region, &pool.directory, owners) else {
            pool.recover_instead(shards);
            return pool;
        };
        pool.keep_pages(|page| notes[page as usize].is_some());
        for (page, note) in (0..).zip(notes) {
            if let Some(note) = note {
                pool.set_note(page, note);
            }
        }
        pool.await_owners(&[(generation, shards)]);
        pool.has_records.store(true, Ordering::Relaxed);
        pool
    }

    /// Makes a pool whose pages no store owns one whose shards recover their pages: they have no
    /// records, or one did not fit its store. For a start, while nobody else uses the pool.
    pub fn recover_instead(&self, shards: u32) {
        self.has_records.store(false, Ordering::Relaxed);
        self.keep_pages_of(&[(self.generation, shards)]);
    }

    /// Whether the shards have records, and can be attached.
    pub fn has_records(&self) -> bool {
        self.has_records.load(Ordering::Relaxed)
    }

    /// As [`Self::recovered`], for stores of one generation to which the items of the other one
    /// move. `shards`: those of each, the stores' own first. Only the first `usable` pages are
    /// handed out, as far as the stores' granule reaches: the others are to be empty afterwards.
    pub fn of_two_generations(
        region: Region,
        usable: usize,
        generation: Generation,
        [own, other]: [GenerationShards; 2],
    ) -> PagePool {
        let usable = usable.min(granule_reach(own.granule_bytes) / PAGE_BYTES);
        let mut pool = PagePool::without_kept_pages(region, usable);
        pool.generation = generation;
        pool.granules = [own.granule_bytes, other.granule_bytes];
        pool.usable = usable.min(pool.words.len());
        pool.keep_pages_of(&[(generation, own.shards), (generation.other(), other.shards)]);
        pool
    }

    /// Leaves the pages of these shards to them. Their records are out of date.
    fn keep_pages_of(&self, shards: &[(Generation, u32)]) {
        let is_kept = |entry: DirectoryEntry| {
            shards.iter().any(|(generation, shards)| entry.owner.is_of(*generation, *shards))
        };
        self.keep_pages(|page| {
            let is_kept = self.directory.entry(page).is_some_and(|entry| {
                is_kept(entry) && self.is_within_reach(page as usize, entry.owner)
            });
            if !is_kept {
                // Whatever a damaged word says.
                self.directory.clear_entry(page);
            }
            is_kept
        });
        self.await_owners(shards);
        Owner::all().for_each(|owner| self.forget_record(owner));
    }

    /// Sets pages aside. All others are free.
    fn keep_pages(&self, is_kept: impl Fn(u32) -> bool) {
        let (mut kept, pages) = (0_usize, self.words.len());
        self.given.clear();
        self.returned.clear();
        for number in (0..pages).rev() {
            let is_usable = self.is_usable(number);
            if is_kept(number as u32) {
                kept += usize::from(is_usable);
            } else if is_usable {
                self.given.push(&self.words, Page::new(number as u32));
            }
        }
        let room = self.pages_total().cast_signed() - kept.cast_signed();
        self.untouched.store(pages, Ordering::Relaxed);
        self.returned_pages.store(0, Ordering::Relaxed);
        self.class_pages_max.store(0, Ordering::Relaxed);
        self.room.store(room, Ordering::Relaxed);
    }

    /// Lets these shards take over what is kept for them.
    fn await_owners(&self, shards: &[(Generation, u32)]) {
        assert!(shards.iter().all(|(_, shards)| (1..=SHARDS_KEPT_MAX as u32).contains(shards)));
        self.unrecovered.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        for (generation, shards) in shards {
            for number in (0..*shards).map(|shard| generation.owner(shard).number()) {
                let word = &self.unrecovered[number / u64::BITS as usize];
                word.fetch_or(1 << (number % u64::BITS as usize), Ordering::Relaxed);
            }
        }
    }

    /// The record of a shard of an attached pool, and the tokens of its pages. The second time
    /// there is none. From now on the region has none.
    pub(crate) fn take_record(&self, owner: Owner) -> Option<(Vec<Page>, ShardRecord)> {
        if !self.has_records() || !self.begin_takeover(owner) {
            return None;
        }
        let start = self.directory.number(owner, ShardNumber::Record);
        let record = ShardRecord::read(&self.region, start)?;
        self.forget_record(owner);
        let pages = record.pages.iter().map(|(page, _)| Page::new(*page)).collect();
        Some((pages, record))
    }

    /// Saves the record of a shard, whose store changes nothing any more. False: it has no room.
    pub(crate) fn save_record(&self, owner: Owner, record: &ShardRecord) -> bool {
        let start = self.record_words.fetch_add(record.len(), Ordering::Relaxed);
        let end = start.saturating_add(record.len());
        let Some(words) = self.region.record_words().get(start..end) else { return false };
        record.write(words);
        self.directory.set_number(owner, ShardNumber::Record, start as u32 + 1);
        true
    }

    /// The record of a shard, if the region has one.
    pub(crate) fn saved_record(&self, owner: Owner) -> Option<ShardRecord> {
        ShardRecord::read(&self.region, self.directory.number(owner, ShardNumber::Record))
    }

    /// Notes that a shard has no record, or that what it says is out of date.
    pub(crate) fn forget_record(&self, owner: Owner) {
        self.directory.set_number(owner, ShardNumber::Record, 0);
    }

    /// Whether an owner takes over what was kept for it now, for the first time.
    fn begin_takeover(&self, owner: Owner) -> bool {
        let number = owner.number();
        let bit = 1_u64 << (number % u64::BITS as usize);
        let unrecovered = &self.unrecovered[number / u64::BITS as usize];
        unrecovered.fetch_and(!bit, Ordering::Relaxed) & bit != 0
    }

    /// Begins the generation of the stores: what they begin with fits the items of `shards` shards
    /// of the other generation, which move to them.
    pub fn begin_generation(&self, shards: u32) {
        let (old, new) = (self.generation.other(), self.generation);
        let most = |number| {
            let numbers = (0..shards).map(|shard| self.directory.number(old.owner(shard), number));
            numbers.max().unwrap_or_default()
        };
        let (uniques, tick) = (most(ShardNumber::Uniques), most(ShardNumber::Tick));
        let flush = most(ShardNumber::Flush);
        for owner in (0..SHARDS_KEPT_MAX as u32).map(|shard| new.owner(shard)) {
            self.directory.set_number(owner, ShardNumber::Epoch, 0);
            self.directory.set_number(owner, ShardNumber::Uniques, uniques);
            self.directory.set_number(owner, ShardNumber::Tick, tick);
            self.directory.set_number(owner, ShardNumber::Record, 0);
            self.directory.set_number(owner, ShardNumber::Flush, flush);
        }
    }

    /// Whether no page beyond the usable ones is in a slab class.
    pub fn is_emptied(&self) -> bool {
        let mut others = self.usable..self.words.len();
        others.all(|page| self.directory.entry(page as u32).is_none())
    }

    /// Whether a page may be taken once it is free.
    pub(crate) fn is_usable(&self, page: usize) -> bool {
        page < self.usable
    }

    /// The window of an owner's store, on no page yet.
    pub(crate) fn window(&self, owner: Owner) -> OwnedPages {
        OwnedPages::new(Arc::clone(&self.region), self.granule_bytes(owner))
    }

    /// Bytes of the granule of an owner's locations.
    fn granule_bytes(&self, owner: Owner) -> usize {
        self.granules[usize::from(owner.generation() != self.generation)]
    }

    fn is_within_reach(&self, page: usize, owner: Owner) -> bool {
        page < granule_reach(self.granule_bytes(owner)) / PAGE_BYTES
    }

    /// The generation of the stores that take pages.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether the pool has the free pages that so many stores need for a recovery. It has, unless
    /// its directory is damaged.
    pub fn has_pages_for(&self, shards: usize) -> bool {
        self.pages_free() >= shards * INDEX_PAGES_MIN
    }

    fn without_kept_pages(region: Region, limit: usize) -> PagePool {
        let pages = (region.bytes() / PAGE_BYTES).min(NONE as usize);
        let limit = limit.min(pages);
        let region = Arc::new(region);
        PagePool {
            directory: PageDirectory::new(Arc::clone(&region)),
            unrecovered: core::array::from_fn(|_| AtomicU64::new(0)),
            generation: Generation::default(),
            has_records: AtomicBool::new(false),
            record_words: AtomicUsize::new(0),
            granules: [granule_bytes(region.bytes()); 2],
            usable: pages,
            region,
            words: zeroed_words(pages),
            given: PageStack::new(),
            returned: PageStack::new(),
            returned_pages: AtomicUsize::new(0),
            untouched: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            room: AtomicIsize::new(limit.cast_signed()),
            class_pages_max: AtomicUsize::new(0),
            full_classes: AtomicU64::new(0),
            refused_bytes: AtomicUsize::new(usize::MAX),
        }
    }

    /// The directory of the pages.
    pub(crate) fn directory(&self) -> &PageDirectory {
        &self.directory
    }

    /// The pages with items of an owner, in a recovered pool. The second time there are none.
    pub(crate) fn take_kept(&self, owner: Owner) -> Vec<(Page, DirectoryEntry)> {
        if !self.begin_takeover(owner) {
            return Vec::new();
        }
        let entries = (0..self.words.len() as u32).filter_map(|number| {
            let entry = self.directory.entry(number)?;
            (entry.owner == owner).then(|| (Page::new(number), entry))
        });
        entries.collect()
    }

    /// Sets how many pages may be owned. If the stores own more, they give the surplus in their
    /// background work. Returns false and changes nothing if the region has fewer pages.
    pub fn set_limit(&self, pages: usize) -> bool {
        if pages > self.words.len() {
            return false;
        }
        let before = self.limit.swap(pages, Ordering::Relaxed);
        let change = pages.cast_signed() - before.cast_signed();
        self.room.fetch_add(change, Ordering::Release);
        self.mark_none_full();
        true
    }

    /// Notes that some store has no memory for a slab class.
    pub(crate) fn mark_full(&self, class: usize) {
        self.full_classes.fetch_or(1 << class, Ordering::Relaxed);
    }

    /// Whether some store had no memory for a slab class, and none has freed any since.
    pub(crate) fn is_full(&self, class: usize) -> bool {
        self.full_classes.load(Ordering::Relaxed) & 1 << class != 0
    }

    /// Notes that some store has no memory for a chained value of this many bytes. No class is full
    /// then, because the chunks that the chain had are free again.
    pub(crate) fn refuse_from(&self, bytes: usize) {
        self.refused_bytes.fetch_min(bytes, Ordering::Relaxed);
    }

    /// Whether some store had no memory for a chained value of at most this many bytes, and none
    /// has freed any since.
    pub(crate) fn is_refused(&self, bytes: usize) -> bool {
        bytes >= self.refused_bytes.load(Ordering::Relaxed)
    }

    /// Notes that some store has freed memory.
    pub(crate) fn mark_none_full(&self) {
        if self.refused_bytes.load(Ordering::Relaxed) != usize::MAX {
            self.refused_bytes.store(usize::MAX, Ordering::Relaxed);
        }
        if self.full_classes.load(Ordering::Relaxed) != 0 {
            self.full_classes.store(0, Ordering::Relaxed);
        }
    }

    /// Takes a page. `None`: the limit is reached. Waits for no other thread.
    ///
    /// A thread that took one off `room` finds a page, except in two cases. Another thread gave a
    /// page to a place that this thread had already searched: this thread searches again. Or the
    /// limit was raised while pages were being returned to the system: until
    /// [`Self::keep_returned`] there are fewer pages than `room` says.
    pub fn take(&self) -> Option<Page> {
        let room = |room: isize| (room > 0).then_some(room - 1);
        self.room.try_update(Ordering::Acquire, Ordering::Relaxed, room).ok()?;
        for _ in 0..PAGE_LOOKS_MAX {
            let page = self.given.pop(&self.words).or_else(|| self.take_returned());
            if let Some(page) = page.or_else(|| self.advance_untouched()) {
                return Some(page);
            }
            spin_loop();
        }
        self.room.fetch_add(1, Ordering::Release);
        None
    }

    /// Takes a page that another store has given for this one, while more are owned than the limit:
    /// as many as before are owned then. `None`: [`Self::take`] is the way, or another thread was
    /// faster.
    pub fn take_exchanged(&self) -> Option<Page> {
        let room = |room: isize| (room < 0).then_some(room - 1);
        self.room.try_update(Ordering::Acquire, Ordering::Relaxed, room).ok()?;
        let page = self.given.pop(&self.words).or_else(|| self.take_returned());
        if page.is_none() {
            self.room.fetch_add(1, Ordering::Release);
        }
        page
    }

    /// Gives a page back.
    pub fn give(&self, page: Page) {
        if page.number() as usize >= self.usable {
            return;
        }
        self.given.push(&self.words, page);
        // After the push, so that a thread that finds room finds a page.
        self.room.fetch_add(1, Ordering::Release);
    }

    /// Pages of the region.
    pub fn pages(&self) -> usize {
        self.words.len()
    }

    /// Pages that may be owned.
    pub fn pages_total(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Notes that the slab classes of some store have so many pages more than ever before.
    pub(crate) fn count_class_pages(&self, pages: usize) {
        self.class_pages_max.fetch_add(pages, Ordering::Relaxed);
    }

    /// About how many pages slab classes have used, without those returned to the system. Like
    /// memcached's `total_malloced`, it does not fall when items go.
    pub fn pages_malloced(&self) -> usize {
        let untouched = self.untouched.load(Ordering::Relaxed);
        let returned = self.returned_pages.load(Ordering::Relaxed);
        self.class_pages_max.load(Ordering::Relaxed).min(untouched.saturating_sub(returned))
    }

    /// Pages that may be taken. Exact only if no other thread uses the pool.
    pub fn pages_free(&self) -> usize {
        usize::try_from(self.room.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Pages that are owned above the limit.
    #[inline]
    pub fn pages_over(&self) -> usize {
        usize::try_from(-self.room.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Whether the touched pages that were not returned are more than the limit. Then pages that
    /// are given back must be returned to the system.
    pub fn has_to_return(&self) -> bool {
        let untouched = self.untouched.load(Ordering::Relaxed);
        let returned = self.returned_pages.load(Ordering::Relaxed);
        untouched.saturating_sub(returned) > self.pages_total()
    }

    /// A page whose memory must be returned to the system, if one was given back. The caller passes
    /// it to [`Self::keep_returned`]. Only one thread may call this at a time.
    pub fn take_to_return(&self) -> Option<Page> {
        if !self.has_to_return() {
            return None;
        }
        let page = self.given.pop(&self.words)?;
        // Counted here, so that only the surplus is returned and the pages within the limit stay.
        self.returned_pages.fetch_add(1, Ordering::Relaxed);
        Some(page)
    }

    /// Takes back a page whose memory was returned to the system.
    pub fn keep_returned(&self, page: Page) {
        self.returned.push(&self.words, page);
    }

    /// The memory of a page that no store owns.
    pub fn memory<'a>(&'a self, page: &'a mut Page) -> &'a mut [u8] {
        self.region.page_memory(page)
    }

    /// A page whose memory was returned to the system, if fewer than `pages` have memory. The
    /// caller allocates its memory and passes it to [`Self::keep_allocated`], or else to
    /// [`Self::keep_unallocated`]. Only the thread that returns memory may call this.
    pub fn take_to_allocate(&self, pages: usize) -> Option<Page> {
        if self.pages_allocated() >= pages { None } else { self.returned.pop(&self.words) }
    }

    /// Takes back a page whose memory is allocated again. It may be taken when the limit is raised.
    pub fn keep_allocated(&self, page: Page) {
        self.given.push(&self.words, page);
        self.returned_pages.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes back a page for whose memory there was no room.
    pub fn keep_unallocated(&self, page: Page) {
        self.returned.push(&self.words, page);
    }

    /// Pages whose memory was not returned to the system.
    pub fn pages_allocated(&self) -> usize {
        self.usable - self.returned_pages.load(Ordering::Relaxed)
    }

    /// Takes a page whose memory was returned, if a touch is enough to have it again.
    fn take_returned(&self) -> Option<Page> {
        if self.directory.is_kept() {
            return None;
        }
        let page = self.returned.pop(&self.words)?;
        self.returned_pages.fetch_sub(1, Ordering::Relaxed);
        Some(page)
    }

    fn advance_untouched(&self) -> Option<Page> {
        let total = self.words.len();
        self.untouched
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < total).then_some(n + 1))
            .ok()
            .map(|number| Page::new(number as u32))
    }

    /// The memory that the pages are cut from.
    #[cfg(test)]
    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.region
    }

    /// The owner's note on a page.
    #[inline]
    pub(crate) fn note(&self, page: u32) -> u32 {
        self.words[page as usize].load(Ordering::Relaxed)
    }

    /// Sets the note. For the owner of the page.
    pub(crate) fn set_note(&self, page: u32, note: u32) {
        self.words[page as usize].store(note, Ordering::Relaxed);
    }
}

fn next_head(head: u64, page: u32) -> u64 {
    ((head >> 32).wrapping_add(1) << 32) | u64::from(page)
}
