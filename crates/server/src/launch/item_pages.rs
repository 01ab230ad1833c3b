//! The pages of the items: new memory, or that of a file with the items of an earlier process.

use std::borrow::Cow;
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
    /// Why the shards cannot be attached by their records, or why the pages are empty.
    pub(super) reason: Cow<'static, str>,
    kept: Kept,
}

impl ItemPages {
    /// Maps the pages. `seed`: of the hash of keys, if no items are there yet.
    pub(super) fn map(settings: &Settings, seed: u64) -> Result<Self, StartError> {
        let clock = Clock::start();
        let fresh = Kept { seed, boot_at_zero: clock.boot_at_zero() };
        let pages_max = settings.memory_bytes / PAGE_BYTES;
        let Some(place) = settings.keeping.place() else {
            let memory = ItemMemory::map(settings).map_err(StartError::Memory)?;
            let range = memory.range();
            let pool = PagePool::with_limit(Region::new(Box::new(memory)), pages_max);
            return Ok(Self::new(pool, range, None, fresh, Err(Cow::default())));
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
                    let reason = match (has_records, pool.has_records()) {
                        (_, true) => "",
                        (false, _) => "the last process was killed",
                        (true, _) => "the records are damaged",
                    };
                    return Ok(Self::new(pool, range, Some(file), kept, Ok(reason.into())));
                }
                "it is damaged".into()
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
        Ok(Self::new(pool, range, Some(file), fresh, Err(reason)))
    }

    fn new(
        pool: PagePool,
        range: MappedRange,
        file: Option<MemoryFile>,
        kept: Kept,
        reason: Result<Cow<'static, str>, Cow<'static, str>>,
    ) -> Self {
        let (pool, file) = (Arc::new(pool), file.map(Arc::new));
        let (hasher, clock) = (KeyHasher::new(kept.seed), Clock::counting_from(kept.boot_at_zero));
        let is_kept = reason.is_ok();
        let (Ok(reason) | Err(reason)) = reason;
        Self { pool, range, hasher, clock, file, is_kept, reason, kept }
    }

    /// Notes in the file of an earlier boot how time is counted in this one.
    pub(super) fn keep_over_reboot(&self) {
        if let Some(file) = &self.file
            && !file.is_same_boot()
        {
            file.keep(self.kept);
        }
    }

    /// Notes in the file, if there is one, that the items in it can be used again.
    pub(super) fn keep(&self) {
        if let Some(file) = &self.file {
            file.keep(self.kept);
        }
    }
}
