//! A connection's part in watching: it announces what it asks, or is told what others do.

use slabcore_protocol::{Streams, error_lines};
use slabcore_shard::{ForwardedRequest, KeyRequest, Route, Watch};

use crate::connection::{Connection, State};
use crate::executor::core::Core;

impl Connection {
    /// Tells a shard, here or elsewhere, whose the next request is that it executes.
    #[cold]
    pub(super) fn announce(&self, core: &mut Core, route: Route, request: &KeyRequest<'_>) {
        let (now, watch) = (core.now, Watch { streams: core.watched, client: self.client });
        if let Some(shard) = core.reach(route.shard) {
            shard.watch(watch);
            shard.announce(now, route.hash, request);
        } else {
            core.outboxes.push(route.shard, &ForwardedRequest::Watch(watch), None);
        }
    }

    /// The same of an upload that ends at `shard`.
    #[cold]
    pub(super) fn announce_upload(&self, core: &mut Core, shard: usize) {
        let watch = Watch { streams: core.watched, client: self.client };
        if shard == core.index {
            core.shards.own_mut().watch(watch);
        } else {
            core.outboxes.push(shard, &ForwardedRequest::Watch(watch), None);
        }
    }

    /// `watch`: from now on the client is told, and not heard.
    pub(super) fn begin_watching(
        &mut self,
        core: &mut Core,
        streams: Option<Streams>,
    ) -> Result<(), &'static [u8]> {
        if !core.cluster.settings.watch {
            return Err(error_lines::WATCH_NOT_ALLOWED);
        }
        if self.has_asked {
            return Err(error_lines::WATCH_AFTER_COMMANDS);
        }
        let streams = streams.ok_or(error_lines::ERROR)?;
        let id = core.cluster.watchers.add(core.index, streams);
        let id = id.ok_or(error_lines::TOO_MANY_WATCHERS)?;
        self.state = State::Watching(id);
        core.watchers.push((id, self.id));
        // Those that sleep are to see what their shards do while they are lent.
        for shard in core.other_shards() {
            core.cluster.mailboxes[shard].wake();
        }
        Ok(())
    }
}
