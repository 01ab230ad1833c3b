//! Counts of requests by the prefix of their keys, for `stats detail`.
//!
//! The prefix of a key is what precedes its first delimiter; keys without a delimiter are not
//! counted. Only `stats reset` forgets prefixes, so their number is bounded.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What a request did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrefixEvent {
    Hit,
    Miss,
    Store,
    Delete,
}

/// Requests of one prefix: gets, those of them that were hits, stores, deletes.
type Counts = [u64; 4];

/// Requests of one prefix, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefixRequests {
    /// Gets that found an item.
    pub get_hits: u64,
    /// Gets that found none.
    pub get_misses: u64,
    /// Storage commands.
    pub stores: u64,
    /// Deletes.
    pub deletes: u64,
}

impl PrefixRequests {
    fn of(&[gets, hits, stores, deletes]: &Counts) -> Self {
        Self { get_hits: hits, get_misses: gets.saturating_sub(hits), stores, deletes }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.get_hits + self.get_misses + self.stores + self.deletes
    }

    /// Adds requests of another prefix.
    pub fn add(&mut self, other: &Self) {
        self.get_hits += other.get_hits;
        self.get_misses += other.get_misses;
        self.stores += other.stores;
        self.deletes += other.deletes;
    }
}

/// Requests by prefix, for at most a given number of prefixes.
#[derive(Debug)]
pub struct PrefixCounts {
    by_prefix: BTreeMap<Box<[u8]>, Counts>,
    prefixes_max: usize,
}

impl PrefixCounts {
    /// Empty counts for at most `prefixes_max` prefixes.
    pub const fn new(prefixes_max: usize) -> Self {
        Self { by_prefix: BTreeMap::new(), prefixes_max }
    }

    /// Counts a request for a key; false if there is no room for its prefix.
    pub(super) fn count(&mut self, delimiter: u8, key: &[u8], event: PrefixEvent) -> bool {
        let Some(end) = key.iter().position(|&byte| byte == delimiter) else { return true };
        self.add(
            &key[..end],
            match event {
                PrefixEvent::Hit => [1, 1, 0, 0],
                PrefixEvent::Miss => [1, 0, 0, 0],
                PrefixEvent::Store => [0, 0, 1, 0],
                PrefixEvent::Delete => [0, 0, 0, 1],
            },
        )
    }

    fn add(&mut self, prefix: &[u8], more: Counts) -> bool {
        if let Some(counts) = self.by_prefix.get_mut(prefix) {
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        } else if self.by_prefix.len() < self.prefixes_max {
            self.by_prefix.insert(prefix.into(), more);
        } else {
            return false;
        }
        true
    }

    pub(super) fn clear(&mut self) {
        self.by_prefix.clear();
    }

    /// Appends the counts as bytes for [`Self::merge_bytes`]: for each prefix its length, its text,
    /// and its counts as little-endian words.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        for (prefix, counts) in &self.by_prefix {
            out.push(prefix.len() as u8);
            out.extend_from_slice(prefix);
            for count in counts {
                out.extend_from_slice(&count.to_le_bytes());
            }
        }
    }

    /// Adds counts that [`Self::append_to`] of another shard wrote; prefixes beyond the limit are
    /// left out.
    pub fn merge_bytes(&mut self, mut bytes: &[u8]) {
        while let Some((&length, rest)) = bytes.split_first() {
            let (prefix, rest) = rest.split_at(usize::from(length));
            let (words, rest) = rest.split_at(size_of::<Counts>());
            let (words, _) = words.as_chunks::<8>();
            self.add(prefix, core::array::from_fn(|index| u64::from_le_bytes(words[index])));
            bytes = rest;
        }
    }

    /// The prefixes and their requests, in the order of the prefixes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], PrefixRequests)> {
        self.by_prefix.iter().map(|(prefix, counts)| (&**prefix, PrefixRequests::of(counts)))
    }

    /// Appends the lines of `stats detail dump`, without END, in the order of the prefixes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for (prefix, [gets, hits, stores, deletes]) in &self.by_prefix {
            out.extend_from_slice(b"PREFIX ");
            out.extend_from_slice(prefix);
            let counts = alloc::format!(" get {gets} hit {hits} set {stores} del {deletes}\r\n");
            out.extend_from_slice(counts.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn shown(counts: &PrefixCounts) -> String {
        let mut out = Vec::new();
        counts.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_count_for_the_text_before_their_first_delimiter() {
        let mut counts = PrefixCounts::new(8);
        for (key, event) in [
            ("a:b", PrefixEvent::Hit),
            ("a:c:d", PrefixEvent::Miss),
            (":", PrefixEvent::Store),
            ("none", PrefixEvent::Store),
            ("a:", PrefixEvent::Delete),
        ] {
            assert!(counts.count(b':', key.as_bytes(), event));
        }
        let expected = "PREFIX  get 0 hit 0 set 1 del 0\r\nPREFIX a get 2 hit 1 set 0 del 1\r\n";
        assert_eq!(shown(&counts), expected);
        counts.clear();
        assert_eq!(shown(&counts), "");
    }

    #[test]
    fn shards_add_up() {
        let (mut one, mut other) = (PrefixCounts::new(8), PrefixCounts::new(8));
        one.count(b'/', b"a/b", PrefixEvent::Hit);
        other.count(b'/', b"a/c", PrefixEvent::Store);
        other.count(b'/', b"b/c", PrefixEvent::Delete);
        let mut bytes = Vec::new();
        other.append_to(&mut bytes);
        one.merge_bytes(&bytes);
        let expected = "PREFIX a get 1 hit 1 set 1 del 0\r\nPREFIX b get 0 hit 0 set 0 del 1\r\n";
        assert_eq!(shown(&one), expected);
    }

    #[test]
    fn prefixes_beyond_the_limit_are_not_counted() {
        let mut counts = PrefixCounts::new(1);
        assert!(counts.count(b':', b"a:", PrefixEvent::Store));
        assert!(!counts.count(b':', b"b:", PrefixEvent::Store));
        assert!(counts.count(b':', b"a:", PrefixEvent::Store));
        assert_eq!(shown(&counts), "PREFIX a get 0 hit 0 set 2 del 0\r\n");
    }
}
