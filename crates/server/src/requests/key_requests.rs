//! Requests for keys: they are executed here, or sent to the shards that own the keys.
//!
//! Dialects: the plain reads of each.

use slabcore_protocol::{
    BinaryRequest, END, Echo, Keys, MetaCommand, MetaFlags, encode_value_header,
};
use slabcore_shard::{
    ForwardedRequest, KeyRequest, LargeHit, Response, Route, Router, ShardId, ValueEnd,
};
use slabcore_storage::Hold;

use crate::connection::Connection;
use crate::connection::outgoing::LargeValue;
use crate::connection::paused_get::PausedGet;
use crate::executor::Executor;
use crate::requests::key_group::next_group;
use crate::requests::reply_form::ReplyForm;
use crate::settings::limits::KEYS_PER_SERVING_MAX;

/// The rest of a get that must pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct RestOfKeys {
    /// Address in the input of the first key that was not looked up.
    pub(super) address: usize,
    pub(super) with_cas: bool,
    pub(super) exptime: Option<i32>,
}

impl Connection {
    /// Looks keys up in groups. Each group after the first costs one request of the budget. Returns
    /// the keys not yet looked up if the connection must pause.
    pub(super) fn get(
        &mut self,
        executor: &mut Executor,
        mut keys: Keys<'_>,
        with_cas: bool,
        exptime: Option<i32>,
        budget: &mut usize,
    ) -> Option<RestOfKeys> {
        let mut asked = 0;
        let is_plain = !with_cas && exptime.is_none() && executor.watched.is_empty();
        loop {
            let group = next_group(executor, keys.by_ref(), Router::route);
            let mut left = None;
            for &route in &group {
                if self.output.is_owed_values() {
                    left = Some(route.key.key().as_ptr().addr());
                    break;
                }
                if is_plain {
                    self.plain_get(executor, route, ReplyForm::Plain);
                } else {
                    let key = route.key.key();
                    let request = KeyRequest::Get { key, with_cas, exptime };
                    self.routed_request(executor, route, &request, ReplyForm::Plain);
                }
            }
            asked += group.len();
            executor.give_back();
            if let Some(address) = left {
                return Some(RestOfKeys { address, with_cas, exptime });
            }
            if !group.is_full() || keys.rest().is_empty() {
                break;
            }
            let is_spent = asked >= KEYS_PER_SERVING_MAX || *budget == 0;
            if is_spent || self.output.is_full() || executor.outboxes.is_any_full() {
                let address = keys.rest().as_ptr().addr();
                return Some(RestOfKeys { address, with_cas, exptime });
            }
            *budget -= 1;
        }
        self.output.encode(|out| out.extend_from_slice(END));
        None
    }

    /// Ends a line, or pauses its get. Returns the bytes of `input` that are consumed: the line, or
    /// the part before the keys not yet looked up.
    pub(super) fn line_done(
        &mut self,
        input: &[u8],
        line_bytes: usize,
        paused: Option<RestOfKeys>,
    ) -> usize {
        let Some(RestOfKeys { address, with_cas, exptime }) = paused else { return line_bytes };
        let consumed = address - input.as_ptr().addr();
        let line_bytes = line_bytes - consumed;
        self.pause_get(PausedGet { with_cas, exptime, line_bytes });
        consumed
    }

    /// Executes a request for one key here, or sends it to its shard.
    #[inline]
    pub(super) fn key_request(
        &mut self,
        executor: &mut Executor,
        request: &KeyRequest<'_>,
        form: ReplyForm,
    ) {
        let route = executor.router.route(request.key());
        self.routed_request(executor, route, request, form);
    }

    /// Executes a `get` of one key.
    #[expect(clippy::inline_always, reason = "most requests are this one")]
    #[inline(always)]
    pub(super) fn plain_get(&mut self, executor: &mut Executor, route: Route<'_>, form: ReplyForm) {
        let ends = form == ReplyForm::WithEnd;
        let (now, key) = (executor.now, route.key.key());
        if let Some(shard) = executor.reach(route.shard) {
            let Some(out) = self.output.direct() else {
                let request = KeyRequest::Get { key, with_cas: false, exptime: None };
                return self.routed_request(executor, route, &request, form);
            };
            let large = shard.get_into(now, route.key, ends, out);
            let Some(LargeHit { flags, value_bytes }) = large else { return };
            self.large_value(executor, route, ValueEnd::LineEnd, |out| {
                encode_value_header(out, key, flags, value_bytes, None);
            });
            if ends {
                self.output.encode(|out| out.extend_from_slice(END));
            }
        } else {
            let ticket = self.open_read(executor);
            executor.outboxes.push_get(route.shard, route.key, ticket);
            if ends {
                self.output.encode(|out| out.extend_from_slice(END));
            }
        }
    }

