//! Items, and their records in a block.

use crate::limits::{
    BLOCK_BYTES_MAX, DATABASES, EXTENSION_BYTES, KEY_BYTES_MAX, PLAIN_KEY_BYTES_MAX, RECORD_BYTES,
    VALUE_BYTES_MAX,
};

/// The ttl of an item that does not expire, and an age that is not known.
const NONE: u32 = u32::MAX;

/// Bits of the database in an extension.
const DATABASE_BITS: u32 = 4;

const SECOND_MS: u16 = 1_000;

const _: () = assert!(DATABASES as u32 <= 1 << DATABASE_BITS);

/// An item with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// The key: at most 16 KiB.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// All else.
    pub attributes: Attributes,
}

/// An item whose value comes in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongItem<'a> {
    /// The key: at most 16 KiB.
    pub key: &'a [u8],
    /// Bytes of the value.
    pub value_bytes: u32,
    /// All else.
    pub attributes: Attributes,
}

/// What an item has beside its key and value. The default: no flags, no expiry, never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// The client flags.
    pub flags: u32,
    /// Seconds to live, counted from the clock of the stream's [`Start`](crate::Start), whenever
    /// the item is recorded. `None`: it does not expire. At most 2^32 - 2 are kept.
    pub ttl_seconds: Option<u32>,
    /// The cas unique. 0: no client has asked for it, or it is not known.
    pub cas: u64,
    /// Seconds since the item was last accessed, when it was recorded.
    pub idle_seconds: u32,
    /// The same in 1,024ths of a turnover, as the server counts ages: a turnover is as many
    /// requests as there are items. `None`: not known.
    pub age: Option<u32>,
    /// Reads since the item was stored, at most 255. slabcore counts to 3.
    pub reads: u8,
    /// Marks of meta commands.
    pub marks: Marks,
    /// The segment of the LRU. `None`: not known.
    pub segment: Option<Segment>,
    /// Milliseconds to live beside the seconds, below 1,000. 0 if the item does not expire.
    pub ttl_milliseconds: u16,
    /// The database of the key, below 16. memcached's protocols use 0.
    pub database: u8,
}

impl Attributes {
    /// The attributes so many seconds after the clock of the stream's start. `None`: the item has
    /// expired.
    pub fn after(mut self, seconds: u64) -> Option<Attributes> {
        if let Some(ttl) = self.ttl_seconds {
            let left = u32::try_from(u64::from(ttl).checked_sub(seconds)?).ok()?;
            self.ttl_seconds = Some(left).filter(|left| *left > 0 || self.ttl_milliseconds > 0);
            self.ttl_seconds?;
        }
        let idle = u64::from(self.idle_seconds).saturating_add(seconds);
        self.idle_seconds = u32::try_from(idle).unwrap_or(u32::MAX);
        Some(self)
    }
}

/// The marks that meta commands leave on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The value is out of date.
    pub stale: bool,
    /// A reader was asked to fetch the value again.
    pub claimed: bool,
    /// The key was sent in base64.
    pub key_encoded: bool,
}

/// The segments of memcached's LRU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// The next victims.
    Cold,
    /// New items.
    Hot,
    /// Items that were read twice or more.
    Warm,
    /// Items with few seconds to live (`temporary_ttl`).
    Temporary,
}

impl Segment {
    const ALL: [Segment; 4] = [Segment::Cold, Segment::Hot, Segment::Warm, Segment::Temporary];
}

impl Attributes {
    /// Whether an item with these attributes, such a key and value can be recorded.
    pub(super) fn is_recordable(&self, key: &[u8], value_bytes: usize) -> bool {
        key.len() <= KEY_BYTES_MAX
            && value_bytes <= VALUE_BYTES_MAX as usize
            && self.database < DATABASES
            && self.ttl_milliseconds < SECOND_MS
    }

    /// Whether the record of an item with these attributes and such a key has an extension.
    fn is_extended(&self, key: &[u8]) -> bool {
        self.database != 0
            || self.ttl_milliseconds != 0
            || !(1..=PLAIN_KEY_BYTES_MAX).contains(&key.len())
    }

    /// Bytes of a record with its key and value.
    pub(super) fn record_bytes(&self, key: &[u8], value_bytes: usize) -> usize {
        let extension_bytes = if self.is_extended(key) { EXTENSION_BYTES } else { 0 };
        RECORD_BYTES + extension_bytes + key.len() + value_bytes
    }
}

