//! The lines that `watch` shows of one shard: look-ups, attempts to store, deletions, evictions,
//! and pages that move. While nobody watches, each request pays one look at [`WatchLog::is_on`].

use alloc::boxed::Box;
use alloc::vec::Vec;

use slabcore_protocol::{
    BinaryCommand, LookStatus, MetaCommand, StoreRequest, StoreStatus, Streams, StringOperation,
    StringRequest, Verb, WatchedItem, encode_deletion, encode_eviction, encode_look,
    encode_page_move, encode_store,
};
use slabcore_storage::{
    Expiry, Glance, HashedKey, Miss, NewItem, SlabClassId, Store, StoreEvent, StoreOutcome,
};

use crate::observation::watched_lines::{Watch, WatchedLines};
use crate::requests::clock::Now;
use crate::requests::request::KeyRequest;

/// What a line says about an item to be stored.
struct NewItemShown<'a> {
    key: HashedKey<'a>,
    value_bytes: usize,
    flags: u32,
    expiry: Expiry,
    verb: Verb,
}

/// State of a watched shard.
#[derive(Debug)]
struct Watched {
    watch: Watch,
    lines: WatchedLines,
}

/// The lines for watchers of one shard; holds nothing while nobody watches.
#[derive(Debug, Default)]
pub(crate) struct WatchLog {
    watched: Option<Box<Watched>>,
}

