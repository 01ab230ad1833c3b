//! Pages that a shard takes from others at once, when it has nothing left to evict.
//!
//! A large value arrives faster than other executors clear the pages that its shard asked for: they
//! do that between their requests, or sleep. So the executor locks another shard, which is possible
//! whenever its owner is in the kernel, and clears a few of its pages itself.
//!
//! **No two shards wait for each other.** A shard sets a flag while it demands pages, and does not
//! wait for the lock of a shard whose flag is set. Such a shard has no pages to give, but if two
//! demand at once, only one should fail: the one with the lower number waits until the other one is
//! done. All waits are bounded.
//!
//! **No executor waits for itself.** An executor that has borrowed the demanding shard also holds
//! its own, and may have borrowed others. It skips these, and does not wait for the rest, because
//! the owner of the demanding shard waits for it.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use slabcore_storage::Moment;

use crate::executor::shards::SharedShard;
use crate::settings::limits::{DEMAND_PAUSE, DEMAND_WAIT_MAX};

/// Enables each shard to demand pages of the others.
pub(crate) fn connect(shards: &Arc<[SharedShard]>) {
    if shards.len() == 1 {
        return;
    }
    for (own, shard) in shards.iter().enumerate() {
        let all: Weak<[SharedShard]> = Arc::downgrade(shards);
        let mut asked_last = own;
        shard.set_page_demand(Box::new(move |now| {
            all.upgrade().is_some_and(|all| demand(&all, own, &mut asked_last, now))
        }));
    }
}

/// Tries the other shards in turn, until one has given pages.
fn demand(all: &[SharedShard], own: usize, asked_last: &mut usize, now: Moment) -> bool {
    let wait = if all[own].holder() == own { DEMAND_WAIT_MAX } else { Duration::ZERO };
    all[own].set_demanding(true);
    let giver = givers(all, own, *asked_last).find(|&other| {
        let shard = &all[other];
        let until = Instant::now() + wait;
        while shard.is_demanding() && own < other && Instant::now() < until {
            thread::sleep(DEMAND_PAUSE);
        }
        !shard.is_demanding() && shard.give_pages_now(now, wait)
    });
    all[own].set_demanding(false);
    *asked_last = giver.unwrap_or(*asked_last);
    giver.is_some()
}

/// The shards to try, from the one after `asked_last` on: all but those that this thread holds.
fn givers(
    all: &[SharedShard],
    own: usize,
    asked_last: usize,
) -> impl Iterator<Item = usize> + use<'_> {
    // This executor holds the demanding shard.
    let this_executor = all[own].holder();
    let first = asked_last + 1;
    let others = (first..first + all.len()).map(|number| number % all.len());
    others.filter(move |&other| all[other].holder() != this_executor)
}

#[cfg(test)]
mod tests {
    use slabcore_shard::ShardId;

    use super::*;
    use crate::executor::shards::Shards;
    use crate::launch::executor_setup::make_setups;
    use crate::settings::{BackendChoice, Settings};
    use crate::shared::shared_state::Backend;
    use crate::whole_server::settings;

    /// A thread that had borrowed the demanding shard waited for its own, whose lock it held.
    #[test]
    fn an_executor_does_not_ask_the_shards_that_it_has() {
        let settings = Settings { shards: 4, ..settings(BackendChoice::Epoll) };
        let backend = Backend::Epoll(String::new());
        let (shared, setups) =
            make_setups(settings, backend, &[], Vec::new(), 1).map_err(drop).unwrap();
        let all = setups[0].shards();
        let mut others: Vec<Shards> =
            (1..4).map(|own| Shards::new(ShardId::new(own), Arc::clone(&all))).collect();
        let mut own = Shards::new(ShardId::new(0), Arc::clone(&all));
        let check = |demanding, expected: &[usize]| {
            assert_eq!(givers(&all, demanding, demanding).collect::<Vec<_>>(), expected);
        };
        check(0, &[1, 2, 3]);
        check(2, &[3, 0, 1]);
        others.iter_mut().for_each(Shards::lend);
        assert!([1, 2].iter().all(|&shard| own.borrow(ShardId::new(shard), shared.clock.now())));
        check(0, &[3]);
        check(1, &[3]);
        own.give_back(shared.clock.now(), |_| {}, |_, _| {});
        check(0, &[1, 2, 3]);
        others[0].take_back();
        check(1, &[2, 3, 0]);
    }
}
