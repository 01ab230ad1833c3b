//! What a connection does for watchers: it announces its requests, or becomes a watcher itself.

use slabcore_protocol::{Reply, Streams, error_lines};
use slabcore_shard::{ForwardedRequest, KeyRequest, Route, ShardId, Watch};

use crate::connection::Connection;
use crate::executor::Executor;

impl Connection {
    /// Announces a request to the shard that executes it next, here or elsewhere.
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

    /// Announces an upload that ends at `shard`.
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

    /// The client has watched these streams in another process.
    #[cold]
    pub(crate) fn go_on_watching(&mut self, executor: &mut Executor, streams: Streams) {
        if self.add_watcher(executor, streams).is_err() {
            self.close(executor);
        }
    }

    fn begin_watching(
        &mut self,
        executor: &mut Executor,
        streams: Option<Streams>,
    ) -> Result<(), &'static [u8]> {
        if !executor.shared.settings.watch {
            return Err(error_lines::WATCH_NOT_ALLOWED);
        }
        if self.follows_requests() {
            return Err(error_lines::WATCH_AFTER_COMMANDS);
        }
        self.add_watcher(executor, streams.ok_or(error_lines::ERROR)?)
    }

    fn add_watcher(
        &mut self,
        executor: &mut Executor,
        streams: Streams,
    ) -> Result<(), &'static [u8]> {
        let id = executor.shared.watchers.add(executor.shard.index(), streams);
        let id = id.ok_or(error_lines::TOO_MANY_WATCHERS)?;
        self.become_watcher(id);
        executor.watchers.push((id, self.id()));
        // Sleeping executors must learn of the watcher, because their shards may be lent.
        for shard in executor.other_shards() {
            executor.shared.mailboxes[shard.index()].wake();
        }
        Ok(())
    }
}
