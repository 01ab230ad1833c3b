//! Keys that are looked up together: the memory that each look-up needs is fetched for all of them
//! first.

use arrayvec::ArrayVec;
use slabcore_shard::{Route, Router};

use crate::executor::Executor;
use crate::settings::limits::KEY_GROUP;

/// Takes the next keys, up to [`KEY_GROUP`], and begins to fetch their buckets and items. `route`
/// finds the shard of a key.
#[inline]
pub(super) fn next_group<'a>(
    executor: &mut Executor,
    keys: impl Iterator<Item = &'a [u8]>,
    route: impl Fn(&Router, &'a [u8]) -> Route<'a>,
) -> ArrayVec<Route<'a>, KEY_GROUP> {
    let mut group: ArrayVec<Route<'_>, KEY_GROUP> = ArrayVec::new();
    for key in keys.take(KEY_GROUP) {
        let route = route(&executor.router, key);
        if let Some(shard) = executor.reach(route.shard) {
            shard.prefetch_bucket(route.key.hash());
        }
        group.push(route);
    }
    executor.shards.begin_group();
    for route in &group {
        if let Some(shard) = executor.shards.held(route.shard) {
            shard.prefetch_item(route.key.hash());
        }
    }
    group
}
