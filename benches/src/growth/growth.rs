//! Times each operation of a store that grows from empty, to find pauses.
//!
//! One run is not enough on a shared machine, since interruptions of a thread are longer than the
//! pauses in question. But all runs of one key sequence do the same work, operation by operation.
//! So a pause of the store recurs at the same operation in every run, and a disturbance does not.
//! The smallest time of an operation counts as its own work. Page faults at the first write to new
//! memory also recur; the kernel's counters identify them.

use std::error::Error;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use slabcore_storage::{Expiry, Moment, NewItem, StoreOutcome, StoreStats, StoreVerb};

use crate::MappedStore;
use crate::growth::mapped_store::Populate;
use crate::replay::trace_copies::write_key;
use slabcore_bench::host::disturbances::{Disturbances, stolen};
use slabcore_bench::host::resident_memory::resident_bytes;
use slabcore_bench::limits::LATENCY_NANOS_MAX;

/// Operations longer than this are recorded one by one, in nanoseconds.
pub const SLOW_NANOS: u32 = 20_000;
/// No operation's own work may be longer than this, in nanoseconds.
pub const PAUSE_NANOS: u32 = 50_000;
/// Operations between two readings of the thread's counters, which cost some 200 ns each.
const BLOCK: usize = 64;
/// One of this many stored items is looked up at the end.
const CHECKED_ONE_OF: usize = 1009;
/// The time of all operations, in seconds.
const NOW: u32 = 1;

/// The items to store, and the store for them.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Number of items, each with its own key.
    pub items: usize,
    /// Memory of the store in MiB.
    pub memory_mib: usize,
    /// Bytes of a key, 9 to 250, so that any item's number fits.
    pub key_bytes: usize,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// When the kernel provides the memory.
    pub populate: Populate,
    /// Core that the thread is pinned to.
    pub core: usize,
}

/// An operation of more than [`SLOW_NANOS`].
#[derive(Clone, Copy, Debug)]
pub struct SlowOperation {
    /// How many operations came before it.
    pub number: usize,
    /// Its time.
    pub nanos: u32,
    /// The thread's disturbances during it, or during the operations of its block before it.
    pub met: Disturbances,
}

/// One run.
pub struct Run {
    /// Times of all operations in nanoseconds.
    pub times: Histogram<u64>,
    /// The slow ones in ascending order of their numbers.
    pub slow: Vec<SlowOperation>,
    /// All disturbances of the thread.
    pub met: Disturbances,
    /// Time that the hypervisor took from the core.
    pub stolen: Duration,
    /// From the first operation to the last, reading of clocks and counters included.
    pub elapsed: Duration,
    /// Resident bytes that came with the store.
    pub resident_bytes: u64,
    /// Bytes of the pages that are not free.
    pub used_bytes: u64,
    /// Bytes of the region.
    pub region_bytes: u64,
    /// The store's own counts at the end.
    pub stats: StoreStats,
}

