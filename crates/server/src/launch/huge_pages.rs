//! Huge pages for items in a file: a thread asks for them after the start, ahead of use.
//!
//! A new file is allocated on huge pages. Parts of one that an earlier process left may be on small
//! pages, because the system had no huge ones then; and no part of it is in this process's page
//! tables yet.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Instant;

use crate::shared::shared_state::SharedState;

/// Starts the thread, if the items are in a file. It ends when it has seen all of the memory.
pub(super) fn ask_in_background(shared: &Arc<SharedState>) {
    let range = shared.memory.range();
    if !range.is_file() {
        return;
    }
    let (weak, mut at) = (Arc::downgrade(shared), Instant::now());
    let ask = move || range.collapse(|| pause(&weak, &mut at));
    // Without the thread the memory is as it is.
    let _ = thread::Builder::new().name("slabcore-huge".to_owned()).spawn(ask);
}

/// Waits as long as the last huge page took: who touches memory that is being collapsed waits, too.
/// False: the server has ended.
fn pause(shared: &Weak<SharedState>, at: &mut Instant) -> bool {
    thread::sleep(at.elapsed());
    *at = Instant::now();
    shared.strong_count() > 0
}
