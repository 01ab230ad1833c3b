//! `cache_memlimit`: the memory for items and index grows and shrinks while the server runs.
//!
//! To grow, shards are allowed to take more pages. To shrink, each shard gives pages back in the
//! background of its turns, and a thread returns their memory to the system in small parts. With
//! `-M` a shard gives pages only as items go. Pages with values that clients read or upload follow
//! when they are done. Until the limit grows again, the kernel is asked for
//! no huge pages.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use slabcore_protocol::error_lines;
use slabcore_storage::PAGE_BYTES;

use crate::settings::item_memory::return_to_system;
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

/// Sets the limit in MiB, or says why not.
pub(crate) fn change(shared: &Arc<SharedState>, megabytes: u32) -> Result<(), &'static [u8]> {
    if megabytes < *MEGABYTES.start() {
        return Err(error_lines::MEMORY_LIMIT_TOO_SMALL);
    }
    if megabytes > *MEGABYTES.end() {
        return Err(error_lines::MEMORY_LIMIT_IN_BYTES);
    }
    let bytes = (megabytes as usize) << 20;
    if shared.settings.huge_pages || !shared.pages.set_limit(bytes / PAGE_BYTES) {
        return Err(error_lines::MEMORY_LIMIT_OUT_OF_BOUNDS);
    }
    shared.memory.set(bytes);
    log::memory_limit(shared.verbosity.load(Ordering::Relaxed), megabytes);
    for mailbox in &shared.mailboxes {
        // Sleeping executors have pages to give, too.
        mailbox.wake();
    }
    if shared.pages.has_to_return() && shared.memory.begin_returning() {
        let weak = Arc::downgrade(shared);
        let returns = thread::Builder::new().name("slabcore-return".to_owned());
        if returns.spawn(move || return_memory(&weak)).is_err() {
            // The pages are free, but not returned. The next command tries again.
            shared.memory.end_returning();
        }
    }
    Ok(())
}

/// Returns the memory of pages that were given back, until no more has to go.
fn return_memory(shared: &Weak<SharedState>) {
    let mut pause = RETURN_PAUSE;
    while let Some(shared) = shared.upgrade() {
        let pool = &shared.pages;
        pause = RETURN_PAUSE_MAX.min(2 * pause);
        for _ in 0..RETURN_PAGES_MAX {
            let Some(mut page) = pool.take_to_return() else { break };
            return_to_system(pool.memory(&mut page));
            pool.keep_returned(page);
            pause = RETURN_PAUSE;
        }
        if !pool.has_to_return() {
            shared.memory.end_returning();
            // Another command may have come since, and found a thread at work.
            if !pool.has_to_return() || !shared.memory.begin_returning() {
                return;
            }
        }
        drop(shared);
        thread::sleep(pause);
    }
}
