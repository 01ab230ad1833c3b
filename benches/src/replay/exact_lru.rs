//! An exact LRU over numbered keys. Published hit ratios of it show whether a trace is read
//! correctly.

use crate::replay::trace::Verb;
use crate::replay::trace_copies::KEY_BYTES;
use crate::{MissTally, TraceRequest};

/// The index that means no item.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Item {
    newer: u32,
    older: u32,
    /// 0: not held.
    weight: u32,
}

/// The share of an item in the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// 1 for each item.
    Unit,
    /// Bytes of key and value and this many more.
    Bytes(u32),
}

/// A cache in strict order of last use.
#[derive(Debug)]
pub struct ExactLru {
    items: Vec<Item>,
    newest: u32,
    oldest: u32,
    used: u64,
    capacity: u64,
    weight: Weight,
}

impl ExactLru {
    /// An empty cache; the capacity is in the units of the weight.
    #[must_use]
    pub fn new(capacity: u64, weight: Weight) -> Self {
        Self { items: Vec::new(), newest: NONE, oldest: NONE, used: 0, capacity, weight }
    }

    /// Plays requests as a cache-aside client does; keys are numbered below 2^32 - 1.
    pub fn play(&mut self, requests: impl Iterator<Item = TraceRequest>) -> MissTally {
        let mut tally = MissTally::default();
        for request in requests {
            let key = request.key as u32;
            assert!(u64::from(key) == request.key && key != NONE);
            if key as usize >= self.items.len() {
                let absent = Item { newer: NONE, older: NONE, weight: 0 };
                self.items.resize(key as usize + 1, absent);
            }
            let held = self.items[key as usize].weight > 0;
            if request.verb == Verb::Get {
                tally.count(request.value_bytes, held);
            }
            if held {
                self.remove(key);
            }
            if request.verb != Verb::Delete {
                self.insert(key, request.value_bytes);
            }
        }
        tally
    }

    fn insert(&mut self, key: u32, value_bytes: u32) {
        let weight = match self.weight {
            Weight::Unit => 1,
            Weight::Bytes(more) => value_bytes + KEY_BYTES as u32 + more,
        };
        if u64::from(weight) > self.capacity {
            return;
        }
        while self.used + u64::from(weight) > self.capacity {
            self.remove(self.oldest);
        }
        self.items[key as usize] = Item { newer: NONE, older: self.newest, weight };
        match self.newest {
            NONE => self.oldest = key,
            newest => self.items[newest as usize].newer = key,
        }
        self.newest = key;
        self.used += u64::from(weight);
    }

    fn remove(&mut self, key: u32) {
        let Item { newer, older, weight } = self.items[key as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.items[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.items[older as usize].newer = newer,
        }
        self.items[key as usize].weight = 0;
        self.used -= u64::from(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misses(capacity: u64, weight: Weight, keys: &[u64]) -> u64 {
        let get =
            |key: &u64| TraceRequest { time_s: 0, verb: Verb::Get, value_bytes: 10, key: *key };
        ExactLru::new(capacity, weight).play(keys.iter().map(get)).misses
    }

    #[test]
    fn the_least_recently_used_goes() {
        let cases: [(u64, &[u64], u64); 4] = [
            (2, &[1, 2, 1, 2, 1, 2], 2),
            (2, &[1, 2, 3, 1, 2, 3], 6),
            (2, &[1, 2, 1, 3, 1, 2], 4),
            (3, &[1, 2, 3, 1, 2, 3], 3),
        ];
        for (capacity, keys, expected) in cases {
            assert_eq!(misses(capacity, Weight::Unit, keys), expected, "{keys:?}");
        }
        // 36 + 10 + 50 bytes an item.
        assert_eq!(misses(192, Weight::Bytes(50), &[1, 2, 1, 2]), 2);
        assert_eq!(misses(191, Weight::Bytes(50), &[1, 2, 1, 2]), 4);
    }
}
