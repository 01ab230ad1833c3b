//! Items that move to other shards stay what they are, wherever a process ends meanwhile.

use alloc::sync::Arc;
use std::collections::BTreeMap;
use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use crate::index::key_hasher::KeyHasher;
use crate::item::expiry::Moment;
use crate::limits::{INDEX_PAGES_MIN, PAGE_BYTES};
use crate::memory::cuts;
use crate::memory::page_directory::Generation;
use crate::memory::page_pool::{GenerationShards, PagePool};
use crate::memory::region::{Region, region_bytes};
use crate::store::leaving_items::{LeavingGroup, LeavingItems};
use crate::store::recovery_tests::{
    Contents, KEYS, Operation, PAGES, Shard, hashed, key_text, memory_of, operations,
};
use crate::store::store::{Config, Store};

const SEED: u64 = 3;

/// Pages that a small server needs: `shards` tables, and a page for most classes of what the
/// operations store.
const USABLE_MIN: usize = 40;

/// What shards and classes are made from.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Geometry {
    shards: u32,
    chunk_bytes_min: usize,
    growth_factor: f64,
    granule_bytes: usize,
}

fn geometries() -> impl Strategy<Value = Geometry> {
    let factor = prop_oneof![3 => Just(1.25), 1 => Just(1.5), 1 => Just(1.08)];
    let bytes = prop_oneof![3 => Just(48_usize), 1 => Just(100), 1 => Just(5_000)];
    let granule = prop_oneof![3 => Just(8_usize), 2 => Just(16), 1 => Just(64)];
    (1..5_u32, bytes, factor, granule).prop_map(
        |(shards, chunk_bytes_min, growth_factor, granule_bytes)| Geometry {
            shards,
            chunk_bytes_min,
            growth_factor,
            granule_bytes,
        },
    )
}

impl Geometry {
    fn config(&self, shard: u32) -> Config {
        let Geometry { shards, chunk_bytes_min, growth_factor, .. } = *self;
        Config { shards, shard, growth_factor, chunk_bytes_min, ..Config::default() }
    }

    fn generation_shards(&self) -> GenerationShards {
        GenerationShards { shards: self.shards, granule_bytes: self.granule_bytes }
    }

    /// A pool for shards of one generation; the other one has no items.
    fn pool(&self, region: Region, generation: Generation) -> PagePool {
        let shards = [self.generation_shards(); 2];
        PagePool::of_two_generations(region, usize::MAX, generation, shards)
    }

    fn shard_of(&self, hash: u64) -> usize {
        (hash >> 32) as usize % self.shards as usize
    }
}

/// All shards of a server.
struct Server {
    shards: Vec<Shard>,
    geometry: Geometry,
    now: u32,
}

/// What a server without requests leaves.
#[derive(Clone)]
struct Left {
    memory: Vec<u8>,
    geometry: Geometry,
    generation: Generation,
    now: u32,
}

/// What became of the items beside those that arrived.
#[derive(Default, Debug)]
struct Lost {
    no_room: u64,
    twice: u64,
}

fn region_of(memory: Vec<u8>) -> Region {
    Region::with_directory(memory_of(memory), PAGES)
}

impl Server {
    fn new(geometry: Geometry) -> Server {
        let region = region_of(vec![0xa5; region_bytes(PAGES)]);
        let pool = Arc::new(geometry.pool(region, Generation::First));
        pool.begin_generation(0);
        let make = |config: &Config| Store::new(config, Arc::clone(&pool), KeyHasher::new(SEED));
        let shards = (0..geometry.shards).map(|shard| make(&geometry.config(shard)).unwrap());
        Server::of_stores(shards.collect(), geometry, 10)
    }

    fn of_stores(stores: Vec<Store>, geometry: Geometry, now: u32) -> Server {
        let shard = |store| Shard { store, hasher: KeyHasher::new(SEED), now };
        Server { shards: stores.into_iter().map(shard).collect(), geometry, now }
    }

    fn run(&mut self, operation: &Operation) {
        match operation.key() {
            Some(key) => {
                let text = key_text(key);
                let hash = hashed(&KeyHasher::new(SEED), &text).hash();
                self.shards[self.geometry.shard_of(hash)].run(operation);
            }
            None => self.shards.iter_mut().for_each(|shard| shard.run(operation)),
        }
        self.now = self.shards[0].now;
    }

    /// What clients see, without the items of shards that do not know their flush mark.
    fn contents(&self) -> Contents {
        let known = self.shards.iter().filter(|shard| shard.knows_epoch());
        known.flat_map(Shard::contents).collect()
    }

