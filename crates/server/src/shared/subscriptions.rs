//! Messages between clients of Redis' dialect: who has subscribed to what, and the messages that
//! wait for each subscriber.
//!
//! A message is copied to its subscribers at once, under a lock. The executor of each subscriber
//! passes it on between two replies. Messages are bounded for each subscriber and in sum: one that
//! does not read as fast as others publish is cut off, as in Redis.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slabcore_protocol::{RespVersion, RespWriter, matches_glob};

use crate::connection::subscribed_names::Naming;
use crate::settings::limits::{SUBSCRIBER_BYTES_MAX, SUBSCRIBERS_BYTES_MAX};

/// The subscribers of the server, with the messages that wait for each.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    inner: Mutex<Subscribers>,
    /// For each executor, whether messages wait for its subscribers.
    pending: Vec<AtomicBool>,
}

#[derive(Debug, Default)]
struct Subscribers {
    channels: Names,
    patterns: Names,
    queues: Queues,
}

/// The subscribers of each name.
type Names = HashMap<Box<[u8]>, BTreeSet<u64>>;

/// The messages that wait.
#[derive(Debug, Default)]
struct Queues {
    /// By the number of the client.
    subscribers: HashMap<u64, Subscriber>,
    /// For each executor, its subscribers with messages that it was not told of.
    pending: Vec<Vec<u64>>,
    /// Memory of all messages. One that waits for several subscribers counts once.
    bytes: usize,
}

#[derive(Debug)]
struct Subscriber {
    /// Index of the executor that serves it.
    executor: usize,
    version: RespVersion,
    /// How many names it has subscribed to.
    names: usize,
    /// Messages that wait, as they will be sent.
    messages: VecDeque<Arc<[u8]>>,
    /// Their bytes, with an overhead for each.
    bytes: usize,
    /// It had too many messages: its connection is to be closed.
    is_cut_off: bool,
}

/// What is left for a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// No message.
    Nothing,
    /// Messages.
    Messages,
    /// There were too many: it is to be closed.
    TooMuch,
}

/// Bytes of memory of a message beside its own.
const MESSAGE_OVERHEAD: usize = 64;

