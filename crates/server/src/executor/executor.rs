//! The state that all connections of one executor share: shards, batches, the time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use slab::Slab;
use slabcore_metrics::{Counter, ShardMetrics};
use slabcore_protocol::{StoreRequest, Streams};
use slabcore_shard::{ForwardedRequest, Now, Router, Shard, ShardId, Ticket, UploadId, Watch};
use slabcore_storage::ItemSizeLimit;

use crate::connection::ConnectionId;
use crate::connection::outgoing::{LargeValue, Parts};
use crate::connection::output::Output;
use crate::connection::spare_buffers::SpareBuffers;
use crate::connection::subscribed_names::SubscribedNames;
use crate::connection::watcher_id::WatcherId;
use crate::executor::load_meter::LoadMeter;
use crate::executor::outboxes::Outboxes;
use crate::executor::own_subscribers::OwnSubscribers;
use crate::executor::shards::{ShardSet, Shards, SharedShard};
use crate::executor::snapshot_part::{SnapshotPace, SnapshotPart};
use crate::executor::turn_times::TurnTimes;
use crate::settings::limits::{OPEN_READS_MAX, OPEN_SLOTS_MAX};
use crate::settings::log;
use crate::shared::mailbox::Message;
use crate::shared::redis_counts::RedisCounts;
use crate::shared::shared_state::SharedState;
use crate::shared::snapshot_feed::SnapshotFeed;

/// The state of one executor that all its connections share.
pub(crate) struct Executor {
    /// The shard that this executor owns.
    pub(crate) shard: ShardId,
    pub(crate) shards: Shards,
    pub(crate) router: Router,
    pub(crate) item_size_limit: ItemSizeLimit,
    pub(crate) now: Now,
    /// Verbosity in this turn. From 2 on, connections and commands are logged.
    pub(crate) verbosity: u64,
    /// Streams that have watchers in this turn.
    pub(crate) watched: Streams,
    /// Whether plain reads take their short path: there are no watchers, and commands are not
    /// logged.
    pub(crate) reads_plainly: bool,
    /// Requests of one connection that may wait for values of other shards, in this turn.
    pub(crate) open_reads_max: usize,
    /// Executors that serve connections in this turn: the first ones.
    pub(crate) serving: u32,
    load: LoadMeter,
    /// The watchers among this executor's connections.
    pub(crate) watchers: Vec<(WatcherId, ConnectionId)>,
    /// Those that read messages of other clients.
    pub(crate) subscribers: OwnSubscribers,
    pub(crate) outboxes: Outboxes,
    pub(crate) spares: SpareBuffers,
    /// The numbers of the uploads under way from this executor.
    pub(crate) upload_numbers: Slab<()>,
    /// Own connections and datagrams that wait for the report of this executor's connections.
    pub(crate) report_tickets: Vec<Ticket>,
    /// Shards whose owner has something to do and may sleep.
    to_wake: Vec<ShardId>,
    pub(crate) shared: Arc<SharedState>,
    pub(crate) metrics: Arc<ShardMetrics>,
    pub(crate) times: TurnTimes,
    /// The part of a snapshot that is under way.
    snapshot: Option<Box<SnapshotPart>>,
    /// The last random number. Not 0.
    random: u64,
}

impl Executor {
    pub(crate) fn new(
        shard: ShardId,
        shards: Arc<[SharedShard]>,
        router: Router,
        shared: Arc<SharedState>,
    ) -> Self {
        let shards = Shards::new(shard, shards);
        let settings = &shared.settings;
        Self {
            shard,
            router,
            item_size_limit: ItemSizeLimit {
                item_bytes_max: settings.item_bytes_max,
                cas: settings.cas,
            },
            now: shared.clock.now(),
            verbosity: shared.verbosity.load(Ordering::Relaxed),
            watched: Streams::default(),
            reads_plainly: true,
            open_reads_max: OPEN_SLOTS_MAX,
            serving: shared.serving.executors() as u32,
            load: LoadMeter::new(shared.serving.is_controlled()),
            watchers: Vec::new(),
            subscribers: OwnSubscribers::default(),
            outboxes: Outboxes::new(shard, settings.shards),
            spares: SpareBuffers::new(settings.shards > 1),
            upload_numbers: Slab::new(),
            report_tickets: Vec::new(),
            to_wake: Vec::new(),
            metrics: Arc::clone(shards.own().metrics()),
            times: TurnTimes::new(Arc::clone(&shared.timings[shard.index()])),
            shards,
            random: shared.clock.now().unix_ms().cast_unsigned() << 8 | shard.index() as u64 | 1,
            shared,
            snapshot: None,
        }
    }

