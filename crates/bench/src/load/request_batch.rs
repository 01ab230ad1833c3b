//! The requests of one write, with the keys that the check of replies needs.

use crate::load::item_format::ItemFormat;
use crate::load::key_chooser::KeyChooser;
use crate::load::workload::{Operation, Workload};
use crate::splitmix64::Splitmix64;

/// The command of one request; all requests of a load that share a kind name equally many keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RequestKind {
    /// `get`, answered by values and `END`.
    Get,
    /// `mg <key> v`, answered by `VA` or `EN`.
    MetaGet,
    /// The binary protocol's get.
    BinaryGet,
    /// `set`, answered by `STORED`.
    Set,
}

/// One write's worth of requests. Its buffers are reused.
#[derive(Debug, Default)]
pub struct RequestBatch {
    text: Vec<u8>,
    kinds: Vec<RequestKind>,
    keys: Vec<u32>,
}

impl RequestBatch {
    /// The bytes to send.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The requests in order.
    #[must_use]
    pub fn kinds(&self) -> &[RequestKind] {
        &self.kinds
    }

    /// The keys of all requests in order.
    #[must_use]
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }
}

/// Fills batches with the requests of one load.
#[derive(Debug)]
pub struct RequestSource {
    operation: Operation,
    depth: usize,
    chooser: KeyChooser,
    random: Splitmix64,
}

impl RequestSource {
    /// A source for one generator. A different seed draws different keys.
    #[must_use]
    pub fn new(workload: &Workload, seed: u64) -> Self {
        Self {
            operation: workload.operation,
            depth: workload.depth,
            chooser: KeyChooser::new(workload.order, workload.keys, seed),
            random: Splitmix64::new(!seed),
        }
    }

    /// Replaces the batch's content by the next requests.
    pub fn fill(&mut self, batch: &mut RequestBatch, format: &ItemFormat) {
        batch.text.clear();
        batch.kinds.clear();
        batch.keys.clear();
        for _ in 0..self.depth {
            match self.operation {
                Operation::Get { keys } => self.push_get(batch, format, keys),
                Operation::MetaGet => self.push_meta_get(batch, format),
                Operation::BinaryGet => self.push_binary_get(batch, format),
                Operation::Set => self.push_set(batch, format),
                Operation::Mixed { sets_percent } => {
                    if self.random.below(100) < sets_percent {
                        self.push_set(batch, format);
                    } else {
                        self.push_get(batch, format, 1);
                    }
                }
            }
        }
    }

    fn push_get(&mut self, batch: &mut RequestBatch, format: &ItemFormat, keys: usize) {
        batch.kinds.push(RequestKind::Get);
        batch.text.extend_from_slice(b"get");
        for _ in 0..keys {
            let key = self.chooser.choose();
            batch.keys.push(key);
            batch.text.push(b' ');
            format.push_key(&mut batch.text, key);
        }
        batch.text.extend_from_slice(b"\r\n");
    }

    fn push_meta_get(&mut self, batch: &mut RequestBatch, format: &ItemFormat) {
        let key = self.chooser.choose();
        batch.kinds.push(RequestKind::MetaGet);
        batch.keys.push(key);
        batch.text.extend_from_slice(b"mg ");
        format.push_key(&mut batch.text, key);
        batch.text.extend_from_slice(b" v\r\n");
    }

    fn push_binary_get(&mut self, batch: &mut RequestBatch, format: &ItemFormat) {
        let key = self.chooser.choose();
        batch.kinds.push(RequestKind::BinaryGet);
        batch.keys.push(key);
        let key_bytes = format.key_bytes() as u16;
        // Magic, opcode, key length, no extras; then the body's length, opaque and cas unique.
        batch.text.extend_from_slice(&[0x80, 0x00]);
        batch.text.extend_from_slice(&key_bytes.to_be_bytes());
        batch.text.extend_from_slice(&[0; 4]);
        batch.text.extend_from_slice(&u32::from(key_bytes).to_be_bytes());
        batch.text.extend_from_slice(&[0; 12]);
        format.push_key(&mut batch.text, key);
    }

    fn push_set(&mut self, batch: &mut RequestBatch, format: &ItemFormat) {
        let key = self.chooser.choose();
        batch.kinds.push(RequestKind::Set);
        batch.keys.push(key);
        batch.text.extend_from_slice(b"set ");
        format.push_key(&mut batch.text, key);
        batch.text.extend_from_slice(b" 0 0 ");
        batch.text.extend_from_slice(format.value_bytes_text(key));
        batch.text.extend_from_slice(b"\r\n");
        format.push_value(&mut batch.text, key);
        batch.text.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::workload::KeyOrder;

    fn filled(operation: Operation) -> (String, usize) {
        let workload = Workload {
            operation,
            keys: 3,
            order: KeyOrder::Sequential,
            key_bytes: 9,
            value_bytes: vec![10],
            depth: 2,
            ..Workload::default()
        };
        let mut batch = RequestBatch::default();
        let format = ItemFormat::new(workload.key_bytes, &workload.value_bytes);
        RequestSource::new(&workload, 1).fill(&mut batch, &format);
        (String::from_utf8(batch.text).unwrap(), batch.keys.len())
    }

    #[test]
    fn requests_are_memcacheds_text() {
        let cases = [
            (Operation::Get { keys: 1 }, "get k00000000\r\nget k00000001\r\n", 2),
            (
                Operation::Get { keys: 2 },
                "get k00000000 k00000001\r\nget k00000002 k00000000\r\n",
                4,
            ),
            (Operation::MetaGet, "mg k00000000 v\r\nmg k00000001 v\r\n", 2),
            (
                Operation::Set,
                "set k00000000 0 0 10\r\n00000000ij\r\nset k00000001 0 0 10\r\n00000001ij\r\n",
                2,
            ),
        ];
        for (operation, text, keys) in cases {
            assert_eq!(filled(operation), (text.to_owned(), keys));
        }
    }

    #[test]
    fn the_mix_keeps_its_ratio() {
        let workload = Workload {
            operation: Operation::Mixed { sets_percent: 10 },
            keys: 100,
            depth: 4000,
            ..Workload::default()
        };
        let mut batch = RequestBatch::default();
        let format = ItemFormat::new(workload.key_bytes, &workload.value_bytes);
        RequestSource::new(&workload, 1).fill(&mut batch, &format);
        let sets = batch.kinds.iter().filter(|&&kind| kind == RequestKind::Set).count();
        assert!((300..=500).contains(&sets), "{sets} sets in 4000");
    }
}