impl Subscriptions {
    /// No subscribers, for so many executors.
    pub(crate) fn new(executors: usize) -> Self {
        let pending = vec![Vec::new(); executors];
        Self {
            inner: Mutex::new(Subscribers {
                queues: Queues { pending, ..Queues::default() },
                ..Subscribers::default()
            }),
            pending: (0..executors).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Subscribers> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client that the executor serves subscribes to a name that it has not.
    pub(crate) fn add(
        &self,
        executor: usize,
        (client, version): (u64, RespVersion),
        naming: Naming,
        name: &[u8],
    ) {
        let mut all = self.lock();
        all.names(naming).entry(name.into()).or_default().insert(client);
        let subscriber = all.queues.subscribers.entry(client).or_insert_with(|| Subscriber {
            executor,
            version,
            names: 0,
            messages: VecDeque::new(),
            bytes: 0,
            is_cut_off: false,
        });
        subscriber.names += 1;
    }

    /// A client gives up a name that it has subscribed to.
    pub(crate) fn remove(&self, client: u64, naming: Naming, name: &[u8]) {
        let mut all = self.lock();
        let names = all.names(naming);
        if let Some(clients) = names.get_mut(name) {
            clients.remove(&client);
            if clients.is_empty() {
                names.remove(name);
            }
        }
        let queues = &mut all.queues;
        if let Entry::Occupied(mut entry) = queues.subscribers.entry(client) {
            entry.get_mut().names -= 1;
            if entry.get().names == 0 {
                let messages = entry.remove().messages;
                queues.forget(messages);
            }
        }
    }

    /// The version of the protocol that a client speaks from now on.
    pub(crate) fn set_version(&self, client: u64, version: RespVersion) {
        if let Some(subscriber) = self.lock().queues.subscribers.get_mut(&client) {
            subscriber.version = version;
        }
    }

    /// Copies a message to all subscribers of its channel. Calls `wake` for each executor that has
    /// some of them. Returns how many there are; one that has subscribed to the channel and to
    /// patterns counts more than once.
    pub(crate) fn publish(
        &self,
        channel: &[u8],
        message: &[u8],
        mut wake: impl FnMut(usize),
    ) -> usize {
        let mut all = self.lock();
        let Subscribers { channels, patterns, queues } = &mut *all;
        let mut receivers = 0;
        let mut pass_on = |clients: &BTreeSet<u64>, texts: &[&[u8]]| {
            receivers += clients.len();
            queues.push(clients, texts, |executor| {
                self.pending[executor].store(true, Ordering::Relaxed);
            });
        };
        if let Some(clients) = channels.get(channel) {
            pass_on(clients, &[b"message", channel, message]);
        }
        for (pattern, clients) in patterns {
            if matches_glob(pattern, channel) {
                pass_on(clients, &[b"pmessage", pattern, channel, message]);
            }
        }
        drop(all);
        for (executor, pending) in self.pending.iter().enumerate() {
            if pending.load(Ordering::Relaxed) {
                wake(executor);
            }
        }
        receivers
    }

    /// Whether messages have come for subscribers of an executor.
    #[inline]
    pub(crate) fn is_pending(&self, executor: usize) -> bool {
        self.pending[executor].load(Ordering::Relaxed)
    }

    /// Appends the subscribers of an executor for which messages have come.
    pub(crate) fn take_pending(&self, executor: usize, clients: &mut Vec<u64>) {
        self.pending[executor].store(false, Ordering::Relaxed);
        clients.append(&mut self.lock().queues.pending[executor]);
    }

    /// Moves whole messages for a client to `out`, until `room` bytes or more were moved.
    pub(crate) fn take(&self, client: u64, room: usize, out: &mut Vec<u8>) -> Left {
        let queues = &mut self.lock().queues;
        let Some(subscriber) = queues.subscribers.get_mut(&client) else { return Left::Nothing };
        let start = out.len();
        while out.len() - start < room
            && let Some(message) = subscriber.messages.pop_front()
        {
            subscriber.bytes -= message.len() + MESSAGE_OVERHEAD;
            queues.bytes -= MESSAGE_OVERHEAD + freed_bytes(&message);
            out.extend_from_slice(&message);
        }
        match subscriber.messages.is_empty() {
            _ if subscriber.is_cut_off => Left::TooMuch,
            true => Left::Nothing,
            false => Left::Messages,
        }
    }

    /// The channels with subscribers that match a glob, or all.
    pub(crate) fn channels(&self, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let all = self.lock();
        let matching = all
            .channels
            .keys()
            .filter(|name| pattern.is_none_or(|pattern| matches_glob(pattern, name)));
        matching.cloned().collect()
    }

    /// How many clients have subscribed to a channel.
    pub(crate) fn subscribers_of(&self, channel: &[u8]) -> usize {
        self.lock().channels.get(channel).map_or(0, BTreeSet::len)
    }

    /// How many clients have subscribed, and to how many channels and patterns.
    pub(crate) fn counts(&self) -> SubscriptionCounts {
        let all = self.lock();
        SubscriptionCounts {
            clients: all.queues.subscribers.len(),
            channels: all.channels.len(),
            patterns: all.patterns.len(),
        }
    }
}

/// How much there is of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubscriptionCounts {
    pub(crate) clients: usize,
    pub(crate) channels: usize,
    pub(crate) patterns: usize,
}

impl Subscribers {
    fn names(&mut self, naming: Naming) -> &mut Names {
        match naming {
            Naming::Channel => &mut self.channels,
            Naming::Pattern => &mut self.patterns,
        }
    }
}

impl Queues {
    /// Adds a message of these texts for some subscribers. Calls `tell` for the executor of each.
    fn push(&mut self, clients: &BTreeSet<u64>, texts: &[&[u8]], mut tell: impl FnMut(usize)) {
        // It depends on the version of the protocol.
        let mut encoded: [Option<Arc<[u8]>>; 2] = [None, None];
        for &client in clients {
            let Some(subscriber) = self.subscribers.get_mut(&client) else { continue };
            if subscriber.is_cut_off {
                continue;
            }
            let version = subscriber.version;
            let place = &mut encoded[usize::from(version == RespVersion::Three)];
            let message = place.get_or_insert_with(|| {
                let message = encode(texts, version);
                self.bytes += message.len();
                message
            });
            let executor = subscriber.executor;
            if subscriber.messages.is_empty() {
                self.pending[executor].push(client);
            }
            self.bytes += MESSAGE_OVERHEAD;
            subscriber.bytes += message.len() + MESSAGE_OVERHEAD;
            subscriber.messages.push_back(Arc::clone(message));
            if subscriber.bytes > SUBSCRIBER_BYTES_MAX {
                self.cut_off(client);
            }
            while self.bytes > SUBSCRIBERS_BYTES_MAX {
                let slowest = self.subscribers.iter().max_by_key(|(_, it)| it.bytes);
                let Some((&client, _)) = slowest.filter(|(_, it)| it.bytes > 0) else { break };
                self.cut_off(client);
            }
            tell(executor);
        }
        for message in encoded.into_iter().flatten() {
            self.bytes -= freed_bytes(&message);
        }
    }

    /// Forgets the messages of a subscriber, whose executor was told of them.
    fn cut_off(&mut self, client: u64) {
        if let Some(subscriber) = self.subscribers.get_mut(&client) {
            subscriber.is_cut_off = true;
            subscriber.bytes = 0;
            let messages = std::mem::take(&mut subscriber.messages);
            self.forget(messages);
        }
    }

