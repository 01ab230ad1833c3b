//! A snapshot that was damaged, and bytes that never were one.

use arbitrary::Arbitrary;
use slabcore_snapshot::{Attributes, Clock, Decoder, Encoder, Item, Part, Report, Start};

/// Bytes of a block's header, and where its length and checksums lie.
const HEADER_BYTES: usize = 32;
const LENGTH_AT: usize = 16;
const PAYLOAD_CRC_AT: usize = 24;
const HEADER_CRC_AT: usize = 28;

/// What a run does.
#[derive(Arbitrary, Debug)]
pub struct Snapshot<'a> {
    /// Length of the key, less one, and of the value of each item.
    items: Vec<(u8, u32)>,
    damage: Vec<Damage<'a>>,
}

/// A change of the file.
#[derive(Arbitrary, Debug)]
enum Damage<'a> {
    Overwrite {
        at: u32,
        with: &'a [u8],
    },
    Insert {
        at: u32,
        bytes: &'a [u8],
    },
    Remove {
        at: u32,
        bytes: u16,
    },
    Cut {
        at: u32,
    },
    /// Changes a block, and gives it the right checksums again: only what it says is wrong.
    Forge {
        block: u16,
        at: u32,
        with: &'a [u8],
    },
}

/// Values of one run, in bytes, at most.
const VALUES_BYTES_MAX: usize = 2 << 20;

/// Runs the input. Panics if a property is broken.
pub fn run(input: &Snapshot<'_>) {
    let file = encode(&input.items);
    let (_, report) = decode(&file);
    assert!(report.is_complete(), "{report}");

    let (mut damaged, mut is_forged) = (file.clone(), false);
    for damage in &input.damage {
        damage.apply(&mut damaged);
        is_forged |= matches!(damage, Damage::Forge { .. });
    }
    let (items, report) = decode(&damaged);
    if is_forged {
        return;
    }
    assert_eq!(report.is_complete(), damaged == file, "{report}");
    let (whole, _) = decode(&file);
    let mut left = whole.iter();
    for item in &items {
        assert!(left.any(|it| it == item), "an item that was not there");
    }
}

fn encode(items: &[(u8, u32)]) -> Vec<u8> {
    let clock = Clock { unix_milliseconds: 1_800_000_000_000, ..Clock::default() };
    let start = Start { clock, shard: 0, shards: 1 };
    let mut encoder = Encoder::new(Vec::new(), &start).expect("memory takes all");
    let mut left = VALUES_BYTES_MAX;
    for (number, (key_bytes, value_bytes)) in items.iter().enumerate() {
        let key = vec![number as u8; usize::from(*key_bytes).min(249) + 1];
        let value = vec![number as u8; (*value_bytes as usize % (600 << 10)).min(left)];
        left -= value.len();
        let item = Item { key: &key, value: &value, attributes: Attributes::default() };
        encoder.item(&item).expect("memory takes all");
    }
    encoder.finish().expect("memory takes all")
}

/// The key and the length of the value of each whole item.
fn decode(file: &[u8]) -> (Vec<(Vec<u8>, usize)>, Report) {
    let mut decoder = Decoder::new(file);
    let (mut items, mut long, mut left) = (Vec::new(), None, 0);
    // A forged file may have another version. Nothing more is read then.
    while let Ok(Some(part)) = decoder.next_part() {
        match part {
            Part::Items(records) => {
                items.extend(records.map(|it| (it.key.to_vec(), it.value.len())));
            }
            Part::Long(it) => {
                left = it.value_bytes as usize;
                assert!(long.replace((it.key.to_vec(), left)).is_none());
            }
            Part::Piece { bytes, is_last } => {
                assert!(!bytes.is_empty() && bytes.len() <= left);
                left -= bytes.len();
                assert_eq!(left == 0, is_last);
                if is_last {
                    items.extend(long.take());
                }
            }
            Part::LongCut => assert!(long.take().is_some()),
        }
    }
    (items, *decoder.report())
}

impl Damage<'_> {
    fn apply(&self, file: &mut Vec<u8>) {
        let len = file.len();
        let place = |at: u32| at as usize % (len + 1);
        match *self {
            Self::Overwrite { at, with } => overwrite(&mut file[place(at)..], with),
            Self::Insert { at, bytes } => drop(file.splice(place(at)..place(at), bytes.to_vec())),
            Self::Remove { at, bytes } => {
                let from = place(at);
                file.drain(from..len.min(from + usize::from(bytes)));
            }
            Self::Cut { at } => file.truncate(place(at)),
            Self::Forge { block, at, with } => forge(file, block, at, with),
        }
    }
}

fn overwrite(place: &mut [u8], with: &[u8]) {
    place.iter_mut().zip(with).for_each(|(byte, with)| *byte = *with);
}

fn forge(file: &mut [u8], block: u16, at: u32, with: &[u8]) {
    let word = |file: &[u8], at: usize| {
        file.get(at..).and_then(|it| it.first_chunk()).map_or(0, |it| u32::from_le_bytes(*it))
    };
    let mut begin = 0;
    for _ in 0..block % 64 {
        begin += HEADER_BYTES + word(file, begin + LENGTH_AT) as usize;
    }
    let Some(bytes) = file.get_mut(begin..).filter(|it| it.len() >= HEADER_BYTES) else { return };
    let len = bytes.len();
    overwrite(&mut bytes[at as usize % len..], with);
    let end = HEADER_BYTES.saturating_add(word(bytes, LENGTH_AT) as usize);
    let Some(payload) = bytes.get(HEADER_BYTES..end) else { return };
    let crc = crc32fast::hash(payload).to_le_bytes();
    bytes[PAYLOAD_CRC_AT..HEADER_CRC_AT].copy_from_slice(&crc);
    let crc = crc32fast::hash(&bytes[..HEADER_CRC_AT]).to_le_bytes();
    bytes[HEADER_CRC_AT..HEADER_BYTES].copy_from_slice(&crc);
}
