//! The most frequent keys of a stream, in bounded memory: the algorithm `SpaceSaving`.
//!
//! A table has a counter for each of a bounded number of keys. A key without one takes the counter
//! that is smallest, and goes on counting from there; what it takes over is its **error**. So a
//! count is never too low, and too high by its error at most. A key with more than `total / keys`
//! requests has a counter. These bounds hold for every stream. The counts of `HeavyKeeper` are
//! closer for the same memory, but its bounds hold only with some probability, and here the keys
//! themselves take most of the memory.
//!
//! Counts are halved from time to time, so what is frequent now comes before what was. The bounds
//! then hold for requests that are weighted likewise.
//!
//! Metwally, Agrawal and El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data
//! Streams" (2005).

use alloc::vec::Vec;

use hashbrown::HashTable;
use slabcore_storage::HashedKey;

use crate::limits::{FREQUENT_KEYS_MAX, KEY_BYTES_MAX};

/// Fractional bits of a count: halved counts keep their fraction.
const UNIT_SHIFT: u32 = 16;

const UNIT: u64 = 1 << UNIT_SHIFT;

/// A key with its counter.
struct Counted {
    hash: u64,
    count: u64,
    error: u64,
    key_bytes: u8,
    key: [u8; KEY_BYTES_MAX],
}

impl Counted {
    fn key(&self) -> &[u8] {
        &self.key[..usize::from(self.key_bytes)]
    }
}

/// What is known of a frequent key. Its requests are between `requests - error` and `requests`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrequentKey<'a> {
    pub(super) key: &'a [u8],
    pub(super) requests: u64,
    pub(super) error: u64,
}

/// The counters. All of its memory is allocated when it is made.
pub(super) struct FrequentKeys {
    counted: Vec<Counted>,
    /// The place of each key in `counted`.
    places: HashTable<u8>,
    total: u64,
    /// No count is lower.
    lowest: u64,
    /// Where the search for a counter with this count goes on.
    next: usize,
}

const _: () = assert!(FREQUENT_KEYS_MAX <= 1 << u8::BITS);

impl FrequentKeys {
    pub(super) fn new() -> Self {
        Self {
            counted: Vec::with_capacity(FREQUENT_KEYS_MAX),
            // A table that is at most half full never grows: what removals leave behind is cleared
            // in place.
            places: HashTable::with_capacity(2 * FREQUENT_KEYS_MAX),
            total: 0,
            lowest: 0,
            next: 0,
        }
    }

    /// Counts a request.
    pub(super) fn count(&mut self, key: HashedKey<'_>) {
        self.total += UNIT;
        let (hash, key) = (key.hash(), key.key());
        let is_same = |place: &u8| {
            let counted = &self.counted[usize::from(*place)];
            counted.hash == hash && counted.key() == key
        };
        if let Some(place) = self.places.find(hash, is_same) {
            self.counted[usize::from(*place)].count += UNIT;
            return;
        }
        let place = if self.counted.len() < FREQUENT_KEYS_MAX {
            let empty = Counted { hash, count: 0, error: 0, key_bytes: 0, key: [0; _] };
            self.counted.push(empty);
            self.counted.len() - 1
        } else {
            self.take_smallest()
        };
        let counted = &mut self.counted[place];
        counted.hash = hash;
        counted.error = counted.count;
        counted.count += UNIT;
        counted.key_bytes = key.len() as u8;
        counted.key[..key.len()].copy_from_slice(key);
        let hash_of = |place: &u8| self.counted[usize::from(*place)].hash;
        self.places.insert_unique(hash, place as u8, hash_of);
    }

    /// Takes the counter that is smallest from its key. Returns its place.
    fn take_smallest(&mut self) -> usize {
        // Counts grow, so most searches end soon, and few find that the lowest count has grown.
        let is_smallest = |place: &usize| self.counted[*place].count <= self.lowest;
        let onward = (self.next..self.counted.len()).chain(0..self.next);
        let place = onward.clone().find(is_smallest).unwrap_or_else(|| {
            let by_count = onward.min_by_key(|place| self.counted[*place].count);
            by_count.expect("there are counters")
        });
        self.lowest = self.counted[place].count;
        self.next = (place + 1) % self.counted.len();
        let hash = self.counted[place].hash;
        let entry = self.places.find_entry(hash, |it| usize::from(*it) == place);
        entry.expect("each key is in the table").remove();
        place
    }

    /// Halves all counts this many times.
    pub(super) fn halve(&mut self, times: u32) {
        (self.total, self.lowest) = (halved(self.total, times), 0);
        for counted in &mut self.counted {
            counted.count = halved(counted.count, times);
            counted.error = halved(counted.error, times);
        }
    }

    /// Forgets all keys.
    pub(super) fn clear(&mut self) {
        self.counted.clear();
        self.places.clear();
        (self.total, self.lowest, self.next) = (0, 0, 0);
    }

