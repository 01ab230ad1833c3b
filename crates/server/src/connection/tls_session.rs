//! The TLS session of one connection after its handshake. It turns the bytes of the socket into
//! plain bytes, and back.

use std::io::{BufRead, IoSlice, Write};

use arrayvec::ArrayVec;
use rustls::{ServerConnection, SupportedCipherSuite};

use crate::connection::outgoing::Outgoing;
use crate::settings::limits::{RECORDS_KEPT_BACK_PART, SEND_PIECES_MAX};

/// Plain bytes of a record: what TLS allows.
const RECORD_BYTES_MAX: usize = 16 << 10;

/// What a session received beside plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsInput {
    /// Nothing. More may come.
    Open,
    /// The close notification: the client sends no more.
    Closed,
    /// Bytes that are not valid TLS. Nothing further is read.
    Invalid,
}

/// The TLS session of one connection.
#[derive(Debug)]
pub(crate) struct TlsSession {
    session: ServerConnection,
    is_close_notified: bool,
    /// Records that may still be encrypted before the connection is to end.
    records_left: u64,
}

impl TlsSession {
    /// A session after its handshake. It may have received more bytes than the handshake has.
    pub(crate) fn new(mut session: ServerConnection) -> Self {
        // Encrypted bytes are taken at once, and the caller bounds them.
        session.set_buffer_limit(None);
        let records_left = match session.negotiated_cipher_suite() {
            // The replies that are still owed fit the records that are kept back.
            Some(SupportedCipherSuite::Tls12(suite)) => {
                let records_max = suite.common.confidentiality_limit;
                records_max - records_max / RECORDS_KEPT_BACK_PART
            }
            _ => u64::MAX,
        };
        Self { session, is_close_notified: false, records_left }
    }

    /// True if the connection must end: its keys have encrypted as much as is safe. Under TLS 1.2
    /// only a new connection gets new keys; under TLS 1.3 the session changes them by itself.
    pub(crate) fn is_spent(&self) -> bool {
        self.records_left == 0
    }

    /// Appends the plain bytes of `received` to `plain`, as far as records are complete.
    pub(crate) fn decrypt(&mut self, mut received: &[u8], plain: &mut Vec<u8>) -> TlsInput {
        loop {
            let Ok(state) = self.session.process_new_packets() else { return TlsInput::Invalid };
            let mut reader = self.session.reader();
            while let Ok(chunk) = reader.fill_buf()
                && !chunk.is_empty()
            {
                plain.extend_from_slice(chunk);
                let bytes = chunk.len();
                reader.consume(bytes);
            }
            if state.peer_has_closed() {
                return TlsInput::Closed;
            }
            if received.is_empty() {
                return TlsInput::Open;
            }
            // Reading a slice never fails, but the session may have no room.
            match self.session.read_tls(&mut received) {
                Ok(1..) => {}
                _ => return TlsInput::Invalid,
            }
        }
    }

    /// Encrypts `outgoing` and appends it to `encrypted`. A session that received invalid bytes
    /// sends only its last alert.
    pub(crate) fn encrypt(&mut self, outgoing: &Outgoing, encrypted: &mut Vec<u8>) {
        let mut done = 0;
        let encrypted_before = encrypted.len();
        while done < outgoing.total_bytes() {
            let pieces: ArrayVec<IoSlice<'_>, SEND_PIECES_MAX> =
                outgoing.pieces(done).into_iter().map(IoSlice::new).collect();
            match self.session.writer().write_vectored(&pieces) {
                Ok(bytes @ 1..) => {
                    done += bytes;
                    let records = 1 + bytes / RECORD_BYTES_MAX;
                    self.records_left = self.records_left.saturating_sub(records as u64);
                }
                _ => break,
            }
        }
        self.take_records(encrypted);
        if encrypted.len() - encrypted_before < outgoing.total_bytes() {
            // The session does not encrypt what it takes: nothing more can be sent.
            self.records_left = 0;
        }
    }

    /// Appends the records that wait to be sent.
    pub(crate) fn take_records(&mut self, encrypted: &mut Vec<u8>) {
        while self.session.wants_write() {
            // Writing to memory never fails.
            let Ok(1..) = self.session.write_tls(encrypted) else { return };
        }
    }

    /// Queues the close notification, once. It tells the client that the end is not a cut.
    pub(crate) fn send_close_notify(&mut self) {
        if !self.is_close_notified {
            self.is_close_notified = true;
            self.session.send_close_notify();
        }
    }
}
