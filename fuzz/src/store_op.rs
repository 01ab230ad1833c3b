//! Operations on a fuzzed store. Small numbers select keys, lengths and times.

use arbitrary::Arbitrary;
use slabcore_storage::Config;

/// Keys of the operations, each with a different length.
pub const KEYS: u8 = 16;

/// The setup of a store.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Setup {
    pages: u8,
    evict: bool,
    cas: bool,
    growth: u8,
}

impl Setup {
    /// Pages of the whole pool: about a dozen.
    pub fn pages(self) -> usize {
        10 + usize::from(self.pages % 8)
    }

    /// The store's settings.
    pub fn config(self) -> Config {
        Config {
            evict: self.evict,
            cas: self.cas,
            growth_factor: [1.25, 1.05, 2.0, 4.0][usize::from(self.growth % 4)],
            item_bytes_max: 512 << 10,
            fair_share_pages: self.pages(),
            track_sizes: true,
            ..Config::default()
        }
    }
}

/// A key by its number.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Key(pub u8);

impl Key {
    /// 1 to 250 bytes.
    pub fn bytes(self) -> Vec<u8> {
        let number = self.0 % KEYS;
        let length = [1, 3, 10, 30, 60, 128, 249, 250][usize::from(number % 8)];
        let mut key = vec![b'k'; length];
        key[length - 1] = b'A' + number;
        key
    }
}

/// A length of a value: mostly short, some around the largest chunk, some of many chunks.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Length(pub u8);

impl Length {
    /// In bytes.
    pub fn bytes(self) -> usize {
        let number = usize::from(self.0);
        match number {
            0..128 => number,
            128..192 => (number - 128) * 300,
            192..224 => 31_600 + (number - 192) * 80,
            _ => (number - 223) * 8_000,
        }
    }
}

/// Seconds to live; most items live for ever.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Ttl(pub u8);

impl Ttl {
    /// The absolute second, 0: never.
    pub fn expiry(self, now: u32) -> u32 {
        match self.0 {
            0..160 => 0,
            // Already expired, as with a negative exptime.
            160..168 => 1,
            ttl => now + u32::from(ttl - 167),
        }
    }
}

/// The storage verb.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are memcached's")]
pub enum Verb {
    Set,
    Add,
    Replace,
    Append,
    Prepend,
    /// With the item's cas unique, if it was returned.
    Cas,
    /// With a cas unique that was returned for another item or an earlier one.
    StaleCas,
}

/// An item to be stored.
#[derive(Arbitrary, Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are memcached's")]
pub struct Item {
    pub key: Key,
    pub length: Length,
    pub flags: u8,
    pub ttl: Ttl,
}

/// One operation.
#[derive(Arbitrary, Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are the store's")]
pub enum Op {
    Store {
        item: Item,
        verb: Verb,
    },
    Number {
        key: Key,
        number: u64,
        digits: u8,
    },
    Arithmetic {
        key: Key,
        delta: u64,
        incr: bool,
    },
    Get {
        key: Key,
        with_cas: bool,
    },
    GetAndTouch {
        key: Key,
        ttl: Ttl,
        with_cas: bool,
    },
    Peek {
        key: Key,
        with_cas: bool,
    },
    Touch {
        key: Key,
        ttl: Ttl,
    },
    Delete {
        key: Key,
    },
    Flush,
    Tick {
        seconds: u8,
    },
    Reserve {
        item: Item,
    },
    Write {
        stream: u8,
        bytes: u16,
    },
    Commit {
        stream: u8,
        verb: Verb,
    },
    Abandon {
        stream: u8,
    },
    Hold {
        key: Key,
    },
    ReadHold {
        hold: u8,
        at: u32,
    },
    Release {
        hold: u8,
    },
    Grant {
        pages: u8,
    },
    Maintain {
        budget: u8,
    },
    /// Another shard takes a page of the pool, or brings one back.
    OtherShard {
        takes: bool,
    },
    /// Many short items, so that the hash table fills and grows.
    Burst {
        from: u8,
        groups: u8,
    },
    /// Compares every key with the model.
    Sweep,
}
