//! Executes a batch of another shard's requests in groups; each group is prefetched first.

use alloc::vec::Vec;

use slabcore_protocol::{
    BinaryRequest, Echo, RespVersion, StringOperation, StringRequest, encode_value_header,
};

use slabcore_storage::HashedKey;

use crate::execution::plain_get::LargeHit;
use crate::execution::shard::Shard;
use crate::execution::string_values::bulk_head;
use crate::forwarding::batch::{Batch, Replies};
use crate::forwarding::forwarded_decoding::ForwardedRequests;
use crate::forwarding::forwarded_request::ForwardedRequest;
use crate::limits::{BATCH_REPLY_BYTES_SOFT_MAX, PREFETCH_GROUP};
use crate::requests::clock::Now;
use crate::requests::request::KeyRequest;
use crate::requests::response::{Response, ValueEnd};

/// The bytes before a held value.
enum ValueHead {
    /// A `VALUE` line with these client flags and this cas unique.
    Classic(u32, Option<u64>),
    /// The bytes of another dialect, and its bytes after the value.
    Other(Vec<u8>, ValueEnd),
}

impl Shard {
    /// Executes all requests of `batch` in order and leaves the replies in it.
    pub fn execute_batch(&mut self, now: Now, batch: &mut Batch) {
        for hold in batch.take_released() {
            self.release(hold);
        }
        let (mut requests, mut replies) = batch.halves();
        loop {
            for hash in requests.hashes(PREFETCH_GROUP) {
                self.prefetch_bucket(hash);
            }
            self.begin_group();
            for hash in requests.hashes(PREFETCH_GROUP) {
                self.prefetch_item(hash);
            }
            if !self.execute_group(now, &mut requests, &mut replies) {
                return;
            }
        }
    }

    fn execute_group(
        &mut self,
        now: Now,
        requests: &mut ForwardedRequests<'_>,
        replies: &mut Replies<'_>,
    ) -> bool {
        for _ in 0..PREFETCH_GROUP {
            let Some((answered, request)) = requests.next() else { return false };
            match request {
                ForwardedRequest::PlainGet(key) => {
                    self.execute_plain_get(now, key, replies);
                }
                ForwardedRequest::PlainBinaryGet(key, echo) => {
                    self.execute_plain_binary_get(now, key, echo, replies);
                }
                ForwardedRequest::PlainRespGet(key, version) => {
                    self.execute_plain_resp_get(now, key, version, replies);
                }
                ForwardedRequest::Key(key, request) => {
                    self.execute_key_request(now, key, &request, answered.then_some(&mut *replies));
                }
                other => {
                    self.execute_other(now, &other, answered.then_some(&mut *replies));
                }
            }
        }
        true
    }

    #[inline]
    fn execute_plain_get(&mut self, now: Now, key: HashedKey<'_>, replies: &mut Replies<'_>) {
        let request = KeyRequest::Get { key: key.key(), with_cas: false, exptime: None };
        if replies.bytes.len() >= BATCH_REPLY_BYTES_SOFT_MAX || self.watch_log.is_on() {
            return self.execute_key_request_apart(now, key, &request, replies);
        }
        let mut large = None;
        replies.push(|out| large = self.get_into(now, key, false, out));
        if let Some(LargeHit { flags, .. }) = large {
            replies.take_back_empty();
            self.reply_held(key, &ValueHead::Classic(flags, None), replies);
        }
    }

    #[inline(never)]
    fn execute_plain_binary_get(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        echo: Echo,
        replies: &mut Replies<'_>,
    ) {
        let request = KeyRequest::Binary(BinaryRequest::get(echo, key.key()));
        if replies.bytes.len() >= BATCH_REPLY_BYTES_SOFT_MAX {
            return self.execute_key_request_apart(now, key, &request, replies);
        }
        let mut large = None;
        replies.push(|out| large = self.binary_get_into(now, key, echo, out));
        if let Some(head) = large {
            replies.take_back_empty();
            self.reply_held(key, &ValueHead::Other(head, ValueEnd::Nothing), replies);
        }
    }

    #[inline(never)]
    fn execute_plain_resp_get(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
        replies: &mut Replies<'_>,
    ) {
        if replies.bytes.len() >= BATCH_REPLY_BYTES_SOFT_MAX || self.watch_log.is_on() {
            let (operation, database) = (StringOperation::Get, key.database());
            let request = StringRequest { key: key.key(), database, version, operation };
            let request = KeyRequest::String(request);
            return self.execute_key_request_apart(now, key, &request, replies);
        }
        let mut large = None;
        replies.push(|out| large = self.resp_get_into(now, key, version, out));
        if let Some(LargeHit { value_bytes, .. }) = large {
            replies.take_back_empty();
            self.reply_held(
                key,
                &ValueHead::Other(bulk_head(value_bytes), ValueEnd::LineEnd),
                replies,
            );
        }
    }

