//! What watchers are told of a shard: look-ups, attempts to store, deletions, and what the store
//! does by itself. All of it costs nothing while nobody watches but the look whether somebody does.

use alloc::boxed::Box;
use alloc::vec::Vec;

use slabcore_protocol::{
    BinaryCommand, LookStatus, MetaCommand, StoreRequest, StoreStatus, Streams, Verb, WatchedItem,
    encode_deletion, encode_eviction, encode_look, encode_page_move, encode_store,
};
use slabcore_storage::{Glance, HashedKey, Miss, NewItem, StoreEvent, StoreOutcome};

use crate::execution::shard::Shard;
use crate::observation::watched_lines::{Watch, Watched, WatchedLines};
use crate::requests::clock::Now;
use crate::requests::request::KeyRequest;

/// What a line tells of an item that is to be stored.
struct NewItemShown<'a> {
    key: HashedKey<'a>,
    value_bytes: usize,
    flags: u32,
    /// As a tick; 0: never.
    expiry: u32,
    verb: Verb,
}

impl Shard {
    /// The requests that follow are this client's, and watched; without streams no longer so.
    #[cold]
    pub fn watch(&mut self, watch: Watch) {
        let is_watched = !watch.streams.is_empty();
        match &mut self.watched {
            Some(watched) if is_watched => watched.watch = watch,
            None if is_watched => {
                self.watched = Some(Box::new(Watched { watch, lines: WatchedLines::default() }));
            }
            _ => self.watched = None,
        }
        self.store.note_events(watch.streams.meets(Streams::EVICTIONS | Streams::SYSTEM));
    }

    /// What is watched here.
    #[inline]
    pub fn watched_streams(&self) -> Streams {
        self.watched.as_deref().map_or(Streams::default(), |watched| watched.watch.streams)
    }

    /// Whether [`Self::take_watched_lines`] has any.
    pub fn has_watched_lines(&self) -> bool {
        let has_lines = |watched: &Watched| !watched.lines.is_empty();
        self.watched.as_deref().is_some_and(has_lines) || self.store.has_events()
    }

    /// The lines since this was last asked.
    pub fn take_watched_lines(&mut self, now: Now) -> WatchedLines {
        let (events, dropped) = self.store.take_events();
        for event in events {
            self.show_event(now, &event);
        }
        let Some(watched) = &mut self.watched else { return WatchedLines::default() };
        watched.lines.dropped += dropped;
        core::mem::take(&mut watched.lines)
    }

    /// A line of the server about itself.
    pub fn show(&mut self, stream: Streams, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(watched) = &mut self.watched
            && watched.watch.streams.meets(stream)
        {
            watched.lines.push(stream, write);
        }
    }

    /// Before a watched request is executed: tells what it will look up, and delete.
    #[cold]
    pub fn announce(&mut self, now: Now, key: HashedKey<'_>, request: &KeyRequest<'_>) {
        if let KeyRequest::TooLarge { store } = request {
            self.show_store(now, key, store, StoreStatus::TooLarge);
            if !store.drops_old() {
                return;
            }
        }
        let found = self.show_look(now, key);
        let Some(glance) = found else { return };
        let command = match request {
            KeyRequest::Delete { .. } => "delete",
            KeyRequest::Meta { command: MetaCommand::Delete, flags, .. }
                if !flags.has(b'I') && !flags.has(b'x') =>
            {
                let compared = flags.number(b'C');
                if compared.is_some_and(|unique| unique == 0 || unique != glance.cas) {
                    return;
                }
                "md"
            }
            KeyRequest::Binary(request)
                if matches!(request.command(), BinaryCommand::Delete)
                    && [0, glance.cas].contains(&request.cas) =>
            {
                "delete"
            }
            _ => return,
        };
        let item = watched_item(key.key(), &glance);
        self.show(Streams::DELETIONS, |out| encode_deletion(out, &item, command));
    }

    /// Tells of a look-up, and says what it will find.
    pub(crate) fn show_look(&mut self, now: Now, key: HashedKey<'_>) -> Option<Glance> {
        let client = self.watched.as_ref()?.watch.client;
        let found = self.store.glance(now.tick, key.hash(), key.key());
        let status = match found {
            Ok(_) => LookStatus::Found,
            Err(Miss::NotFound) => LookStatus::NotFound,
            Err(Miss::Flushed) => LookStatus::Flushed,
            Err(Miss::Expired) => LookStatus::Expired,
        };
        let none = WatchedItem { key: key.key(), ..WatchedItem::default() };
        let item = found.as_ref().map_or(none, |glance| watched_item(key.key(), glance));
        self.show(Streams::FETCHERS, |out| encode_look(out, &item, status, client));
        found.ok()
    }

