//! Messages between clients: `SUBSCRIBE`, `PUBLISH` and their like.
//!
//! Confirmations and messages are sent whatever `CLIENT REPLY` says, as in Redis.

use slabcore_protocol::{MessageRequest, RespRefusal, RespVersion, RespWords, RespWriter};

use crate::connection::Connection;
use crate::connection::subscribed_names::{Added, Naming};
use crate::executor::Executor;
use crate::settings::limits::SUBSCRIBER_SEND_BYTES_MAX;
use crate::shared::subscriptions::Left;

impl Connection {
    /// Executes a command for messages.
    pub(super) fn message_request(
        &mut self,
        executor: &mut Executor,
        request: &MessageRequest<'_>,
    ) {
        let subscriptions = &executor.shared.redis.subscriptions;
        match request {
            MessageRequest::Subscribe(names) => self.subscribe(executor, Naming::Channel, names),
            MessageRequest::SubscribePattern(names) => {
                self.subscribe(executor, Naming::Pattern, names);
            }
            MessageRequest::Unsubscribe(names) => {
                self.unsubscribe(executor, Naming::Channel, names);
            }
            MessageRequest::UnsubscribePattern(names) => {
                self.unsubscribe(executor, Naming::Pattern, names);
            }
            MessageRequest::Publish { channel, message } => {
                let own = executor.shard.index();
                let receivers = subscriptions.publish(channel, message, |index| {
                    if index != own {
                        executor.shared.mailboxes[index].wake();
                    }
                });
                self.write_redis(|out| out.integer(receivers as i64));
            }
            MessageRequest::Channels { pattern } => {
                let channels = subscriptions.channels(*pattern);
                self.write_redis(|out| {
                    out.array_head(channels.len());
                    for channel in &channels {
                        out.bulk(channel);
                    }
                });
            }
            MessageRequest::CountSubscribers(channels) => self.write_redis(|out| {
                out.array_head(channels.len().saturating_mul(2));
                for channel in channels.clone() {
                    out.bulk(channel);
                    out.integer(subscriptions.subscribers_of(channel) as i64);
                }
            }),
            MessageRequest::CountPatterns => {
                let patterns = subscriptions.counts().patterns;
                self.write_redis(|out| out.integer(patterns as i64));
            }
        }
    }

    fn subscribe(&mut self, executor: &mut Executor, naming: Naming, names: &RespWords<'_>) {
        let id = self.id();
        let session = self.session();
        let (client, version) = (session.number, session.version);
        for name in names.clone() {
            match self.session().subscribed.add(naming, name) {
                Added::Refused => {
                    return self.refuse_redis(executor, &RespRefusal::TOO_MANY_SUBSCRIPTIONS);
                }
                Added::Known => {}
                Added::New => {
                    let own = executor.shard.index();
                    let all = &executor.shared.redis.subscriptions;
                    all.add(own, (client, version), naming, name);
                    executor.subscribers.add(client, id);
                }
            }
            let kind: &[u8] = match naming {
                Naming::Channel => b"subscribe",
                Naming::Pattern => b"psubscribe",
            };
            self.confirm(kind, Some(name));
        }
    }

    /// Gives up names; without any, all of this kind. Messages that have come are sent before.
    fn unsubscribe(&mut self, executor: &mut Executor, naming: Naming, names: &RespWords<'_>) {
        let kind: &[u8] = match naming {
            Naming::Channel => b"unsubscribe",
            Naming::Pattern => b"punsubscribe",
        };
        self.take_messages(executor, usize::MAX);
        for name in names.clone() {
            self.give_up(executor, naming, name);
            self.confirm(kind, Some(name));
        }
        if names.len() > 0 {
            return;
        }
        if self.session().subscribed.first(naming).is_none() {
            self.confirm(kind, None);
        }
        while let Some(name) = self.session().subscribed.first(naming).map(<[u8]>::to_vec) {
            self.give_up(executor, naming, &name);
            self.confirm(kind, Some(&name));
        }
    }

    /// Sends messages that have come, `room` bytes or a little more. Returns what is left.
    fn take_messages(&mut self, executor: &Executor, room: usize) -> Left {
        let (number, all) = (self.session().number, &executor.shared.redis.subscriptions);
        self.output.encode(|out| all.take(number, room, out))
    }

    /// Passes on the next messages, if they can be sent. Returns true if more are left for later. A
    /// client that does not read what others publish is closed.
    pub(crate) fn pass_on_messages(&mut self, executor: &mut Executor) -> bool {
        // A reply may be half written, or not sent.
        let is_free = self.is_at_request() && self.output.is_empty();
        let room = if is_free { SUBSCRIBER_SEND_BYTES_MAX } else { 0 };
        match self.take_messages(executor, room) {
            Left::Nothing => false,
            Left::Messages => true,
            Left::TooMuch => {
                self.close(executor);
                false
            }
        }
    }

    /// Sends all messages that have come, before the connection goes to another process.
    pub(crate) fn pass_on_all_messages(&mut self, executor: &Executor) {
        if self.reads_messages() {
            self.take_messages(executor, usize::MAX);
        }
    }

    /// The client has subscribed in another process.
    pub(super) fn go_on_with_messages(&mut self, executor: &mut Executor) {
        let (id, own) = (self.id(), executor.shard.index());
        let session = self.session();
        let all = &executor.shared.redis.subscriptions;
        for (naming, name) in session.subscribed.iter() {
            all.add(own, (session.number, session.version), naming, name);
            executor.subscribers.add(session.number, id);
        }
    }

    fn give_up(&mut self, executor: &mut Executor, naming: Naming, name: &[u8]) {
        let session = self.session();
        if session.subscribed.remove(naming, name) {
            executor.shared.redis.subscriptions.remove(session.number, naming, name);
            if session.subscribed.is_empty() {
                executor.subscribers.remove(session.number);
            }
        }
    }

    /// Confirms that the client has subscribed to a name, or has not any more.
    fn confirm(&mut self, kind: &[u8], name: Option<&[u8]>) {
        let session = self.session();
        let (version, names) = (session.version, session.subscribed.len());
        self.output.encode(|out| {
            let mut out = RespWriter::new(out, version);
            out.push_head(3);
            out.bulk(kind);
            match name {
                Some(name) => out.bulk(name),
                None => out.nil(),
            }
            out.integer(names as i64);
        });
    }

    /// The client speaks this version from now on: in its messages, too.
    pub(super) fn change_version(&mut self, executor: &Executor, version: RespVersion) {
        let session = self.session();
        session.version = version;
        if !session.subscribed.is_empty() {
            executor.shared.redis.subscriptions.set_version(session.number, version);
        }
    }
}
