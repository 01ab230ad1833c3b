//! A connection's part in watching: it announces what it asks, or is told what others do.

use slabcore_protocol::{Reply, Streams, error_lines};
use slabcore_shard::{ForwardedRequest, KeyRequest, Route, ShardId, Watch};

use crate::connection::Connection;
use crate::executor::Executor;

impl Connection {
    /// Tells a shard, here or elsewhere, whose the next request is that it executes.
    #[cold]
    pub(super) fn announce(
        &self,
        executor: &mut Executor,
        route: Route<'_>,
        request: &KeyRequest<'_>,
    ) {
        let (now, watch) =
            (executor.now, Watch { streams: executor.watched, client: self.descriptor() });
        if let Some(shard) = executor.reach(route.shard) {
            shard.watch(watch);
            shard.announce(now, route.key, request);
        } else {
            executor.outboxes.push(route.shard, &ForwardedRequest::Watch(watch), None);
        }
    }

    /// The same of an upload that ends at `shard`.
    #[cold]
    pub(super) fn announce_upload(&self, executor: &mut Executor, shard: ShardId) {
        let watch = Watch { streams: executor.watched, client: self.descriptor() };
        if shard == executor.shard {
            executor.shards.own_mut().watch(watch);
        } else {
            executor.outboxes.push(shard, &ForwardedRequest::Watch(watch), None);
        }
    }

    /// `watch`: from now on the client only reads events. `streams` is `None` if a stream was named
    /// that does not exist.
    #[cold]
    pub(super) fn watch(&mut self, executor: &mut Executor, streams: Option<Streams>) {
        let begun = self.begin_watching(executor, streams);
        self.reply(begun.map_or_else(Reply::Error, |()| Reply::Ok));
    }

    fn begin_watching(
        &mut self,
        executor: &mut Executor,
        streams: Option<Streams>,
    ) -> Result<(), &'static [u8]> {
        if !executor.cluster.settings.watch {
            return Err(error_lines::WATCH_NOT_ALLOWED);
        }
        if self.follows_requests() {
            return Err(error_lines::WATCH_AFTER_COMMANDS);
        }
        let streams = streams.ok_or(error_lines::ERROR)?;
        let id = executor.cluster.watchers.add(executor.shard.index(), streams);
        let id = id.ok_or(error_lines::TOO_MANY_WATCHERS)?;
        self.become_watcher(id);
        executor.watchers.push((id, self.id()));
        // Those that sleep are to see what their shards do while they are lent.
        for shard in executor.other_shards() {
            executor.cluster.mailboxes[shard.index()].wake();
        }
        Ok(())
    }
}
