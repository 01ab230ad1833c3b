//! The shards, and which of them this executor may touch now.
//!
//! An executor holds the lock of its own shard but for the time that it spends in the kernel, to
//! send or to sleep. Meanwhile the shard is **lent**: another executor executes its requests in
//! place instead of waking the owner, which would cost both of them a switch of threads. At other
//! times a shard is reached by batches (`outboxes.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use slabcore_shard::{Now, Shard, ShardId};
use slabcore_storage::PageDemand;

/// A shard that one executor at a time may touch.
pub(crate) struct SharedShard {
    lock: Arc<Mutex<Shard>>,
    /// The owner does without it for now.
    lent: AtomicBool,
    /// It has nothing left to evict, and demands pages of others.
    demands: AtomicBool,
    /// The executor that has its lock, or [`NOBODY`]. Only that one relies on it.
    holder: AtomicUsize,
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

/// See `page_demand.rs`.
impl SharedShard {
    /// From now on the shard has others clear pages when it has nothing left to evict.
    pub(super) fn set_page_demand(&self, demand: PageDemand) {
        self.lock.lock().set_page_demand(demand);
    }

    /// The executor that has its lock; what another one reads may be outdated.
    pub(super) fn holder(&self) -> usize {
        self.holder.load(Ordering::Relaxed)
    }

    /// Whether it waits for pages of others, so that nobody may wait for it.
    pub(super) fn is_demanding(&self) -> bool {
        self.demands.load(Ordering::SeqCst)
    }

    pub(super) fn set_demanding(&self, demands: bool) {
        self.demands.store(demands, Ordering::SeqCst);
    }

    /// Clears pages of it, as soon as nobody else has it. False: it has none to give, or somebody
    /// has it for longer than that.
    pub(super) fn give_pages_now(&self, tick: u32, wait: Duration) -> bool {
        self.lock.try_lock_for(wait).is_some_and(|mut shard| shard.give_pages_now(tick))
    }
}

/// See the module.
pub(crate) struct Shards {
    own: ShardId,
    all: Arc<[SharedShard]>,
    /// Our own outside of the kernel, and those borrowed.
    held: Vec<Option<ArcMutexGuard<RawMutex, Shard>>>,
    /// Numbers of those borrowed.
    borrowed: Vec<ShardId>,
}

impl Shards {
    /// All shards, of which this thread's executor owns one.
    pub(super) fn new(own: ShardId, all: Arc<[SharedShard]>) -> Self {
        let held = all.iter().map(|_| None).collect();
        let mut shards = Self { own, all, held, borrowed: Vec::new() };
        shards.take_back();
        shards
    }

    /// This executor's own.
    #[inline]
    pub(crate) fn own(&self) -> &Shard {
        self.held[self.own.index()].as_ref().expect("an awake executor holds its shard")
    }

    /// This executor's own.
    #[inline]
    pub(crate) fn own_mut(&mut self) -> &mut Shard {
        self.held[self.own.index()].as_mut().expect("an awake executor holds its shard")
    }

    /// A shard that is at hand.
    #[inline]
    pub(crate) fn held(&self, shard: ShardId) -> Option<&Shard> {
        self.held[shard.index()].as_deref()
    }

    /// A shard that is at hand.
    #[inline]
    pub(crate) fn held_mut(&mut self, shard: ShardId) -> Option<&mut Shard> {
        self.held[shard.index()].as_deref_mut()
    }

    /// Before items are prefetched: what was found for the last group is forgotten.
    #[inline]
    pub(crate) fn begin_group(&self) {
        self.held.iter().flatten().for_each(|shard| shard.begin_group());
    }

    /// Borrows a shard whose owner lends it; false if somebody has it.
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

    /// Gives all borrowed shards back. `wake` is called for those whose owner has something to do;
    /// `due` for those whose background work is due sooner than was told.
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

    /// Before the kernel is entered: others may have our own shard.
    #[inline]
    pub(crate) fn lend(&mut self) {
        if self.all.len() > 1 {
            debug_assert!(self.borrowed.is_empty(), "borrowed shards are given back");
            self.all[self.own.index()].holder.store(NOBODY, Ordering::Relaxed);
            self.held[self.own.index()] = None;
            self.all[self.own.index()].lent.store(true, Ordering::Relaxed);
        }
    }

    /// After it: waits until nobody has our own shard, microseconds mostly.
    #[inline]
    pub(crate) fn take_back(&mut self) {
        if self.held[self.own.index()].is_none() {
            let shared = &self.all[self.own.index()];
            // Whoever comes now sends a batch, so that the wait is for one group of requests.
            shared.lent.store(false, Ordering::Relaxed);
            self.held[self.own.index()] = Some(shared.lock.lock_arc());
            shared.holder.store(self.own.index(), Ordering::Relaxed);
        }
    }
}