/// Appends a record without its value. The key and the value's length are recordable.
pub(super) fn append_head(
    out: &mut Vec<u8>,
    key: &[u8],
    attributes: &Attributes,
    value_bytes: u32,
) {
    let Attributes { flags, ttl_seconds, cas, idle_seconds, age, reads, marks, segment, .. } =
        *attributes;
    let is_extended = attributes.is_extended(key);
    let mut head = [0; RECORD_BYTES];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &flags.to_le_bytes());
    put(4, &ttl_seconds.map_or(NONE, |ttl| ttl.min(NONE - 1)).to_le_bytes());
    put(8, &cas.to_le_bytes());
    put(16, &idle_seconds.to_le_bytes());
    put(20, &age.map_or(NONE, |age| age.min(NONE - 1)).to_le_bytes());
    put(24, &value_bytes.to_le_bytes());
    let plain_key_bytes = if is_extended { 0 } else { key.len() as u8 };
    put(28, &[plain_key_bytes, reads, marks.bits(), segment.map_or(0, |it| it as u8 + 1)]);
    out.extend_from_slice(&head);
    if is_extended {
        let place = attributes.ttl_milliseconds << DATABASE_BITS | u16::from(attributes.database);
        out.extend_from_slice(&(key.len() as u16).to_le_bytes());
        out.extend_from_slice(&place.to_le_bytes());
    }
    out.extend_from_slice(key);
}

impl Marks {
    fn bits(self) -> u8 {
        u8::from(self.stale) | u8::from(self.claimed) << 1 | u8::from(self.key_encoded) << 2
    }

    fn of_bits(bits: u8) -> Marks {
        let has = |bit: u8| bits & bit != 0;
        Marks { stale: has(1), claimed: has(2), key_encoded: has(4) }
    }
}

/// Takes a record without its value from the front of `bytes`.
pub(super) fn take_head<'a>(bytes: &mut &'a [u8]) -> Option<LongItem<'a>> {
    let (head, rest) = bytes.split_first_chunk::<RECORD_BYTES>()?;
    let word =
        |at: usize| head[at..].first_chunk().map_or(0, |word: &[u8; 4]| u32::from_le_bytes(*word));
    let (mut key_bytes, mut place, mut rest) = (u16::from(head[28]), 0, rest);
    if key_bytes == 0 {
        let (extension, after) = rest.split_first_chunk::<EXTENSION_BYTES>()?;
        let [a, b, c, d] = *extension;
        (key_bytes, place, rest) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]), after);
    } else if usize::from(key_bytes) > PLAIN_KEY_BYTES_MAX {
        return None;
    }
    let (key, rest) = rest.split_at_checked(usize::from(key_bytes))?;
    let value_bytes = word(24);
    let attributes = Attributes {
        flags: word(0),
        ttl_seconds: Some(word(4)).filter(|ttl| *ttl != NONE),
        cas: u64::from(word(12)) << 32 | u64::from(word(8)),
        idle_seconds: word(16),
        age: Some(word(20)).filter(|age| *age != NONE),
        reads: head[29],
        marks: Marks::of_bits(head[30]),
        segment: usize::from(head[31]).checked_sub(1).and_then(|at| Segment::ALL.get(at)).copied(),
        ttl_milliseconds: place >> DATABASE_BITS,
        database: (place & ((1 << DATABASE_BITS) - 1)) as u8,
    };
    if !attributes.is_recordable(key, value_bytes as usize) {
        return None;
    }
    *bytes = rest;
    Some(LongItem { key, value_bytes, attributes })
}

/// The items of a block, in order.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    left: &'a [u8],
    count: u32,
}

impl<'a> Records<'a> {
    /// The records of a block's payload. `None`: they are not as many, or one of them is not well
    /// formed.
    pub(super) fn new(payload: &'a [u8], count: u32) -> Option<Records<'a>> {
        debug_assert!(payload.len() <= BLOCK_BYTES_MAX);
        let records = Records { left: payload, count };
        let mut checked = records.clone();
        let items = checked.by_ref().count();
        (items == count as usize && checked.left.is_empty()).then_some(records)
    }

    /// The records of a payload that [`Self::new`] has accepted.
    pub(super) fn of_checked(payload: &'a [u8], count: u32) -> Records<'a> {
        Records { left: payload, count }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let count = self.count.checked_sub(1)?;
        let mut left = self.left;
        let LongItem { key, value_bytes, attributes } = take_head(&mut left)?;
        let (value, left) = left.split_at_checked(value_bytes as usize)?;
        (self.left, self.count) = (left, count);
        Some(Item { key, value, attributes })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.count as usize;
        (count.min(self.left.len() / RECORD_BYTES), Some(count))
    }
}
