//! The lowest methods of a connection that speaks Redis' dialect: its session, and replies.

use slabcore_protocol::{RespRefusal, RespWriter};

use crate::connection::Connection;
use crate::connection::redis_session::RedisSession;
use crate::executor::Executor;

impl Connection {
    /// What is kept of a connection that speaks Redis' dialect.
    #[inline]
    pub(super) fn session(&mut self) -> &mut RedisSession {
        self.redis.as_mut().expect("the connection speaks Redis' dialect")
    }

    /// Writes a reply, if the client wants it.
    pub(super) fn write_redis(&mut self, write: impl FnOnce(&mut RespWriter<'_>)) {
        let session = self.session();
        if session.wants_reply() {
            let version = session.version;
            self.output.encode(|out| write(&mut RespWriter::new(out, version)));
        }
    }

    /// Appends bytes of a reply, if the client wants it.
    pub(super) fn write_redis_bytes(&mut self, bytes: &[u8]) {
        if self.session().wants_reply() {
            self.output.encode(|out| out.extend_from_slice(bytes));
        }
    }

    /// Writes the status `OK`.
    pub(super) fn write_redis_ok(&mut self) {
        self.write_redis(|out| out.status("OK"));
    }

    /// Writes an error.
    pub(super) fn refuse_redis(&mut self, executor: &Executor, refusal: &RespRefusal<'_>) {
        executor.redis_counts().count_error();
        if self.session().wants_reply() {
            self.output.encode(|out| refusal.encode(out));
        }
    }
}
