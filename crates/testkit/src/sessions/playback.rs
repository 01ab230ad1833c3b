//! Plays a script to a server and returns the replies, normalised for comparison.
//!
//! A fence follows each step: the command `version`, whose reply marks the step's end. So a script
//! must not contain `version`, and must not leave a value unfinished unless the server closes.
//!
//! Between two pieces of a stream the player asks for the version on a second connection. A server
//! with one thread has then read the first piece without the second, so every cut is effective.
//! With more threads that is likely but not certain.

use crate::limits::PIECES_PER_STEP_MAX;
use crate::process::server_process::ServerProcess;
use crate::scripts::script::{CAS_NEVER_GIVEN, Part, Script};
use crate::scripts::splits::Splits;
use crate::wire::replies::Normaliser;
use crate::wire::wire_client::WireClient;

/// Passes each step of a script to `answer`, and whether the server closes at its end. Returns the
/// normalised replies.
pub(crate) fn play_steps(
    script: &Script,
    mut answer: impl FnMut(&[u8], bool) -> Vec<u8>,
) -> Vec<u8> {
    let mut normaliser = Normaliser::new();
    let mut form = Vec::new();
    let mut step = Vec::new();
    for part in &script.parts {
        match part {
            Part::Bytes(bytes) => step.extend_from_slice(bytes),
            Part::CasOf(key) => {
                let never = CAS_NEVER_GIVEN.to_string();
                let unique = normaliser.cas_of(key).unwrap_or(never.as_bytes());
                step.extend_from_slice(unique);
            }
            Part::Read => {
                let replies = answer(&std::mem::take(&mut step), false);
                form.extend(normaliser.normalise(&replies));
            }
        }
    }
    form.extend(normaliser.normalise(&answer(&step, script.closes)));
    form
}

/// A player for one server, with a second connection that paces it.
#[derive(Debug)]
pub struct Player<'s> {
    server: &'s ServerProcess,
    pacer: WireClient,
}

impl<'s> Player<'s> {
    /// A player for this server.
    pub fn new(server: &'s ServerProcess) -> Self {
        Self { server, pacer: server.connect() }
    }

    /// Empties the cache, plays the script on a new connection and returns the normalised replies,
    /// followed by `(closed)` if the server had to close.
    pub fn play(&mut self, script: &Script, splits: Splits) -> Vec<u8> {
        self.pacer.expect("flush_all\r\n", "OK\r\n");
        let mut client = self.server.connect();
        let mut form = play_steps(script, |step, closes| {
            self.send(&mut client, step, splits, !closes);
            if closes { client.read_to_close() } else { client.read_to_version() }
        });
        if script.closes {
            form.extend_from_slice(b"(closed)");
        }
        form
    }

    /// Sends the step in pieces, then the fence. A server that must close may do so before
    /// everything is sent.
    fn send(&mut self, client: &mut WireClient, step: &[u8], splits: Splits, fence: bool) {
        let stream = if fence { [step, b"version\r\n"].concat() } else { step.to_vec() };
        let mut rest = stream.as_slice();
        for length in splits.lengths().take(PIECES_PER_STEP_MAX - 1) {
            if rest.len() <= length {
                break;
            }
            let (piece, after) = rest.split_at(length);
            let sent = client.try_send(piece);
            assert!(sent.is_ok() || !fence, "the server closed: {sent:?}");
            self.pacer.round_trip();
            rest = after;
        }
        let sent = client.try_send(rest);
        assert!(sent.is_ok() || !fence, "the server closed: {sent:?}");
    }
}
