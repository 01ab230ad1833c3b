//! The loads of the published comparison, with the ratio that each must reach.

use crate::compare::data_set::{DataSet, Items};
use crate::load::fixed_reply::FixedReply;
use crate::load::workload::{KeyOrder, Operation, Workload};

/// The timing of requests, and the figure that is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each connection sends as soon as it has its replies; compared is the CPU per request.
    Closed,
    /// Requests are due at this share, 0 to 1, of the rate that memcached reaches at most with the
    /// same connections, whether the server keeps up or not; compared is the 99th percentile of
    /// the latency.
    ShareOfPeak(f64),
}

/// The use of TLS in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tls {
    /// Nothing.
    Nothing,
    /// Its connections.
    Connections,
    /// Full handshakes of other clients, so many a second, each with a signature by RSA of 2,048
    /// bits.
    Handshakes(u32),
}

/// One row of the comparison. Ratios are memcached's figure divided by ours.
#[derive(Clone, Copy, Debug)]
pub struct ComparisonRow {
    /// The name in the table, which `--rows` matches.
    pub name: &'static str,
    /// Threads (`-t`) of both servers.
    pub threads: usize,
    /// The data set of the servers.
    pub items: Items,
    /// The commands.
    pub operation: Operation,
    /// Which keys.
    pub order: KeyOrder,
    /// Connections.
    pub connections: usize,
    /// Requests per write.
    pub depth: usize,
    /// When they are sent.
    pub pace: Pace,
    /// How much TLS there is.
    pub tls: Tls,
    /// The ratio must be at least this.
    pub floor: f64,
    /// The ratio should be this.
    pub aim: f64,
}

impl ComparisonRow {
    /// The row's load over these items.
    #[must_use]
    pub fn workload(&self, data_set: DataSet) -> Workload {
        Workload {
            operation: self.operation,
            keys: data_set.keys,
            order: self.order,
            value_bytes: vec![data_set.value_bytes],
            connections: self.connections,
            depth: self.depth,
            ..Workload::default()
        }
    }

    /// The row's load over one key, where all requests have the same length and the same reply.
    /// `None` where a responder on one thread cannot answer it, or the row compares latencies.
    #[must_use]
    pub fn fixed_load(&self, data_set: DataSet) -> Option<(Workload, FixedReply)> {
        if self.threads > 1 || self.tls != Tls::Nothing || self.pace != Pace::Closed {
            return None;
        }
        let order = KeyOrder::Uniform;
        let workload = Workload { order, ..self.workload(DataSet { keys: 1, ..data_set }) };
        let fixed = FixedReply::of(&workload)?;
        Some((workload, fixed))
    }

    /// Whether another row can be measured on the same servers.
    #[must_use]
    pub fn shares_servers(&self, other: &Self) -> bool {
        let plain = |row: &Self| row.tls == Tls::Nothing;
        self.threads == other.threads && self.items == other.items && plain(self) == plain(other)
    }

    const fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    const fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    const fn tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    const fn items(self, items: Items) -> Self {
        Self { items, ..self }
    }
}

const GET: Operation = Operation::Get { keys: 1 };
const GET_50: Operation = Operation::Get { keys: 50 };

/// A row with 50 connections, one thread and uniform keys. `bounds` are minimum and target.
const fn row(
    name: &'static str,
    operation: Operation,
    depth: usize,
    bounds: (f64, f64),
) -> ComparisonRow {
    ComparisonRow {
        name,
        threads: 1,
        items: Items::Chosen,
        operation,
        order: KeyOrder::Uniform,
        connections: 50,
        depth,
        pace: Pace::Closed,
        tls: Tls::Nothing,
        floor: bounds.0,
        aim: bounds.1,
    }
}

