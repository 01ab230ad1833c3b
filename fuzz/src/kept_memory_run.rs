//! Memory that an earlier process left, damaged in any way: a store is attached by its record, or
//! searches for its items, and is sound.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use arbitrary::Arbitrary;
use slabcore_storage::{
    Config, Expiry, Generation, KeyHasher, Moment, NewItem, PAGE_BYTES, PagePool, Region, Store,
    StoreVerb, region_bytes,
};

/// Pages of the memory.
const PAGES: usize = 24;
/// Operations of one run, and changes of the memory, at most.
const OPERATIONS_MAX: usize = 60;
/// Bytes of a word of a record.
const WORD: usize = size_of::<u64>();

/// What a run does.
#[derive(Arbitrary, Debug)]
pub struct KeptMemory<'a> {
    /// What the earlier process did.
    operations: Vec<EarlierOperation>,
    /// It ended cleanly.
    saves: bool,
    damage: Vec<MemoryDamage<'a>>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum EarlierOperation {
    Set { key: u8, bytes: u16, is_long: bool, ttl: u8 },
    Delete { key: u8 },
    Get { key: u8 },
    Flush,
    Wait { seconds: u8 },
}

/// A change of the memory.
#[derive(Arbitrary, Debug)]
enum MemoryDamage<'a> {
    /// Anywhere.
    Overwrite { at: u32, with: &'a [u8] },
    /// Behind the pages: in the directory or a record.
    OverwriteDirectory { at: u16, with: &'a [u8] },
    /// Changes a record, and gives it the right checksum again.
    Forge { word: u16, value: u32, adds: bool },
}

/// The memory, which comes back when its region ends.
struct Lent(Vec<u8>, Sender<Vec<u8>>);

impl AsMut<[u8]> for Lent {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let _ = self.1.send(std::mem::take(&mut self.0));
    }
}

/// Runs the input. Panics if a property is broken.
pub fn run(input: &KeptMemory<'_>) {
    let (sender, memories) = channel();
    let memory = Lent(vec![0; region_bytes(PAGES)], sender);
    let pool = Arc::new(PagePool::new(Region::with_directory(Box::new(memory), PAGES)));
    let (hasher, mut now) = (KeyHasher::new(7), 100);
    let store = Store::new(&Config::default(), Arc::clone(&pool), hasher.clone());
    let mut store = store.expect("pages enough");
    play(&mut store, &hasher, &mut now, &input.operations);
    let items = store.stats().curr_items;
    let is_saved = input.saves && store.save_record();
    assert_eq!(is_saved, input.saves, "a store at rest has a record");
    drop((store, pool));
    let mut memory = memories.recv().expect("its region has ended");
    let record = is_saved.then(|| find_record(&memory).expect("the record"));
    for damage in input.damage.iter().take(OPERATIONS_MAX) {
        damage.apply(&mut memory, record);
    }

    let region = Region::with_directory(Box::new(Lent(memory, channel().0)), PAGES);
    let pool = Arc::new(PagePool::attached(region, usize::MAX, 1, Generation::First));
    let is_damaged = !input.damage.is_empty();
    assert!(is_damaged || pool.has_records() == is_saved);
    if pool.has_records() {
        let attached = Store::attach(&Config::default(), Arc::clone(&pool), hasher.clone());
        assert!(is_damaged || attached.is_some(), "a record that fits");
        // Nobody has looked at the items: damage of them shows only later.
        if let Some(mut store) = attached.filter(|_| !is_damaged) {
            assert_eq!(store.stats().curr_items, items);
            store.check().expect("a sound store");
            play(&mut store, &hasher, &mut now, &input.operations);
            return store.check().expect("a sound store");
        }
        pool.recover_instead(1);
    }
    if !pool.has_pages_for(1) {
        return;
    }
    let store = Store::for_recovery(&Config::default(), pool, hasher.clone());
    let mut store = store.expect("pages enough");
    let found = store.recover(Moment::at(now));
    assert_eq!(store.stats().curr_items, found.items);
    store.check().expect("a sound store");
    play(&mut store, &hasher, &mut now, &input.operations);
    store.check().expect("a sound store");
}

fn play(store: &mut Store, hasher: &KeyHasher, now: &mut u32, operations: &[EarlierOperation]) {
    for operation in operations.iter().take(OPERATIONS_MAX) {
        match *operation {
            EarlierOperation::Set { key, bytes, is_long, ttl } => {
                let bytes = usize::from(bytes) * if is_long { 4 } else { 1 } % (4 * PAGE_BYTES);
                let value = vec![key; bytes];
                let exptime = if ttl == 0 { 0 } else { *now + u32::from(ttl) };
                let key = [b'k', key];
                let item = NewItem {
                    key: hasher.hash(&key),
                    value: &value,
                    flags: 0,
                    expiry: Expiry::at(exptime),
                };
                let _ = store.store(Moment::at(*now), &item, StoreVerb::Set);
            }
            EarlierOperation::Delete { key } => {
                _ = store.delete(Moment::at(*now), hasher.hash(&[b'k', key]))
            }
            EarlierOperation::Get { key } => {
                _ = store.get(Moment::at(*now), hasher.hash(&[b'k', key])).is_ok()
            }
            EarlierOperation::Flush => store.flush_all(),
            EarlierOperation::Wait { seconds } => {
                *now += u32::from(seconds);
                store.maintain(Moment::at(*now), 64);
            }
        }
    }
}

impl MemoryDamage<'_> {
    /// Changes the memory. `record`: the byte at which the record begins.
    fn apply(&self, memory: &mut [u8], record: Option<usize>) {
        let overwrite = |memory: &mut [u8], at: usize, with: &[u8]| {
            let end = memory.len().min(at + with.len());
            memory[at..end].copy_from_slice(&with[..end - at]);
        };
        match *self {
            MemoryDamage::Overwrite { at, with } => {
                let at = at as usize % memory.len();
                overwrite(memory, at, with);
            }
            MemoryDamage::OverwriteDirectory { at, with } => {
                overwrite(memory, PAGES * PAGE_BYTES + usize::from(at), with);
            }
            MemoryDamage::Forge { word, value, adds } => {
                let Some(start) = record else { return };
                let words = word_at(memory, start) as usize;
                // Another change may have overwritten the length.
                if words == 0 || words > (memory.len() - start) / WORD - 2 {
                    return;
                }
                let at = start + (2 + usize::from(word) % words) * WORD;
                let base = if adds { word_at(memory, at) } else { 0 };
                let value = base.wrapping_add(value.into());
                overwrite(memory, at, &value.to_le_bytes());
                let sum = checksum(memory, start + 2 * WORD, words);
                overwrite(memory, start + WORD, &sum.to_le_bytes());
            }
        }
    }
}

fn word_at(memory: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(memory[at..at + WORD].try_into().expect("eight bytes"))
}

/// The checksum of records in `memory/shard_record.rs`.
fn checksum(memory: &[u8], at: usize, words: usize) -> u64 {
    (0..words).fold(0x736c_6162, |sum: u64, number| {
        let word = word_at(memory, at + number * WORD);
        (sum.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// The byte at which the only record begins: a length, and the checksum of as many words.
fn find_record(memory: &[u8]) -> Option<usize> {
    let is_record = |at: &usize| {
        let (words, room) = (word_at(memory, *at) as usize, (memory.len() - at) / WORD - 2);
        words > PAGES / 8
            && words <= room
            && checksum(memory, at + 2 * WORD, words) == word_at(memory, at + WORD)
    };
    (PAGES * PAGE_BYTES..memory.len() - 2 * WORD).step_by(WORD).find(is_record)
}
