//! Binary requests that are not for a key.
//!
//! Dialects: binary requests that are not for a key.

use slabcore_protocol::{
    BinaryOrder, BinaryReply, BinaryStatus, BinaryValue, Echo, MEMCACHED_VERSION, binary_opcode,
};

use crate::connection::Connection;
use crate::executor::Executor;

impl Connection {
    /// Executes one.
    pub(super) fn binary_order(
        &mut self,
        executor: &mut Executor,
        echo: Echo,
        order: BinaryOrder<'_>,
    ) {
        let done = BinaryReply::new(echo, BinaryStatus::Done);
        let is_quiet = binary_opcode::is_quiet(echo.opcode());
        match order {
            BinaryOrder::Noop => self.output.encode(|out| done.encode(out)),
            BinaryOrder::Version => {
                let value = BinaryValue::Bytes(MEMCACHED_VERSION.as_bytes());
                self.output.encode(|out| BinaryReply { value, ..done }.encode(out));
            }
            BinaryOrder::Quit => {
                if !is_quiet {
                    self.output.encode(|out| done.encode(out));
                }
                self.close(executor);
            }
            BinaryOrder::Flush { delay } => {
                self.flush_all(
                    executor,
                    executor.now.unsigned_flush_tick(delay),
                    is_quiet,
                    Some(echo),
                );
            }
            BinaryOrder::Stat { group } => {
                if let Some(order) = group.strip_prefix(b"detail") {
                    return self.binary_detail(executor, order, echo);
                }
                // memcached compares no more of these than the word.
                let mut words = [&b"reset"[..], b"settings"].into_iter();
                let word = words.find(|word| group.starts_with(word));
                self.stats(executor, word.unwrap_or(group), Some(echo));
            }
            BinaryOrder::AuthList => self.auth_list(echo),
        }
    }
}