    /// Begins to show the items of the own shard to a snapshot.
    pub(crate) fn begin_snapshot(&mut self, feed: SnapshotFeed) {
        self.end_snapshot();
        self.snapshot = Some(Box::new(SnapshotPart::new(feed)));
    }

    /// Shows the next few items to a snapshot, if one is under way. True if more can be shown at
    /// once.
    #[inline]
    pub(crate) fn go_on_with_snapshot(&mut self) -> bool {
        self.snapshot.is_some() && self.show_to_snapshot()
    }

    #[cold]
    fn show_to_snapshot(&mut self) -> bool {
        let Some(part) = &mut self.snapshot else { return false };
        match part.go_on(self.shards.own_mut(), &self.router, self.now) {
            SnapshotPace::More => true,
            SnapshotPace::Waiting => false,
            SnapshotPace::Over => {
                self.end_snapshot();
                false
            }
        }
    }

    /// Whether a snapshot is under way that has room for more.
    pub(crate) fn can_go_on_with_snapshot(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|part| part.can_go_on())
    }

    /// Ends the part of a snapshot that is under way, whether or not it is complete.
    pub(crate) fn end_snapshot(&mut self) {
        if let Some(part) = self.snapshot.take() {
            part.end(self.shards.own_mut());
        }
    }

    /// Reads the clock: once per turn.
    #[inline]
    pub(crate) fn begin_turn(&mut self) {
        let nanoseconds = self.times.begin_turn();
        let milliseconds = nanoseconds / 1_000_000;
        self.now = self.shared.clock.at_reading(nanoseconds);
        if self.load.is_due(milliseconds)
            && let Some(load) = self.load.end_window(milliseconds)
        {
            self.shared.serving.note(self.shard.index(), &load);
        }
        self.serving = self.shared.serving.executors() as u32;
        self.verbosity = self.shared.verbosity.load(Ordering::Relaxed);
        self.watched = self.shared.watchers.streams();
        if self.watched != self.shards.own().watched_streams() {
            self.change_watched();
        }
        self.reads_plainly = self.verbosity < log::COMMANDS && self.watched.is_empty();
        self.look_for_large_values();
        self.shards.own_mut().begin_turn(self.now);
    }

    /// Lowers the number of values that a connection may wait for, once any shard has stored a
    /// large value. An executor looks before requests are executed, and before its replies leave.
    #[inline]
    fn look_for_large_values(&mut self) {
        if self.open_reads_max == OPEN_READS_MAX {
            return;
        }
        let stored = &self.shared.has_large_values;
        if self.shards.own().has_large_values() {
            stored.store(true, Ordering::Relaxed);
        }
        if stored.load(Ordering::Relaxed) {
            self.open_reads_max = OPEN_READS_MAX;
        }
    }

    /// The shard, if requests can be executed on it at once: our own, or a lent one to which no
    /// batch is under way.
    #[expect(clippy::inline_always, reason = "called twice for each key of a request")]
    #[inline(always)]
    pub(crate) fn reach(&mut self, shard: ShardId) -> Option<&mut Shard> {
        if shard == self.shard || self.borrow(shard) { self.shards.held_mut(shard) } else { None }
    }

    fn borrow(&mut self, shard: ShardId) -> bool {
        if !self.outboxes.is_quiet(shard) {
            // What is under way to a shard that was taken is of other connections.
            return self.shards.is_exclusive() && self.shards.held(shard).is_some();
        }
        if self.shards.held(shard).is_some() {
            return true;
        }
        let borrowed = self.shards.borrow(shard, self.now);
        let counter = if borrowed { Counter::ShardsBorrowed } else { Counter::ShardsBusy };
        self.metrics.add(counter, 1);
        borrowed
    }

    /// What this executor counts of Redis' dialect.
    #[inline]
    pub(crate) fn redis_counts(&self) -> &RedisCounts {
        &self.shared.redis.counts[self.shard.index()]
    }

    /// True while several shards are held for requests that nobody may see a part of.
    #[inline]
    pub(crate) fn is_exclusive(&self) -> bool {
        self.shards.is_exclusive()
    }

    /// A random number, for a choice that nobody depends on.
    pub(crate) fn random(&mut self) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Executes `change` while this executor holds all of these shards, its own one too: nobody
    /// sees a part of what it does. No request of the connection is under way to them.
    pub(crate) fn exclusively<T>(
        &mut self,
        shards: ShardSet,
        change: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if self.shards.is_exclusive() {
            return change(self);
        }
        self.give_back();
        self.shards.take_exclusively(shards, self.now);
        let changed = change(self);
        self.shards.end_exclusive();
        self.give_back();
        changed
    }

    /// Returns the borrowed shards, after each group of requests.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        if self.shards.is_exclusive() {
            return;
        }
        let (to_wake, due_ticks) = (&mut self.to_wake, &self.shared.due_ticks);
        self.shards.give_back(
            self.now,
            |shard| to_wake.push(shard),
            |shard, tick| due_ticks.bring_forward(shard.index(), tick),
        );
    }

    /// Requests of one connection before others have their turn (`-R`).
    pub(crate) fn requests_per_serving_max(&self) -> usize {
        self.shared.settings.requests_per_event_max
    }

    /// All shards but this one.
    pub(crate) fn other_shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        let own = self.shard;
        ShardId::first(self.router.shards()).filter(move |&shard| shard != own)
    }

    /// Starts an upload at the shard that owns its key.
    pub(crate) fn upload_begin(&mut self, store: &StoreRequest<'_>) -> (ShardId, UploadId) {
        let route = self.router.route(store.key);
        let id = UploadId { source: self.shard, number: self.upload_numbers.insert(()) as u32 };
        if route.shard == self.shard {
            self.shards.own_mut().upload_begin(self.now, route.key, id, store);
        } else {
            self.outboxes.push(
                route.shard,
                &ForwardedRequest::UploadBegin(route.key, id, *store),
                None,
            );
        }
        (route.shard, id)
    }

    /// Passes on bytes of an upload.
    pub(crate) fn upload_bytes(&mut self, shard: ShardId, id: UploadId, bytes: &[u8]) {
        if shard == self.shard {
            self.shards.own_mut().upload_bytes(self.now, id, bytes);
        } else {
            self.outboxes.push(shard, &ForwardedRequest::UploadBytes(id, bytes), None);
        }
    }

    /// Drops the upload of a connection that has ended.
    pub(crate) fn upload_abandon(&mut self, shard: ShardId, id: UploadId) {
        self.upload_numbers.remove(id.number as usize);
        if shard == self.shard {
            self.shards.own_mut().upload_abandon(id);
        } else {
            self.outboxes.push(shard, &ForwardedRequest::UploadAbandon(id), None);
        }
    }

    /// Releases a value, here or on another shard. Must not be called while shards are borrowed for
    /// a stage.
    pub(crate) fn release(&mut self, value: LargeValue) {
        let (shard, hold) = value.into_hold();
        if let Some(owner) = self.reach(shard) {
            owner.release(hold);
            self.give_back();
        } else {
            self.outboxes.push_release(shard, hold);
        }
    }

    /// Parts of large values have left. Releases the values that were sent completely.
    #[inline(never)]
    pub(crate) fn parts_sent(&mut self, output: &mut Output, parts: Box<Parts>) {
        output.parts_sent();
        for value in parts.into_values() {
            if let Some(value) = output.part_sent(value) {
                self.release(*value);
            }
        }
    }

    /// The streams with watchers have changed.
    #[cold]
    fn change_watched(&mut self) {
        let streams = self.watched;
        self.shards.own_mut().watch(Watch { streams, client: -1 });
    }

    /// Removes a watcher of this executor.
    pub(crate) fn end_watching(&mut self, id: WatcherId) {
        self.shared.watchers.remove(id);
        self.watchers.retain(|(watcher, _)| *watcher != id);
    }

    /// A client reads no messages of others any more.
    pub(crate) fn end_subscriptions(&mut self, client: u64, names: &mut SubscribedNames) {
        for (naming, name) in std::mem::take(names).iter() {
            self.shared.redis.subscriptions.remove(client, naming, name);
        }
        self.subscribers.remove(client);
    }

    /// Asks the other shards for pages if ours wants some.
    pub(crate) fn ask_for_pages(&mut self) {
        if self.router.shards() > 1
            && let Some(wish) = self.shards.own_mut().take_page_wish()
        {
            for shard in self.other_shards() {
                self.outboxes.push(shard, &ForwardedRequest::PagesWanted(wish), None);
            }
        }
    }

    /// Sends the batches for other shards. `wake` rings a sleeping one.
    pub(crate) fn dispatch(&mut self, mut wake: impl FnMut(ShardId)) {
        self.look_for_large_values();
        let (shared, metrics, times) = (&self.shared, &self.metrics, &mut self.times);
        for shard in self.to_wake.drain(..) {
            if shared.mailboxes[shard.index()].claim_doorbell() {
                wake(shard);
            }
        }
        self.outboxes.dispatch(|shard, mut batch| {
            let requests = u64::from(batch.requests());
            metrics.add(Counter::ForeignBatches, 1);
            metrics.add(Counter::ForeignRequests, requests);
            batch.set_sent(times.batch_sent(requests));
            if shared.mailboxes[shard.index()].post(Message::Requests(batch)) {
                wake(shard);
            }
        });
    }
}
