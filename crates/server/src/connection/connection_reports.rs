//! The reports of all executors about their connections, merged into the reply to `stats conns`.

use std::collections::BTreeMap;

use slabcore_protocol::{END, encode_stat};

use crate::connection::redis_clients::{RedisClients, halves};
use crate::settings::port_socket::PortSocket;

/// The lines of all connections by descriptor.
#[derive(Debug, Default)]
pub(crate) struct ConnectionReports {
    lines: BTreeMap<i32, String>,
    /// Connections that the executors left out of their reports.
    left_out: u64,
}

/// One executor's report: how many connections it leaves out, and the lines of the others; then the
/// lines of those that speak Redis' dialect.
#[derive(Debug)]
pub(crate) struct ConnectionReport {
    bytes: Vec<u8>,
    redis: Vec<u8>,
}

impl ConnectionReport {
    /// A report without connections yet.
    pub(crate) fn new(left_out: usize) -> Self {
        Self { bytes: (left_out as u64).to_le_bytes().to_vec(), redis: Vec::new() }
    }

    /// Adds the line of a connection that speaks Redis' dialect.
    pub(crate) fn push_redis(&mut self, number: u64, line: &str) {
        RedisClients::push(&mut self.redis, number, line);
    }

    /// Adds the lines of one connection.
    pub(crate) fn push(&mut self, descriptor: i32, lines: &str) {
        self.bytes.extend_from_slice(&descriptor.to_le_bytes());
        self.bytes.extend_from_slice(&(lines.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(lines.as_bytes());
    }

    /// The report in the form that [`halves`] takes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [&(self.bytes.len() as u64).to_le_bytes(), &self.bytes[..], &self.redis].concat()
    }
}

impl ConnectionReports {
    /// Adds the report of one executor.
    pub(super) fn merge_bytes(&mut self, bytes: &[u8]) {
        let Some((left_out, mut rest)) = halves(bytes).0.split_first_chunk() else { return };
        self.left_out += u64::from_le_bytes(*left_out);
        while let Some((head, tail)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, length @ ..] = *head;
            let (lines, tail) = tail.split_at(u32::from_le_bytes(length) as usize);
            let lines = String::from_utf8_lossy(lines).into_owned();
            self.lines.insert(i32::from_le_bytes([a, b, c, d]), lines);
            rest = tail;
        }
    }

    /// Appends the reply, in the order of descriptors, with the sockets that no connection belongs
    /// to.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, ports: &[PortSocket], uptime: u64) {
        let ports = ports.iter().map(|it| (it.descriptor, it.lines(uptime)));
        let mut all: BTreeMap<i32, String> = ports.collect();
        all.extend(self.lines.iter().map(|(descriptor, lines)| (*descriptor, lines.clone())));
        for lines in all.values() {
            out.extend_from_slice(lines.as_bytes());
        }
        if self.left_out > 0 {
            encode_stat(out, "untold_connections", self.left_out);
        }
        out.extend_from_slice(END);
    }
}
