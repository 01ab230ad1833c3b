//! The reports of all executors about their connections that speak Redis' dialect, merged into the
//! reply to `CLIENT LIST` or `CLIENT INFO`.

use std::collections::BTreeMap;

use slabcore_protocol::{ClientType, RespVersion, RespWriter};

/// The lines of all clients by number.
#[derive(Debug)]
pub(crate) struct RedisClients {
    lines: BTreeMap<u64, String>,
    /// The clients that are shown. Empty: all of them.
    chosen: Vec<u64>,
    /// The type that is shown; `None`: all.
    kind: Option<ClientType>,
    version: RespVersion,
}

impl RedisClients {
    /// No lines yet. `chosen`: the clients that are shown; empty: all of them. `kind`: the type
    /// that is shown; `None`: all.
    pub(crate) fn new(chosen: Vec<u64>, kind: Option<ClientType>, version: RespVersion) -> Self {
        Self { lines: BTreeMap::new(), chosen, kind, version }
    }

    /// Appends one client's line to a report.
    pub(crate) fn push(report: &mut Vec<u8>, number: u64, line: &str) {
        report.extend_from_slice(&number.to_le_bytes());
        report.extend_from_slice(&(line.len() as u32).to_le_bytes());
        report.extend_from_slice(line.as_bytes());
    }

    /// Adds the report of one executor.
    pub(super) fn merge_bytes(&mut self, bytes: &[u8]) {
        let (_, mut bytes) = halves(bytes);
        while let Some((number, rest)) = bytes.split_first_chunk()
            && let Some((length, rest)) = rest.split_first_chunk()
        {
            let number = u64::from_le_bytes(*number);
            let (line, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
            let line = String::from_utf8_lossy(line);
            let is_chosen = self.chosen.is_empty() || self.chosen.contains(&number);
            if is_chosen && self.kind.is_none_or(|kind| kind == type_of(&line)) {
                self.lines.insert(number, line.into_owned());
            }
            bytes = rest;
        }
    }

    /// Appends the reply: the lines in the order of the clients' numbers.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let text: String = self.lines.values().map(String::as_str).collect();
        RespWriter::new(out, self.version).verbatim(text.as_bytes());
    }
}

/// The type of the client with this line.
fn type_of(line: &str) -> ClientType {
    if line.contains(" flags=P ") { ClientType::Subscriber } else { ClientType::Normal }
}

/// The two halves of a report: of all connections, and of those that speak Redis' dialect.
pub(super) fn halves(report: &[u8]) -> (&[u8], &[u8]) {
    match report.split_first_chunk() {
        Some((length, rest)) => rest.split_at(u64::from_le_bytes(*length) as usize),
        None => (&[], &[]),
    }
}
