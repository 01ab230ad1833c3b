//! The shards, and which of them this executor holds now.
//!
//! An executor holds the lock of its own shard, except while it is in the kernel to send or to
//! sleep. Then the shard is **lent**: another executor can execute requests on it directly, which
//! saves both of them a thread switch. At other times other executors reach the shard by batches
//! (`outboxes.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use slabcore_shard::{Now, Shard, ShardId};
use slabcore_storage::{Moment, PageDemand, Recovered};

use crate::settings::limits::SHARDS_MAX;

/// A shard that one executor at a time may hold.
pub(crate) struct SharedShard {
    lock: Arc<Mutex<Shard>>,
    /// Other executors may borrow it.
    lent: AtomicBool,
    /// It has nothing left to evict, and demands pages of other shards.
    demands: AtomicBool,
    /// The executor that holds its lock, or [`NOBODY`]. Only exact for that executor.
    holder: AtomicUsize,
}

/// A set of shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ShardSet(u64);

const _: () = assert!(SHARDS_MAX <= u64::BITS as usize);

impl ShardSet {
    /// The first `shards` shards.
    pub(crate) fn all(shards: usize) -> Self {
        Self(u64::MAX >> (u64::BITS as usize - shards))
    }

    /// Adds a shard.
    pub(crate) fn add(&mut self, shard: ShardId) {
        self.0 |= 1 << shard.index();
    }

    fn has(self, shard: ShardId) -> bool {
        self.0 >> shard.index() & 1 != 0
    }

    /// True if no other shard is in it.
    fn is_only(self, shard: ShardId) -> bool {
        self.0 & !(1 << shard.index()) == 0
    }
}

/// No executor has this number.
const NOBODY: usize = usize::MAX;

impl SharedShard {
    pub(crate) fn new(shard: Shard) -> Self {
        Self {
            lock: Arc::new(Mutex::new(shard)),
            lent: AtomicBool::new(false),
            demands: AtomicBool::new(false),
            holder: AtomicUsize::new(NOBODY),
        }
    }
}

impl SharedShard {
    /// Calls `change` with the shard, before any executor has it.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Shard) -> T) -> T {
        change(&mut self.lock.lock())
    }

    /// Finds the items that an earlier process left, see [`Shard::recover`].
    pub(crate) fn recover(&self, now: Now) -> Recovered {
        self.lock.lock().recover(now)
    }

    /// Goes on with a flush that was still to come, see [`Shard::resume_flush`].
    pub(crate) fn resume_flush(&self, now: Now) {
        self.lock.lock().resume_flush(now);
    }

    /// Linked items.
    pub(crate) fn items(&self) -> u64 {
        self.lock.lock().store().stats().curr_items
    }
}

/// Saves the records by which the next process attaches the shards. All executors have ended.
/// False: it has to search for the items.
pub(crate) fn save_records(shards: &[SharedShard]) -> bool {
    shards.iter().all(|shard| shard.lock.lock().save_record())
}

/// See `page_demand.rs`.
impl SharedShard {
    /// Sets how the shard demands pages of others when it has nothing left to evict.
    pub(super) fn set_page_demand(&self, demand: PageDemand) {
        self.lock.lock().set_page_demand(demand);
    }

    /// The executor that holds its lock. Another executor may read an outdated value.
    pub(super) fn holder(&self) -> usize {
        self.holder.load(Ordering::Relaxed)
    }

    /// Whether it demands pages of others. Then no other shard waits for its lock.
    pub(super) fn is_demanding(&self) -> bool {
        self.demands.load(Ordering::SeqCst)
    }

    pub(super) fn set_demanding(&self, demands: bool) {
        self.demands.store(demands, Ordering::SeqCst);
    }

    /// Clears pages of it, once its lock is free. False if it has none to give, or if the lock is
    /// not free within `wait`.
    pub(super) fn give_pages_now(&self, now: Moment, wait: Duration) -> bool {
        self.lock.try_lock_for(wait).is_some_and(|mut shard| shard.give_pages_now(now))
    }
}

/// The shards that one executor holds now: its own and borrowed ones.
pub(crate) struct Shards {
    own: ShardId,
    all: Arc<[SharedShard]>,
    /// The own shard, except in the kernel, and the borrowed ones.
    held: Vec<Option<ArcMutexGuard<RawMutex, Shard>>>,
    /// Numbers of the borrowed shards.
    borrowed: Vec<ShardId>,
    /// The borrowed shards are held for several requests that nobody may see a part of.
    is_exclusive: bool,
}

impl Shards {
    /// The shards as executor `own` sees them. Takes its own.
    pub(super) fn new(own: ShardId, all: Arc<[SharedShard]>) -> Self {
        let held = all.iter().map(|_| None).collect();
        let mut shards = Self { own, all, held, borrowed: Vec::new(), is_exclusive: false };
        shards.take_back();
        shards
    }

