//! The pages of the items: new memory, or that of a file with the items of an earlier process.

use std::borrow::Cow;
use std::sync::Arc;

use slabcore_storage::{KeyHasher, PAGE_BYTES, PagePool, Recovered, Region};
use tracing::info;

use crate::launch::rehoming::{Unmoved, rehome};
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
    /// Items that did not come along, if they moved to other shards or to memory of another size.
    pub(super) lost: Option<Recovered>,
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
        let (file, reason) = match file.kept() {
            Ok(kept) => match Self::of_kept(file, settings, kept).map_err(refused)? {
                Ok(pages) => return Ok(pages),
                Err((file, reason)) => (file, reason.into()),
            },
            Err(reason) => (file, reason),
        };
        if !reason.is_empty() {
            info!("slabcore: {place} starts empty: {reason}");
        }
        let file = file.emptied().map_err(refused)?;
        let memory = file.item_memory().map_err(|error| refused(error.to_string()))?;
        let (range, region) = (memory.range(), Region::with_directory(Box::new(memory), pages_max));
        let pool = PagePool::with_limit(region, pages_max);
        Ok(Self::new(pool, range, Some(file), fresh, Err(reason)))
    }

    /// The pages of a file with items. The outer error is for the operator: the server cannot
    /// start. After the inner one it starts without the items.
    fn of_kept(
        file: MemoryFile,
        settings: &Settings,
        kept: Kept,
    ) -> Result<Result<Self, Unmoved>, String> {
        let (hasher, clock) = (KeyHasher::new(kept.seed), Clock::counting_from(kept.boot_at_zero));
        let was_stopped = file.take_records();
        let (file, rehomed) = match rehome(file, settings, kept, &hasher, clock.now().moment())? {
            Ok(file) => file,
            Err(unmoved) => return Ok(Err(unmoved)),
        };
        let has_records = rehomed.as_ref().map_or(was_stopped, |rehomed| rehomed.has_records);
        let memory = file.item_memory().map_err(|error| error.to_string())?;
        let pages = file.pages();
        let (range, region) = (memory.range(), Region::with_directory(Box::new(memory), pages));
        let make = if has_records { PagePool::attached } else { PagePool::recovered };
        let pool = make(region, pages, settings.shards as u32, file.generation());
        if !pool.has_records() && !pool.has_pages_for(settings.shards) {
            return Ok(Err((file, "it is damaged")));
        }
        let reason = match (&rehomed, was_stopped, pool.has_records()) {
            (Some(rehomed), ..) => rehomed.reason.clone().into(),
            (_, _, true) => "".into(),
            (_, false, _) => "the last process was killed".into(),
            (_, true, _) => "the records are damaged".into(),
        };
        let pages = Self::new(pool, range, Some(file), kept, Ok(reason));
        Ok(Ok(Self { lost: rehomed.map(|rehomed| rehomed.lost), ..pages }))
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
        Self { pool, range, hasher, clock, file, is_kept, reason, lost: None, kept }
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
