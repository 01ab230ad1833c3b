//! Plays a binary script to a server and records the replies, one line each.
//!
//! A noop follows each step, and its reply marks the step's end. A step ends where a request needs
//! the cas unique of an earlier reply. Uniques are numbered by their first appearance, so that two
//! servers can be compared.

use std::collections::HashMap;

use crate::limits::PIECES_PER_STEP_MAX;
use crate::process::server_process::ServerProcess;
use crate::scripts::binary_packet::Packet;
use crate::scripts::binary_script::{BinaryScript, Cas};
use crate::scripts::script::CAS_NEVER_GIVEN;
use crate::scripts::splits::Splits;
use crate::wire::wire_client::WireClient;

/// The opaque number of the noop after a step.
const FENCE: u32 = u32::MAX;

/// Opcode of noop.
const NOOP: u8 = 0x0a;

/// A player for one server, with a second connection that paces it.
#[derive(Debug)]
pub struct BinaryPlayer<'s> {
    server: &'s ServerProcess,
    pacer: WireClient,
}

/// The state of the replies so far.
#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    /// Number of each cas unique.
    numbers: HashMap<u64, u64>,
    /// Cas unique in the reply to each request.
    of_reply: HashMap<usize, u64>,
}

impl Seen {
    fn note(&mut self, mut packet: Packet) {
        if packet.cas != 0 {
            self.of_reply.insert(packet.opaque as usize, packet.cas);
            let next = self.numbers.len() as u64 + 1;
            packet.cas = *self.numbers.entry(packet.cas).or_insert(next);
        }
        // Only the version differs between the two on purpose.
        if packet.opcode == 0x0b && packet.status == 0 {
            packet.value = b"version".to_vec();
        }
        self.lines.push(packet.to_string());
    }
}

impl<'s> BinaryPlayer<'s> {
    /// A player for this server, which must also speak text.
    pub fn new(server: &'s ServerProcess) -> Self {
        Self { server, pacer: server.connect() }
    }

    /// Empties the cache, plays the script on a new connection and returns a line for each reply,
    /// followed by `closed` if the server had to close.
    pub fn play(&mut self, script: &BinaryScript, splits: Splits) -> Vec<String> {
        self.pacer.expect("flush_all\r\n", "OK\r\n");
        let mut client = self.server.connect();
        let (mut seen, mut step) = (Seen::default(), Vec::new());
        for (place, request) in script.requests.iter().enumerate() {
            let cas = match request.cas {
                Cas::Number(number) => number,
                Cas::OfReply(of) => {
                    self.play_step(&mut client, &mut seen, &std::mem::take(&mut step), splits);
                    seen.of_reply.get(&of).copied().unwrap_or(CAS_NEVER_GIVEN)
                }
            };
            step.extend(request.bytes(place, cas));
        }
        if !script.closes {
            self.play_step(&mut client, &mut seen, &step, splits);
            return seen.lines;
        }
        self.send(&client, &step, splits);
        let mut rest = &client.read_to_close()[..];
        while let Some((packet, length)) = Packet::read(rest) {
            seen.note(packet);
            rest = &rest[length..];
        }
        seen.lines.push(format!("closed after {} bytes", rest.len()));
        seen.lines
    }

    fn play_step(&mut self, client: &mut WireClient, seen: &mut Seen, step: &[u8], splits: Splits) {
        let fence = Packet::request(NOOP).opaque(FENCE);
        self.send(client, &[step, &fence.bytes()].concat(), splits);
        loop {
            let bytes = client.read_until(|received| Some(Packet::read(received)?.1));
            let (packet, _) = Packet::read(&bytes).expect("it was whole");
            if packet.opaque == FENCE {
                return;
            }
            seen.note(packet);
        }
    }

    fn send(&mut self, client: &WireClient, stream: &[u8], splits: Splits) {
        let mut rest = stream;
        for length in splits.lengths().take(PIECES_PER_STEP_MAX - 1) {
            if rest.len() <= length {
                break;
            }
            let (piece, after) = rest.split_at(length);
            // A server that must close may do so before everything is sent.
            let _ = client.try_send(piece);
            self.pacer.round_trip();
            rest = after;
        }
        let _ = client.try_send(rest);
    }
}
