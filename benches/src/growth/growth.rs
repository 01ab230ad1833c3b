//! A store that grows from nothing, each of its operations timed: is there a pause?
//!
//! One run cannot say, on a shared machine: what interrupts a thread is longer than what is looked
//! for. But runs of one sequence of keys are the same work operation by operation, so a pause of
//! the store's own recurs at the same operation of every run, and a disturbance does not. What
//! counts as an operation's own work is the least of its times; the kernel's work, where it
//! recurs too (page faults at the first write to new memory), is told apart by its own counters.

use std::error::Error;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use slabcore_storage::{NewItem, StoreOutcome, StoreStats, StoreVerb};

use crate::MappedStore;
use crate::growth::mapped_store::Populate;
use crate::host::disturbances::{Disturbances, stolen};
use crate::host::resident_memory::resident_bytes;
use crate::limits::LATENCY_NANOS_MAX;
use crate::replay::trace_copies::write_key;

/// Operations longer than this are looked at one by one, in nanoseconds.
pub const SLOW_NANOS: u32 = 20_000;
/// No operation's own work may be longer than this, in nanoseconds.
pub const PAUSE_NANOS: u32 = 50_000;
/// Operations between two readings of the thread's counters, which cost some 200 ns each.
const BLOCK: usize = 64;
/// Stored items of which one is looked up when all are stored.
const CHECKED_ONE_OF: usize = 1009;
/// Second at which everything happens.
const NOW: u32 = 1;

/// What is stored.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Items, each under a key of its own.
    pub items: usize,
    /// Memory of the store in MiB.
    pub memory_mib: usize,
    /// Bytes of a key, 9 to 250: the number of any item fits.
    pub key_bytes: usize,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// When the kernel is to give the memory.
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
    /// What its thread met meanwhile, or in the block's operations before it.
    pub met: Disturbances,
}

/// One run.
pub struct Run {
    /// Times of all operations in nanoseconds.
    pub times: Histogram<u64>,
    /// The slow ones in ascending order of their numbers.
    pub slow: Vec<SlowOperation>,
    /// What the thread met in all.
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
    /// Stores all items, and lowers `least`, one time in nanoseconds for each, where this run was
    /// faster. Errors: no memory for the store, or too little for all items.
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
                    // Read again: the list's own growth is nobody's disturbance.
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

    /// Whether the store has what it was given.
    fn check(&self, mapped: &mut MappedStore) -> Result<(), Box<dyn Error>> {
        let stats = mapped.store.stats();
        if stats.curr_items != self.items as u64 {
            let evicted = stats.counters.evicted;
            return Err(format!("{evicted} items were evicted; --memory must be larger").into());
        }
        let mut key = vec![0; self.key_bytes];
        for number in (0..self.items).step_by(CHECKED_ONE_OF) {
            write_key(&mut key, number as u64);
            let found = mapped.store.get(NOW, mapped.hasher.hash(&key));
            assert_eq!(found.map(|item| item.value_len()), Ok(self.value_bytes), "item {number}");
        }
        Ok(())
    }
}

/// Nanoseconds of one set, hash included; none: it was refused.
#[inline]
fn timed_set(mapped: &mut MappedStore, key: &[u8], value: &[u8]) -> Option<u32> {
    let item = NewItem { key: mapped.hasher.hash(key), value, flags: 0, exptime: 0 };
    let start = Instant::now();
    let outcome = mapped.store.store(NOW, &item, StoreVerb::Set);
    let nanos = start.elapsed().as_nanos();
    (outcome == StoreOutcome::Stored).then(|| u32::try_from(nanos).unwrap_or(u32::MAX))
}

/// Median of what two readings of the clock with nothing between them are apart, in nanoseconds:
/// it is part of every time.
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
            core: crate::host::cores::allowed().unwrap()[0],
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