/// All rows in the table's order. Rows that share servers are next to each other.
pub const ROWS: &[ComparisonRow] = &[
    row("get, 50 connections, 1 per write", GET, 1, (1.20, 1.35)),
    row("get, 500 connections, 1 per write", GET, 1, (1.25, 1.45)).connections(500),
    row("get, 50 connections, 16 per write", GET, 16, (3.5, 5.0)),
    row("get, 50 connections, 128 per write", GET, 128, (7.0, 12.0)),
    row("get of 50 keys", GET_50, 1, (5.0, 8.0)),
    row("mg, 16 per write", Operation::MetaGet, 16, (3.5, 5.0)),
    row("set, 1 per write", Operation::Set, 1, (1.2, 1.35)),
    row("set, 16 per write", Operation::Set, 16, (3.0, 4.0)),
    ComparisonRow {
        order: KeyOrder::Zipf(0.99),
        ..row(
            "90 % get, 10 % set, zipf 0.99, 16 per write",
            Operation::Mixed { sets_percent: 10 },
            16,
            (3.5, 5.0),
        )
    },
    ComparisonRow {
        pace: Pace::ShareOfPeak(0.7),
        ..row("p99 at 70 % of memcached's peak, open loop, get, 1 per write", GET, 1, (1.3, 2.0))
    },
    // After the others, as it gives the items cas uniques.
    row("binary get, 16 per write", Operation::BinaryGet, 16, (3.5, 5.0)),
    row("12 M items of 64 B, get, 16 per write", GET, 16, (3.0, 5.0)).items(Items::Many),
    row("12 M items of 64 B, get of 50 keys", GET_50, 1, (4.0, 8.0)).items(Items::Many),
    row("set into a full cache, 16 per write", Operation::Set, 16, (2.0, 3.0))
        .items(Items::TooMany),
    row("64 KiB values, get, 1 per write", GET, 1, (1.1, 1.3)).items(Items::Large),
    row("-t 2, get, 1 per write", GET, 1, (1.2, 1.35)).threads(2),
    row("-t 2, get, 16 per write", GET, 16, (2.5, 3.2)).threads(2),
    row("-t 8, get, 1 per write", GET, 1, (1.1, 1.25)).threads(8),
    row("-t 8, get, 16 per write", GET, 16, (2.4, 3.0)).threads(8),
    row("-t 16, get, 1 per write", GET, 1, (1.1, 1.25)).threads(16),
    row("-t 16, get, 16 per write", GET, 16, (2.2, 3.0)).threads(16),
    row("TLS, get, 1 per write", GET, 1, (1.0, 1.2)).tls(Tls::Connections),
    row("TLS, get, 16 per write", GET, 16, (1.0, 1.5)).tls(Tls::Connections),
    ComparisonRow {
        pace: Pace::ShareOfPeak(0.5),
        ..row("p99 beside 200 handshakes/s, half of peak, get, 1 per write", GET, 1, (1.0, 2.0))
    }
    .tls(Tls::Handshakes(200)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::data_set::DataSets;

    const CHOSEN: DataSet = DataSet { keys: 1_000_000, value_bytes: 100, memory_mib: 1024 };

    #[test]
    fn rows_are_valid_loads_with_names_of_their_own() {
        for quick in [false, true] {
            let data_sets = DataSets { chosen: CHOSEN, quick };
            for (at, row) in ROWS.iter().enumerate() {
                row.workload(data_sets.of(row.items)).validate().unwrap();
                assert!(ROWS[..at].iter().all(|other| other.name != row.name));
                assert!(1.0 <= row.floor && row.floor < row.aim, "{}", row.name);
            }
        }
    }

    #[test]
    fn gets_and_sets_of_one_thread_have_a_fixed_load() {
        let has = |text: &str| {
            let row = ROWS.iter().find(|row| row.name.starts_with(text)).unwrap();
            let load = row.fixed_load(CHOSEN);
            if let Some((workload, _)) = &load {
                workload.validate().unwrap();
                assert_eq!((workload.keys, workload.depth), (1, row.depth));
            }
            load.is_some()
        };
        for text in ["get, 50 connections, 128", "get of 50", "mg", "set, 16", "set into"] {
            assert!(has(text), "{text}");
        }
        for text in ["90 % get", "p99 at", "binary", "-t 2, get, 16", "TLS, get, 1 "] {
            assert!(!has(text), "{text}");
        }
    }

    #[test]
    fn no_servers_are_started_twice() {
        let groups: Vec<_> = ROWS.chunk_by(ComparisonRow::shares_servers).collect();
        for (at, group) in groups.iter().enumerate() {
            assert!(groups[..at].iter().all(|other| !other[0].shares_servers(&group[0])));
        }
    }
}
