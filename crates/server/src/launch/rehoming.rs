//! A file of items that was left by a server with other settings becomes one of this server.
//!
//! With another `-m` the directory moves behind as many pages as there are now. With another `-t`,
//! `-f` or `-n`, with fewer pages, or if the new `-m` has another granule, all items move
//! (`store/rehoming.rs` of the storage crate): each old shard hands its items to the new ones, on a
//! thread of its own. Then the start goes on as if the settings had been the same.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use slabcore_shard::Router;
use slabcore_storage::{
    KeyHasher, LeavingGroup, LeavingItems, Moment, PagePool, Recovered, Region, Store,
};

use crate::settings::Settings;
use crate::settings::division::Move;
use crate::settings::limits::{REHOMING_FREE_PART, REHOMING_STEPS_MAX};
use crate::settings::memory_file::{Kept, MemoryFile, Step};

/// What became of the items of a file with other settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Rehomed {
    /// Why they moved.
    pub(super) reason: String,
    /// Items that did not come along.
    pub(super) lost: Recovered,
    /// Whether the new shards have saved records.
    pub(super) has_records: bool,
}

/// A file whose items cannot be moved, and why.
pub(super) type Unmoved = (MemoryFile, &'static str);

/// Makes the file one that the settings want. The outer error is for the operator: the server
/// cannot start. After the inner one it starts without the items.
pub(super) fn rehome(
    mut file: MemoryFile,
    settings: &Settings,
    kept: Kept,
    hasher: &KeyHasher,
    now: Moment,
) -> Result<Result<(MemoryFile, Option<Rehomed>), Unmoved>, String> {
    let reason = match file.differences().join(", ") {
        options if options.is_empty() => "the last start was cut off".to_owned(),
        options => format!("other {options}"),
    };
    let mut rehomed = Rehomed { reason, ..Rehomed::default() };
    let (mut is_emptied, mut steps) = (false, 0);
    while let Some(step) = file.next_step(is_emptied) {
        if steps == 0 && !file.is_same_boot() {
            file.keep(kept);
        }
        steps += 1;
        if steps > REHOMING_STEPS_MAX {
            return Ok(Err((file, "it is damaged")));
        }
        match step {
            Step::Resize => {
                file = file.resize()?;
                rehomed.has_records = false;
            }
            Step::Move(step) => {
                let pages = map_pages(&file, &step)?;
                let Some(shards) = OldAndNew::begin(pages, &mut file, settings, &step, hasher, now)
                else {
                    return Ok(Err((file, "it has no room to move the items")));
                };
                let router = Router::new(hasher.clone(), step.to.shards() as usize);
                is_emptied = shards.move_all(&router, now, &mut rehomed);
                file.end_move(&step);
            }
        }
    }
    Ok(Ok((file, (steps > 0).then_some(rehomed))))
}

/// The pages of both generations. The error is for the operator.
fn map_pages(file: &MemoryFile, step: &Move) -> Result<Arc<PagePool>, String> {
    let memory = file.item_memory().map_err(|error| error.to_string())?;
    let region = Region::with_directory(Box::new(memory), file.pages());
    let shards = [step.to.generation_shards(), step.from.generation_shards()];
    let usable = file.usable_pages(step.to);
    let pool = PagePool::of_two_generations(region, usable, step.generation, shards);
    Ok(Arc::new(pool))
}

/// The shards that items leave, and those that they move to.
struct OldAndNew {
    pool: Arc<PagePool>,
    old: Vec<LeavingItems>,
    new: Vec<Mutex<Store>>,
}

impl OldAndNew {
    /// Finds the items of both. `None`: there are not enough pages for the new shards.
    fn begin(
        pool: Arc<PagePool>,
        file: &mut MemoryFile,
        settings: &Settings,
        step: &Move,
        hasher: &KeyHasher,
        now: Moment,
    ) -> Option<OldAndNew> {
        if !step.is_resumed {
            pool.begin_generation(step.from.shards());
        }
        file.begin_move(step);
        let pages = file.usable_pages(step.to);
        let config = |shard| step.from.config(shard, settings, pages);
        let configs: Vec<_> = (0..step.from.shards()).map(config).collect();
        let mut old =
            on_threads(configs, |config| LeavingItems::new(&config, &pool, hasher.clone(), now));
        // Some more than the shards need to begin with, so that they need not evict at once.
        let shards = step.to.shards() as usize;
        while !pool.has_pages_for(2 * shards) && old.iter_mut().any(LeavingItems::give_up_page) {}
        if !pool.has_pages_for(shards) {
            return None;
        }
        let make = |shard| {
            let config = step.to.config(shard, settings, pages);
            Store::for_recovery(&config, Arc::clone(&pool), hasher.clone()).ok()
        };
        let new = (0..step.to.shards()).map(make).collect::<Option<Vec<Store>>>()?;
        let expected = old.iter().map(|it| it.found().items as usize).sum::<usize>() / shards;
        let pages_left = pool.pages_free() / REHOMING_FREE_PART;
        let new = on_threads(new, |mut store| {
            store.recover(now);
            store.expect_items(expected, pages_left);
            Mutex::new(store)
        });
        Some(OldAndNew { pool, old, new })
    }

    /// Moves all items. Returns whether no item is in a page beyond the usable ones.
    fn move_all(self, router: &Router, now: Moment, rehomed: &mut Rehomed) -> bool {
        let OldAndNew { pool, old, new } = self;
        let old = old.into_iter().enumerate().collect();
        let lost =
            on_threads(old, |(number, leaving)| move_shard(number, leaving, &new, router, now));
        for (found, given_up) in lost {
            rehomed.lost.dead += found.dead;
            rehomed.lost.dropped += found.dropped;
            rehomed.lost.dropped += given_up;
        }
        rehomed.has_records = true;
        for store in new {
            let mut store = store.into_inner().unwrap_or_else(PoisonError::into_inner);
            rehomed.lost.dropped += store.stats().counters.evicted;
            rehomed.has_records &= store.save_record();
        }
        pool.is_emptied()
    }
}

/// Moves the items of one old shard. Returns what was found there without those that were there
/// twice, and how many items found no room.
fn move_shard(
    number: usize,
    mut leaving: LeavingItems,
    new: &[Mutex<Store>],
    router: &Router,
    now: Moment,
) -> (Recovered, u64) {
    let mut groups: Vec<LeavingGroup> = new.iter().map(|_| LeavingGroup::default()).collect();
    let mut found = leaving.found();
    while leaving.sort_next_page(|hash| router.shard_of(hash).index(), &mut groups) {
        // Each old shard begins with another new one, so that they seldom wait for each other.
        for shard in (0..new.len()).map(|place| (place + number) % new.len()) {
            if !groups[shard].is_empty() {
                let mut store = new[shard].lock().unwrap_or_else(PoisonError::into_inner);
                found.dropped += store.take_over(now, &mut leaving, &mut groups[shard]);
            }
        }
    }
    (found, leaving.given_up())
}

/// Calls `work` for each value on a thread of its own.
fn on_threads<T: Send, R: Send>(values: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> =
            values.into_iter().map(|value| scope.spawn(move || work(value))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, R>| {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}
