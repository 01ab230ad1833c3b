//! What shards tell of their connections for `stats conns`, put together.

use std::collections::BTreeMap;

use slabcore_protocol::{END, encode_stat};

use crate::settings::port_socket::PortSocket;

/// What was told of connections, by descriptor.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    lines: BTreeMap<i32, String>,
    untold: u64,
}

impl Connections {
    /// Appends a connection in the form that [`Self::merge_bytes`] takes.
    pub(crate) fn append(out: &mut Vec<u8>, descriptor: i32, lines: &str) {
        out.extend_from_slice(&descriptor.to_le_bytes());
        out.extend_from_slice(&(lines.len() as u32).to_le_bytes());
        out.extend_from_slice(lines.as_bytes());
    }

    /// Adds what a shard told: how many connections it left out, and the others.
    pub(super) fn merge_bytes(&mut self, bytes: &[u8]) {
        let Some((untold, mut rest)) = bytes.split_first_chunk() else { return };
        self.untold += u64::from_le_bytes(*untold);
        while let Some((head, behind)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, length @ ..] = *head;
            let (lines, behind) = behind.split_at(u32::from_le_bytes(length) as usize);
            let lines = String::from_utf8_lossy(lines).into_owned();
            self.lines.insert(i32::from_le_bytes([a, b, c, d]), lines);
            rest = behind;
        }
    }

    /// The reply, in the order of descriptors, with the sockets that no connection belongs to.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, ports: &[PortSocket], uptime: u64) {
        let ports = ports.iter().map(|it| (it.descriptor, it.lines(uptime)));
        let mut all: BTreeMap<i32, String> = ports.collect();
        all.extend(self.lines.iter().map(|(descriptor, lines)| (*descriptor, lines.clone())));
        for lines in all.values() {
            out.extend_from_slice(lines.as_bytes());
        }
        if self.untold > 0 {
            encode_stat(out, "untold_connections", self.untold);
        }
        out.extend_from_slice(END);
    }
}