impl Growth {
    /// Stores all items, and lowers the times in `least`, in nanoseconds, where this run was
    /// faster. Fails if there is no memory for the store, or too little for all items.
    pub fn run(&self, least: &mut [u32]) -> Result<Run, Box<dyn Error>> {
        assert_eq!(least.len(), self.items);
        let mut times = histogram();
        let mut slow = Vec::new();
        let resident_before = resident_bytes("self")?;
        let mut mapped = MappedStore::new(self.memory_mib, self.populate)?;
        let (stolen_before, met_before) = (stolen(self.core)?, Disturbances::of_this_thread()?);
        let start = Instant::now();
        let value = vec![b'v'; self.value_bytes];
        let mut key = vec![0; self.key_bytes];
        for (block, least) in least.chunks_mut(BLOCK).enumerate() {
            let mut before = Disturbances::of_this_thread()?;
            for (place, least) in least.iter_mut().enumerate() {
                let number = block * BLOCK + place;
                write_key(&mut key, number as u64);
                let nanos = timed_set(&mut mapped, &key, &value).ok_or_else(|| {
                    format!("no memory for item {number}; --memory must be larger")
                })?;
                times.record(u64::from(nanos).max(1)).expect("the bounds hold 4 s");
                *least = nanos.min(*least);
                if nanos > SLOW_NANOS {
                    let met = Disturbances::of_this_thread()?.since(before);
                    slow.push(SlowOperation { number, nanos, met });
                    // Read again, so that the growth of the list does not count as a disturbance.
                    before = Disturbances::of_this_thread()?;
                }
            }
        }
        let run = Run {
            elapsed: start.elapsed(),
            times,
            slow,
            met: Disturbances::of_this_thread()?.since(met_before),
            stolen: stolen(self.core)?.saturating_sub(stolen_before),
            resident_bytes: resident_bytes("self")?.saturating_sub(resident_before),
            used_bytes: mapped.used_bytes(),
            region_bytes: mapped.region_bytes(),
            stats: mapped.store.stats(),
        };
        self.check(&mut mapped)?;
        Ok(run)
    }

    /// Whether the store returns the stored items.
    fn check(&self, mapped: &mut MappedStore) -> Result<(), Box<dyn Error>> {
        let stats = mapped.store.stats();
        if stats.curr_items != self.items as u64 {
            let evicted = stats.counters.evicted;
            return Err(format!("{evicted} items were evicted; --memory must be larger").into());
        }
        let mut key = vec![0; self.key_bytes];
        for number in (0..self.items).step_by(CHECKED_ONE_OF) {
            write_key(&mut key, number as u64);
            let found = mapped.store.get(Moment::at(NOW), mapped.hasher.hash(&key));
            assert_eq!(found.map(|item| item.value_len()), Ok(self.value_bytes), "item {number}");
        }
        Ok(())
    }
}

/// Nanoseconds of one set, hash included, or `None` if it was refused.
#[inline]
fn timed_set(mapped: &mut MappedStore, key: &[u8], value: &[u8]) -> Option<u32> {
    let item = NewItem { key: mapped.hasher.hash(key), value, flags: 0, expiry: Expiry::NEVER };
    let start = Instant::now();
    let outcome = mapped.store.store(Moment::at(NOW), &item, StoreVerb::Set);
    let nanos = start.elapsed().as_nanos();
    (outcome == StoreOutcome::Stored).then(|| u32::try_from(nanos).unwrap_or(u32::MAX))
}

/// Median difference of two successive readings of the clock, in nanoseconds. It is part of every
/// time.
#[must_use]
pub fn clock_nanos() -> u64 {
    let mut times = histogram();
    for _ in 0..100_000 {
        times.saturating_record((Instant::now().elapsed().as_nanos() as u64).max(1));
    }
    times.value_at_quantile(0.5)
}

/// A histogram of nanoseconds.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NANOS_MAX, 3)
        .expect("the bounds are constants that suit each other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_times_every_operation() {
        let growth = Growth {
            items: 3_000,
            memory_mib: 1,
            key_bytes: 30,
            value_bytes: 64,
            populate: Populate::OnUse,
            core: slabcore_bench::host::cores::allowed().unwrap()[0],
        };
        let mut least = vec![u32::MAX; growth.items];
        let run = growth.run(&mut least).unwrap();
        assert_eq!((run.times.len(), run.stats.curr_items), (3_000, 3_000));
        assert!(least.iter().all(|nanos| *nanos < u32::MAX));
        assert!(run.used_bytes <= run.region_bytes && run.region_bytes == 1 << 20);
        assert!(run.slow.iter().all(|slow| slow.nanos > SLOW_NANOS));
        let too_many = Growth { items: 30_000, ..growth };
        assert!(too_many.run(&mut vec![u32::MAX; 30_000]).is_err());
    }
}
