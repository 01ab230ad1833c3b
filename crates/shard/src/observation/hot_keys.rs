//! The keys of a shard that are asked for most often, of a sample of its requests.
//!
//! One request in [`HOT_KEY_GAP_MEAN`] is sampled, after a random number of others, so that no
//! period of the load hides a key. What a request pays is a count down. Older requests weigh less:
//! half with each full [`HOT_KEY_HALVING_SECONDS`].

use slabcore_storage::HashedKey;

use crate::limits::{HOT_KEY_GAP_MEAN, HOT_KEY_HALVING_SECONDS, HOT_KEYS_SHOWN_MAX, KEY_BYTES_MAX};
use crate::observation::frequent_keys::FrequentKeys;
use crate::observation::hot_key_list::HotKeyList;
use crate::requests::clock::Now;

/// The sample of one shard.
pub(crate) struct HotKeys {
    /// Requests until one is sampled.
    left: u32,
    /// `None`: off. Then a request is looked at once in 2^32.
    keys: Option<FrequentKeys>,
    /// State of the random gaps.
    random: u32,
    /// The halving that the counts are as of.
    halving: u32,
}

impl HotKeys {
    pub(crate) fn new() -> Self {
        Self { left: 1, keys: Some(FrequentKeys::new()), random: 1, halving: 0 }
    }

    /// Ends it.
    pub(crate) fn switch_off(&mut self) {
        self.keys = None;
    }

    /// Counts a request.
    #[expect(clippy::inline_always, reason = "each request does this")]
    #[inline(always)]
    pub(crate) fn note(&mut self, now: Now, key: HashedKey<'_>) {
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            self.sample(now, key);
        }
    }

    #[cold]
    #[inline(never)]
    fn sample(&mut self, now: Now, key: HashedKey<'_>) {
        let Some(keys) = &mut self.keys else { return };
        let halving = halving_at(now);
        if halving > self.halving {
            keys.halve(halving - self.halving);
            self.halving = halving;
        }
        // Longer keys, which only the Redis dialect has, are not counted.
        if key.key().len() <= KEY_BYTES_MAX {
            keys.count(key);
        }
        self.left = self.draw_gap();
    }

    /// A number of requests: from 1 on, [`HOT_KEY_GAP_MEAN`] on average.
    fn draw_gap(&mut self) -> u32 {
        // Marsaglia: Xorshift RNGs, 2003.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        1 + self.random % (2 * HOT_KEY_GAP_MEAN - 1)
    }

    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        if let Some(keys) = &mut self.keys {
            keys.clear();
        }
    }

    /// The hottest keys. `None`: it is off.
    pub(crate) fn list(&self, now: Now) -> Option<HotKeyList> {
        let keys = self.keys.as_ref()?;
        let halvings = halving_at(now).saturating_sub(self.halving);
        let gap = u64::from(HOT_KEY_GAP_MEAN);
        let requests = gap * keys.total(halvings);
        let mut list = HotKeyList::new(window_seconds(now), requests);
        for it in keys.top(HOT_KEYS_SHOWN_MAX, halvings, gap) {
            list.add(it.key, it.requests, it.error);
        }
        Some(list)
    }
}

/// The number of the last halving. All shards halve at the same time.
fn halving_at(now: Now) -> u32 {
    now.tick() / HOT_KEY_HALVING_SECONDS
}

/// The sum of all seconds, each weighted as its requests are.
fn window_seconds(now: Now) -> u64 {
    let halvings = halving_at(now).min(u32::BITS - 1);
    let halved = HOT_KEY_HALVING_SECONDS - (HOT_KEY_HALVING_SECONDS >> halvings);
    u64::from(now.tick() % HOT_KEY_HALVING_SECONDS + halved).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    use slabcore_storage::KeyHasher;

    use crate::observation::hot_key_list::HotKey;

    fn at(tick: u32) -> Now {
        Now::at(tick, 0)
    }

    fn note(hot: &mut HotKeys, tick: u32, key: &str, requests: u32) {
        let hasher = KeyHasher::new(1);
        (0..requests).for_each(|_| hot.note(at(tick), hasher.hash(key.as_bytes())));
    }

    fn keys(list: &HotKeyList) -> Vec<&[u8]> {
        list.keys().iter().map(HotKey::key).collect()
    }

    /// One key comes about as often as a request is sampled.
    #[test]
    fn a_period_hides_no_key() {
        let mut hot = HotKeys::new();
        for round in 0..20_000 {
            note(&mut hot, 2, "periodic", 1);
            note(&mut hot, 2, "other", HOT_KEY_GAP_MEAN - 1 - round % 2 * 2);
        }
        let list = hot.list(at(2)).unwrap();
        assert_eq!(keys(&list), [&b"other"[..], b"periodic"]);
        let (periodic, all) = (list.keys()[1].requests, list.requests());
        assert!((10_000..40_000).contains(&periodic), "{periodic}");
        let asked = 20_000 * u64::from(HOT_KEY_GAP_MEAN - 1);
        assert!(all.abs_diff(asked) < asked / 20, "{all}");
    }

    #[test]
    fn what_is_hot_now_comes_first() {
        let mut hot = HotKeys::new();
        note(&mut hot, 2, "old", 100_000);
        assert_eq!(keys(&hot.list(at(2)).unwrap()), [b"old"]);
        let before = hot.list(at(2)).unwrap().requests();
        // Nothing was sampled since, but time has passed.
        let later = hot.list(at(2 + 3 * HOT_KEY_HALVING_SECONDS)).unwrap().requests();
        assert!(later.abs_diff(before / 8) <= u64::from(HOT_KEY_GAP_MEAN), "{before} {later}");
        note(&mut hot, 2 + 3 * HOT_KEY_HALVING_SECONDS, "new", 50_000);
        let list = hot.list(at(2 + 3 * HOT_KEY_HALVING_SECONDS)).unwrap();
        assert_eq!(keys(&list), [&b"new"[..], b"old"]);
        hot.clear();
        assert_eq!(hot.list(at(500)).unwrap().requests(), 0);
    }

    #[test]
    fn the_window_is_as_long_as_its_requests_weigh() {
        let minute = HOT_KEY_HALVING_SECONDS;
        for (tick, seconds) in [(0, 1), (5, 5), (minute, 30), (minute + 9, 39), (10_000, 100)] {
            assert_eq!(window_seconds(at(tick)), seconds, "{tick}");
        }
    }

    #[test]
    fn switched_off_it_knows_nothing() {
        let mut hot = HotKeys::new();
        hot.switch_off();
        note(&mut hot, 2, "a", 1_000);
        assert!(hot.list(at(2)).is_none());
    }
}
