//! Streams that are read back whole, cut, damaged, in any pieces.

use std::io::{self, Read};

use proptest::prelude::*;
use slabcore_snapshot::{
    Attributes, BLOCK_BYTES_MAX, Block, Clock, DATABASES, DecodeError, Decoder, Encoder, Item,
    KEY_BYTES_MAX, Marks, Part, Refusal, Report, Segment, Start,
};

/// An item as a test keeps it.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    key: Vec<u8>,
    value: Vec<u8>,
    attributes: Attributes,
}

impl Kept {
    fn new(number: usize, value_bytes: usize) -> Kept {
        let value = (0..value_bytes).map(|at| (at * 7 + number) as u8).collect();
        Kept { key: format!("key{number}").into_bytes(), value, attributes: Attributes::default() }
    }

    fn item(&self) -> Item<'_> {
        Item { key: &self.key, value: &self.value, attributes: self.attributes }
    }
}

fn clock() -> Clock {
    Clock { unix_milliseconds: 1_800_000_000_123, boot_id: [7; 16], boot_milliseconds: 5_000 }
}

fn encode(items: &[Kept]) -> Vec<u8> {
    let mut encoder =
        Encoder::new(Vec::new(), &Start { clock: clock(), shard: 3, shards: 4 }).unwrap();
    for item in items {
        encoder.item(&item.item()).unwrap();
    }
    encoder.finish().unwrap()
}

/// Gives its bytes in pieces of these lengths, in turn.
struct Pieces<'a> {
    bytes: &'a [u8],
    lengths: Vec<usize>,
    number: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let wanted = self.lengths[self.number % self.lengths.len()];
        self.number += 1;
        if wanted == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = wanted.min(out.len());
        self.bytes.read(&mut out[..len])
    }
}

/// Reads all whole items.
fn decode(read: impl Read) -> (Vec<Kept>, Report) {
    let mut decoder = Decoder::new(read);
    let (mut items, mut long) = (Vec::new(), None::<Kept>);
    let mut long_bytes = 0;
    while let Some(part) = decoder.next_part().unwrap() {
        match part {
            Part::Items(records) => {
                assert!(long.is_none());
                items.extend(records.map(|it| Kept {
                    key: it.key.to_vec(),
                    value: it.value.to_vec(),
                    attributes: it.attributes,
                }));
            }
            Part::Long(it) => {
                assert!(long.is_none());
                let (key, attributes) = (it.key.to_vec(), it.attributes);
                long_bytes = it.value_bytes as usize;
                long = Some(Kept { key, value: Vec::new(), attributes });
            }
            Part::Piece { bytes, is_last } => {
                let item = long.as_mut().unwrap();
                assert!(!bytes.is_empty());
                item.value.extend(bytes);
                assert_eq!(item.value.len() == long_bytes, is_last);
                if is_last {
                    items.extend(long.take());
                }
            }
            Part::LongCut => assert!(long.take().is_some()),
        }
    }
    assert!(long.is_none(), "the end of a cut item is said");
    assert_eq!(decoder.report().items, items.len() as u64);
    (items, *decoder.report())
}