    /// Segment and reads of each item.
    fn accesses(&self) -> BTreeMap<String, (u8, bool)> {
        let accesses = self.shards.iter().flat_map(|shard| {
            let items = shard.store.items();
            shard.contents().into_keys().map(move |text| {
                let item = items.find_linked(hashed(&shard.hasher, &text)).unwrap();
                let access = items.view(item).access();
                (text, (access.segment() as u8, access.is_active()))
            })
        });
        accesses.collect()
    }

    fn items(&self) -> u64 {
        self.shards.iter().map(|shard| shard.store.stats().curr_items).sum()
    }

    fn left(&self, generation: Generation) -> Left {
        let memory = self.shards[0].memory();
        Left { memory, geometry: self.geometry, generation, now: self.now }
    }
}

impl Left {
    /// A start with the same settings.
    fn recovered(&self) -> Server {
        let Left { geometry, generation, now, .. } = *self;
        let region = region_of(self.memory.clone());
        let pool = Arc::new(geometry.pool(region, generation));
        Server::of_stores(recovered_stores(geometry, &pool, now), geometry, now)
    }

    /// The memory with all that a generation begins with.
    fn begun(&self, geometry: Geometry, usable: usize) -> Left {
        let pool = self.pool_for(geometry, usable);
        pool.begin_generation(self.geometry.shards);
        Left { memory: pool.region().copy(), ..*self }
    }

    fn pool_for(&self, geometry: Geometry, usable: usize) -> PagePool {
        let region = region_of(self.memory.clone());
        let shards = [geometry.generation_shards(), self.geometry.generation_shards()];
        PagePool::of_two_generations(region, usable, self.generation.other(), shards)
    }

    /// A start with other settings that ends within this store to memory, and the next one.
    fn cut(&self, store: usize, geometry: Geometry, usable: usize) -> (Server, Lost) {
        let memory = cuts::during_store(store, || _ = self.rehomed(geometry, usable));
        Left { memory: memory.unwrap(), ..*self }.rehomed(geometry, usable)
    }

    /// A start with other settings, of a file in which their generation has begun.
    fn rehomed(&self, geometry: Geometry, usable: usize) -> (Server, Lost) {
        let pool = Arc::new(self.pool_for(geometry, usable));
        let hasher = || KeyHasher::new(SEED);
        let old = (0..self.geometry.shards).map(|shard| self.geometry.config(shard));
        let mut leaving: Vec<LeavingItems> = old
            .map(|config| LeavingItems::new(&config, &pool, hasher(), Moment::at(self.now)))
            .collect();
        let mut lost = Lost::default();
        while !pool.has_pages_for(geometry.shards as usize) {
            assert!(leaving.iter_mut().any(LeavingItems::give_up_page), "no room for the shards");
        }
        let mut stores = recovered_stores(geometry, &pool, self.now);
        let mut groups: Vec<LeavingGroup> = Vec::new();
        groups.resize_with(stores.len(), LeavingGroup::default);
        for leaving in &mut leaving {
            let expected = leaving.found().items as usize / stores.len() + 1;
            for store in &mut stores {
                store.expect_items(expected, INDEX_PAGES_MIN);
            }
            while leaving.sort_next_page(|hash| geometry.shard_of(hash), &mut groups) {
                for (store, group) in stores.iter_mut().zip(&mut groups) {
                    lost.twice += store.take_over(Moment::at(self.now), leaving, group);
                }
            }
            lost.no_room += leaving.given_up();
        }
        drop(leaving);
        for store in &stores {
            store.check().unwrap();
            lost.no_room += store.stats().counters.evicted;
        }
        for page in 0..PAGES as u32 {
            let entry = pool.directory().entry(page);
            let shards = geometry.shards;
            assert!(entry.is_none_or(|entry| {
                entry.owner.is_of(pool.generation(), shards) && (page as usize) < usable
            }));
        }
        (Server::of_stores(stores, geometry, self.now), lost)
    }
}

fn recovered_stores(geometry: Geometry, pool: &Arc<PagePool>, now: u32) -> Vec<Store> {
    let make = |shard| {
        let config = geometry.config(shard);
        Store::for_recovery(&config, Arc::clone(pool), KeyHasher::new(SEED)).unwrap()
    };
    let mut stores: Vec<Store> = (0..geometry.shards).map(make).collect();
    for store in &mut stores {
        store.recover(Moment::at(now));
    }
    stores
}

/// Compares what arrived with what there was.
fn check_arrived(arrived: &Server, before: &Contents, lost: &Lost) {
    let contents = arrived.contents();
    assert_eq!(arrived.items(), contents.len() as u64, "an item is there twice");
    for (text, seen) in &contents {
        assert_eq!(before.get(text), Some(seen), "{text}");
    }
    let missing = (before.len() - contents.len()) as u64;
    assert!(missing <= lost.no_room, "{missing} missing, {lost:?}");
}

