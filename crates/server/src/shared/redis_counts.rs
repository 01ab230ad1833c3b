//! What an executor counts of Redis' dialect: calls of each command, and errors. One executor
//! writes, any thread reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use slabcore_protocol::RespCommand;

/// The counts of one executor.
#[derive(Debug)]
pub(crate) struct RedisCounts {
    calls: [AtomicU64; RespCommand::COUNT],
    errors: AtomicU64,
}

/// The counts of all executors at the last reset.
#[derive(Debug, Default)]
pub(crate) struct RedisBaseline(Mutex<Option<RedisTotals>>);

/// The counts of all executors.
#[derive(Debug, Clone)]
pub(crate) struct RedisTotals {
    calls: [u64; RespCommand::COUNT],
    errors: u64,
}

impl RedisCounts {
    /// No counts yet.
    pub(crate) fn new() -> Self {
        Self { calls: [const { AtomicU64::new(0) }; RespCommand::COUNT], errors: AtomicU64::new(0) }
    }

    /// Counts a call of a command.
    #[inline]
    pub(crate) fn count(&self, command: &RespCommand) {
        increment(&self.calls[command.index()]);
    }

    /// Counts an error reply.
    pub(crate) fn count_error(&self) {
        increment(&self.errors);
    }
}

/// There is one writer, so a load and a store do.
fn increment(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl RedisBaseline {
    /// From now on what was counted so far is taken off.
    pub(crate) fn reset(&self, executors: &[RedisCounts]) {
        let mut baseline = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *baseline = Some(RedisTotals::of(executors));
    }

    /// What the executors have counted since the last reset.
    pub(crate) fn since(&self, executors: &[RedisCounts]) -> RedisTotals {
        let mut totals = RedisTotals::of(executors);
        if let Some(before) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            for (total, before) in totals.calls.iter_mut().zip(before.calls) {
                *total -= before;
            }
            totals.errors -= before.errors;
        }
        totals
    }
}

impl RedisTotals {
    /// The sum of what the executors have counted.
    fn of(executors: &[RedisCounts]) -> Self {
        let mut totals = Self { calls: [0; RespCommand::COUNT], errors: 0 };
        for counts in executors {
            for (total, count) in totals.calls.iter_mut().zip(&counts.calls) {
                *total += count.load(Ordering::Relaxed);
            }
            totals.errors += counts.errors.load(Ordering::Relaxed);
        }
        totals
    }

    /// How often a command was called.
    pub(crate) fn calls(&self, command: &RespCommand) -> u64 {
        self.calls[command.index()]
    }

    /// Error replies.
    pub(crate) fn errors(&self) -> u64 {
        self.errors
    }
}
