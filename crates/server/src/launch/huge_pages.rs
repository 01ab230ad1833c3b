//! Huge pages for items in a file: a thread asks for them after the start, ahead of use.
//!
//! A new file is allocated on huge pages. Parts of one that an earlier process left may be on small
//! pages, because the system had no huge ones then; and no part of it is in this process's page
//! tables yet.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Instant;

use crate::shared::shared_state::SharedState;

/// Huge pages in a row that the system cannot make before it is asked for no more.
const FAILURES_MAX: usize = 16;

/// Starts the thread, if the items are in a file. It ends when it has seen all of the memory, or
/// when the limit falls.
pub(super) fn ask_in_background(shared: &Arc<SharedState>) {
    if shared.memory.range().is_file() {
        let weak = Arc::downgrade(shared);
        // Without the thread the memory is as it is.
        let _ = thread::Builder::new().name("slabcore-huge".to_owned()).spawn(move || ask(&weak));
    }
}

fn ask(weak: &Weak<SharedState>) {
    let mut failures = 0;
    for page in 0.. {
        let begin = Instant::now();
        let Some(shared) = weak.upgrade() else { return };
        let range = shared.memory.range();
        if page >= range.huge_pages() {
            return;
        }
        // Otherwise this would take memory that was returned.
        match shared.memory.unless_lowered(|| range.make_huge(page)) {
            Some(true) => failures = 0,
            Some(false) if failures < FAILURES_MAX => failures += 1,
            Some(false) | None => return,
        }
        drop(shared);
        // Who touches memory that is being copied waits, so this rests for as long.
        thread::sleep(begin.elapsed());
    }
}
