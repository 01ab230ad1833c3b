//! The loads of the published comparison, with what each must reach.

use crate::workload::{KeyOrder, Operation, Workload};

/// One row of the comparison.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What the table calls it, and what `--rows` matches.
    pub name: &'static str,
    /// Threads (`-t`) of both servers.
    pub threads: usize,
    /// The commands.
    pub operation: Operation,
    /// Which keys.
    pub order: KeyOrder,
    /// Connections.
    pub connections: usize,
    /// Requests per write.
    pub depth: usize,
    /// memcached's CPU per request divided by ours must be at least this.
    pub floor: Option<f64>,
}

impl Row {
    /// The row's load over this many keys with values of this many bytes.
    #[must_use]
    pub fn workload(&self, keys: u32, value_bytes: usize) -> Workload {
        Workload {
            operation: self.operation,
            keys,
            order: self.order,
            value_bytes: vec![value_bytes],
            connections: self.connections,
            depth: self.depth,
            ..Workload::default()
        }
    }
}

const GET: Operation = Operation::Get { keys: 1 };

const fn row(name: &'static str, operation: Operation, depth: usize) -> Row {
    Row {
        name,
        threads: 1,
        operation,
        order: KeyOrder::Uniform,
        connections: 50,
        depth,
        floor: None,
    }
}

/// All rows, in the table's order; those of one thread count stand together.
pub const ROWS: &[Row] = &[
    Row { floor: Some(1.10), ..row("get, 50 connections, 1 per write", GET, 1) },
    Row { connections: 500, ..row("get, 500 connections, 1 per write", GET, 1) },
    Row { floor: Some(2.5), ..row("get, 50 connections, 16 per write", GET, 16) },
    row("get, 50 connections, 128 per write", GET, 128),
    Row { floor: Some(3.0), ..row("get of 50 keys", Operation::Get { keys: 50 }, 1) },
    row("set, 1 per write", Operation::Set, 1),
    Row { floor: Some(2.0), ..row("set, 16 per write", Operation::Set, 16) },
    Row {
        order: KeyOrder::Zipf(0.99),
        ..row(
            "90 % get, 10 % set, zipf 0.99, 16 per write",
            Operation::Mixed { sets_percent: 10 },
            16,
        )
    },
    Row { threads: 2, ..row("-t 2, get, 1 per write", GET, 1) },
    Row { threads: 2, floor: Some(1.5), ..row("-t 2, get, 16 per write", GET, 16) },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_valid_loads_with_names_of_their_own() {
        for (at, row) in ROWS.iter().enumerate() {
            row.workload(1_000_000, 100).validate().unwrap();
            assert!(ROWS[..at].iter().all(|other| other.name != row.name));
            assert!(at == 0 || ROWS[at - 1].threads <= row.threads);
        }
    }
}
