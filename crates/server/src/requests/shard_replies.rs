//! Replies of other shards, as they come back to the connection that waits for them.

use slabcore_shard::{ReplyPart, ShardId};

use crate::connection::Connection;
use crate::connection::outgoing::LargeValue;
use crate::executor::Executor;
use crate::requests::gathered_replies::gathered_reply;

impl Connection {
    /// Puts another shard's reply, or its part of one, into the slot that waits for it.
    #[inline]
    pub(crate) fn fill(
        &mut self,
        executor: &mut Executor,
        shard: ShardId,
        slot: u32,
        reply: ReplyPart<'_>,
    ) {
        match reply {
            ReplyPart::Held { hold, head, end } => {
                let value = LargeValue::new(shard, hold, head.to_vec(), end);
                self.output.fill_large(slot, value);
            }
            ReplyPart::Bytes(bytes) if self.output.is_open(slot) => {
                self.output.fill(slot, bytes, &mut executor.spares);
            }
            ReplyPart::Bytes(bytes) => {
                let gather = self.output.gather_mut(slot).expect("a reply is of one or of all");
                if gather.add(shard, bytes) {
                    let reply = match gather.take_dump() {
                        Some(part) => self.dumped_elsewhere(&part),
                        None => gathered_reply(gather, executor),
                    };
                    self.output.finish_gather(slot, &reply, &mut executor.spares);
                }
            }
        }
    }
}
