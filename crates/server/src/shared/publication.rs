//! What shards publish for the admin endpoint besides their counters and slab classes. What is
//! large is published only if a reader wants it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use slabcore_shard::{HotKeyList, MissRatioCurve, PrefixCounts};

/// What the reader of the next publications wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) hot_keys: bool,
    pub(crate) prefixes: bool,
}

/// The last publications of all shards.
pub(crate) struct Publications {
    wants_hot_keys: AtomicBool,
    wants_prefixes: AtomicBool,
    /// One for each shard.
    hot_keys: Vec<Mutex<HotKeyList>>,
    curves: Vec<Mutex<Option<MissRatioCurve>>>,
    /// Requests by prefix, as bytes.
    prefixes: Vec<Mutex<Vec<u8>>>,
}

impl Publications {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            wants_hot_keys: AtomicBool::new(false),
            wants_prefixes: AtomicBool::new(false),
            hot_keys: (0..shards).map(|_| Mutex::default()).collect(),
            curves: (0..shards).map(|_| Mutex::default()).collect(),
            prefixes: (0..shards).map(|_| Mutex::default()).collect(),
        }
    }

    /// Says what is wanted from now on. To be called before the signals to publish are raised.
    pub(crate) fn want(&self, wanted: Wanted) {
        // The signal orders this for those who answer it.
        self.wants_hot_keys.store(wanted.hot_keys, Ordering::Relaxed);
        self.wants_prefixes.store(wanted.prefixes, Ordering::Relaxed);
    }

    /// What is wanted.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            hot_keys: self.wants_hot_keys.load(Ordering::Relaxed),
            prefixes: self.wants_prefixes.load(Ordering::Relaxed),
        }
    }

    /// Publishes the hot keys of a shard; `None`: it does not look for them. Does nothing while
    /// they are read: an executor does not wait for a thread of low priority.
    pub(crate) fn publish_hot_keys(&self, shard: usize, keys: Option<HotKeyList>) {
        if let Ok(mut published) = self.hot_keys[shard].try_lock() {
            *published = keys.unwrap_or_default();
        }
    }

    /// The hottest keys that the shards published last.
    pub(crate) fn hot_keys(&self) -> HotKeyList {
        let mut merged = HotKeyList::default();
        for keys in &self.hot_keys {
            merged.merge(&keys.lock().unwrap_or_else(PoisonError::into_inner));
        }
        merged
    }

    /// Publishes the miss-ratio curve of a shard, as [`Self::publish_hot_keys`].
    pub(crate) fn publish_curve(&self, shard: usize, curve: Option<MissRatioCurve>) {
        if let Ok(mut published) = self.curves[shard].try_lock() {
            *published = curve;
        }
    }

    /// The curve of all shards that have published theirs. `None`: there is none.
    pub(crate) fn curve(&self) -> Option<MissRatioCurve> {
        let mut merged = None;
        for curve in &self.curves {
            if let Some(curve) = *curve.lock().unwrap_or_else(PoisonError::into_inner) {
                merged.get_or_insert_with(MissRatioCurve::default).merge(&curve);
            }
        }
        merged
    }

    /// Publishes the requests of a shard by prefix, as [`Self::publish_hot_keys`].
    pub(crate) fn publish_prefixes(&self, shard: usize, prefixes: Vec<u8>) {
        if let Ok(mut published) = self.prefixes[shard].try_lock() {
            *published = prefixes;
        }
    }

    /// The requests by prefix that the shards published last, of so many prefixes at most.
    pub(crate) fn prefixes(&self, prefixes_max: usize) -> PrefixCounts {
        let mut merged = PrefixCounts::new(prefixes_max);
        for prefixes in &self.prefixes {
            merged.merge_bytes(&prefixes.lock().unwrap_or_else(PoisonError::into_inner));
        }
        merged
    }
}
