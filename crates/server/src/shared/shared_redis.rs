//! What connections that speak Redis' dialect share.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use slabcore_script::ScriptCache;

use crate::settings::limits::{REDIS_LIBRARY_BYTES_LOGGED, REDIS_MISSING_COMMANDS_MAX};
use crate::shared::redis_counts::{RedisBaseline, RedisCounts};
use crate::shared::subscriptions::Subscriptions;

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
    /// Who reads messages of others.
    pub(crate) subscriptions: Subscriptions,
    /// The commands of Redis that clients have sent and that this server does not have, each with
    /// the client library.
    missing: Mutex<HashSet<(String, String)>>,
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
            subscriptions: Subscriptions::new(executors),
            missing: Mutex::default(),
            run_id: format!("{:016x}{:016x}{:08x}", word(), word(), word() as u32),
        }
    }

    /// The number of the next connection, from 1.
    pub(crate) fn next_client(&self) -> u64 {
        self.clients.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes that a client sent a command of Redis that is missing here. Returns the names to log,
    /// the first time that a library sends the command.
    pub(crate) fn note_missing(&self, name: &[u8], library: &[u8]) -> Option<(String, String)> {
        let cut = &library[..library.len().min(REDIS_LIBRARY_BYTES_LOGGED)];
        let name = name.to_ascii_uppercase().escape_ascii().to_string();
        let pair = (name, cut.escape_ascii().to_string());
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = missing.len() < REDIS_MISSING_COMMANDS_MAX && missing.insert(pair.clone());
        is_new.then_some(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_command_is_noted_once_for_each_library() {
        let redis = SharedRedis::new(1);
        let pair = |name: &str, library: &str| Some((name.to_owned(), library.to_owned()));
        assert_eq!(redis.note_missing(b"hset", b"redis-py"), pair("HSET", "redis-py"));
        assert_eq!(redis.note_missing(b"HSET", b"redis-py"), None);
        assert_eq!(redis.note_missing(b"hset", b""), pair("HSET", ""));
        for number in 0..REDIS_MISSING_COMMANDS_MAX {
            redis.note_missing(b"hget", number.to_string().as_bytes());
        }
        assert_eq!(redis.note_missing(b"lpush", b""), None, "there are too many");
        let long = [b'x'; 1 << 10];
        let redis = SharedRedis::new(1);
        let noted = redis.note_missing(b"hset", &long).unwrap();
        assert_eq!(noted.1.len(), REDIS_LIBRARY_BYTES_LOGGED);
    }
}
