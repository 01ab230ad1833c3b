//! The shards, and which of them this executor may touch now.
//!
//! An executor holds the lock of its own shard while it is awake, so it pays for it once per sleep.
//! While it sleeps the shard is **lent**: another executor executes its requests in place instead
//! of waking it, which would cost both of them a switch of threads. An awake shard is reached by
//! batches (`outboxes.rs`) as ever.

use std::sync::Arc;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use slabcore_shard::{Now, Shard};

/// A shard that one executor at a time may touch.
pub(crate) type SharedShard = Arc<Mutex<Shard>>;

/// See the module.
pub(crate) struct Shards {
    own: usize,
    all: Arc<[SharedShard]>,
    /// Our own while awake, and those borrowed.
    held: Vec<Option<ArcMutexGuard<RawMutex, Shard>>>,
    /// Numbers of those borrowed.
    borrowed: Vec<usize>,
}

impl Shards {
    /// All shards, of which this thread's executor owns one.
    pub(crate) fn new(own: usize, all: Arc<[SharedShard]>) -> Self {
        let held = all.iter().map(|_| None).collect();
        let mut shards = Self { own, all, held, borrowed: Vec::new() };
        shards.take_back();
        shards
    }

    /// This executor's own.
    #[inline]
    pub(crate) fn own(&self) -> &Shard {
        self.held[self.own].as_ref().expect("an awake executor holds its shard")
    }

    /// This executor's own.
    #[inline]
    pub(crate) fn own_mut(&mut self) -> &mut Shard {
        self.held[self.own].as_mut().expect("an awake executor holds its shard")
    }

    /// A shard that is at hand.
    #[inline]
    pub(crate) fn held(&self, shard: usize) -> Option<&Shard> {
        self.held[shard].as_deref()
    }

    /// A shard that is at hand.
    #[inline]
    pub(crate) fn held_mut(&mut self, shard: usize) -> Option<&mut Shard> {
        self.held[shard].as_deref_mut()
    }

    /// Borrows a shard whose owner sleeps; false if somebody has it.
    pub(crate) fn borrow(&mut self, shard: usize, now: Now) -> bool {
        let Some(mut guard) = self.all[shard].try_lock_arc() else { return false };
        guard.begin_turn(now);
        self.held[shard] = Some(guard);
        self.borrowed.push(shard);
        true
    }

    /// Gives all borrowed shards back; `wake` is called for those whose owner has something to do.
    pub(crate) fn give_back(&mut self, mut wake: impl FnMut(usize)) {
        for shard in self.borrowed.drain(..) {
            if self.held[shard].take().is_some_and(|shard| shard.has_page_wish()) {
                wake(shard);
            }
        }
    }

    /// Before sleep: others may have our own shard.
    pub(crate) fn lend(&mut self) {
        self.held[self.own] = None;
    }

    /// After sleep: waits until nobody has our own shard, microseconds mostly.
    pub(crate) fn take_back(&mut self) {
        self.held[self.own] = Some(self.all[self.own].lock_arc());
    }
}
