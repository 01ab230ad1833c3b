//! What connections that speak Redis' dialect share.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use slabcore_script::ScriptCache;

use crate::shared::redis_counts::{RedisBaseline, RedisCounts};

/// What connections that speak Redis' dialect share.
#[derive(Debug)]
pub(crate) struct SharedRedis {
    /// Connections so far.
    clients: AtomicU64,
    /// What each executor counts.
    pub(crate) counts: Vec<RedisCounts>,
    /// The counts at the last `CONFIG RESETSTAT`.
    pub(crate) baseline: RedisBaseline,
    /// Scripts that clients have sent.
    pub(crate) scripts: ScriptCache,
    /// A random name for this run: 40 hexadecimal digits.
    pub(crate) run_id: String,
}

impl SharedRedis {
    /// For a server with so many executors.
    pub(crate) fn new(executors: usize) -> Self {
        let word = || RandomState::new().hash_one(std::process::id());
        Self {
            clients: AtomicU64::new(0),
            counts: (0..executors).map(|_| RedisCounts::new()).collect(),
            baseline: RedisBaseline::default(),
            scripts: ScriptCache::default(),
            run_id: format!("{:016x}{:016x}{:08x}", word(), word(), word() as u32),
        }
    }

    /// The number of the next connection, from 1.
    pub(crate) fn next_client(&self) -> u64 {
        self.clients.fetch_add(1, Ordering::Relaxed) + 1
    }
}
