//! `cache_memlimit`: the memory for items and index grows and shrinks while the server runs.
//!
//! To grow, shards are allowed to take more pages; the memory of a file is allocated before. To
//! shrink, each shard gives pages back in the background of its turns, and a thread returns their
//! memory to the system in small parts. With `-M` a shard gives pages only as items go. Pages with
//! values that clients read or upload follow when they are done. Until the limit grows again, the
//! kernel is asked for no huge pages.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use slabcore_protocol::error_lines;
use slabcore_storage::PAGE_BYTES;
use tracing::warn;

use crate::settings::item_memory::allocate;
use crate::settings::limits::RETURN_PAGES_MAX;
use crate::settings::log;
use crate::shared::shared_state::SharedState;

/// memcached's least and largest limit in megabytes. A client that names more must mean bytes.
const MEGABYTES: std::ops::RangeInclusive<u32> = 8..=1_000_000_000;

/// Pause after each part of the memory that is returned.
const RETURN_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause while shards have no page to give. Readers and uploads may keep pages for as
/// long as their clients like.
const RETURN_PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often memory is returned that the system did not take.
const RETURN_TRIES_MAX: usize = 20;

/// Sets the limit in MiB, or says why not.
pub(crate) fn change(shared: &Arc<SharedState>, megabytes: u32) -> Result<(), &'static [u8]> {
    if megabytes < *MEGABYTES.start() {
        return Err(error_lines::MEMORY_LIMIT_TOO_SMALL);
    }
    if megabytes > *MEGABYTES.end() {
        return Err(error_lines::MEMORY_LIMIT_IN_BYTES);
    }
    let bytes = (megabytes as usize) << 20;
    if shared.settings.huge_pages || !shared.memory.set(bytes, &shared.pages) {
        return Err(error_lines::MEMORY_LIMIT_OUT_OF_BOUNDS);
    }
    log::memory_limit(shared.verbosity.load(Ordering::Relaxed), megabytes);
    for mailbox in &shared.mailboxes {
        // Sleeping executors have pages to give, too.
        mailbox.wake();
    }
    if has_work(shared) && shared.memory.begin_work() {
        let weak = Arc::downgrade(shared);
        let thread = thread::Builder::new().name("slabcore-return".to_owned());
        if thread.spawn(move || follow_limit(&weak)).is_err() {
            // The pages are free, but not returned. The next command tries again.
            shared.memory.end_work();
        }
    }
    Ok(())
}

/// Whether pages are there whose memory must be returned to the system or allocated.
fn has_work(shared: &SharedState) -> bool {
    shared.pages.has_to_return() || shared.memory.has_to_allocate(&shared.pages)
}

/// Returns the memory of pages that were given back, until no more has to go, or allocates that of
/// a file, until the limit is reached.
fn follow_limit(shared: &Weak<SharedState>) {
    let (mut pause, mut tries) = (RETURN_PAUSE, 0);
    while let Some(shared) = shared.upgrade() {
        pause = RETURN_PAUSE_MAX.min(2 * pause);
        if return_pages(&shared) | allocate_pages(&shared) {
            (pause, tries) = (RETURN_PAUSE, 0);
        }
        let is_done = !has_work(&shared);
        if is_done && tries < RETURN_TRIES_MAX && return_again(&shared) {
            tries += 1;
        } else if is_done {
            shared.memory.end_work();
            // Another command may have come since, and found a thread at work.
            if !has_work(&shared) || !shared.memory.begin_work() {
                return;
            }
        }
        drop(shared);
        thread::sleep(pause);
    }
}

/// Returns the memory of some pages to the system. False: no page was given back.
fn return_pages(shared: &SharedState) -> bool {
    let pages = std::iter::from_fn(|| shared.pages.take_to_return()).take(RETURN_PAGES_MAX);
    let returned = pages.map(|mut page| {
        shared.memory.range().return_to_system(shared.pages.memory(&mut page));
        shared.pages.keep_returned(page);
    });
    returned.count() > 0
}

/// The kernel keeps pages of a file in a huge page that another thread is using. This returns them
/// once more. False: none are left.
fn return_again(shared: &SharedState) -> bool {
    let pool = &shared.pages;
    let returned = pool.pages() - pool.pages_allocated();
    if !shared.memory_file.as_ref().is_some_and(|file| file.holds_more_than_without(returned)) {
        return false;
    }
    let pages = std::iter::from_fn(|| pool.take_to_allocate(usize::MAX));
    for mut page in pages.collect::<Vec<_>>() {
        shared.memory.range().return_to_system(pool.memory(&mut page));
        pool.keep_unallocated(page);
    }
    true
}

/// Allocates the memory of some pages of a file, and raises the limit by them. False: there are
/// none.
fn allocate_pages(shared: &SharedState) -> bool {
    let (memory, pool) = (&shared.memory, &shared.pages);
    if !memory.has_to_allocate(pool) {
        return false;
    }
    for _ in 0..RETURN_PAGES_MAX {
        let wanted = memory.bytes() / PAGE_BYTES;
        let Some(mut page) = pool.take_to_allocate(wanted) else { break };
        if allocate(pool.memory(&mut page)) {
            pool.keep_allocated(page);
            continue;
        }
        pool.keep_unallocated(page);
        memory.settle_for_allocated(pool);
        warn!("cache_memlimit: no room for more items: the limit is {} MiB", memory.bytes() >> 20);
        return true;
    }
    memory.follow_allocated(pool);
    true
}
