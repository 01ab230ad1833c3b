//! The values of storage commands as they arrive, and bytes that are ignored.
//!
//! Dialects: the reply to a value that is too large.

use slabcore_protocol::{
    BinaryError, BinaryReply, BinaryStatus, DECODED_KEY_BYTES_MAX, DataBlock, StoreRequest,
    error_lines,
};
use slabcore_shard::{ForwardedRequest, KeyRequest, UploadId};

use crate::connection::{Afterwards, Connection, State, Upload};
use crate::executor::Executor;

impl Connection {
    pub(super) fn store(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        store: StoreRequest<'_>,
        line_bytes: usize,
    ) -> usize {
        let mut bytes = [0; DECODED_KEY_BYTES_MAX];
        let store = StoreRequest { key: store.item_key(&mut bytes), ..store };
        let block_bytes = u64::from(store.value_bytes) + store.line_end_bytes() as u64;
        if executor.limits.too_large(store.key.len(), store.flags, store.value_bytes as usize) {
            self.key_request(executor, &KeyRequest::TooLarge { store }, true);
            let reply = match store.binary_echo() {
                None => Afterwards::Line((!store.noreply).then_some(error_lines::TOO_LARGE)),
                Some(echo) => {
                    let status = BinaryStatus::TooLarge;
                    Afterwards::Error(BinaryError { echo, status, closes: false })
                }
            };
            self.swallow(block_bytes, reply);
            return line_bytes;
        }
        match store.data_block(&input[line_bytes..]) {
            DataBlock::Whole { value, consumed } => {
                self.key_request(executor, &KeyRequest::Store { store, value }, store.noreply);
                line_bytes + consumed
            }
            DataBlock::Bad { consumed } => {
                // It counts as a store, as in memcached, where its key belongs.
                let (shard, id) = executor.upload_begin(&store);
                self.upload_end(executor, shard, id, false, store.noreply);
                line_bytes + consumed
            }
            DataBlock::Cut => {
                let (shard, id) = executor.upload_begin(&store);
                self.state = State::Upload(Upload {
                    id,
                    shard,
                    left: store.value_bytes,
                    line_end: *b"\r\n",
                    line_end_len: 2 - store.line_end_bytes() as u8,
                    noreply: store.noreply,
                });
                line_bytes
            }
        }
    }

    pub(super) fn upload(&mut self, executor: &mut Executor, input: &[u8]) -> usize {
        let State::Upload(upload) = &mut self.state else { unreachable!("called in this state") };
        let value_count = (upload.left as usize).min(input.len());
        if value_count > 0 {
            executor.upload_bytes(upload.shard, upload.id, &input[..value_count]);
            upload.left -= value_count as u32;
        }
        let mut at = value_count;
        while upload.left == 0 && upload.line_end_len < 2 && at < input.len() {
            upload.line_end[usize::from(upload.line_end_len)] = input[at];
            upload.line_end_len += 1;
            at += 1;
        }
        if upload.left == 0 && upload.line_end_len == 2 {
            let (shard, id, noreply) = (upload.shard, upload.id, upload.noreply);
            let good = upload.line_end == *b"\r\n";
            self.state = State::Line;
            self.upload_end(executor, shard, id, good, noreply);
        }
        at
    }

    pub(super) fn upload_end(
        &mut self,
        executor: &mut Executor,
        shard: usize,
        id: UploadId,
        good: bool,
        noreply: bool,
    ) {
        executor.upload_numbers.give(id.number);
        if !executor.watched.is_empty() {
            self.announce_upload(executor, shard);
        }
        if shard == executor.index {
            let now = executor.now;
            let shard = executor.shards.own_mut();
            self.output.encode(|out| shard.upload_end(now, id, good, (!noreply).then_some(out)));
        } else {
            let ticket = (!noreply).then(|| self.open_ticket(executor));
            executor.outboxes.push(shard, &ForwardedRequest::UploadEnd(id, good), ticket);
        }
    }

    /// Ignores `left` bytes, then replies.
    pub(super) fn swallow(&mut self, left: u64, reply: Afterwards) {
        self.state = State::Swallow { left, reply };
        self.finish_swallow();
    }

    pub(super) fn finish_swallow(&mut self) {
        let State::Swallow { left: 0, reply } = self.state else { return };
        self.state = State::Line;
        match reply {
            Afterwards::Line(line) => {
                self.output.encode(|out| out.extend_from_slice(line.unwrap_or_default()));
            }
            Afterwards::Error(error) => {
                let reply = BinaryReply::new(error.echo, error.status);
                self.output.encode(|out| reply.encode(out));
                if error.closes {
                    self.state = State::Closing;
                }
            }
        }
    }

    /// Ignores `left` bytes of a binary connection, then replies.
    pub(super) fn swallow_then_say(&mut self, left: u64, error: BinaryError) {
        self.swallow(left, Afterwards::Error(error));
    }
}
