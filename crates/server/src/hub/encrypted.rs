//! The bytes of connections under TLS: what arrives is decrypted first, what leaves is encrypted
//! last. Drivers only see encrypted bytes.

use std::sync::atomic::Ordering;

use slabcore_metrics::Counter;

use crate::connection::hub_connection::HubConnection;
use crate::connection::outgoing::Outgoing;
use crate::connection::output::Output;
use crate::connection::tls_session::{TlsInput, TlsSession};
use crate::executor::Executor;
use crate::settings::limits::ENCRYPTED_VALUE_BYTES_MAX;

/// Decrypts bytes from the socket of a connection under TLS, and appends them to its carry.
#[inline(never)]
pub(super) fn decrypt(executor: &mut Executor, conn: &mut HubConnection, received: &[u8]) {
    let Some(tls) = conn.tls.as_mut() else { return };
    let carried = conn.carry.buffer(&mut executor.spares);
    let before = carried.len();
    let heard = tls.decrypt(received, carried);
    // As in memcached, the decrypted bytes count.
    let bytes = carried.len() - before;
    if bytes > 0 {
        conn.receipt.add(executor.times.begun(), conn.carry.pending().len());
    }
    executor.metrics.add(Counter::BytesRead, bytes as u64);
    match heard {
        TlsInput::Open => {}
        TlsInput::Closed => conn.end_of_input = true,
        TlsInput::Invalid => {
            if let Some(tls) = &executor.shared.tls {
                tls.protocol_errors.fetch_add(1, Ordering::Relaxed);
            }
            conn.connection.close(executor);
        }
    }
}

/// Takes what a connection under TLS sends next, if no send is under way: its output, or records of
/// the session itself.
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
    // A broken session encrypts only its alert; the output is dropped.
    while encrypted.is_empty() && output.can_send() {
        let outgoing = output.take(&mut executor.spares, ENCRYPTED_VALUE_BYTES_MAX);
        executor.metrics.add(Counter::BytesWritten, outgoing.total_bytes() as u64);
        tls.encrypt(&outgoing, &mut encrypted);
        executor.spares.put(outgoing.replies);
        // Only the encrypted copy is still needed.
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
