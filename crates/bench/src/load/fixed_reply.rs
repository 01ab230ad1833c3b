//! A load whose requests all have the same bytes, and the reply to each.

use crate::load::item_format::ItemFormat;
use crate::load::request_batch::{RequestBatch, RequestSource};
use crate::load::workload::{Operation, Workload};

/// The request of a load of one key, and its reply.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedReply {
    /// Length of every request.
    pub request_bytes: usize,
    /// The reply to every request.
    pub reply: Vec<u8>,
}

impl FixedReply {
    /// `None` if the load has several keys, or requests of several kinds, or is binary.
    #[must_use]
    pub fn of(workload: &Workload) -> Option<Self> {
        let format = ItemFormat::new(workload.key_bytes, &workload.value_bytes);
        if workload.keys != 1 {
            return None;
        }
        let reply = reply(workload.operation, &format)?;
        let mut batch = RequestBatch::default();
        RequestSource::new(&Workload { depth: 1, ..workload.clone() }, 0).fill(&mut batch, &format);
        Some(Self { request_bytes: batch.text().len(), reply })
    }
}

/// The reply to a request for key 0.
fn reply(operation: Operation, format: &ItemFormat) -> Option<Vec<u8>> {
    let mut reply = Vec::new();
    let push_body = |reply: &mut Vec<u8>| {
        reply.extend_from_slice(format.value_bytes_text(0));
        reply.extend_from_slice(b"\r\n");
        format.push_value(reply, 0);
        reply.extend_from_slice(b"\r\n");
    };
    match operation {
        Operation::Get { keys } => {
            for _ in 0..keys {
                reply.extend_from_slice(b"VALUE ");
                format.push_key(&mut reply, 0);
                reply.extend_from_slice(b" 0 ");
                push_body(&mut reply);
            }
            reply.extend_from_slice(b"END\r\n");
        }
        Operation::MetaGet => {
            reply.extend_from_slice(b"VA ");
            push_body(&mut reply);
        }
        Operation::Set => reply.extend_from_slice(b"STORED\r\n"),
        Operation::BinaryGet | Operation::Mixed { .. } => return None,
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::reply::{self, Reply};
    use crate::load::request_batch::RequestKind;

    #[test]
    fn replies_are_those_that_the_generator_expects() {
        let check = |operation, kind, keys: &[u32], request: &str| {
            let workload = Workload { operation, keys: 1, key_bytes: 9, ..Workload::default() };
            let fixed = FixedReply::of(&workload).unwrap();
            assert_eq!(fixed.request_bytes, request.len());
            let format = ItemFormat::new(9, &workload.value_bytes);
            let seen = reply::check(&format, kind, keys, &fixed.reply);
            let bytes = fixed.reply.len();
            assert_eq!(seen, Reply::Complete { bytes, hits: keys.len() });
        };
        let one = Operation::Get { keys: 1 };
        check(one, RequestKind::Get, &[0], "get k00000000\r\n");
        let two = Operation::Get { keys: 2 };
        check(two, RequestKind::Get, &[0, 0], "get k00000000 k00000000\r\n");
        check(Operation::MetaGet, RequestKind::MetaGet, &[0], "mg k00000000 v\r\n");
        let set = format!("set k00000000 0 0 100\r\n{}\r\n", "v".repeat(100));
        check(Operation::Set, RequestKind::Set, &[0], &set);
    }

    #[test]
    fn other_loads_have_several_replies() {
        let mixed = Operation::Mixed { sets_percent: 10 };
        let one_key = Workload { keys: 1, ..Workload::default() };
        assert!(FixedReply::of(&Workload { operation: mixed, ..one_key.clone() }).is_none());
        assert!(FixedReply::of(&Workload { keys: 2, ..one_key }).is_none());
    }
}