    /// All requests, as they would be after these halvings.
    pub(super) fn total(&self, halvings: u32) -> u64 {
        halved(self.total, halvings) >> UNIT_SHIFT
    }

    /// The keys with the highest counts, falling; `keys_max` at most. Counts are as they would be
    /// after these halvings, times `factor`.
    pub(super) fn top(
        &self,
        keys_max: usize,
        halvings: u32,
        factor: u64,
    ) -> impl Iterator<Item = FrequentKey<'_>> {
        let mut by_count: Vec<&Counted> = self.counted.iter().collect();
        by_count.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key().cmp(b.key())));
        let scaled = move |count| (halved(count, halvings) * factor) >> UNIT_SHIFT;
        by_count.into_iter().take(keys_max).map(move |counted| FrequentKey {
            key: counted.key(),
            requests: scaled(counted.count),
            error: scaled(counted.error),
        })
    }
}

/// Rounded up, so that a count stays an upper bound.
fn halved(count: u64, times: u32) -> u64 {
    let times = times.min(u64::BITS - 1);
    (count >> times) + u64::from(count & ((1 << times) - 1) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use slabcore_storage::KeyHasher;

    /// Weighted requests of each key, and of all.
    #[derive(Default)]
    struct Exact {
        by_key: BTreeMap<u16, f64>,
        total: f64,
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Count(u16),
        Halve(u32),
    }

    /// Keys of which low ones are asked for more often.
    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let skewed = (0..1000_u16, 0..1000_u16, 0..1000_u16);
        let step = prop_oneof![
            200 => skewed.prop_map(|(a, b, c)| Step::Count(a.min(b).min(c))),
            1 => (0..3_u32).prop_map(Step::Halve),
        ];
        vec(step, 1..3_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn counts_are_within_their_bounds(steps in steps()) {
            let hasher = KeyHasher::new(1);
            let (mut sketch, mut exact) = (FrequentKeys::new(), Exact::default());
            for step in steps {
                match step {
                    Step::Count(key) => {
                        sketch.count(hasher.hash(&key.to_le_bytes()));
                        *exact.by_key.entry(key).or_default() += 1.0;
                        exact.total += 1.0;
                    }
                    Step::Halve(times) => {
                        sketch.halve(times);
                        let part = 0.5_f64.powi(times as i32);
                        exact.by_key.values_mut().for_each(|count| *count *= part);
                        exact.total *= part;
                    }
                }
            }
            // Counts are rounded to a fraction of a request with each halving.
            let rounding = 0.01;
            let counts = |count: u64| count as f64 / UNIT as f64;
            prop_assert!((counts(sketch.total) - exact.total).abs() < rounding);
            let found: BTreeMap<u16, (f64, f64)> = sketch
                .counted
                .iter()
                .map(|it| (u16::from_le_bytes(it.key().try_into().unwrap()), it))
                .map(|(key, it)| (key, (counts(it.count), counts(it.error))))
                .collect();
            prop_assert_eq!(found.len(), sketch.counted.len());
            for (key, requests) in &exact.by_key {
                match found.get(key) {
                    Some((count, error)) => {
                        prop_assert!(*count + rounding > *requests, "{key}: {count} {requests}");
                        prop_assert!(count - error < requests + rounding, "{key}");
                        prop_assert!(*error < exact.total / FREQUENT_KEYS_MAX as f64 + rounding);
                    }
                    None => {
                        let bound = exact.total / FREQUENT_KEYS_MAX as f64 + rounding;
                        prop_assert!(*requests <= bound, "{key}: {requests} of {}", exact.total);
                    }
                }
            }
        }
    }

    #[test]
    fn the_top_falls_and_is_scaled() {
        let hasher = KeyHasher::new(1);
        let mut sketch = FrequentKeys::new();
        for (key, requests) in [("a", 2), ("b", 8), ("c", 4)] {
            (0..requests).for_each(|_| sketch.count(hasher.hash(key.as_bytes())));
        }
        let top: Vec<(&[u8], u64)> = sketch.top(2, 1, 10).map(|it| (it.key, it.requests)).collect();
        assert_eq!(top, [(&b"b"[..], 40), (b"c", 20)]);
        assert_eq!(sketch.total(1), 7);
        sketch.clear();
        assert_eq!((sketch.top(2, 0, 1).count(), sketch.total(0)), (0, 0));
    }

    /// Nothing is allocated after the start.
    #[test]
    fn new_keys_need_no_memory() {
        let hasher = KeyHasher::new(1);
        let mut sketch = FrequentKeys::new();
        let memory = (sketch.counted.capacity(), sketch.places.allocation_size());
        for key in 0..if cfg!(miri) { 1_000_u32 } else { 100_000 } {
            sketch.count(hasher.hash(&key.to_le_bytes()));
        }
        assert_eq!((sketch.counted.capacity(), sketch.places.allocation_size()), memory);
        assert_eq!(sketch.counted.len(), sketch.places.len());
    }
}
