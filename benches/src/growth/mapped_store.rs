//! A store over memory that is mapped as the server maps it, for measuring the store alone.

use std::io;
use std::sync::Arc;

use memmap2::{Advice, MmapOptions};
use slabcore_storage::{Config, KeyHasher, PAGE_BYTES, PagePool, Region, Store};

/// The seed of the hash table. A fixed one makes runs repeatable.
const HASH_SEED: u64 = 1;

/// When the kernel provides the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Populate {
    /// Before the first operation, so that none of them has a page fault.
    Ahead,
    /// At the first write to each of its pages, as in the server.
    OnUse,
}

/// One shard's store with the server's default settings, its hasher and its region.
pub struct MappedStore {
    /// The store.
    pub store: Store,
    /// Hashes keys for it.
    pub hasher: KeyHasher,
    pages: Arc<PagePool>,
    region_bytes: u64,
}

impl MappedStore {
    /// An empty store of this many MiB, at least 1. Fails if the kernel refuses the mapping;
    /// [`Populate::Ahead`] needs Linux 5.14.
    pub fn new(memory_mib: usize, populate: Populate) -> io::Result<Self> {
        let memory = MmapOptions::new().len(memory_mib << 20).no_reserve_swap().map_anon()?;
        // As in the server, a failure is ignored: the kernel may have no huge pages.
        let _ = memory.advise(Advice::HugePage);
        if populate == Populate::Ahead {
            memory.advise(Advice::PopulateWrite)?;
        }
        let region = Region::new(Box::new(memory));
        let region_bytes = region.bytes() as u64;
        let pages = Arc::new(PagePool::new(region));
        let hasher = KeyHasher::new(HASH_SEED);
        let config = Config { fair_share_pages: pages.pages_total(), ..Config::default() };
        let store = Store::new(&config, Arc::clone(&pages), hasher.clone())
            .expect("a MiB is more than the pages that a store starts with");
        Ok(Self { store, hasher, pages, region_bytes })
    }

    /// Bytes of the region.
    #[must_use]
    pub fn region_bytes(&self) -> u64 {
        self.region_bytes
    }

    /// Bytes of the pages that are not free, those of the hash table included.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        ((self.pages.pages_total() - self.pages.pages_free()) * PAGE_BYTES) as u64
    }
}