    /// As [`Self::execute_key_request`], not inline: for requests that seldom come here.
    #[inline(never)]
    fn execute_key_request_apart(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &KeyRequest<'_>,
        replies: &mut Replies<'_>,
    ) {
        self.execute_key_request(now, key, request, Some(replies));
    }

    #[inline]
    fn execute_key_request(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &KeyRequest<'_>,
        replies: Option<&mut Replies<'_>>,
    ) {
        let replies_full = match &replies {
            Some(replies) => replies.bytes.len() >= BATCH_REPLY_BYTES_SOFT_MAX,
            None => false,
        };
        if self.watch_log.is_on() {
            self.announce(now, key, request);
        }
        let response = match request {
            KeyRequest::String(request) if replies_full => {
                self.hot_keys.note(now, key);
                self.string(now, key, request, 0)
            }
            _ => self.execute(now, key, request),
        };
        let Some(replies) = replies else { return };
        let head = match response {
            Response::Large { flags, cas, .. } => ValueHead::Classic(flags, cas),
            Response::Value { flags, cas, .. } if replies_full => ValueHead::Classic(flags, cas),
            Response::Parts { cas, item, .. } if replies_full => {
                ValueHead::Classic(item.flags(), cas)
            }
            Response::LargeWithHead { head, end } => ValueHead::Other(head, end),
            Response::HeldWithHead { head, end, .. } => {
                let hold = self.take_held();
                replies.push_held(hold, end, |out| out.extend_from_slice(&head));
                return;
            }
            Response::PartsWithHead { head, end, .. } if replies_full => {
                ValueHead::Other(head, end)
            }
            Response::Meta(reply) if replies_full && reply.value_bytes() > 0 => {
                ValueHead::Other(reply.value_elsewhere(), ValueEnd::LineEnd)
            }
            Response::Binary(reply)
                if replies_full && reply.flags.is_some() && reply.value_bytes() > 0 =>
            {
                ValueHead::Other(reply.value_elsewhere(), ValueEnd::Nothing)
            }
            response => {
                replies.push(|out| response.encode(out));
                return;
            }
        };
        self.reply_held(key, &head, replies);
    }

    /// Replies with a hold on the value of `key`, which a request has just found.
    fn reply_held(&mut self, key: HashedKey<'_>, head: &ValueHead, replies: &mut Replies<'_>) {
        let hold = self.hold(key);
        let value_bytes = hold.value_bytes();
        match head {
            ValueHead::Classic(flags, cas) => {
                replies.push_held(hold, ValueEnd::LineEnd, |out| {
                    encode_value_header(out, key.key(), *flags, value_bytes, *cas);
                });
            }
            ValueHead::Other(head, end) => {
                replies.push_held(hold, *end, |out| out.extend_from_slice(head));
            }
        }
    }

    fn execute_other(
        &mut self,
        now: Now,
        request: &ForwardedRequest<'_>,
        replies: Option<&mut Replies<'_>>,
    ) {
        match *request {
            ForwardedRequest::PlainGet(..)
            | ForwardedRequest::PlainBinaryGet(..)
            | ForwardedRequest::PlainRespGet(..)
            | ForwardedRequest::Key(..) => {
                unreachable!("keys are executed elsewhere")
            }
            ForwardedRequest::UploadBegin(key, id, ref store) => {
                self.upload_begin(now, key, id, store);
            }
            ForwardedRequest::UploadBytes(id, bytes) => self.upload_bytes(now, id, bytes),
            ForwardedRequest::UploadEnd(id, good) => match replies {
                Some(replies) => {
                    replies.push(|out| self.upload_end(now, id, good, Some(out)));
                }
                None => self.upload_end(now, id, good, None),
            },
            ForwardedRequest::UploadAbandon(id) => self.upload_abandon(id),
            ForwardedRequest::Flush(time) => {
                self.flush_all(now, time);
                if let Some(replies) = replies {
                    replies.push(|_| ());
                }
            }
            ForwardedRequest::Query(query) => {
                if let Some(replies) = replies {
                    replies.push(|out| self.answer(now, query, out));
                }
            }
            ForwardedRequest::Command(command) => match replies {
                Some(replies) => replies.push(|out| self.execute_command(now, command, out)),
                None => self.execute_command(now, command, &mut Vec::new()),
            },
            ForwardedRequest::PagesWanted(wish) => self.grant(wish),
            ForwardedRequest::Watch(watch) => self.watch(watch),
            ForwardedRequest::Reassign(from, to) => {
                let outcome = self.reassign(from, to);
                if let Some(replies) = replies {
                    replies.push(|out| out.push(outcome as u8));
                }
            }
            ForwardedRequest::Dump(ref part) => {
                let replies = replies.expect("a dump is asked for with a ticket");
                replies.push(|out| part.append_reply(&self.store, now, out));
            }
        }
    }
}