fn any_kept() -> impl Strategy<Value = Kept> {
    let lengths = prop_oneof![
        8 => 0_usize..400,
        2 => 0..BLOCK_BYTES_MAX + 10,
        1 => BLOCK_BYTES_MAX - 300..3 * BLOCK_BYTES_MAX,
    ];
    let value = (lengths, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]);
    let marks = any::<[bool; 3]>().prop_map(|[stale, claimed, key_encoded]| Marks {
        stale,
        claimed,
        key_encoded,
    });
    let segment = prop::option::of(prop::sample::select(vec![
        Segment::Cold,
        Segment::Hot,
        Segment::Warm,
        Segment::Temporary,
    ]));
    let numbers = (any::<u32>(), any::<u64>(), any::<u32>(), any::<u8>());
    let optional = prop::option::of(0..u32::MAX);
    let place = prop_oneof![3 => Just((0, 0)), 1 => (0..1_000_u16, 0..DATABASES)];
    let attributes = (numbers, optional.clone(), optional, marks, segment, place).prop_map(
        |((flags, cas, idle_seconds, reads), ttl_seconds, age, marks, segment, place)| Attributes {
            flags,
            ttl_seconds,
            cas,
            idle_seconds,
            age,
            reads,
            marks,
            segment,
            ttl_milliseconds: place.0,
            database: place.1,
        },
    );
    let key = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 1..=250),
        1 => prop::collection::vec(any::<u8>(), 0..=KEY_BYTES_MAX),
        1 => Just(Vec::new()),
    ];
    (key, value, attributes).prop_map(|(key, value, attributes)| Kept { key, value, attributes })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_items_come_back_from_any_pieces(
        items in prop::collection::vec(any_kept(), 0..24),
        lengths in prop::collection::vec(0_usize..70_000, 1..8),
    ) {
        // Something has to come, and in few enough pieces.
        let lengths: Vec<usize> = lengths.into_iter().chain([100_000]).collect();
        let file = encode(&items);
        let (found, report) = decode(Pieces { bytes: &file, lengths, number: 0 });
        prop_assert!(report.is_complete(), "{report}");
        prop_assert_eq!(found, items);
    }

    /// The items that are found were there, in their order, and the report says that others are
    /// missing.
    #[test]
    fn a_damaged_file_gives_what_is_whole(
        items in prop::collection::vec(any_kept(), 0..24),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4), 1..5),
    ) {
        let whole = encode(&items);
        let mut file = whole.clone();
        for (at, kind) in damage {
            if file.is_empty() {
                break;
            }
            let at = at.index(file.len());
            match kind {
                0 => file[at] ^= 1 << (at % 8),
                1 => file.truncate(at),
                2 => file.insert(at, b'S'),
                _ => drop(file.drain(at..file.len().min(at + 1 + at % 5_000))),
            }
        }
        let (found, report) = decode(&file[..]);
        let mut left = items.iter();
        for item in &found {
            prop_assert!(left.any(|it| it == item), "an item that was not there");
        }
        prop_assert_eq!(report.is_complete(), file == whole, "{}", report);
    }

    #[test]
    fn any_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..5_000)) {
        let (found, report) = decode(&bytes[..]);
        prop_assert!(found.is_empty());
        prop_assert_eq!(report.bytes_skipped, bytes.len() as u64);
        prop_assert_eq!(report.to_string(), "0 items; not a snapshot");
    }
}

/// A file whose blocks have about 100 items each.
fn blocks_of_items(items: usize) -> (Vec<Kept>, Vec<u8>) {
    let items: Vec<Kept> = (0..items).map(|number| Kept::new(number, 2_500)).collect();
    let file = encode(&items);
    (items, file)
}

#[test]
fn one_wrong_byte_costs_one_block() {
    let (items, mut file) = blocks_of_items(1_000);
    let middle = file.len() / 2;
    file[middle] ^= 1;
    let (found, report) = decode(&file[..]);
    assert_eq!((report.streams, report.streams_ended, report.blocks_missing), (1, 1, 1));
    assert_eq!(report.items_missing as usize, items.len() - found.len());
    assert!((890..950).contains(&found.len()), "{report}");
    assert!(report.to_string().contains("damaged: 1 blocks missing"), "{report}");
}

#[test]
fn a_cut_file_gives_its_whole_blocks() {
    let (_, file) = blocks_of_items(1_000);
    let (found, report) = decode(&file[..file.len() / 2]);
    assert!((400..500).contains(&found.len()), "{report}");
    assert!(report.to_string().contains("damaged: 1 streams cut"), "{report}");
    assert_eq!(report.items_missing, 0, "not known");
}

#[test]
fn the_start_may_be_lost() {
    let (_, file) = blocks_of_items(10);
    let mut decoder = Decoder::new(&file[10..]);
    let Ok(Some(Part::Items(items))) = decoder.next_part() else { panic!("no items") };
    assert_eq!(items.count(), 10);
    let rounded = Clock { unix_milliseconds: 1_800_000_000_000, ..Clock::default() };
    assert_eq!((decoder.start(), decoder.clock()), (None, Some(rounded)));
    let mut decoder = Decoder::new(&file[..]);
    assert!(decoder.next_part().unwrap().is_some());
    let start = Start { clock: clock(), shard: 3, shards: 4 };
    assert_eq!((decoder.start(), decoder.clock()), (Some(&start), Some(clock())));
}