    fn forget(&mut self, messages: VecDeque<Arc<[u8]>>) {
        for message in messages {
            self.bytes -= MESSAGE_OVERHEAD + freed_bytes(&message);
        }
    }
}

/// Bytes of a message that are free once this reference to it is dropped.
fn freed_bytes(message: &Arc<[u8]>) -> usize {
    if Arc::strong_count(message) == 1 { message.len() } else { 0 }
}

/// A message of these texts as it is sent.
fn encode(texts: &[&[u8]], version: RespVersion) -> Arc<[u8]> {
    let mut bytes = Vec::new();
    let mut out = RespWriter::new(&mut bytes, version);
    out.push_head(texts.len());
    for text in texts {
        out.bulk(text);
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(subscriptions: &Subscriptions, client: u64) -> String {
        let mut out = Vec::new();
        assert_eq!(subscriptions.take(client, usize::MAX, &mut out), Left::Nothing);
        String::from_utf8(out).unwrap().replace("\r\n", " ")
    }

    fn left(subscriptions: &Subscriptions, client: u64) -> Left {
        subscriptions.take(client, 0, &mut Vec::new())
    }

    #[test]
    fn messages_reach_channels_and_patterns() {
        let all = Subscriptions::new(2);
        let (first, second) = ((1, RespVersion::Two), (2, RespVersion::Three));
        all.add(0, first, Naming::Channel, b"news");
        all.add(1, second, Naming::Channel, b"news");
        all.add(1, second, Naming::Pattern, b"n*");
        let mut woken = Vec::new();
        assert_eq!(all.publish(b"news", b"x", |executor| woken.push(executor)), 3);
        assert_eq!(woken, [0, 1]);
        assert_eq!(all.publish(b"none", b"y", |_| {}), 1);
        assert_eq!(all.publish(b"other", b"z", |_| {}), 0);
        let mut clients = Vec::new();
        assert!(all.is_pending(1));
        all.take_pending(1, &mut clients);
        assert_eq!((clients, all.is_pending(1), all.is_pending(0)), (vec![2], false, true));
        assert_eq!(taken(&all, 1), "*3 $7 message $4 news $1 x ");
        let mut first = Vec::new();
        assert_eq!(all.take(2, 1, &mut first), Left::Messages);
        assert_eq!(first, b">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n");
        let rest = ">4 $8 pmessage $2 n* $4 news $1 x >4 $8 pmessage $2 n* $4 none $1 y ";
        assert_eq!(taken(&all, 2), rest);
        assert_eq!(taken(&all, 2), "");
        assert_eq!(all.lock().queues.bytes, 0);
        assert_eq!(all.channels(None), [Box::from(&b"news"[..])]);
        assert_eq!((all.channels(Some(b"x*")).len(), all.subscribers_of(b"news")), (0, 2));
        all.publish(b"news", b"lost", |_| {});
        all.remove(2, Naming::Channel, b"news");
        all.remove(1, Naming::Channel, b"news");
        let counts = SubscriptionCounts { clients: 1, channels: 0, patterns: 1 };
        assert_eq!(all.counts(), counts);
    }

    #[test]
    fn who_does_not_read_is_cut_off() {
        let all = Subscriptions::new(1);
        let message = vec![b'm'; SUBSCRIBER_BYTES_MAX / 4];
        all.add(0, (1, RespVersion::Two), Naming::Channel, b"c");
        for _ in 0..3 {
            all.publish(b"c", &message, |_| {});
            assert_eq!(left(&all, 1), Left::Messages);
        }
        all.publish(b"c", &message, |_| {});
        assert_eq!((left(&all, 1), all.lock().queues.bytes), (Left::TooMuch, 0));
        all.remove(1, Naming::Channel, b"c");
        assert_eq!(left(&all, 1), Left::Nothing);
    }

    #[test]
    fn the_limit_of_all_hits_who_has_most() {
        let all = Subscriptions::new(1);
        let message = vec![b'm'; SUBSCRIBER_BYTES_MAX / 2];
        let channels = [b"a", b"b", b"c", b"d", b"e"];
        for (client, channel) in (0..).zip(channels) {
            all.add(0, (client, RespVersion::Two), Naming::Channel, channel);
        }
        all.publish(b"b", b"one more", |_| {});
        for channel in channels {
            all.publish(channel, &message, |_| {});
        }
        let cut: Vec<u64> = (0..5).filter(|it| left(&all, *it) == Left::TooMuch).collect();
        assert_eq!(cut.first(), Some(&1), "{cut:?}");
        assert!(all.lock().queues.bytes <= SUBSCRIBERS_BYTES_MAX);
        for client in 0..5 {
            let mut out = Vec::new();
            all.take(client, usize::MAX, &mut out);
        }
        assert_eq!(all.lock().queues.bytes, 0);
    }

    #[test]
    fn a_message_for_many_counts_once() {
        let all = Subscriptions::new(1);
        let message = vec![b'm'; SUBSCRIBER_BYTES_MAX / 2];
        for client in 0..100 {
            let version = if client % 2 == 0 { RespVersion::Two } else { RespVersion::Three };
            all.add(0, (client, version), Naming::Channel, b"c");
        }
        assert_eq!(all.publish(b"c", &message, |_| {}), 100);
        let bytes = all.lock().queues.bytes;
        assert!((2 * message.len()..3 * message.len()).contains(&bytes), "{bytes}");
        for client in 0..100 {
            assert_eq!(left(&all, client), Left::Messages);
            all.remove(client, Naming::Channel, b"c");
        }
        assert_eq!(all.lock().queues.bytes, 0);
    }
}
