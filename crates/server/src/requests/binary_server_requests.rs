//! Binary requests that are not for a key.
//!
//! Dialects: binary requests that are not for a key.

use slabcore_metrics::Counter;
use slabcore_protocol::{
    BinaryReply, BinaryServerRequest, BinaryStatus, BinaryValue, Echo, MEMCACHED_VERSION,
    binary_opcode, error_lines,
};

use crate::connection::Connection;
use crate::executor::Executor;

impl Connection {
    /// Executes a binary request that is not for a key.
    pub(super) fn binary_server_request(
        &mut self,
        executor: &mut Executor,
        echo: Echo,
        request: BinaryServerRequest<'_>,
    ) {
        let done = BinaryReply::new(echo, BinaryStatus::Done);
        match request {
            BinaryServerRequest::Noop => self.reply_binary(&done),
            BinaryServerRequest::Version => {
                let value = BinaryValue::Bytes(MEMCACHED_VERSION.as_bytes());
                self.reply_binary(&BinaryReply { value, ..done });
            }
            BinaryServerRequest::Quit => {
                if !binary_opcode::is_quiet(echo.opcode()) {
                    self.reply_binary(&done);
                }
                self.close(executor);
            }
            BinaryServerRequest::Flush { delay } => self.binary_flush(executor, echo, delay),
            BinaryServerRequest::Stats(query) => self.stats(executor, query, Some(echo)),
            BinaryServerRequest::ResetStats => self.reset_stats(executor, Some(echo)),
            BinaryServerRequest::CountPrefixes(_) if !executor.shared.settings.dump => {
                self.refuse_stats(error_lines::STATS_DETAIL_NOT_ALLOWED, Some(echo));
            }
            BinaryServerRequest::CountPrefixes(is_on) => {
                self.count_prefixes(executor, is_on, Some(echo));
            }
            BinaryServerRequest::AuthList => self.auth_list(echo),
        }
    }

    /// Flushes all shards. Like in memcached, a refused flush is not counted, and a quiet one is
    /// refused with a reply.
    fn binary_flush(&mut self, executor: &mut Executor, echo: Echo, delay: u32) {
        if !executor.shared.settings.flush_all {
            return self.reply_binary(&BinaryReply::new(echo, BinaryStatus::AuthFailure));
        }
        executor.metrics.add(Counter::CmdFlush, 1);
        let time = executor.now.unsigned_flush_time(delay);
        self.flush_shards(executor, time, binary_opcode::is_quiet(echo.opcode()), Some(echo));
    }
}