#[test]
fn streams_may_follow_each_other() {
    let (items, file) = blocks_of_items(50);
    let (found, report) = decode(&[file.clone(), file.clone()].concat()[..]);
    assert_eq!((found.len(), report.streams), (2 * items.len(), 2));
    assert!(report.is_complete());
    let (found, report) = decode(&[&file[..file.len() - 1], &file].concat()[..]);
    assert_eq!((found.len(), report.streams, report.streams_ended), (2 * items.len(), 2, 1));
    assert!(!report.is_complete());
}

/// A long item is whole or is not there.
#[test]
fn a_long_item_needs_all_its_pieces() {
    let items = [Kept::new(1, 100), Kept::new(2, 5 * BLOCK_BYTES_MAX + 5), Kept::new(3, 100)];
    let file = encode(&items);
    for at in (0..file.len()).step_by(BLOCK_BYTES_MAX / 3) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        let (found, report) = decode(&damaged[..]);
        assert!(!report.is_complete() && found.len() >= 2, "byte {at}: {report}");
    }
}

#[test]
fn a_block_says_when_to_write_it() {
    let mut block = Block::new();
    let long = Kept::new(1, BLOCK_BYTES_MAX);
    assert_eq!(block.push(&long.item()), Err(Refusal::Long));
    let long_key = Kept { key: vec![b'k'; KEY_BYTES_MAX + 1], ..long.clone() };
    assert_eq!(block.push(&long_key.item()), Err(Refusal::NotRecordable));
    let half = Kept::new(2, BLOCK_BYTES_MAX / 2 - 100);
    assert_eq!((block.push(&half.item()), block.push(&half.item())), (Ok(()), Ok(())));
    assert_eq!(block.push(&half.item()), Err(Refusal::Full));
    assert_eq!(block.push_piece(b"x"), 0);
    assert_eq!(block.push_long(b"k", &Attributes::default(), 9), Err(Refusal::Full));
    block.clear();
    assert_eq!(block.push_long(b"k", &Attributes::default(), 9), Ok(()));
    assert_eq!(block.push(&half.item()), Err(Refusal::Full));
}

#[test]
fn another_version_is_refused() {
    let mut file = encode(&[]);
    file[5] = 3;
    let crc = crc32fast::hash(&file[..28]);
    file[28..32].copy_from_slice(&crc.to_le_bytes());
    let error = Decoder::new(&file[..]).next_part().map(|_| ()).unwrap_err();
    assert!(matches!(error, DecodeError::Version(3)));
    assert_eq!(error.to_string(), "version 3 of the format is not known, only 1 and 2");
}

#[test]
fn ttls_run_on_by_the_clock_of_the_boot() {
    let then = clock();
    let check = |later: Clock, seconds| assert_eq!(then.seconds_until(&later), seconds);
    // The wall clock was set back.
    check(Clock { boot_milliseconds: 64_001, unix_milliseconds: 0, ..then }, 60);
    // Another boot.
    let next = Clock { boot_id: [8; 16], boot_milliseconds: 1, ..then };
    check(Clock { unix_milliseconds: then.unix_milliseconds + 90_000, ..next }, 90);
    check(Clock { unix_milliseconds: 5, ..next }, 0);
    let unknown = Clock { boot_id: [0; 16], ..then };
    assert_eq!(unknown.seconds_until(&Clock { boot_milliseconds: 99_000, ..unknown }), 0);

    let item = Attributes { ttl_seconds: Some(60), idle_seconds: 5, ..Attributes::default() };
    let left = item.after(59).unwrap();
    assert_eq!((left.ttl_seconds, left.idle_seconds), (Some(1), 64));
    assert_eq!((item.after(60), item.after(u64::MAX)), (None, None));
    let part = Attributes { ttl_milliseconds: 1, ..item };
    assert_eq!(part.after(60).unwrap().ttl_seconds, Some(0));
    assert_eq!(part.after(61), None);
    let forever = Attributes { ttl_seconds: None, ..item };
    assert_eq!(forever.after(u64::MAX).unwrap().idle_seconds, u32::MAX);
}
