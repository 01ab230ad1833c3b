//! The TLS of one connection after its handshake: what its socket carries on one side, plain bytes
//! on the other.

use std::io::{BufRead, IoSlice, Write};

use arrayvec::ArrayVec;
use rustls::{ServerConnection, SupportedCipherSuite};

use crate::connection::outgoing::Outgoing;
use crate::settings::limits::{RECORDS_KEPT_BACK_PART, SEND_PIECES_MAX};

/// Plain bytes of a record: what TLS allows.
const RECORD_BYTES_MAX: usize = 16 << 10;

/// What a client has said beside its plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing: it may send more.
    Open,
    /// That it sends no more.
    Farewell,
    /// What is no TLS, or not what was sent: nothing further is believed.
    Nonsense,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct TlsSession {
    session: ServerConnection,
    farewell_said: bool,
    /// Records that may still be encrypted before the connection is to end.
    records_left: u64,
}

impl TlsSession {
    /// A session whose handshake is done; it may have received more than that.
    pub(crate) fn new(mut session: ServerConnection) -> Self {
        // What is encrypted is taken at once, and bounded by who hands it in.
        session.set_buffer_limit(None);
        let records_left = match session.negotiated_cipher_suite() {
            // What is owed when it ends fits the records that are kept back.
            Some(SupportedCipherSuite::Tls12(suite)) => {
                let records_max = suite.common.confidentiality_limit;
                records_max - records_max / RECORDS_KEPT_BACK_PART
            }
            _ => u64::MAX,
        };
        Self { session, farewell_said: false, records_left }
    }

    /// True if the connection is to end: its keys have encrypted as much as is safe. TLS 1.2 has no
    /// way to others but a new connection; under TLS 1.3 the session changes them by itself.
    pub(crate) fn is_spent(&self) -> bool {
        self.records_left == 0
    }

    /// Appends to `plain` what the client says in `received`, as far as its records are whole.
    pub(crate) fn decrypt(&mut self, mut received: &[u8], plain: &mut Vec<u8>) -> Heard {
        loop {
            let Ok(state) = self.session.process_new_packets() else { return Heard::Nonsense };
            let mut reader = self.session.reader();
            while let Ok(chunk) = reader.fill_buf()
                && !chunk.is_empty()
            {
                plain.extend_from_slice(chunk);
                let bytes = chunk.len();
                reader.consume(bytes);
            }
            if state.peer_has_closed() {
                return Heard::Farewell;
            }
            if received.is_empty() {
                return Heard::Open;
            }
            // A slice never fails, but the session refuses what it has no room for.
            match self.session.read_tls(&mut received) {
                Ok(1..) => {}
                _ => return Heard::Nonsense,
            }
        }
    }

    /// Appends to `encrypted` what the client is to read as `outgoing`. Of a session that heard
    /// nonsense nothing leaves but its last alert.
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
            // The session takes bytes that it does not encrypt: nothing more can be said.
            self.records_left = 0;
        }
    }

    /// Appends the records that wait to be sent.
    pub(crate) fn take_records(&mut self, encrypted: &mut Vec<u8>) {
        while self.session.wants_write() {
            // Memory takes everything.
            let Ok(1..) = self.session.write_tls(encrypted) else { return };
        }
    }

    /// Says once that nothing more will be sent, which tells the end from a cut connection.
    pub(crate) fn say_farewell(&mut self) {
        if !self.farewell_said {
            self.farewell_said = true;
            self.session.send_close_notify();
        }
    }
}
