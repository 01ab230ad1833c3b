//! The number of items that a cache holds after several times as many were offered.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use crate::replay::trace_copies::write_key;
use crate::{LocalStore, Preset, WireConnection};
use slabcore_bench::limits::KEY_BYTES_MAX;
use slabcore_bench::servers::session::Session;
use slabcore_bench::splitmix64::Splitmix64;

/// Bytes of an item besides key and value, for the size of the offer.
const ITEM_BYTES: u64 = 50;
/// Sets of one write.
const BATCH_SETS: usize = 256;
/// The time of all sets in a store within this process, in seconds.
const NOW: u32 = 1;

/// Distinct items of a preset's sizes, drawn from the preset's name: the same ones for every cache.
#[derive(Debug)]
pub struct Offer<'a> {
    preset: &'a Preset,
    random: Splitmix64,
    number: u64,
    /// Bytes still to be offered.
    left: u64,
    key: [u8; KEY_BYTES_MAX],
}

/// One item of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedItem<'a> {
    /// Its key, which no other item has.
    pub key: &'a [u8],
    /// Bytes of its value.
    pub value_bytes: usize,
    /// Its ttl in seconds; 0 means that it never expires.
    pub ttl_s: u32,
}

impl<'a> Offer<'a> {
    /// Offers items of this many times the memory in total, with 50 bytes besides key and value
    /// each.
    #[must_use]
    pub fn new(preset: &'a Preset, memory_mib: usize, times: u32) -> Self {
        // FNV-1a: different presets of equal sizes need not be equal item by item.
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let seed = preset.name.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
        let left = (memory_mib as u64) << 20;
        let left = left * u64::from(times);
        let random = Splitmix64::new(seed);
        Self { preset, random, number: 0, left, key: [0; KEY_BYTES_MAX] }
    }

    /// The next item; keys must be long enough for the item's number.
    pub fn next_item(&mut self) -> Option<OfferedItem<'_>> {
        if self.left == 0 {
            return None;
        }
        let key_bytes = self.preset.key_bytes.draw(&mut self.random) as usize;
        let value_bytes = self.preset.value_bytes.draw(&mut self.random) as usize;
        let ttl_s = self.preset.draw_ttl(&mut self.random);
        self.left = self.left.saturating_sub((key_bytes + value_bytes) as u64 + ITEM_BYTES);
        let key = &mut self.key[..key_bytes];
        write_key(key, self.number);
        self.number += 1;
        Some(OfferedItem { key, value_bytes, ttl_s })
    }

    /// Items that were offered.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.number
    }
}

/// The result of an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldItems {
    /// Items offered.
    pub offered: u64,
    /// Items refused for lack of memory.
    pub refused: u64,
    /// Items held afterwards.
    pub held: u64,
}

/// Offers to a store within this process.
pub fn offer_to_store(mut offer: Offer<'_>, store: &mut LocalStore) -> HeldItems {
    let mut refused = 0;
    while let Some(OfferedItem { key, value_bytes, ttl_s }) = offer.next_item() {
        refused += u64::from(!store.set(NOW, key, value_bytes, ttl_s));
    }
    HeldItems { offered: offer.offered(), refused, held: store.curr_items() }
}

/// Offers to a server.
pub fn offer_to_server(
    mut offer: Offer<'_>,
    address: SocketAddr,
) -> Result<HeldItems, Box<dyn Error>> {
    let mut connection = WireConnection::open(address)?;
    let mut refused = 0;
    loop {
        let mut sets = 0;
        while sets < BATCH_SETS
            && let Some(OfferedItem { key, value_bytes, ttl_s }) = offer.next_item()
        {
            connection.push_set(key, value_bytes, ttl_s);
            sets += 1;
        }
        if sets == 0 {
            break;
        }
        connection.send()?;
        for _ in 0..sets {
            refused += u64::from(!connection.read_stored()?);
        }
    }
    let held = Session::open(address)?.stat("curr_items")?;
    let held = held.ok_or_else(|| io::Error::other("stats has no curr_items"))?;
    Ok(HeldItems { offered: offer.offered(), refused, held: held.parse()? })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn presets() -> Vec<Preset> {
        let text = "name,key_dist,value_dist,ttl_dist\n\
            small,uniform:16:21,fixed:2,0:1\nlarge,fixed:20,lognormal:165.6:1:1:100000,60:1\n";
        Preset::parse_all(text).unwrap()
    }

    #[test]
    fn an_offer_is_distinct_keys_up_to_its_bytes() {
        let presets = presets();
        let mut offer = Offer::new(&presets[0], 1, 3);
        let mut keys = HashSet::new();
        let mut bytes = 0;
        while let Some(item) = offer.next_item() {
            bytes += item.key.len() + item.value_bytes + 50;
            assert!((16..=21).contains(&item.key.len()) && item.ttl_s == 0);
            assert!(keys.insert(item.key.to_vec()));
        }
        assert!((3 << 20..(3 << 20) + 100).contains(&bytes), "{bytes}");
        assert_eq!(offer.offered(), keys.len() as u64);
        let again = Offer::new(&presets[0], 1, 3).next_item().map(|item| item.key.to_vec());
        assert!(keys.contains(&again.unwrap()));
    }

    #[test]
    fn a_store_holds_a_part_of_the_offer() {
        let mut store = LocalStore::new(1);
        let presets = presets();
        let held = offer_to_store(Offer::new(&presets[1], 1, 3), &mut store);
        assert_eq!(held.refused, 0);
        assert!(held.held > held.offered / 5 && held.held < held.offered / 2, "{held:?}");
    }
}
