//! Items in more than 32 GiB, where addresses have a larger granule, and on the way there and back.
//! Only a few pages are touched, so the test needs little memory.
#![cfg(not(miri))]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use memmap2::{MmapMut, MmapOptions};
use slabcore_storage::{
    Config, Expiry, Generation, GenerationShards, KeyHasher, LeavingGroup, LeavingItems, Moment,
    NewItem, PAGE_BYTES, Page, PagePool, Region, Store, StoreVerb, granule_bytes, move_directory,
    region_bytes,
};

const SMALL_PAGES: usize = (16 << 30) / PAGE_BYTES;
/// Pages that 8-byte units reach.
const REACH_PAGES: usize = (32 << 30) / PAGE_BYTES;
const WIDE_PAGES: usize = (33 << 30) / PAGE_BYTES;

const NOW: Moment = Moment::at(10);

/// Memory that comes back when its region ends.
struct Lent(Option<MmapMut>, Sender<MmapMut>);

impl AsMut<[u8]> for Lent {
    fn as_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().expect("the region is alive")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let memory = self.0.take().expect("it is dropped once");
        self.1.send(memory).expect("the test waits for it");
    }
}

fn lend(memory: MmapMut, pages: usize) -> (Region, Receiver<MmapMut>) {
    let (sender, back) = channel();
    (Region::with_directory(Box::new(Lent(Some(memory), sender)), pages), back)
}

fn hasher() -> KeyHasher {
    KeyHasher::new(5)
}

type Contents = BTreeMap<String, Vec<u8>>;

/// Values of one chunk and of several.
fn contents() -> Contents {
    let lengths = [0, 1, 100, 3_000, 40_000, 200_000];
    let value = |number: usize| {
        let len = lengths[number % lengths.len()];
        (0..len).map(|at| (at * 7 + number) as u8).collect()
    };
    (0..300).map(|number| (format!("key{number}"), value(number))).collect()
}

fn check(store: &mut Store, contents: &Contents) {
    store.check().unwrap();
    assert_eq!(store.stats().curr_items, contents.len() as u64);
    for (key, value) in contents {
        let hashed = hasher();
        let item = store.peek(NOW, hashed.hash(key.as_bytes())).unwrap();
        let found: Vec<u8> = item.value_parts().flatten().copied().collect();
        assert!(found == *value, "{key}");
    }
}

/// Takes the free pages before this one, so that stores get those behind.
fn take_before(pool: &PagePool, page: usize) -> Vec<Page> {
    let mut taken = Vec::new();
    while let Some(next) = pool.take() {
        let is_before = (next.number() as usize) < page;
        if !is_before {
            pool.give(next);
            break;
        }
        taken.push(next);
    }
    taken
}

/// Numbers of the first and the last page that the directory gives to a slab class.
fn used_pages(memory: &MmapMut, pages: usize) -> (usize, usize) {
    let words = memory[pages * PAGE_BYTES..][..pages * 4].as_chunks::<4>().0;
    let is_used = |word: &[u8; 4]| *word != [0; 4];
    (words.iter().position(is_used).unwrap(), words.iter().rposition(is_used).unwrap())
}

/// Moves all items from shards of one granule to shards of another one. The pages from `first` on
/// are free.
fn move_all(
    memory: MmapMut,
    usable: usize,
    to: Generation,
    [own, other]: [usize; 2],
    first: usize,
) -> MmapMut {
    let (region, back) = lend(memory, WIDE_PAGES);
    let shards = [own, other].map(|pages| GenerationShards {
        shards: 1,
        granule_bytes: granule_bytes(pages * PAGE_BYTES),
    });
    let pool = Arc::new(PagePool::of_two_generations(region, usable, to, shards));
    pool.begin_generation(1);
    let taken = take_before(&pool, first);
    let config = Config::default();
    let mut leaving = LeavingItems::new(&config, &pool, hasher(), NOW);
    let mut store = Store::for_recovery(&config, Arc::clone(&pool), hasher()).unwrap();
    store.recover(NOW);
    let mut groups = [LeavingGroup::default()];
    while leaving.sort_next_page(|_| 0, &mut groups) {
        assert_eq!(store.take_over(NOW, &mut leaving, &mut groups[0]), 0);
    }
    assert_eq!(leaving.given_up(), 0);
    drop((leaving, taken));
    check(&mut store, &contents());
    assert!(pool.is_emptied());
    drop((store, pool));
    back.recv().unwrap()
}

