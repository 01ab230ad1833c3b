//! Which requests of a connection are timed together.

use slabcore_metrics::Command;

use crate::connection::Connection;
use crate::connection::input_state::{IgnoredReply, InputState};
use crate::executor::Executor;

impl Connection {
    /// The requests that were counted since the connection's are, are answered: by this turn, or
    /// with the replies that are missing.
    #[inline]
    pub(super) fn end_requests(&mut self, executor: &mut Executor) {
        if self.output.is_missing_replies() || executor.times.are_late() {
            self.set_requests_apart(executor);
        }
    }

    #[inline(never)]
    fn set_requests_apart(&mut self, executor: &mut Executor) {
        let Some(requests) = executor.times.take_counted() else { return };
        if self.output.is_missing_replies() {
            self.output.keep_requests(&requests, &mut executor.spares);
        } else {
            executor.times.add_late(&requests);
        }
    }

    /// Ignores the next `bytes` bytes, then replies. The request counts as `command` then.
    pub(super) fn refuse(
        &mut self,
        executor: &mut Executor,
        bytes: u64,
        reply: IgnoredReply,
        command: Command,
    ) {
        self.ignore(bytes, reply, command);
        self.count_refused(executor, command);
    }

    /// Ignores as much of the next `input_bytes` as is to be ignored. Returns how many bytes.
    pub(super) fn go_on_ignoring(&mut self, executor: &mut Executor, input_bytes: usize) -> usize {
        let InputState::Ignored(ignored) = self.input() else { return 0 };
        let command = ignored.command();
        let count = self.take_ignored(input_bytes);
        self.count_refused(executor, command);
        count
    }

    /// Counts a refused request once all its bytes are ignored.
    fn count_refused(&self, executor: &mut Executor, command: Command) {
        if !self.is_ignoring() {
            executor.times.count(command);
        }
    }
}