    /// Executes an `mg` whose flags only choose what the reply shows.
    #[inline]
    pub(super) fn plain_meta_get(
        &mut self,
        executor: &mut Executor,
        route: Route<'_>,
        flags: MetaFlags<'_>,
    ) {
        let (now, key) = (executor.now, route.key.key());
        let request = KeyRequest::Meta { command: MetaCommand::Get, key, flags };
        let (Some(shard), Some(out)) = (executor.reach(route.shard), self.output.direct()) else {
            return self.routed_request(executor, route, &request, ReplyForm::Plain);
        };
        if let Some(head) = shard.meta_get_into(now, route.key, flags, out) {
            self.large_value(executor, route, ValueEnd::LineEnd, |out| {
                out.extend_from_slice(&head);
            });
        }
    }

    /// Executes a binary get.
    #[inline]
    pub(super) fn plain_binary_get(
        &mut self,
        executor: &mut Executor,
        route: Route<'_>,
        echo: Echo,
    ) {
        let now = executor.now;
        let request = KeyRequest::Binary(BinaryRequest::get(echo, route.key.key()));
        let Some(shard) = executor.reach(route.shard) else {
            let ticket = self.open_read(executor);
            let request = ForwardedRequest::PlainBinaryGet(route.key, echo);
            return executor.outboxes.push(route.shard, &request, Some(ticket));
        };
        let Some(out) = self.output.direct() else {
            return self.routed_request(executor, route, &request, ReplyForm::Plain);
        };
        if let Some(head) = shard.binary_get_into(now, route.key, echo, out) {
            self.large_value(executor, route, ValueEnd::Nothing, |out| {
                out.extend_from_slice(&head);
            });
        }
    }

    /// Executes a request for one key here, or sends it to its shard.
    #[inline]
    pub(super) fn routed_request(
        &mut self,
        executor: &mut Executor,
        route: Route<'_>,
        request: &KeyRequest<'_>,
        form: ReplyForm,
    ) {
        let (now, with_end) = (executor.now, form == ReplyForm::WithEnd);
        if !executor.watched.is_empty() {
            self.announce(executor, route, request);
        }
        if let Some(shard) = executor.reach(route.shard) {
            let key = route.key.key();
            match shard.execute(now, route.key, request) {
                // Not even a value.
                _ if form == ReplyForm::Nothing => {}
                Response::Large { flags, cas, value_bytes } => {
                    self.large_value(executor, route, ValueEnd::LineEnd, |out| {
                        encode_value_header(out, key, flags, value_bytes, cas);
                    });
                }
                Response::LargeWithHead { head, end, .. } => {
                    self.large_value(executor, route, end, |out| {
                        out.extend_from_slice(&head);
                    });
                }
                Response::HeldWithHead { head, end, .. } => {
                    let hold = shard.take_held();
                    self.held_value(executor, route.shard, hold, end, |out| {
                        out.extend_from_slice(&head);
                    });
                }
                ref response => {
                    self.output.encode(|out| {
                        if with_end { response.encode_with_end(out) } else { response.encode(out) }
                    });
                    return;
                }
            }
        } else {
            self.foreign_request(executor, route, request, form);
            return;
        }
        if with_end {
            self.output.encode(|out| out.extend_from_slice(END));
        }
    }

    /// Sends a request to the shard that owns its key.
    #[inline]
    fn foreign_request(
        &mut self,
        executor: &mut Executor,
        route: Route<'_>,
        request: &KeyRequest<'_>,
        form: ReplyForm,
    ) {
        let ticket = match form {
            ReplyForm::Nothing => None,
            _ if request.reads_value() => Some(self.open_read(executor)),
            _ => Some(self.open_ticket(executor)),
        };
        executor.outboxes.push(route.shard, &ForwardedRequest::Key(route.key, *request), ticket);
        if form == ReplyForm::WithEnd {
            self.output.encode(|out| out.extend_from_slice(END));
        }
    }

    /// Sends the value that a request for this key has just found, without copying it. `head`
    /// appends the bytes before it.
    pub(super) fn large_value(
        &mut self,
        executor: &mut Executor,
        route: Route<'_>,
        end: ValueEnd,
        head: impl FnOnce(&mut Vec<u8>),
    ) {
        let shard = executor.shards.held_mut(route.shard).expect("it has just answered");
        let hold = shard.hold(route.key);
        self.held_value(executor, route.shard, hold, end, head);
    }

    /// Sends a held value of a shard.
    fn held_value(
        &mut self,
        executor: &mut Executor,
        shard: ShardId,
        hold: Hold,
        end: ValueEnd,
        head: impl FnOnce(&mut Vec<u8>),
    ) {
        self.output.encode(head);
        let value = LargeValue::new(shard, hold, Vec::new(), end);
        self.output.open_large(value, &mut executor.spares);
    }
}
