//! Bytes from the sockets of connections, and what connections carry of them.

use std::time::Instant;

use arrayvec::ArrayVec;
use slabcore_metrics::Counter;
use slabcore_protocol::LINE_BYTES_MAX;

use crate::connection::Pause;
use crate::entry::Waiting;
use crate::hub::Hub;
use crate::limits::{CARRIED_BYTES_MAX, STAGE_CONNECTIONS, TURN_VISITS_DURATION};
use crate::stage::{Plan, Stage};

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
                let Some(entry) = self.entries[index as usize].as_mut() else {
                    next = inputs.next();
                    continue;
                };
                if entry.staged {
                    break;
                }
                if entry.tls.is_some() {
                    self.decrypt(index, bytes);
                    next = inputs.next();
                    continue;
                }
                let plan = entry.takes_plan().then(|| {
                    let limit = self.core.requests_per_visit_max();
                    entry.connection.plan(&mut self.core, bytes, limit, &mut stage)
                });
                entry.staged = true;
                staged.push((index, bytes, plan));
                next = inputs.next();
            }
            stage.prefetch_items(&self.core);
            for (index, bytes, plan) in staged.drain(..) {
                self.receive_staged(index, bytes, &stage, plan);
            }
            self.run_decrypted();
            self.core.give_back();
        }
    }

    fn receive_staged(
        &mut self,
        index: u32,
        bytes: &[u8],
        stage: &Stage<'_>,
        plan: Option<Plan<'_>>,
    ) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        let core = &mut self.core;
        entry.staged = false;
        entry.last_input = core.now.tick;
        core.metrics.add(Counter::BytesRead, bytes.len() as u64);
        if !entry.carry.is_empty() || entry.waiting != Waiting::Input {
            entry.prepare_carry(&mut core.spares);
            entry.carry.extend_from_slice(bytes);
            if entry.waiting == Waiting::Input {
                self.run_carry(index);
            } else {
                self.count_carry(index);
                self.touch(index);
            }
            return;
        }
        entry.connection.output.borrow_buffers(&mut core.spares);
        let (consumed, pause) = match plan {
            Some(plan) => entry.connection.run_planned(core, bytes, stage, plan),
            None => entry.connection.run(core, bytes),
        };
        if consumed < bytes.len() {
            entry.carry = core.spares.take();
            entry.carry.extend_from_slice(&bytes[consumed..]);
        }
        self.after_run(index, pause);
    }

    /// Works on what a connection carries.
    pub(crate) fn run_carry(&mut self, index: u32) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        let core = &mut self.core;
        entry.connection.output.borrow_buffers(&mut core.spares);
        let carry = std::mem::take(&mut entry.carry);
        let (consumed, pause) = entry.connection.run(core, &carry[entry.carry_start..]);
        entry.carry_start += consumed;
        if entry.carry_start == carry.len() {
            entry.carry_start = 0;
            core.spares.put(carry);
        } else {
            entry.carry = carry;
        }
        self.after_run(index, pause);
    }

    fn after_run(&mut self, index: u32, pause: Pause) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        if pause == Pause::Yielded {
            self.core.metrics.add(Counter::ConnYields, 1);
            self.runnable.push_back(index);
        }
        entry.waiting = match pause {
            Pause::Yielded => Waiting::Turn,
            Pause::Blocked => Waiting::Room,
            Pause::Hungry | Pause::Closing => Waiting::Input,
        };
        if entry.waiting == Waiting::Room && self.core.outboxes.is_any_full() {
            self.stalled.push(index);
        }
        if pause == Pause::Hungry || entry.carry.is_empty() {
            entry.connection.has_asked &= !entry.connection.is_at_request();
        }
        if entry.end_of_input && pause == Pause::Hungry {
            entry.connection.close(&mut self.core);
        }
        let wishes = entry.connection.affinity.wish().is_some();
        self.count_carry(index);
        if wishes {
            self.consider_leaving(index);
        }
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        entry.connection.output.return_buffers(&mut self.core.spares);
        self.touch(index);
    }

    /// Counts the memory of a connection's carry. One that grows beyond a short line while all
    /// carries together are over their limit is refused; those that carry little are served on.
    pub(crate) fn count_carry(&mut self, index: u32) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        let others = self.carried - std::mem::take(&mut entry.carried);
        let pending = entry.carry.len() - entry.carry_start;
        if pending > LINE_BYTES_MAX && others + entry.carry.capacity() > CARRIED_BYTES_MAX {
            entry.connection.refuse_input(&mut self.core);
            entry.carry = Vec::new();
            entry.carry_start = 0;
            entry.waiting = Waiting::Input;
        }
        entry.carried = entry.carry.capacity();
        self.carried = others + entry.carried;
    }

    /// Goes on with the connections that have requests left, one visit each in turn, until none
    /// has or the turn has been long enough; true if some still have.
    pub(crate) fn run_runnable(&mut self) -> bool {
        if self.runnable.is_empty() {
            return false;
        }
        let start = Instant::now();
        while let Some(index) = self.runnable.pop_front() {
            if let Some(entry) = self.entries[index as usize].as_mut()
                && !entry.waiting.is_leaving()
            {
                entry.waiting = Waiting::Input;
                self.run_carry(index);
                self.core.give_back();
            }
            if start.elapsed() >= TURN_VISITS_DURATION {
                break;
            }
        }
        !self.runnable.is_empty()
    }
}
