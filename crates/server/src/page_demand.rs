//! Pages that a shard takes from others at once, when it has nothing left to evict.
//!
//! A large value arrives faster than others clear the pages that its shard wished for, as they do
//! that between their requests, or sleep. So whoever executes the store locks another shard, which
//! is free whenever its owner is in the kernel, and clears a few of its pages in place.
//!
//! **Nobody waits for each other.** A shard says that it demands before it looks at others, and
//! waits for the lock of none that says so. A shard that demands has nothing to give, but when two
//! do, one of them is to fail and not both: the one of the lower number waits until the other one
//! has given up or got what it needs. All waits are bounded.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::limits::{DEMAND_PAUSE, DEMAND_WAIT_MAX};
use crate::shards::SharedShard;

/// Lets each of the shards demand pages of the others.
pub(crate) fn connect(shards: &Arc<[SharedShard]>) {
    if shards.len() == 1 {
        return;
    }
    for (own, shard) in shards.iter().enumerate() {
        let all: Weak<[SharedShard]> = Arc::downgrade(shards);
        let mut asked_last = own;
        shard.set_page_demand(Box::new(move |tick| {
            all.upgrade().is_some_and(|all| demand(&all, own, &mut asked_last, tick))
        }));
    }
}

/// Asks the others in turn, until one has given pages.
fn demand(all: &[SharedShard], own: usize, asked_last: &mut usize, tick: u32) -> bool {
    // Whoever has borrowed it may have others, too.
    let wait = if all[own].is_lent() { Duration::ZERO } else { DEMAND_WAIT_MAX };
    all[own].set_demanding(true);
    let first = *asked_last + 1;
    let mut others = (first..first + all.len()).map(|n| n % all.len()).filter(|n| *n != own);
    let giver = others.find(|&other| {
        let shard = &all[other];
        let until = Instant::now() + wait;
        while shard.is_demanding() && own < other && Instant::now() < until {
            thread::sleep(DEMAND_PAUSE);
        }
        !shard.is_demanding() && shard.give_pages_now(tick, wait)
    });
    all[own].set_demanding(false);
    *asked_last = giver.unwrap_or(*asked_last);
    giver.is_some()
}
