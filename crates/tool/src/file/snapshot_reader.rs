//! Reads the items of snapshots.

use std::collections::VecDeque;
use std::io::Read;
use std::time::Instant;

use slabcore_snapshot::{Attributes, Decoder, LongItem, Part, Report};

use super::dump_clock;
use super::record::Record;
use crate::item::{Item, Ttl};
use crate::limits::KEY_BYTES_MAX;

/// Streams of items, one after the other.
#[derive(Debug)]
pub(super) struct SnapshotReader<R> {
    decoder: Decoder<R>,
    /// Items of the last block.
    items: VecDeque<RecordedItem>,
    /// How old they are. It is read once for a block: that takes as long as many items.
    age_seconds: u64,
    /// An item whose value comes in pieces.
    long: Option<RecordedItem>,
}

/// An item as it was recorded.
#[derive(Debug)]
struct RecordedItem {
    key: Vec<u8>,
    value: Vec<u8>,
    attributes: Attributes,
}

impl<R: Read> SnapshotReader<R> {
    /// Reads from here on.
    pub(super) fn new(read: R) -> Self {
        Self { decoder: Decoder::new(read), items: VecDeque::new(), age_seconds: 0, long: None }
    }

    /// The next item; `None` after the last one. What is damaged is left out.
    pub(super) fn next(&mut self) -> Result<Option<Record>, String> {
        while self.items.is_empty() {
            let part = self.decoder.next_part().map_err(|error| error.to_string())?;
            match part {
                None => return Ok(None),
                Some(Part::Items(items)) => self.items.extend(items.map(|item| RecordedItem {
                    key: item.key.to_vec(),
                    value: item.value.to_vec(),
                    attributes: item.attributes,
                })),
                Some(Part::Long(LongItem { key, attributes, .. })) => {
                    let (key, value) = (key.to_vec(), Vec::new());
                    self.long = Some(RecordedItem { key, value, attributes });
                }
                Some(Part::Piece { bytes, is_last }) => {
                    if let Some(long) = &mut self.long {
                        long.value.extend_from_slice(bytes);
                    }
                    self.items.extend(if is_last { self.long.take() } else { None });
                }
                Some(Part::LongCut) => self.long = None,
            }
            let clock = self.decoder.clock().unwrap_or_default();
            self.age_seconds = clock.seconds_until(&dump_clock::now());
        }
        Ok(self.items.pop_front().map(|item| item.after(self.age_seconds)))
    }

    /// What was found.
    pub(super) fn report(&self) -> &Report {
        self.decoder.report()
    }
}

impl RecordedItem {
    /// What is left of it so many seconds after the clock of its stream.
    fn after(self, seconds: u64) -> Record {
        let Self { key, value, attributes } = self;
        let Some(attributes) = attributes.after(seconds) else { return Record::Expired(key) };
        let is_nameable = attributes.database == 0 && (1..=KEY_BYTES_MAX).contains(&key.len());
        if attributes.marks.stale || attributes.marks.claimed || !is_nameable {
            return Record::Unfinished(key);
        }
        Record::Item(Box::new(Item {
            key,
            key_in_base64: attributes.marks.key_encoded,
            value,
            flags: attributes.flags,
            ttl: attributes.ttl_seconds.map_or(Ttl::Never, |left| {
                let part = u64::from(attributes.ttl_milliseconds > 0);
                Ttl::Seconds(u64::from(left) + part)
            }),
            read_at: Instant::now(),
            idle_seconds: attributes.idle_seconds.into(),
            was_read: attributes.reads > 0,
            cas: attributes.cas,
        }))
    }
}

#[cfg(test)]
mod tests {
    use slabcore_snapshot::{Clock, Encoder, Marks, Start};

    use super::*;

    /// A stream that began so many seconds ago, with short items and a long one.
    fn stream(age_seconds: u64) -> Vec<u8> {
        let now = dump_clock::now();
        let clock = Clock {
            unix_milliseconds: now.unix_milliseconds - age_seconds * 1000,
            boot_id: [0; 16],
            boot_milliseconds: 0,
        };
        let mut encoder = Encoder::new(Vec::new(), &Start { clock, shard: 0, shards: 1 }).unwrap();
        let stale = Marks { stale: true, ..Marks::default() };
        let encoded = Marks { key_encoded: true, ..Marks::default() };
        for (key, ttl_seconds, marks) in [
            (&b"never"[..], None, Marks::default()),
            (b"short", Some(50), Marks::default()),
            (b"stale", None, stale),
            (b" ", Some(1000), encoded),
        ] {
            let attributes = Attributes { flags: 7, ttl_seconds, marks, ..Attributes::default() };
            encoder.item(&slabcore_snapshot::Item { key, value: b"x", attributes }).unwrap();
        }
        let value = vec![b'l'; 1_000_000];
        let attributes = Attributes::default();
        encoder.item(&slabcore_snapshot::Item { key: b"long", value: &value, attributes }).unwrap();
        encoder.finish().unwrap()
    }

    fn read(stream: &[u8]) -> (Vec<String>, bool) {
        let mut reader = SnapshotReader::new(stream);
        let mut found = Vec::new();
        while let Some(record) = reader.next().unwrap() {
            found.push(match record {
                Record::Item(item) => {
                    // Another second may have begun.
                    let ttl = match item.ttl {
                        Ttl::Seconds(left) => format!("{}..", left / 10 * 10),
                        Ttl::Never => "never".to_owned(),
                    };
                    let key = item.key.escape_ascii().to_string();
                    format!(
                        "{key} {} {} {} {ttl}",
                        item.key_in_base64,
                        item.flags,
                        item.value.len()
                    )
                }
                Record::Expired(key) => format!("{} expired", key.escape_ascii()),
                Record::Unfinished(key) => format!("{} unfinished", key.escape_ascii()),
            });
        }
        (found, reader.report().is_complete())
    }

    /// Times to live go on while the file lies.
    #[test]
    fn items_are_as_they_would_be_now() {
        let (found, is_complete) = read(&stream(105));
        let expected = [
            "never false 7 1 never",
            "short expired",
            "stale unfinished",
            "  true 7 1 890..",
            "long false 0 1000000 never",
        ];
        assert_eq!((found, is_complete), (expected.map(ToOwned::to_owned).to_vec(), true));
    }

    #[test]
    fn a_cut_long_item_is_left_out() {
        let stream = stream(0);
        let (found, is_complete) = read(&stream[..stream.len() - 300_000]);
        assert_eq!((found.len(), is_complete), (4, false));
        // Two streams, of which the first one is cut in the long item.
        let (found, is_complete) = read(&[&stream[..stream.len() - 300_000], &stream].concat());
        assert_eq!((found.len(), is_complete), (9, false));
    }
}