impl WatchLog {
    /// Whether anybody watches.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.watched.is_some()
    }

    /// Sets what is watched, and the client that the following requests are from. Without streams
    /// the log is off.
    pub(crate) fn set(&mut self, watch: Watch) {
        let is_watched = !watch.streams.is_empty();
        match &mut self.watched {
            Some(watched) if is_watched => watched.watch = watch,
            None if is_watched => {
                self.watched = Some(Box::new(Watched { watch, lines: WatchedLines::default() }));
            }
            _ => self.watched = None,
        }
    }

    /// The streams that are watched.
    #[inline]
    pub(crate) fn streams(&self) -> Streams {
        self.watched.as_deref().map_or(Streams::default(), |watched| watched.watch.streams)
    }

    /// Whether there are lines to take.
    pub(crate) fn has_lines(&self) -> bool {
        self.watched.as_deref().is_some_and(|watched| !watched.lines.is_empty())
    }

    /// Takes the lines out. `dropped` is added to the count of lines that found no room.
    pub(crate) fn take_lines(&mut self, dropped: u64) -> WatchedLines {
        let Some(watched) = &mut self.watched else { return WatchedLines::default() };
        watched.lines.dropped += dropped;
        core::mem::take(&mut watched.lines)
    }

    /// Adds a line that `write` appends, if its stream is watched.
    pub(crate) fn show(&mut self, stream: Streams, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(watched) = &mut self.watched
            && watched.watch.streams.meets(stream)
        {
            watched.lines.push(stream, write);
        }
    }

    /// Shows what a request will look up and delete; to be called before the request is executed.
    #[cold]
    pub(crate) fn announce(
        &mut self,
        store: &Store,
        now: Now,
        key: HashedKey<'_>,
        request: &KeyRequest<'_>,
    ) {
        if let KeyRequest::TooLarge { store: too_large } = request {
            self.show_store(store, now, key, too_large, StoreStatus::TooLarge);
            if !too_large.drops_old() {
                return;
            }
        }
        let found = self.show_look(store, now, key);
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
            KeyRequest::String(StringRequest { operation: StringOperation::Delete, .. }) => "del",
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

    /// Shows the deletion of a live item by this command.
    #[cold]
    pub(crate) fn show_deletion(
        &mut self,
        store: &Store,
        now: Now,
        key: HashedKey<'_>,
        command: &str,
    ) {
        if let Ok(glance) = store.glance(now.moment(), key) {
            let item = watched_item(key.key(), &glance);
            self.show(Streams::DELETIONS, |out| encode_deletion(out, &item, command));
        }
    }

    /// Shows a look-up; returns what it will find.
    pub(crate) fn show_look(
        &mut self,
        store: &Store,
        now: Now,
        key: HashedKey<'_>,
    ) -> Option<Glance> {
        let client = self.watched.as_ref()?.watch.client;
        let found = store.glance(now.moment(), key);
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

    /// Shows a storage command with its outcome.
    #[cold]
    pub(crate) fn show_outcome(
        &mut self,
        store: &Store,
        now: Now,
        key: HashedKey<'_>,
        request: &StoreRequest<'_>,
        outcome: StoreOutcome,
    ) {
        let status = match outcome {
            StoreOutcome::Stored => StoreStatus::Stored,
            StoreOutcome::NotStored => StoreStatus::NotStored,
            StoreOutcome::Exists => StoreStatus::Exists,
            StoreOutcome::NotFound => StoreStatus::NotFound,
            StoreOutcome::NoMemory => StoreStatus::NoMemory,
        };
        self.show_store(store, now, key, request, status);
    }

    fn show_store(
        &mut self,
        store: &Store,
        now: Now,
        key: HashedKey<'_>,
        request: &StoreRequest<'_>,
        status: StoreStatus,
    ) {
        let new = NewItemShown {
            key,
            value_bytes: request.value_bytes as usize,
            flags: request.flags,
            expiry: Expiry::at(now.store_expiry(request)),
            verb: request.verb,
        };
        self.show_new(store, now, &new, status);
    }

    /// Shows an item that a request other than a storage command has stored.
    pub(crate) fn show_stored(&mut self, store: &Store, now: Now, item: &NewItem<'_>, verb: Verb) {
        self.show_item(store, now, item, verb, StoreStatus::Stored);
    }

    /// Shows an item that a request other than a storage command wants to store, with its outcome.
    #[cold]
    pub(crate) fn show_item(
        &mut self,
        store: &Store,
        now: Now,
        item: &NewItem<'_>,
        verb: Verb,
        status: StoreStatus,
    ) {
        let new = NewItemShown {
            key: item.key,
            value_bytes: item.value.len(),
            flags: item.flags,
            expiry: item.expiry,
            verb,
        };
        self.show_new(store, now, &new, status);
    }

    /// Shows an md that emptied the value, as memcached does: as a store of an empty value, and as
    /// a deletion if `is_deleted`.
    pub(crate) fn show_emptied(
        &mut self,
        store: &Store,
        now: Now,
        item: &NewItem<'_>,
        is_deleted: bool,
    ) {
        self.show_stored(store, now, item, Verb::Set);
        if is_deleted && self.is_on() {
            let key = item.key.key();
            let class = store.class_of_new(item.key, 0, item.flags, item.expiry);
            let item = WatchedItem { key, class: class.number(), value_bytes: 0 };
            self.show(Streams::DELETIONS, |out| encode_deletion(out, &item, "md"));
        }
    }

    fn show_new(&mut self, store: &Store, now: Now, new: &NewItemShown<'_>, status: StoreStatus) {
        let Some(watched) = &self.watched else { return };
        let client = watched.watch.client;
        let &NewItemShown { key, value_bytes, flags, expiry, verb } = new;
        let stored =
            (status == StoreStatus::Stored).then(|| store.glance(now.moment(), key).ok()).flatten();
        let class = || store.class_of_new(key, value_bytes, flags, expiry);
        let (item, exptime) = match stored {
            Some(glance) => {
                let is_joined = matches!(verb, Verb::Append | Verb::Prepend);
                let exptime = if is_joined { glance.exptime } else { expiry.whole_tick() };
                (watched_item(key.key(), &glance), exptime)
            }
            // No slab class takes such an item.
            None if status == StoreStatus::TooLarge => {
                (WatchedItem { key: key.key(), ..WatchedItem::default() }, expiry.whole_tick())
            }
            None => {
                let item = WatchedItem { key: key.key(), class: class().number(), value_bytes };
                (item, expiry.whole_tick())
            }
        };
        let ttl = if exptime == 0 { 0 } else { exptime.wrapping_sub(now.tick()) };
        self.show(Streams::MUTATIONS, |out| {
            encode_store(out, &item, status, verb, ttl, client);
        });
    }

    /// Shows what the store did by itself.
    pub(crate) fn show_event(&mut self, now: Now, event: &StoreEvent) {
        match *event {
            StoreEvent::Evicted { ref key, fetched, exptime, idle, class, value_bytes } => {
                let item = WatchedItem { key, class: class.number(), value_bytes };
                let ttl = (exptime != 0).then(|| exptime.saturating_sub(now.tick()));
                self.show(Streams::EVICTIONS, |out| {
                    encode_eviction(out, &item, fetched, ttl, idle);
                });
            }
            StoreEvent::PageMoved { from, to } => {
                self.show(Streams::SYSTEM, |out| {
                    encode_page_move(out, from.number(), to.map_or(0, SlabClassId::number));
                });
            }
        }
    }
}

fn watched_item<'a>(key: &'a [u8], glance: &Glance) -> WatchedItem<'a> {
    WatchedItem { key, class: glance.class.number(), value_bytes: glance.value_bytes }
}
