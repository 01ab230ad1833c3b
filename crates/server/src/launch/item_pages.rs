//! The pages of the items: new memory, or that of a file with the items of an earlier process.

use std::sync::Arc;

use slabcore_storage::{Generation, KeyHasher, PAGE_BYTES, PagePool, Region};
use tracing::info;

use crate::settings::Settings;
use crate::settings::item_memory::{ItemMemory, MappedRange};
use crate::settings::memory_file::{Kept, MemoryFile};
use crate::settings::start_error::StartError;
use crate::shared::clock::Clock;

/// The pages of the items, and what belongs to them.
pub(super) struct ItemPages {
    pub(super) pool: Arc<PagePool>,
    pub(super) range: MappedRange,
    pub(super) hasher: KeyHasher,
    pub(super) clock: Clock,
    /// The file that the pages are in. While it is open, no other server uses it.
    pub(super) file: Option<Arc<MemoryFile>>,
    /// Whether there are items of an earlier process in the pages.
    pub(super) is_kept: bool,
    kept: Kept,
}

impl ItemPages {
    /// Maps the pages. `seed`: of the hash of keys, if no items are there yet.
    pub(super) fn map(settings: &Settings, seed: u64) -> Result<Self, StartError> {
        let clock = Clock::start();
        let fresh = Kept { seed, monotonic_at_zero: clock.monotonic_at_zero() };
        let pages_max = settings.memory_bytes / PAGE_BYTES;
        let Some(place) = settings.keeping.place() else {
            let memory = ItemMemory::map(settings).map_err(StartError::Memory)?;
            let range = memory.range();
            let pool = PagePool::with_limit(Region::new(Box::new(memory)), pages_max);
            return Ok(Self::new(pool, range, None, fresh, false));
        };
        let refused = |why: String| StartError::MemoryFile(place.clone(), why);
        let file = MemoryFile::open(settings).map_err(refused)?;
        let map = || file.item_memory().map_err(|error| refused(error.to_string()));
        let reason = match file.kept() {
            Ok(kept) => {
                let (memory, has_records) = (map()?, file.take_records());
                let (range, region) =
                    (memory.range(), Region::with_directory(Box::new(memory), pages_max));
                let make = if has_records { PagePool::attached } else { PagePool::recovered };
                let pool = make(region, pages_max, settings.shards as u32, Generation::First);
                if pool.has_records() || pool.has_pages_for(settings.shards) {
                    return Ok(Self::new(pool, range, Some(file), kept, true));
                }
                "it is damaged"
            }
            Err(reason) => reason,
        };
        if !reason.is_empty() {
            info!("slabcore: {place} starts empty: {reason}");
        }
        file.forget();
        let memory = map()?;
        let (range, region) = (memory.range(), Region::with_directory(Box::new(memory), pages_max));
        let pool = PagePool::with_limit(region, pages_max);
        Ok(Self::new(pool, range, Some(file), fresh, false))
    }

    fn new(
        pool: PagePool,
        range: MappedRange,
        file: Option<MemoryFile>,
        kept: Kept,
        is_kept: bool,
    ) -> Self {
        let (hasher, clock) =
            (KeyHasher::new(kept.seed), Clock::counting_from(kept.monotonic_at_zero));
        Self { pool: Arc::new(pool), range, hasher, clock, file: file.map(Arc::new), is_kept, kept }
    }

    /// Notes in the file, if there is one, that the items in it can be used again.
    pub(super) fn keep(&self) {
        if let Some(file) = &self.file {
            file.keep(self.kept);
        }
    }
}