    /// Tells what became of an attempt to store.
    #[cold]
    pub(crate) fn show_outcome(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'_>,
        outcome: StoreOutcome,
    ) {
        let status = match outcome {
            StoreOutcome::Stored => StoreStatus::Stored,
            StoreOutcome::NotStored => StoreStatus::NotStored,
            StoreOutcome::Exists => StoreStatus::Exists,
            StoreOutcome::NotFound => StoreStatus::NotFound,
            StoreOutcome::NoMemory => StoreStatus::NoMemory,
        };
        self.show_store(now, key, store, status);
    }

    fn show_store(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'_>,
        status: StoreStatus,
    ) {
        let new = NewItemShown {
            key,
            value_bytes: store.value_bytes as usize,
            flags: store.flags,
            expiry: crate::execution::binary_store::store_expiry(now, store),
            verb: store.verb,
        };
        self.show_new(now, &new, status);
    }

    /// Before a request other than a storage command stores an item: looks for it as one would.
    pub(crate) fn show_store_begun(&mut self, now: Now, key: HashedKey<'_>) {
        if self.watched.is_some() {
            self.show_look(now, key);
        }
    }

    /// Tells of an item that a request other than a storage command has stored.
    pub(crate) fn show_store_done(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        item: &NewItem<'_>,
        verb: Verb,
    ) {
        let new = NewItemShown {
            key,
            value_bytes: item.value.len(),
            flags: item.flags,
            expiry: item.exptime,
            verb,
        };
        self.show_new(now, &new, StoreStatus::Stored);
    }

    /// Tells of an md that took the value away: memcached stores an empty one.
    pub(crate) fn show_emptied(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        item: &NewItem<'_>,
        is_deleted: bool,
    ) {
        self.show_store_done(now, key, item, Verb::Set);
        if is_deleted && self.watched.is_some() {
            let class = self.store.class_of_new(item.key.len(), 0, item.flags, item.exptime);
            let item = WatchedItem { key: item.key, class, value_bytes: 0 };
            self.show(Streams::DELETIONS, |out| encode_deletion(out, &item, "md"));
        }
    }

    fn show_new(&mut self, now: Now, new: &NewItemShown<'_>, status: StoreStatus) {
        let Some(watched) = &self.watched else { return };
        let client = watched.watch.client;
        let &NewItemShown { key, value_bytes, flags, expiry, verb } = new;
        let stored = (status == StoreStatus::Stored)
            .then(|| self.store.glance(now.tick, key.hash(), key.key()).ok())
            .flatten();
        let class = || self.store.class_of_new(key.key().len(), value_bytes, flags, expiry);
        let (item, exptime) = match stored {
            Some(glance) => {
                let is_joined = matches!(verb, Verb::Append | Verb::Prepend);
                let exptime = if is_joined { glance.exptime } else { expiry };
                (watched_item(key.key(), &glance), exptime)
            }
            // There is no class for it, and no item.
            None if status == StoreStatus::TooLarge => {
                (WatchedItem { key: key.key(), ..WatchedItem::default() }, expiry)
            }
            None => (WatchedItem { key: key.key(), class: class(), value_bytes }, expiry),
        };
        let ttl = if exptime == 0 { 0 } else { exptime.wrapping_sub(now.tick) };
        self.show(Streams::MUTATIONS, |out| {
            encode_store(out, &item, status, verb, ttl, client);
        });
    }

    fn show_event(&mut self, now: Now, event: &StoreEvent) {
        match *event {
            StoreEvent::Evicted { ref key, fetched, exptime, idle, class, value_bytes } => {
                let item = WatchedItem { key, class, value_bytes };
                let ttl = (exptime != 0).then(|| exptime.saturating_sub(now.tick));
                self.show(Streams::EVICTIONS, |out| {
                    encode_eviction(out, &item, fetched, ttl, idle);
                });
            }
            StoreEvent::PageMoved { from, to } => {
                self.show(Streams::SYSTEM, |out| encode_page_move(out, from, to));
            }
        }
    }
}

fn watched_item<'a>(key: &'a [u8], glance: &Glance) -> WatchedItem<'a> {
    WatchedItem { key, class: glance.class, value_bytes: glance.value_bytes }
}
