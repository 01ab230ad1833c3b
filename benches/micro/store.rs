//! The store's share of a request: lookups and sets without sockets, one by one and in batches with
//! prefetching, in a store that fits the processor's cache and in one that does not.
//!
//! A time is that of one operation, including the key's hash. `SLABCORE_BENCH_MIB` is the size of
//! the large store.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use slabcore_bench::splitmix64::Splitmix64;
use slabcore_benches::MappedStore;
use slabcore_benches::growth::mapped_store::Populate;
use slabcore_benches::replay::trace_copies::write_key;
use slabcore_storage::{Expiry, HashedKey, Moment, NewItem, Store, StoreOutcome, StoreVerb};

const KEY_BYTES: usize = 36;
const VALUE_BYTES: usize = 100;
/// Operations that are prefetched together.
const BATCH: usize = 16;
/// Keys drawn ahead, outside of the measured time: few enough to stay in the processor's cache.
const BLOCK: usize = 512;
/// Sets between two checks of the eviction count while a store is filled.
const FILL_STEP: usize = 16;
/// Size in MiB of the store that fits a cache of the processor.
const SMALL_MIB: usize = 1;
/// MiB of the large store.
const LARGE_MIB: usize = 4096;
/// Size in MiB of the large store when the bench runs as a test.
const LARGE_MIB_TEST: usize = 32;
/// The time of all operations, in seconds.
const NOW: u32 = 1;

/// The timed operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Hit,
    Miss,
    Overwrite,
    Evict,
}

const LOADS: [(&str, Load); 4] = [
    ("lookup, hit", Load::Hit),
    ("lookup, miss", Load::Miss),
    ("set, overwriting", Load::Overwrite),
    ("set, evicting", Load::Evict),
];

/// A store, and the numbers of its keys.
struct LoadedStore {
    mapped: MappedStore,
    /// The first stored key; all from here to `next` are stored.
    first: u64,
    /// The next new key.
    next: u64,
    random: Splitmix64,
    keys: Vec<[u8; KEY_BYTES]>,
}

impl LoadedStore {
    /// Fills the store to 95 % of the items that fit, so that overwriting does not evict.
    fn new(memory_mib: usize) -> Self {
        let mapped = MappedStore::new(memory_mib, Populate::OnUse).expect("memory for the store");
        let keys = vec![[0; KEY_BYTES]; BLOCK];
        let mut store = Self { mapped, first: 0, next: 0, random: Splitmix64::new(1), keys };
        store.fill();
        store.first = store.next / 20;
        for number in 0..store.first {
            write_key(&mut store.keys[0], number);
            let hashed = store.mapped.hasher.hash(&store.keys[0]);
            // The fill may have evicted it.
            let _ = store.mapped.store.delete(Moment::at(NOW), hashed);
        }
        store
    }

    /// Sets new keys until something is evicted.
    fn fill(&mut self) {
        // No store holds more values than fit its memory.
        let most = self.mapped.region_bytes() / VALUE_BYTES as u64;
        let evicted = self.mapped.store.stats().counters.evicted;
        while self.mapped.store.stats().counters.evicted == evicted {
            self.draw(Load::Evict, FILL_STEP);
            assert_eq!(self.execute(Load::Evict, FILL_STEP, 1), FILL_STEP);
            assert!(self.next - self.first <= most, "a store without end");
        }
    }

    /// Draws the keys of this many operations.
    fn draw(&mut self, load: Load, count: usize) {
        for key in &mut self.keys[..count] {
            let number = match load {
                Load::Hit | Load::Overwrite => {
                    self.first + self.random.draw() % (self.next - self.first)
                }
                Load::Miss => u64::MAX - (self.random.draw() >> 8),
                Load::Evict => {
                    self.next += 1;
                    self.next - 1
                }
            };
            write_key(key, number);
        }
    }

    /// Executes the drawn operations in batches. Returns how many found or stored an item.
    fn execute(&mut self, load: Load, count: usize, batch: usize) -> usize {
        let (store, hasher) = (&mut self.mapped.store, &self.mapped.hasher);
        let mut done = 0;
        let mut one = |store: &mut Store, key: HashedKey<'_>| match load {
            Load::Hit | Load::Miss => {
                let found = store.get(Moment::at(NOW), key).map(|item| black_box(item.value_len()));
                done += usize::from(found.is_ok());
            }
            Load::Overwrite | Load::Evict => {
                let item =
                    NewItem { key, value: &[b'v'; VALUE_BYTES], flags: 0, expiry: Expiry::NEVER };
                let outcome = store.store(Moment::at(NOW), &item, StoreVerb::Set);
                done += usize::from(outcome == StoreOutcome::Stored);
            }
        };
        if batch == 1 {
            for key in &self.keys[..count] {
                one(store, hasher.hash(key));
            }
            return done;
        }
        for keys in self.keys[..count].chunks(batch) {
            let mut hashes = [0; BATCH];
            for (hash, key) in hashes.iter_mut().zip(keys) {
                *hash = hasher.hash(key).hash();
                store.prefetch_bucket(*hash);
            }
            store.begin_group();
            for hash in &hashes[..keys.len()] {
                store.prefetch_item(*hash);
            }
            for (hash, key) in hashes.iter().zip(keys) {
                one(store, HashedKey::rejoin(key, *hash));
            }
        }
        done
    }

    /// Measures this many operations, and checks that each found or stored an item.
    fn time(&mut self, load: Load, operations: u64, batch: usize) -> Duration {
        let (mut time, mut done, mut left) = (Duration::ZERO, 0, operations as usize);
        while left > 0 {
            let count = left.min(BLOCK);
            self.draw(load, count);
            let start = Instant::now();
            done += self.execute(load, count, batch);
            time += start.elapsed();
            left -= count;
        }
        let operations = operations as usize;
        match load {
            // The fill's last step evicted a few, and overwriting may.
            Load::Hit => assert!(done * 100 >= operations * 98 || operations < 100, "{done} hits"),
            Load::Miss => assert_eq!(done, 0),
            Load::Overwrite | Load::Evict => assert_eq!(done, operations),
        }
        time
    }
}

/// MiB of the large store.
fn large_mib() -> usize {
    match std::env::var("SLABCORE_BENCH_MIB") {
        Ok(text) => text.parse().expect("SLABCORE_BENCH_MIB is a number of MiB"),
        // cargo passes this option to measure, and omits it to test.
        Err(_) if std::env::args().any(|argument| argument == "--bench") => LARGE_MIB,
        Err(_) => LARGE_MIB_TEST,
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for memory_mib in [SMALL_MIB, large_mib()] {
        let mut store = LoadedStore::new(memory_mib);
        for (name, load) in LOADS {
            if load == Load::Evict {
                store.fill();
            }
            let mut group = criterion.benchmark_group(name);
            group.throughput(Throughput::Elements(1));
            for (batch, text) in [(1, "single"), (BATCH, "batches of 16")] {
                let id = BenchmarkId::new(text, format!("{memory_mib} MiB"));
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|operations| store.time(load, operations, batch));
                });
            }
            group.finish();
        }
    }
    criterion.final_summary();
}
