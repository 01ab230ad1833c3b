//! Plays a script by UDP, each step as one datagram.
//!
//! The bytes of all messages are joined as if they had come over a connection, so that two servers
//! can be compared although their messages end at different places. The fence is that of
//! [`crate::sessions::playback`].

use crate::process::server_process::ServerProcess;
use crate::scripts::script::{Part, Script};
use crate::sessions::playback::play_steps;
use crate::wire::datagram_client::{COMMANDS_BYTES_MAX, DatagramClient};
use crate::wire::wire_client::WireClient;

const FENCE: &[u8] = b"version\r\n";

/// A player for one server: a UDP socket, and a connection to empty the cache.
#[derive(Debug)]
pub struct DatagramPlayer {
    pacer: WireClient,
    client: DatagramClient,
}

impl DatagramPlayer {
    /// A player for this server, which must have UDP.
    pub fn new(server: &ServerProcess) -> Self {
        Self { pacer: server.connect(), client: server.datagrams() }
    }

    /// Whether a script can be played by datagrams: all its commands fit one, and the server does
    /// not close.
    pub fn can_play(script: &Script) -> bool {
        let bytes: usize = script.parts.iter().map(part_bytes_max).sum();
        !script.closes && bytes + FENCE.len() <= COMMANDS_BYTES_MAX
    }

    /// Empties the cache, plays the script and returns the normalised replies.
    pub fn play(&mut self, script: &Script) -> Vec<u8> {
        self.pacer.expect("flush_all\r\n", "OK\r\n");
        play_steps(script, |step, _| {
            let id = self.client.send([step, FENCE].concat());
            let mut replies = Vec::new();
            loop {
                let message = self.client.read_message(id);
                if message.starts_with(b"VERSION ") {
                    return replies;
                }
                replies.extend(message);
            }
        })
    }
}

fn part_bytes_max(part: &Part) -> usize {
    match part {
        Part::Bytes(bytes) => bytes.len(),
        // A number of 64 bits.
        Part::CasOf(_) => 20,
        Part::Read => 0,
    }
}
