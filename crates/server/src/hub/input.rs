//! Bytes from the sockets of connections, and what connections carry of them.

use std::time::Instant;

use arrayvec::ArrayVec;
use slabcore_metrics::Counter;

use crate::connection::Pause;
use crate::connection::hub_connection::Waiting;
use crate::hub::Hub;
use crate::requests::stage::{Plan, Stage};
use crate::settings::limits::{CUT_LINES_BYTES_MAX, STAGE_CONNECTIONS, TURN_VISITS_DURATION};

impl Hub {
    /// Bytes from the sockets of connections: each input is a connection and what it sent, an
    /// earlier one of a connection before a later.
    pub(crate) fn receive<'a>(&mut self, mut inputs: impl Iterator<Item = (u32, &'a [u8])>) {
        let mut next = inputs.next();
        while next.is_some() {
            let mut stage = Stage::new();
            let mut staged: ArrayVec<(u32, &[u8], Option<Plan<'_>>), STAGE_CONNECTIONS> =
                ArrayVec::new();
            while let Some((index, bytes)) = next
                && stage.takes_connection()
                && !staged.is_full()
            {
                let Some(conn) = self.connections[index as usize].as_mut() else {
                    next = inputs.next();
                    continue;
                };
                if conn.staged {
                    break;
                }
                if conn.tls.is_some() {
                    self.decrypt(index, bytes);
                    next = inputs.next();
                    continue;
                }
                let plan = conn.takes_plan().then(|| {
                    let limit = self.executor.requests_per_visit_max();
                    conn.connection.plan(&mut self.executor, bytes, limit, &mut stage)
                });
                conn.staged = true;
                staged.push((index, bytes, plan));
                next = inputs.next();
            }
            stage.prefetch_items(&self.executor);
            for (index, bytes, plan) in staged.drain(..) {
                self.receive_staged(index, bytes, &stage, plan);
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
        plan: Option<Plan<'_>>,
    ) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        let executor = &mut self.executor;
        conn.staged = false;
        executor.metrics.add(Counter::BytesRead, bytes.len() as u64);
        if !conn.carry.is_empty() || conn.waiting != Waiting::Input {
            conn.prepare_carry(&mut executor.spares);
            conn.carry.extend_from_slice(bytes);
            if conn.waiting == Waiting::Input {
                self.run_carry(index);
            } else {
                self.count_carry(index);
                self.touch(index);
            }
            return;
        }
        conn.connection.output.borrow_buffers(&mut executor.spares);
        let (consumed, pause) = match plan {
            Some(plan) => conn.connection.run_planned(executor, bytes, stage, plan),
            None => conn.connection.run(executor, bytes),
        };
        conn.note_requests(consumed, executor.now.tick);
        if consumed < bytes.len() {
            conn.carry = executor.spares.take();
            conn.carry.extend_from_slice(&bytes[consumed..]);
        }
        self.after_run(index, pause);
    }

    /// Works on what a connection carries.
    pub(super) fn run_carry(&mut self, index: u32) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        let executor = &mut self.executor;
        conn.connection.output.borrow_buffers(&mut executor.spares);
        let carry = std::mem::take(&mut conn.carry);
        let (consumed, pause) = conn.connection.run(executor, &carry[conn.carry_start..]);
        conn.carry_start += consumed;
        conn.note_requests(consumed, executor.now.tick);
        if conn.carry_start == carry.len() {
            conn.carry_start = 0;
            executor.spares.put(carry);
        } else {
            conn.carry = carry;
        }
        self.after_run(index, pause);
    }

    fn after_run(&mut self, index: u32, pause: Pause) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        if pause == Pause::Yielded {
            self.executor.metrics.add(Counter::ConnYields, 1);
            self.runnable.push_back(index);
        }
        conn.waiting = match pause {
            Pause::Yielded => Waiting::Turn,
            Pause::Blocked => Waiting::Room,
            Pause::Hungry | Pause::Closing => Waiting::Input,
        };
        if conn.waiting == Waiting::Room && self.executor.outboxes.is_any_full() {
            self.stalled.push(index);
        }
        if pause == Pause::Hungry || conn.carry.is_empty() {
            conn.connection.end_arrived();
        }
        if conn.end_of_input && pause == Pause::Hungry {
            conn.connection.close(&mut self.executor);
        }
        let prefers_another = conn.connection.affinity.preferred_shard().is_some();
        self.count_carry(index);
        if prefers_another {
            self.consider_leaving(index);
        }
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        conn.connection.output.return_buffers(&mut self.executor.spares);
        self.touch(index);
    }

    /// Counts the memory of a connection's carry, after its visit or when it grew.
    pub(super) fn count_carry(&mut self, index: u32) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        // Mostly nothing is carried.
        if conn.carry.capacity() == 0 && conn.carried == 0 {
            return;
        }
        conn.trim_carry();
        let carried = conn.carry.capacity();
        self.carried = self.carried - conn.carried + carried;
        conn.carried = carried;
        let cut = if conn.waits_for_long_line() { carried } else { 0 };
        if cut != conn.cut_bytes {
            self.cut_lines.change(index, conn.cut_bytes, cut);
            conn.cut_bytes = cut;
            self.limit_cut_lines();
        }
    }

    /// Refuses the connections that keep most, until all cut lines together are within their limit.
    #[cold]
    fn limit_cut_lines(&mut self) {
        while self.cut_lines.bytes() > CUT_LINES_BYTES_MAX
            && let Some(largest) = self.cut_lines.largest()
            && let Some(conn) = self.connections[largest as usize].as_mut()
        {
            conn.connection.refuse_input(&mut self.executor);
            conn.carry = Vec::new();
            conn.carry_start = 0;
            self.carried -= std::mem::take(&mut conn.carried);
            self.cut_lines.change(largest, std::mem::take(&mut conn.cut_bytes), 0);
            self.touch(largest);
        }
    }

    /// Goes on with the connections that have requests left, one visit each in turn, until none
    /// has or the turn has been long enough; true if some still have.
    pub(crate) fn run_runnable(&mut self) -> bool {
        if self.runnable.is_empty() {
            return false;
        }
        let start = Instant::now();
        while let Some(index) = self.runnable.pop_front() {
            if let Some(conn) = self.connections[index as usize].as_mut()
                && !conn.waiting.is_leaving()
            {
                conn.waiting = Waiting::Input;
                self.run_carry(index);
                self.executor.give_back();
            }
            if start.elapsed() >= TURN_VISITS_DURATION {
                break;
            }
        }
        !self.runnable.is_empty()
    }
}
