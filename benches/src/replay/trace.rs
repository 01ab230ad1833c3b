//! Trace files: zstd over 16-byte records, little-endian, without a header.
//!
//! ```text
//! 0        4            7    8              16
//! | time_s | value_bytes | op | key          |
//! | u32    | u24         | u8 | u64          |
//! ```
//!
//! Times do not decrease; keys are 0, 1, 2, ... in order of first appearance.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;

/// Bytes of a record.
const RECORD_BYTES: usize = 16;

/// A client's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads, and sets after a miss.
    Get,
    /// Writes.
    Set,
    /// Removes.
    Delete,
}

/// One request of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Seconds since the first record.
    pub time_s: u32,
    /// The operation.
    pub verb: Verb,
    /// Bytes that the key's value has from now on; 0 for a delete.
    pub value_bytes: u32,
    /// Number of the key.
    pub key: u64,
}

/// Reads the first `records_max` records of a file; 0 means all. Fails if the file cannot be read,
/// is not zstd, ends within a record, or has an unknown verb or a decreasing time.
pub fn read(path: &Path, records_max: usize) -> io::Result<Vec<Record>> {
    let invalid = |text: String| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {text}", path.display()))
    };
    let file = File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    let mut decoder = StreamingDecoder::new(file).map_err(|error| invalid(error.to_string()))?;
    let mut bytes = Vec::new();
    match records_max {
        0 => decoder.read_to_end(&mut bytes)?,
        records => decoder.take((records * RECORD_BYTES) as u64).read_to_end(&mut bytes)?,
    };
    let (whole, rest) = bytes.as_chunks::<RECORD_BYTES>();
    if !rest.is_empty() {
        return Err(invalid("ends within a record".to_owned()));
    }
    let records: Option<Vec<Record>> = whole.iter().map(record).collect();
    let records = records.ok_or_else(|| invalid("a verb that does not exist".to_owned()))?;
    if !records.is_sorted_by_key(|record| record.time_s) {
        return Err(invalid("times decrease".to_owned()));
    }
    Ok(records)
}

fn record(bytes: &[u8; RECORD_BYTES]) -> Option<Record> {
    let [t0, t1, t2, t3, v0, v1, v2, op, key @ ..] = *bytes;
    Some(Record {
        time_s: u32::from_le_bytes([t0, t1, t2, t3]),
        verb: match op {
            0 => Verb::Get,
            1 => Verb::Set,
            2 => Verb::Delete,
            _ => return None,
        },
        value_bytes: u32::from_le_bytes([v0, v1, v2, 0]),
        key: u64::from_le_bytes(key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_its_fields_where_they_belong() {
        let bytes = [1, 0, 0, 0, 3, 2, 1, 1, 9, 0, 0, 0, 1, 0, 0, 0];
        let expected =
            Record { time_s: 1, verb: Verb::Set, value_bytes: 0x01_02_03, key: (1 << 32) + 9 };
        assert_eq!(record(&bytes), Some(expected));
        let mut unknown = bytes;
        unknown[7] = 3;
        assert_eq!(record(&unknown), None);
    }
}
