//! Requests of several connections, decoded together: while one is decoded, what the ones before it
//! will touch comes near. First hash buckets, then items; then each is executed, in the order of
//! its connection.

use std::ops::Range;

use arrayvec::ArrayVec;
use slabcore_protocol::Step;
use slabcore_shard::Route;

use crate::core::Core;
use crate::limits::{REQUEST_GROUP, STAGE_REQUESTS};
use crate::planned::Planned;

/// See the module.
pub(crate) struct Stage<'a> {
    requests: ArrayVec<(Planned<'a>, Route), STAGE_REQUESTS>,
}

/// The requests of one connection in a stage.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// Which of the stage's they are.
    pub(crate) requests: Range<usize>,
    /// What stands behind them, if it was decoded: no whole request for one key.
    pub(crate) odd: Option<Step<'a>>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new() -> Self {
        Self { requests: ArrayVec::new() }
    }

    /// Requests so far.
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// True if there is room for another connection's usual number of requests.
    pub(crate) fn takes_connection(&self) -> bool {
        self.requests.remaining_capacity() >= REQUEST_GROUP
    }

    /// True if no further request fits.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.requests.is_full()
    }

    /// Adds a request and brings its bucket near.
    #[inline]
    pub(crate) fn push(&mut self, core: &mut Core, planned: Planned<'a>) {
        let route = core.router.route(planned.request.key());
        if let Some(shard) = core.reach(route.shard) {
            shard.prefetch_bucket(route.hash);
        }
        self.requests.push((planned, route));
    }

    /// Brings the items near, once all is decoded.
    #[inline]
    pub(crate) fn prefetch_items(&self, core: &Core) {
        for (_, route) in &self.requests {
            if let Some(shard) = core.shards.held(route.shard) {
                shard.prefetch_item(route.hash);
            }
        }
    }

    /// The requests of a plan.
    #[inline]
    pub(crate) fn requests(&self, plan: Range<usize>) -> &[(Planned<'a>, Route)] {
        &self.requests[plan]
    }
}
