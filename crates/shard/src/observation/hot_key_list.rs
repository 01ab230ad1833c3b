//! The hottest keys of one or more shards, as operators see them. Each key has one shard, so lists
//! of several shards have no key in common.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::limits::HOT_KEYS_SHOWN_MAX;

/// A hot key. Its requests, as the sample estimates them, are between `requests - error` and
/// `requests`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotKey {
    key: Box<[u8]>,
    /// Estimated requests in the window.
    pub requests: u64,
    /// By how much the estimate may be too high.
    pub error: u64,
}

impl HotKey {
    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

/// The hottest keys, by falling requests: [`HOT_KEYS_SHOWN_MAX`] at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HotKeyList {
    window_seconds: u64,
    requests: u64,
    keys: Vec<HotKey>,
}

impl HotKeyList {
    /// A list without keys, of this many requests in a window of this length.
    pub(super) fn new(window_seconds: u64, requests: u64) -> Self {
        Self { window_seconds, requests, keys: Vec::new() }
    }

    /// Adds a key that is less hot than those in the list.
    pub(super) fn add(&mut self, key: &[u8], requests: u64, error: u64) {
        self.keys.push(HotKey { key: key.into(), requests, error });
    }

    /// The seconds that the requests are of. Older ones weigh less, so this is a weighted sum.
    pub fn window_seconds(&self) -> u64 {
        self.window_seconds
    }

    /// Estimated requests for all keys in the window.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// The keys, by falling requests.
    pub fn keys(&self) -> &[HotKey] {
        &self.keys
    }

    /// The part of all requests that a key has.
    pub fn share(&self, key: &HotKey) -> f64 {
        key.requests as f64 / self.requests.max(1) as f64
    }

    /// Adds the keys of another shard.
    pub fn merge(&mut self, other: &Self) {
        self.window_seconds = self.window_seconds.max(other.window_seconds);
        self.requests += other.requests;
        self.keys.extend_from_slice(&other.keys);
        self.keys.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.key.cmp(&b.key)));
        self.keys.truncate(HOT_KEYS_SHOWN_MAX);
    }

    /// Appends the list as bytes for [`Self::merge_bytes`]: two words, then for each key its
    /// length, its bytes and two words, all little-endian.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        let push = |out: &mut Vec<u8>, word: u64| out.extend_from_slice(&word.to_le_bytes());
        push(out, self.window_seconds);
        push(out, self.requests);
        for it in &self.keys {
            out.push(it.key.len() as u8);
            out.extend_from_slice(&it.key);
            push(out, it.requests);
            push(out, it.error);
        }
    }

    /// Adds the list that another shard wrote, or nothing if that has none.
    pub fn merge_bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let word = |bytes: &mut &[u8]| {
            let (word, rest) = bytes.split_first_chunk().expect("a shard wrote it");
            *bytes = rest;
            u64::from_le_bytes(*word)
        };
        let mut rest = bytes;
        let mut other = Self::new(word(&mut rest), word(&mut rest));
        while let Some((&length, after)) = rest.split_first() {
            let (key, after) = after.split_at(usize::from(length));
            rest = after;
            other.add(key, word(&mut rest), word(&mut rest));
        }
        self.merge(&other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn lists_of_shards_add_up() {
        let (mut one, mut other) = (HotKeyList::new(60, 100), HotKeyList::new(61, 1_000));
        one.add(b"a", 70, 1);
        one.add(b"b", 20, 0);
        for number in 0..HOT_KEYS_SHOWN_MAX as u64 {
            other.add(format!("k{number}").as_bytes(), 60 - number, number);
        }
        let mut bytes = Vec::new();
        other.append_to(&mut bytes);
        let mut merged = HotKeyList::default();
        merged.merge(&one);
        merged.merge_bytes(&bytes);
        assert_eq!((merged.window_seconds(), merged.requests()), (61, 1_100));
        assert_eq!(merged.keys().len(), HOT_KEYS_SHOWN_MAX);
        let first: Vec<(&[u8], u64, u64)> =
            merged.keys()[..3].iter().map(|it| (it.key(), it.requests, it.error)).collect();
        assert_eq!(first, [(&b"a"[..], 70, 1), (b"k0", 60, 0), (b"k1", 59, 1)]);
        assert!((merged.share(&merged.keys()[0]) - 70.0 / 1_100.0).abs() < 1e-9);
    }
}
