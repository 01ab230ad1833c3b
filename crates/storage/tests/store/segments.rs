//! The segments of a slab class: what is in them, and what they protect.

use slabcore_storage::{ClassStats, Config, Moment, SegmentShares, StoreOutcome};

use crate::shard::{Shard, pool};

const PAGES: usize = 64;
const VALUE_BYTES: usize = 100;

/// The indexes of the segments.
const COLD: usize = 0;
const HOT: usize = 1;
const WARM: usize = 2;
const TEMP: usize = 3;

fn shard() -> Shard {
    Shard::new(&Config { fair_share_pages: PAGES, ..Config::default() }, &pool(PAGES))
}

/// Stores items of one slab class.
fn store(shard: &mut Shard, numbers: core::ops::Range<u32>) {
    for number in numbers {
        let outcome = shard.set(&format!("key-{number:08}"), VALUE_BYTES, 0);
        assert_eq!(outcome, StoreOutcome::Stored);
    }
}

/// The stats of the class of the items of [`store`].
fn class(shard: &Shard) -> ClassStats {
    let classes =
        shard.store.classes().map(|class| shard.store.class_stats(Moment::at(shard.now), class));
    let found = classes.max_by_key(|class| class.number).unwrap();
    assert_eq!(found.number_by_segment.iter().sum::<u64>(), found.number);
    found
}

/// Reads a key. Returns the segment that the hit counted in.
fn segment_hit(shard: &mut Shard, key: &str) -> usize {
    let before = class(shard).counters.hits_by_segment;
    assert_eq!(shard.get(key), Ok(VALUE_BYTES), "{key}");
    let after = class(shard).counters.hits_by_segment;
    let changed: Vec<usize> =
        (0..4).filter(|segment| after[*segment] != before[*segment]).collect();
    assert_eq!(changed.len(), 1);
    changed[0]
}

#[test]
fn hot_has_its_share_and_the_newest() {
    for (percent, range) in [(20, 10..30), (50, 40..60)] {
        let mut shard = shard();
        shard.store.set_segment_shares(SegmentShares::new(percent, 20, 5.0, 5.0));
        store(&mut shard, 0..10_000);
        assert_eq!(class(&shard).number_by_segment, [0, 10_000, 0, 0]);
        store(&mut shard, 10_000..400_000);
        let full = class(&shard);
        let share = 100 * full.number_by_segment[HOT] / full.number;
        assert!(range.contains(&share), "{share} of {percent} percent");
        assert_eq!(full.number_by_segment[WARM], 0);
        assert_eq!(full.counters.moves_to_cold, 400_000 - full.number_by_segment[HOT]);
        for number in 400_000 - full.number * u64::from(percent) / 200..400_000 {
            assert_eq!(segment_hit(&mut shard, &format!("key-{number:08}")), HOT);
        }
        shard.store.check().unwrap();
    }
}

/// Items that are read in each turnover of the memory, however many others are stored meanwhile.
#[test]
fn what_is_read_twice_in_cold_is_warm_and_outlives_what_is_not() {
    let mut shard = shard();
    store(&mut shard, 0..60_000);
    let full = class(&shard);
    assert!(full.number < 40_000, "{full:?}");
    let cold = |shard: &mut Shard, number: u32| {
        let key = format!("key-{number:08}");
        (shard.get(&key).is_ok() && segment_hit(shard, &key) == COLD).then_some(key)
    };
    // Both reads count as COLD: the second one moves the item.
    let kept: Vec<String> =
        (40_000..50_000).filter_map(|it| cold(&mut shard, it)).take(100).collect();
    assert_eq!(kept.len(), 100);
    assert!(class(&shard).counters.moves_to_warm >= 100);
    for key in &kept {
        assert_eq!(segment_hit(&mut shard, key), WARM);
    }
    // As many as are left after a whole turnover.
    store(&mut shard, 60_000..60_000 + full.number as u32);
    let left = kept.iter().filter(|key| shard.get(key).is_ok()).count();
    let unread = (50_000..60_000).filter(|it| shard.get(&format!("key-{it:08}")).is_ok()).count();
    assert!(left > 95 && unread < 5_000, "{left} of 100, {unread} of 10,000");
    shard.store.check().unwrap();
}

#[test]
fn a_flat_store_has_only_cold_items() {
    let mut shard = shard();
    store(&mut shard, 0..60_000);
    shard.store.set_segment_shares(SegmentShares::FLAT);
    store(&mut shard, 60_000..400_000);
    let full = class(&shard);
    // Evictions have looked at nearly all items, and HOT is not replenished.
    assert!(full.number_by_segment[COLD] > full.number * 99 / 100, "{full:?}");
    for _ in 0..3 {
        assert_eq!(segment_hit(&mut shard, "key-00399999"), COLD);
    }
    shard.store.check().unwrap();
}

#[test]
fn an_item_is_temporary_by_the_ttl_that_it_was_stored_with() {
    let mut shard = shard();
    let mut temporary = |ttl_max: u32, ttl: u32| {
        shard.store.set_temporary_ttl(ttl_max);
        shard.set("key-00000000", VALUE_BYTES, shard.now + ttl);
        // What was stored stays as it is.
        shard.store.set_temporary_ttl(1_000 - ttl_max);
        shard.store.check().unwrap();
        class(&shard).number_by_segment
    };
    for (ttl_max, ttl, segment) in [(61, 61, TEMP), (61, 62, HOT), (900, 500, TEMP), (0, 1, HOT)] {
        let mut expected = [0; 4];
        expected[segment] = 1;
        assert_eq!(temporary(ttl_max, ttl), expected, "{ttl} of {ttl_max}");
    }
}
