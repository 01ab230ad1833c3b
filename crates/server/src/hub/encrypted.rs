//! Connections under TLS as their hub serves them: what arrives is decrypted before it is looked
//! at, what leaves is encrypted after everything else is done with it. Drivers see bytes.

use std::sync::atomic::Ordering;

use slabcore_metrics::Counter;

use crate::connection::hub_connection::Waiting;
use crate::connection::outgoing::Outgoing;
use crate::connection::output::Output;
use crate::connection::tls_session::{TlsInput, TlsSession};
use crate::executor::Executor;
use crate::hub::Hub;
use crate::settings::limits::ENCRYPTED_VALUE_BYTES_MAX;

impl Hub {
    /// Bytes from the socket of a connection under TLS. What they say joins its carry, and waits
    /// for [`Self::run_decrypted`].
    #[inline(never)]
    pub(super) fn decrypt(&mut self, index: u32, received: &[u8]) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        conn.prepare_carry(&mut self.executor.spares);
        let Some(tls) = conn.tls.as_mut() else { return };
        let before = conn.carry.len();
        let heard = tls.decrypt(received, &mut conn.carry);
        // As in memcached, what the client said counts, not what it took to encrypt that.
        let bytes = conn.carry.len() - before;
        self.executor.metrics.add(Counter::BytesRead, bytes as u64);
        match heard {
            TlsInput::Open => {}
            TlsInput::Closed => conn.end_of_input = true,
            TlsInput::Invalid => {
                if let Some(tls) = &self.executor.cluster.tls {
                    tls.protocol_errors.fetch_add(1, Ordering::Relaxed);
                }
                conn.connection.close(&mut self.executor);
            }
        }
        self.decrypted.push(index);
    }

    /// Executes what was decrypted, between the stages of other connections.
    pub(super) fn run_decrypted(&mut self) {
        while let Some(index) = self.decrypted.pop() {
            let waiting = self.connections[index as usize].as_ref().map(|conn| conn.waiting);
            if waiting == Some(Waiting::Input) {
                self.run_carry(index);
                self.executor.give_back();
            } else {
                self.count_carry(index);
                self.touch(index);
            }
        }
    }
}

/// What a connection under TLS sends next, if no send is under way: its output, or what the session
/// itself has to say.
#[inline(never)]
pub(super) fn take_encrypted(
    executor: &mut Executor,
    tls: &mut TlsSession,
    output: &mut Output,
    closing: bool,
) -> Option<Outgoing> {
    if output.is_sending() {
        return None;
    }
    let mut encrypted = executor.spares.take();
    // Of a session that is broken nothing leaves but an alert: the rest goes to nobody.
    while encrypted.is_empty() && output.can_send() {
        let outgoing = output.take(&mut executor.spares, ENCRYPTED_VALUE_BYTES_MAX);
        executor.metrics.add(Counter::BytesWritten, outgoing.total_bytes() as u64);
        tls.encrypt(&outgoing, &mut encrypted);
        executor.spares.put(outgoing.replies);
        // The encrypted copy is all that is left to send.
        if let Some(parts) = outgoing.parts {
            executor.parts_sent(output, parts);
        }
        output.all_sent();
    }
    if encrypted.is_empty() {
        if closing && output.is_empty() {
            tls.send_close_notify();
        }
        tls.take_records(&mut encrypted);
    }
    if encrypted.is_empty() {
        executor.spares.put(encrypted);
        return None;
    }
    output.begin_send(encrypted.len());
    Some(Outgoing { replies: encrypted, parts: None })
}