/// A start with the same settings.
fn check_recovered(memory: MmapMut, pages: usize, generation: Generation) -> MmapMut {
    let (region, back) = lend(memory, pages);
    let pool = Arc::new(PagePool::recovered(region, usize::MAX, 1, generation));
    let mut store = Store::for_recovery(&Config::default(), pool, hasher()).unwrap();
    store.recover(NOW);
    check(&mut store, &contents());
    drop(store);
    back.recv().unwrap()
}

#[test]
fn items_move_beyond_the_reach_of_small_addresses_and_back() {
    let mut options = MmapOptions::new();
    let memory = options.len(region_bytes(WIDE_PAGES)).no_reserve_swap().map_anon().unwrap();

    let (region, back) = lend(memory, SMALL_PAGES);
    let pool = Arc::new(PagePool::with_limit(region, SMALL_PAGES));
    let taken = take_before(&pool, SMALL_PAGES - 1_000);
    let mut store = Store::new(&Config::default(), Arc::clone(&pool), hasher()).unwrap();
    for (key, value) in &contents() {
        let hasher = hasher();
        let key = hasher.hash(key.as_bytes());
        let item = NewItem { key, value, flags: 0, expiry: Expiry::NEVER };
        store.store(NOW, &item, StoreVerb::Set);
    }
    check(&mut store, &contents());
    drop((store, pool, taken));
    let mut memory = back.recv().unwrap();
    assert!(used_pages(&memory, SMALL_PAGES).0 >= SMALL_PAGES - 1_000);

    move_directory(&mut memory, SMALL_PAGES, WIDE_PAGES);
    let pages = [WIDE_PAGES, SMALL_PAGES];
    let memory = move_all(memory, WIDE_PAGES, Generation::Second, pages, REACH_PAGES);
    // Old pages are used again, too.
    assert!(used_pages(&memory, WIDE_PAGES).1 >= REACH_PAGES);
    let memory = check_recovered(memory, WIDE_PAGES, Generation::Second);

    let pages = [SMALL_PAGES, WIDE_PAGES];
    let mut memory = move_all(memory, SMALL_PAGES, Generation::First, pages, 0);
    assert!(used_pages(&memory, WIDE_PAGES).1 < SMALL_PAGES);
    move_directory(&mut memory, WIDE_PAGES, SMALL_PAGES);
    check_recovered(memory, SMALL_PAGES, Generation::First);
}

/// The small addresses of a move that was begun with less memory never name a page behind their
/// reach, whatever is wanted now, and whatever a damaged directory says.
#[test]
fn pages_beyond_the_reach_are_not_used() {
    let mut options = MmapOptions::new();
    let mut memory = options.len(region_bytes(WIDE_PAGES)).no_reserve_swap().map_anon().unwrap();
    // A page of each generation, behind what the addresses of the second one reach.
    for (page, owner) in [(WIDE_PAGES - 1, 1_u32), (WIDE_PAGES - 2, 65)] {
        let word = owner << 24 | 1;
        memory[WIDE_PAGES * PAGE_BYTES + page * 4..][..4].copy_from_slice(&word.to_le_bytes());
    }
    let (region, _back) = lend(memory, WIDE_PAGES);
    let shards = [8, 16].map(|granule_bytes| GenerationShards { shards: 1, granule_bytes });
    let pool = PagePool::of_two_generations(region, WIDE_PAGES, Generation::Second, shards);
    assert_eq!((pool.pages_total(), pool.pages_free()), (REACH_PAGES, REACH_PAGES));
    let pages: Vec<Page> = std::iter::from_fn(|| pool.take()).collect();
    assert_eq!(pages.iter().map(|page| page.number() as usize).max(), Some(REACH_PAGES - 1));
    assert_eq!(pages.len(), REACH_PAGES);
    assert!(!pool.is_emptied(), "the page of the first generation is still there");
}
