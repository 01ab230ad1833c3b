//! The description of a load.

use crate::limits::{
    CONNECTIONS_MAX, DEPTH_MAX, KEY_BYTES_MAX, KEY_DIGITS, KEYS_MAX, KEYS_PER_GET_MAX,
    VALUE_BYTES_MAX,
};

/// The commands of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// `get` of this many keys per command.
    Get {
        /// Keys named by one command, 1 to [`KEYS_PER_GET_MAX`].
        keys: usize,
    },
    /// `mg <key> v`.
    MetaGet,
    /// The binary protocol's get.
    BinaryGet,
    /// `set`.
    Set,
    /// `get` of one key, and `set` in this share of the requests.
    Mixed {
        /// Writes in 100 requests, 0 to 100.
        sets_percent: u32,
    },
}

/// The order of requested keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeyOrder {
    /// Every key equally often, at random.
    Uniform,
    /// The key of rank r in proportion to r to the power of minus this exponent.
    Zipf(f64),
    /// One after the other, in a circle, as for a preload.
    Sequential,
}

/// One load, as every connection of it sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The commands.
    pub operation: Operation,
    /// Distinct keys, 1 to [`KEYS_MAX`].
    pub keys: u32,
    /// The order in which keys are requested.
    pub order: KeyOrder,
    /// Bytes of a key, [`KEY_DIGITS`] to [`KEY_BYTES_MAX`].
    pub key_bytes: usize,
    /// Value sizes in bytes; a key's number modulo the length of the list picks its size.
    pub value_bytes: Vec<usize>,
    /// Connections of one generator.
    pub connections: usize,
    /// Requests per write.
    pub depth: usize,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            operation: Operation::Get { keys: 1 },
            keys: 1_000_000,
            order: KeyOrder::Uniform,
            key_bytes: 16,
            value_bytes: vec![100],
            connections: 50,
            depth: 1,
        }
    }
}

impl Workload {
    /// The load that stores every key once, for others to read.
    #[must_use]
    pub fn preload(&self) -> Self {
        Self {
            operation: Operation::Set,
            order: KeyOrder::Sequential,
            connections: 4,
            depth: 64,
            ..self.clone()
        }
    }

    /// Says which bound the load breaks, if any.
    pub fn validate(&self) -> Result<(), String> {
        let keys_per_get = match self.operation {
            Operation::Get { keys } => keys,
            Operation::MetaGet
            | Operation::BinaryGet
            | Operation::Set
            | Operation::Mixed { .. } => 1,
        };
        within("keys per get", keys_per_get, 1, KEYS_PER_GET_MAX)?;
        if let Operation::Mixed { sets_percent } = self.operation {
            within("sets percent", sets_percent as usize, 0, 100)?;
        }
        if let KeyOrder::Zipf(exponent) = self.order
            && !(0.0..=10.0).contains(&exponent)
        {
            return Err(format!("the zipf exponent {exponent} is not within 0 to 10"));
        }
        within("keys", self.keys as usize, 1, KEYS_MAX as usize)?;
        within("key bytes", self.key_bytes, KEY_DIGITS, KEY_BYTES_MAX)?;
        within("value sizes", self.value_bytes.len(), 1, 1000)?;
        for &bytes in &self.value_bytes {
            within("value bytes", bytes, 0, VALUE_BYTES_MAX)?;
        }
        within("connections", self.connections, 1, CONNECTIONS_MAX)?;
        within("requests per write", self.depth, 1, DEPTH_MAX)
    }
}

fn within(what: &str, value: usize, min: usize, max: usize) -> Result<(), String> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(format!("{what}: {value} is not within {min} to {max}"))
    }
}
