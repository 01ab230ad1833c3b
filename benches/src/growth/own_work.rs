//! The own work of operations, from several equal runs.

use hdrhistogram::Histogram;

use crate::growth::growth::{PAUSE_NANOS, Run, SLOW_NANOS, SlowOperation, histogram};
use slabcore_bench::host::disturbances::Disturbances;

/// An operation that was slow in every run.
#[derive(Clone, Debug)]
pub struct SlowInAll {
    /// How many operations came before it.
    pub number: usize,
    /// The operation in each run.
    pub runs: Vec<SlowOperation>,
    /// Its smallest time without disturbance, or `None` if it was disturbed in every run.
    pub own_nanos: Option<u32>,
}

impl SlowInAll {
    /// Whether it had a page fault in every run, so that the operation causes it.
    #[must_use]
    pub fn faults_in_all(&self) -> bool {
        self.runs.iter().all(|slow| slow.met.page_faults > 0)
    }

    /// The operation in the run in which it was fastest.
    #[must_use]
    pub fn least(&self) -> Option<SlowOperation> {
        self.runs.iter().min_by_key(|slow| slow.nanos).copied()
    }
}

/// The smallest times of all operations.
pub struct OwnWork {
    /// Times of operations that were undisturbed or fast in at least one run, in nanoseconds.
    pub times: Histogram<u64>,
    /// The operations that were slow in every run.
    pub slow: Vec<SlowInAll>,
}

impl OwnWork {
    /// Built from the runs and the smallest time of each operation.
    #[must_use]
    pub fn of(runs: &[Run], least: &[u32]) -> Self {
        let lists: Vec<&[SlowOperation]> = runs.iter().map(|run| run.slow.as_slice()).collect();
        Self::of_lists(&lists, least)
    }

    fn of_lists(lists: &[&[SlowOperation]], least: &[u32]) -> Self {
        let mut times = histogram();
        let mut slow = Vec::new();
        for (number, &nanos) in least.iter().enumerate() {
            if nanos <= SLOW_NANOS {
                times.saturating_record(u64::from(nanos).max(1));
                continue;
            }
            let of_list = |list: &&[SlowOperation]| {
                let at = list.binary_search_by_key(&number, |slow| slow.number);
                list[at.expect("slow in every run, as its least time is")]
            };
            let runs: Vec<SlowOperation> = lists.iter().map(of_list).collect();
            let undisturbed = runs.iter().filter(|slow| slow.met.is_none());
            let own_nanos = undisturbed.map(|slow| slow.nanos).min();
            if let Some(nanos) = own_nanos {
                times.saturating_record(u64::from(nanos));
            }
            slow.push(SlowInAll { number, runs, own_nanos });
        }
        Self { times, slow }
    }

    /// Operations whose own work is above this many nanoseconds, which are at least
    /// [`SLOW_NANOS`].
    #[must_use]
    pub fn count_above(&self, nanos: u32) -> usize {
        self.slow.iter().filter(|slow| slow.own_nanos.is_some_and(|own| own > nanos)).count()
    }

    /// Operations whose own work is a pause.
    #[must_use]
    pub fn pauses(&self) -> usize {
        self.count_above(PAUSE_NANOS)
    }

    /// Operations that were slow and had a page fault in every run. Their own work is unknown.
    pub fn faults_in_all(&self) -> impl Iterator<Item = &SlowInAll> {
        self.slow.iter().filter(|slow| slow.faults_in_all())
    }

    /// Operations slow in every run and disturbed in every run, but not each time by a page fault.
    #[must_use]
    pub fn disturbed_in_all(&self) -> usize {
        let unknown = self.slow.iter().filter(|slow| slow.own_nanos.is_none());
        unknown.filter(|slow| !slow.faults_in_all()).count()
    }

    /// The longest of those whose own work is known and slow.
    #[must_use]
    pub fn longest(&self, count: usize) -> Vec<&SlowInAll> {
        let mut slow: Vec<&SlowInAll> =
            self.slow.iter().filter(|slow| slow.own_nanos.is_some()).collect();
        slow.sort_by_key(|slow| std::cmp::Reverse(slow.own_nanos));
        slow.truncate(count);
        slow
    }
}

/// The cause of a time, in a word.
#[must_use]
pub fn cause(met: Disturbances) -> &'static str {
    match (met.page_faults, met.switches) {
        (0, 0) => "undisturbed",
        (_, 0) => "page fault",
        (0, _) => "switched out",
        _ => "both",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Disturbances = Disturbances { page_faults: 0, switches: 0 };
    const FAULT: Disturbances = Disturbances { page_faults: 1, switches: 0 };
    const SWITCH: Disturbances = Disturbances { page_faults: 0, switches: 1 };

    fn slow(number: usize, micros: u32, met: Disturbances) -> SlowOperation {
        SlowOperation { number, nanos: micros * 1000, met }
    }

    #[test]
    fn only_what_recurs_is_own_work() {
        let first = [
            slow(1, 900, NOTHING),
            slow(2, 60, SWITCH),
            slow(3, 300, FAULT),
            slow(4, 80, SWITCH),
            slow(5, 30, NOTHING),
        ];
        let second =
            [slow(2, 70, NOTHING), slow(3, 310, FAULT), slow(4, 81, FAULT), slow(5, 25, NOTHING)];
        // Operation 1 was fast in the second run; so was operation 0 in both.
        let least = [100, 200, 60_000, 300_000, 80_000, 25_000];
        let own = OwnWork::of_lists(&[&first, &second], &least);
        let known: Vec<_> = own.slow.iter().map(|slow| (slow.number, slow.own_nanos)).collect();
        assert_eq!(known, [(2, Some(70_000)), (3, None), (4, None), (5, Some(25_000))]);
        assert_eq!((own.count_above(SLOW_NANOS), own.pauses()), (2, 1));
        assert_eq!((own.faults_in_all().count(), own.disturbed_in_all()), (1, 1));
        assert_eq!(own.slow[0].least().map(|slow| slow.nanos), Some(60_000));
        assert_eq!(own.times.len(), 4);
        assert_eq!(own.longest(1)[0].number, 2);
    }
}
