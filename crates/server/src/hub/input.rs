//! Bytes from the sockets of connections, and the execution of their requests.

use std::time::Instant;

use arrayvec::ArrayVec;
use slabcore_metrics::Counter;

use crate::connection::Pause;
use crate::connection::hub_connection::Waiting;
use crate::hub::Hub;
use crate::hub::encrypted::decrypt;
use crate::requests::stage::{Stage, StagedRequests};
use crate::settings::limits::{STAGE_CONNECTIONS, TURN_SERVING_DURATION};

impl Hub {
    /// Executes the requests in bytes from sockets. Each input is a connection and what it sent;
    /// the inputs of one connection are in their order.
    pub(crate) fn receive<'a>(&mut self, mut inputs: impl Iterator<Item = (u32, &'a [u8])>) {
        let mut next = inputs.next();
        while next.is_some() {
            let mut stage = Stage::new();
            let mut staged: ArrayVec<(u32, &[u8], Option<StagedRequests<'_>>), STAGE_CONNECTIONS> =
                ArrayVec::new();
            while let Some((index, bytes)) = next
                && stage.takes_connection()
                && !staged.is_full()
            {
                let Some(conn) = self.connections.get_mut(index) else {
                    next = inputs.next();
                    continue;
                };
                if conn.staged {
                    break;
                }
                if conn.tls.is_some() {
                    self.receive_encrypted(index, bytes);
                    next = inputs.next();
                    continue;
                }
                let requests = conn.takes_staged().then(|| {
                    let limit = self.executor.requests_per_serving_max();
                    conn.connection.stage_requests(&mut self.executor, bytes, limit, &mut stage)
                });
                conn.staged = true;
                staged.push((index, bytes, requests));
                next = inputs.next();
            }
            stage.prefetch_items(&self.executor);
            for (index, bytes, requests) in staged.drain(..) {
                self.receive_staged(index, bytes, &stage, requests);
            }
            self.run_decrypted();
            self.executor.give_back();
        }
    }

    fn receive_staged(
        &mut self,
        index: u32,
        bytes: &[u8],
        stage: &Stage<'_>,
        requests: Option<StagedRequests<'_>>,
    ) {
        let Some(conn) = self.connections.get_mut(index) else { return };
        let executor = &mut self.executor;
        conn.staged = false;
        executor.metrics.add(Counter::BytesRead, bytes.len() as u64);
        if !conn.carry.is_empty() || conn.waiting != Waiting::Input {
            conn.carry.buffer(&mut executor.spares).extend_from_slice(bytes);
            conn.receipt.add(executor.times.begun(), conn.carry.pending().len());
            if conn.waiting == Waiting::Input {
                self.run_carry(index);
            } else {
                self.connections.count_carry(executor, index);
                self.connections.touch(index);
            }
            return;
        }
        conn.connection.output.borrow_buffers(&mut executor.spares);
        let (consumed, pause) = match requests {
            Some(requests) => conn.connection.serve_staged(executor, bytes, stage, requests),
            None => conn.connection.serve(executor, bytes),
        };
        conn.note_requests(consumed, executor.now.tick());
        if consumed < bytes.len() {
            let rest = &bytes[consumed..];
            conn.carry.buffer(&mut executor.spares).extend_from_slice(rest);
            conn.receipt.add(executor.times.begun(), rest.len());
        }
        self.after_run(index, pause);
    }

    /// Decrypts bytes from the socket of a connection under TLS. They are executed by
    /// [`Self::run_decrypted`].
    pub(super) fn receive_encrypted(&mut self, index: u32, received: &[u8]) {
        if let Some(conn) = self.connections.get_mut(index) {
            decrypt(&mut self.executor, conn, received);
            self.decrypted.push(index);
        }
    }

    /// Executes what was decrypted, between the stages of other connections.
    pub(super) fn run_decrypted(&mut self) {
        while let Some(index) = self.decrypted.pop() {
            let waiting = self.connections.get(index).map(|conn| conn.waiting);
            if waiting == Some(Waiting::Input) {
                self.run_carry(index);
                self.executor.give_back();
            } else {
                self.connections.count_carry(&mut self.executor, index);
                self.connections.touch(index);
            }
        }
    }

    /// Executes the carry of a connection.
    fn run_carry(&mut self, index: u32) {
        let Some(conn) = self.connections.get_mut(index) else { return };
        let executor = &mut self.executor;
        conn.connection.output.borrow_buffers(&mut executor.spares);
        executor.times.begin_receipt(conn.receipt.of_next(executor.times.begun()));
        let (consumed, pause) = conn.connection.serve(executor, conn.carry.pending());
        executor.times.end_receipt();
        conn.carry.consume(consumed, &mut executor.spares);
        conn.receipt.consume(consumed, conn.carry.pending().len());
        conn.note_requests(consumed, executor.now.tick());
        self.after_run(index, pause);
    }

    fn after_run(&mut self, index: u32, pause: Pause) {
        let Some(conn) = self.connections.get_mut(index) else { return };
        let executor = &mut self.executor;
        conn.waiting = match pause {
            Pause::Yielded => Waiting::Turn,
            Pause::Blocked => Waiting::OutputSpace,
            Pause::NeedsInput | Pause::Closing => Waiting::Input,
        };
        if pause == Pause::NeedsInput || conn.carry.is_empty() {
            conn.connection.end_arrived();
            conn.receipt.end_wait();
        }
        if conn.end_of_input && pause == Pause::NeedsInput {
            conn.connection.close(executor);
        }
        let prefers_another = conn.connection.affinity.prefers_another(executor.serving);
        match pause {
            Pause::Yielded => {
                executor.metrics.add(Counter::ConnYields, 1);
                self.connections.make_runnable(index);
            }
            Pause::Blocked if executor.outboxes.is_any_full() => self.connections.stall(index),
            _ => {}
        }
        self.connections.count_carry(executor, index);
        if prefers_another && !self.handing_over.is_under_way() {
            self.departures.consider(executor, &mut self.connections, index);
        }
        let Some(conn) = self.connections.get_mut(index) else { return };
        conn.connection.output.return_buffers(&mut self.executor.spares);
        self.connections.touch(index);
    }

    /// Serves the connections that have requests left, each once in turn, until none has or
    /// the turn has been long enough. True if some still have.
    pub(crate) fn run_runnable(&mut self) -> bool {
        if !self.connections.has_runnable() {
            return false;
        }
        let start = Instant::now();
        while let Some(index) = self.connections.next_runnable() {
            if let Some(conn) = self.connections.get_mut(index)
                && !conn.waiting.is_leaving()
            {
                conn.waiting = Waiting::Input;
                self.run_carry(index);
                self.executor.give_back();
            }
            if start.elapsed() >= TURN_SERVING_DURATION {
                break;
            }
        }
        self.connections.has_runnable()
    }
}
