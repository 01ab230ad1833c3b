//! Large values, which are held after their get and sent without a copy.

use std::sync::Arc;

use slabcore_metrics::ShardMetrics;
use slabcore_protocol::{StoreForm, StoreRequest, Verb};
use slabcore_shard::limits::VALUE_INLINE_BYTES_MAX;
use slabcore_shard::{
    Batch, ForwardedRequest, KeyRequest, Now, ReplyPart, Response, Shard, ShardId, Ticket,
};
use slabcore_storage::{Config, HashedKey, Hold, KeyHasher, PAGE_BYTES, PagePool, Region};

const NOW: Now = Now::at(5, 1_700_000_000);
const KEY: &[u8] = b"large";

/// A shard with one large value, and its key.
fn shard_with_large_value(value: &[u8]) -> (Shard, HashedKey<'static>) {
    let (hasher, config) = (KeyHasher::new(3), Config::default());
    let pool = PagePool::new(Region::new(Box::new(vec![0; 16 * PAGE_BYTES])));
    let metrics = Arc::new(ShardMetrics::new());
    let mut shard = Shard::new(&config, Arc::new(pool), hasher.clone(), metrics).unwrap();
    let key = hasher.hash(KEY);
    let store = StoreRequest {
        verb: Verb::Set,
        key: KEY,
        flags: 0,
        exptime: 0,
        value_bytes: value.len() as u32,
        cas_unique: 0,
        noreply: false,
        form: StoreForm::Classic,
    };
    shard.execute(NOW, key, &KeyRequest::Store { store, value });
    (shard, key)
}

fn held_value(hold: &Hold) -> Vec<u8> {
    hold.parts(0).flatten().copied().collect()
}

/// `gat -1` of a large value said `SERVER_ERROR out of memory writing get response`: the hit had
/// an exptime that had passed by the time its value was to be held, so the hold missed.
#[test]
fn a_gat_that_ends_a_large_item_still_sends_its_value() {
    let value = vec![b'v'; VALUE_INLINE_BYTES_MAX + 1];
    let gat = KeyRequest::Get { key: KEY, with_cas: false, exptime: Some(-1) };

    let (mut shard, key) = shard_with_large_value(&value);
    assert!(matches!(shard.execute(NOW, key, &gat), Response::Large { .. }));
    let hold = shard.hold(key);
    assert_eq!(held_value(&hold), value);
    assert!(matches!(shard.execute(NOW, key, &gat), Response::Miss));
    assert_eq!(held_value(&hold), value);
    shard.release(hold);
    // An interpreter takes half a minute for a recount.
    if !cfg!(miri) {
        shard.store().check().unwrap();
    }

    let (mut shard, key) = shard_with_large_value(&value);
    let mut batch = Batch::new(ShardId::new(1));
    batch.push(
        &ForwardedRequest::Key(key, gat),
        Some(Ticket { connection: 0, generation: 0, slot: 0 }),
    );
    shard.execute_batch(NOW, &mut batch);
    let mut replies: Vec<_> = batch.take_replies().collect();
    let Some((_, ReplyPart::Held { hold, .. })) = replies.pop() else {
        panic!("a large value is held");
    };
    assert!(replies.is_empty());
    assert_eq!(held_value(&hold), value);
    batch.recycle();
    batch.push_release(hold);
    assert!(!batch.is_empty(), "a release alone is worth a batch");
    shard.execute_batch(NOW, &mut batch);
    assert_eq!(shard.store().stats().holds, 0);
}