    /// The own shard.
    #[inline]
    pub(crate) fn own(&self) -> &Shard {
        self.held[self.own.index()].as_ref().expect("an awake executor holds its shard")
    }

    /// The own shard.
    #[inline]
    pub(crate) fn own_mut(&mut self) -> &mut Shard {
        self.held[self.own.index()].as_mut().expect("an awake executor holds its shard")
    }

    /// A shard, if it is held.
    #[inline]
    pub(crate) fn held(&self, shard: ShardId) -> Option<&Shard> {
        self.held[shard.index()].as_deref()
    }

    /// A shard, if it is held.
    #[inline]
    pub(crate) fn held_mut(&mut self, shard: ShardId) -> Option<&mut Shard> {
        self.held[shard.index()].as_deref_mut()
    }

    /// Forgets the items found for the last group, before those of the next one are prefetched.
    #[inline]
    pub(crate) fn begin_group(&self) {
        self.held.iter().flatten().for_each(|shard| shard.begin_group());
    }

    /// Takes these shards besides the own one, and keeps them until [`Self::end_exclusive`]. Waits
    /// until all of them are free: each owner frees its shard whenever it enters the kernel.
    ///
    /// Executors take shards in the order of their numbers, and wait for one while they hold none
    /// with a higher number. So two of them never wait for each other.
    #[cold]
    pub(super) fn take_exclusively(&mut self, shards: ShardSet, now: Now) {
        debug_assert!(self.borrowed.is_empty() && !self.is_exclusive, "they are returned before");
        self.is_exclusive = true;
        if shards.is_only(self.own) {
            return;
        }
        self.lend();
        for shard in ShardId::first(self.all.len()) {
            if shard == self.own {
                self.take_back();
            } else if shards.has(shard) {
                let shared = &self.all[shard.index()];
                let mut guard = shared.lock.lock_arc();
                guard.begin_turn(now);
                shared.holder.store(self.own.index(), Ordering::Relaxed);
                self.held[shard.index()] = Some(guard);
                self.borrowed.push(shard);
            }
        }
    }

    /// True while shards are held exclusively.
    #[inline]
    pub(super) fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    /// From now on the borrowed shards may be returned.
    pub(super) fn end_exclusive(&mut self) {
        self.is_exclusive = false;
    }

    /// Borrows a lent shard. False if it is not lent, or if another executor holds it.
    pub(super) fn borrow(&mut self, shard: ShardId, now: Now) -> bool {
        let shared = &self.all[shard.index()];
        if !shared.lent.load(Ordering::Relaxed) {
            return false;
        }
        let Some(mut guard) = shared.lock.try_lock_arc() else { return false };
        guard.begin_turn(now);
        shared.holder.store(self.own.index(), Ordering::Relaxed);
        self.held[shard.index()] = Some(guard);
        self.borrowed.push(shard);
        true
    }

    /// Returns all borrowed shards. Calls `wake` for those whose owner has something to do, and
    /// `due` for those whose background work is due earlier than their owner set.
    pub(super) fn give_back(
        &mut self,
        now: Now,
        mut wake: impl FnMut(ShardId),
        mut due: impl FnMut(ShardId, u32),
    ) {
        for shard in self.borrowed.drain(..) {
            let Some(mut guard) = self.held[shard.index()].take() else { continue };
            let has_work = guard.has_page_wish() || guard.has_watched_lines();
            let sooner = guard.sooner_background_due(now);
            self.all[shard.index()].holder.store(NOBODY, Ordering::Relaxed);
            drop(guard);
            if has_work {
                wake(shard);
            }
            if let Some(tick) = sooner {
                due(shard, tick);
            }
        }
    }

    /// Lends the own shard, before the kernel is entered.
    #[inline]
    pub(crate) fn lend(&mut self) {
        if self.all.len() > 1 {
            debug_assert!(self.borrowed.is_empty(), "borrowed shards are returned");
            self.all[self.own.index()].holder.store(NOBODY, Ordering::Relaxed);
            self.held[self.own.index()] = None;
            self.all[self.own.index()].lent.store(true, Ordering::Relaxed);
        }
    }

    /// Frees the own shard without lending it: others may only take it exclusively.
    pub(crate) fn free(&mut self) {
        if self.all.len() > 1 {
            self.all[self.own.index()].holder.store(NOBODY, Ordering::Relaxed);
            self.held[self.own.index()] = None;
        }
    }

    /// Takes the own shard back, after the kernel. Waits until it is free: usually microseconds.
    #[inline]
    pub(crate) fn take_back(&mut self) {
        if self.held[self.own.index()].is_none() {
            let shared = &self.all[self.own.index()];
            // From now on other executors send batches, so this waits for one group of requests.
            shared.lent.store(false, Ordering::Relaxed);
            self.held[self.own.index()] = Some(shared.lock.lock_arc());
            shared.holder.store(self.own.index(), Ordering::Relaxed);
        }
    }
}
