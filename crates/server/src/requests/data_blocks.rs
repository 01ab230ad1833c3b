//! Storage commands, with values that may arrive in parts.
//!
//! Dialects: the reply to a value that is too large.

use slabcore_metrics::Command;
use slabcore_protocol::{
    BinaryError, BinaryStatus, DECODED_KEY_BYTES_MAX, DataBlock, StoreRequest, error_lines,
};
use slabcore_shard::{ForwardedRequest, KeyRequest, ShardId, UploadId};

use crate::connection::Connection;
use crate::connection::input_state::{IgnoredReply, Upload};
use crate::executor::Executor;
use crate::requests::reply_form::ReplyForm;

impl Connection {
    /// Executes a storage command whose line has `line_bytes`. Returns the bytes consumed.
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
        let (key_bytes, value_bytes) = (store.key.len(), store.value_bytes as usize);
        if executor.item_size_limit.is_exceeded(key_bytes, store.flags, value_bytes) {
            self.key_request(executor, &KeyRequest::TooLarge { store }, ReplyForm::Nothing);
            let reply = match store.binary_echo() {
                None => IgnoredReply::Line((!store.noreply).then_some(error_lines::TOO_LARGE)),
                Some(echo) => {
                    let status = BinaryStatus::TooLarge;
                    IgnoredReply::Error(BinaryError { echo, status, closes: false })
                }
            };
            self.refuse(executor, block_bytes, reply, Command::Set);
            return line_bytes;
        }
        match store.data_block(&input[line_bytes..]) {
            DataBlock::Whole { value, consumed } => {
                let form = ReplyForm::of(store.noreply);
                self.key_request(executor, &KeyRequest::Store { store, value }, form);
                executor.times.count(Command::Set);
                line_bytes + consumed
            }
            DataBlock::Bad { consumed } => {
                // Like in memcached it counts as a store, in the shard of its key.
                let (shard, id) = executor.upload_begin(&store);
                self.upload_end(executor, shard, id, false, ReplyForm::of(store.noreply));
                line_bytes + consumed
            }
            DataBlock::Cut => {
                let (shard, id) = executor.upload_begin(&store);
                let (noreply, value_bytes) = (store.noreply, store.value_bytes);
                let line_end_bytes = store.line_end_bytes();
                self.begin_upload(Upload::new(id, shard, noreply, value_bytes, line_end_bytes));
                line_bytes
            }
        }
    }

    /// Takes the next part of a value. Returns the bytes consumed.
    pub(super) fn upload(&mut self, executor: &mut Executor, input: &[u8]) -> usize {
        let Some(upload) = self.upload_mut() else { unreachable!("called in this state") };
        let (shard, id, noreply) = (upload.shard(), upload.id(), upload.noreply());
        let value = upload.take_value(input);
        let line_end_count = upload.take_line_end(&input[value.len()..]);
        let has_good_end = upload.has_good_end();
        if !value.is_empty() {
            executor.upload_bytes(shard, id, value);
        }
        if let Some(good) = has_good_end {
            self.end_request();
            self.upload_end(executor, shard, id, good, ReplyForm::of(noreply));
        }
        value.len() + line_end_count
    }

    /// Ends an upload. A block that is not `good` stores nothing.
    fn upload_end(
        &mut self,
        executor: &mut Executor,
        shard: ShardId,
        id: UploadId,
        good: bool,
        form: ReplyForm,
    ) {
        let replies = form != ReplyForm::Nothing;
        executor.upload_numbers.remove(id.number as usize);
        executor.times.count(Command::Set);
        if !executor.watched.is_empty() {
            self.announce_upload(executor, shard);
        }
        if shard == executor.shard {
            let now = executor.now;
            let shard = executor.shards.own_mut();
            self.output.encode(|out| shard.upload_end(now, id, good, replies.then_some(out)));
        } else {
            let ticket = replies.then(|| self.open_ticket(executor));
            executor.outboxes.push(shard, &ForwardedRequest::UploadEnd(id, good), ticket);
        }
    }
}