/// The uniques that the new shards hand out are none of those that items had.
fn check_uniques(arrived: &mut Server, before: &Contents) {
    let most = before.values().map(|seen| seen.cas).max().unwrap_or_default();
    for key in 0..KEYS {
        arrived.run(&Operation::Set { key, len: 10, flags: 0, ttl: 0 });
        arrived.run(&Operation::AskForCas { key });
    }
    let contents = arrived.contents();
    assert!(contents.values().all(|seen| seen.cas > most), "a unique was handed out twice");
}

/// A process may end within each single store of a rehoming.
#[test]
fn every_cut_leaves_each_item_once() {
    let old = Geometry { shards: 2, chunk_bytes_min: 48, growth_factor: 1.25, granule_bytes: 8 };
    let others = [
        Geometry { shards: 3, growth_factor: 1.5, ..old },
        // What more memory than 32 GiB changes.
        Geometry { granule_bytes: 16, ..old },
    ];
    for geometry in others {
        check_every_cut(old, geometry);
        check_every_cut(geometry, old);
    }
}

fn check_every_cut(old: Geometry, geometry: Geometry) {
    let mut server = Server::new(old);
    for (key, len) in [(0, 10), (1, 10), (2, 300), (3, 5_000), (4, 90_000), (5, 0)] {
        server.run(&Operation::Set { key, len, flags: key as u32 * 1_000, ttl: 0 });
    }
    server.run(&Operation::AskForCas { key: 1 });
    let before = server.contents();
    let left = server.left(Generation::First).begun(geometry, PAGES);
    let stores = cuts::stores_of(|| _ = left.rehomed(geometry, PAGES));
    let mut twice = 0;
    // Under Miri each takes long.
    for store in (0..stores).step_by(if cfg!(miri) { stores / 2 } else { 1 }) {
        let (resumed, lost) = left.cut(store, geometry, PAGES);
        check_arrived(&resumed, &before, &Lost::default());
        twice += lost.twice;
    }
    assert!(twice > 0 || cfg!(miri), "no cut was between the copy and the end of the old item");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 48 },
        ..ProptestConfig::default()
    })]

    #[test]
    fn items_move_as_they_are(
        first in geometries(),
        rounds in prop::collection::vec(
            (
                prop::collection::vec(operations(), 1..30),
                geometries(),
                USABLE_MIN..=PAGES,
                prop::collection::vec(any::<prop::sample::Index>(), 2),
            ),
            1..4,
        ),
    ) {
        let mut server = Server::new(first);
        let mut generation = Generation::First;
        for (operations, geometry, usable, cuts) in rounds {
            for operation in &operations {
                server.run(operation);
            }
            let (before, accesses) = (server.contents(), server.accesses());
            let left = server.left(generation).begun(geometry, usable);
            let (mut whole, lost) = left.rehomed(geometry, usable);
            check_arrived(&whole, &before, &lost);
            prop_assert_eq!(lost.twice, 0);
            for (text, access) in whole.accesses() {
                prop_assert_eq!(accesses.get(&text), Some(&access));
            }
            let stores = cuts::stores_of(|| _ = left.rehomed(geometry, usable));
            for cut in cuts {
                let (resumed, mut again) = left.cut(cut.index(stores), geometry, usable);
                // Some may have been given up before the cut.
                again.no_room += lost.no_room;
                check_arrived(&resumed, &before, &again);
            }
            check_uniques(&mut whole, &before);
            generation = generation.other();
            server = whole.left(generation).recovered();
            prop_assert_eq!(server.contents(), whole.contents());
        }
    }

    /// A file that was damaged, or is of another program: nothing moves that is not well-formed,
    /// and the shards work on.
    #[test]
    fn any_memory_is_rehomed(
        first in geometries(),
        second in geometries(),
        steps in prop::collection::vec(operations(), 1..30),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..200),
        words in prop::collection::vec((0..PAGES, any::<u32>()), 0..8),
        block in any::<prop::sample::Index>(),
        fill in any::<u8>(),
    ) {
        let mut server = Server::new(first);
        for operation in &steps {
            server.run(operation);
        }
        let mut left = server.left(Generation::First);
        for (place, byte) in damage {
            let place = place.index(left.memory.len());
            left.memory[place] = byte;
        }
        for (page, word) in words {
            let place = PAGES * PAGE_BYTES + page * 4;
            left.memory[place..place + 4].copy_from_slice(&word.to_le_bytes());
        }
        let start = block.index(left.memory.len());
        let end = left.memory.len().min(start + 5_000);
        left.memory[start..end].fill(fill);
        let (mut rehomed, _) = left.begun(second, PAGES).rehomed(second, PAGES);
        for operation in &steps {
            rehomed.run(operation);
        }
        for shard in &rehomed.shards {
            shard.store.check().unwrap();
        }
    }
}
