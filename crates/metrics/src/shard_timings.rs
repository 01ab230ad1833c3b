//! What a shard's executor times: requests, turns, and requests to other shards.

use crate::command::{Command, CommandCounts};
use crate::histogram::{CountHistogram, DurationHistogram, HistogramSnapshot};

/// The histograms of one executor: its thread records, any thread reads.
///
/// 17 KiB. Aligned as [`ShardMetrics`](crate::ShardMetrics) are.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ShardTimings {
    requests: [DurationHistogram; Command::COUNT],
    /// Lengths of turns in which something was done.
    pub turns: DurationHistogram,
    /// From when a batch is sent to another shard until its replies are taken.
    pub hops: DurationHistogram,
    /// Requests that a turn answered, in turns that answered any.
    pub turn_requests: CountHistogram,
    /// Requests in one batch for another shard.
    pub batch_requests: CountHistogram,
}

const _: () = assert!(size_of::<ShardTimings>() <= 18 << 10);

impl ShardTimings {
    /// Nothing recorded.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records requests that all took so many nanoseconds. Only the executor's thread may do so.
    #[inline]
    pub fn record_requests(&self, nanoseconds: u64, counts: &CommandCounts) {
        for &command in Command::ALL {
            let count = counts.of(command);
            if count > 0 {
                self.requests[command as usize].record(nanoseconds, u64::from(count));
            }
        }
    }

    /// The times of the requests of a command, in nanoseconds.
    pub fn requests(&self, command: Command) -> &DurationHistogram {
        &self.requests[command as usize]
    }
}

/// The times of requests by command, of all shards together, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestTimes {
    by_command: [HistogramSnapshot<125>; Command::COUNT],
}

impl RequestTimes {
    /// The sum of what shards have recorded.
    pub fn sum_of<'a>(shards: impl IntoIterator<Item = &'a ShardTimings>) -> Self {
        let mut sum = Self::default();
        for shard in shards {
            for (snapshot, recorded) in sum.by_command.iter_mut().zip(&shard.requests) {
                snapshot.add(recorded);
            }
        }
        sum
    }

    /// The times of a command's requests, in nanoseconds.
    pub fn of(&self, command: Command) -> &HistogramSnapshot<125> {
        &self.by_command[command as usize]
    }

    /// These numbers without those of an earlier moment, as after `stats reset`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        for (ours, before) in since.by_command.iter_mut().zip(&earlier.by_command) {
            *ours = ours.since(before);
        }
        since
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec;

    #[test]
    fn requests_are_recorded_by_command() {
        let shards = vec![ShardTimings::new(), ShardTimings::new()];
        let mut counts = CommandCounts::NONE;
        counts.count(Command::Get);
        counts.count(Command::Get);
        counts.count(Command::Set);
        shards[0].record_requests(1_000, &counts);
        let earlier = RequestTimes::sum_of(&shards);
        shards[1].record_requests(2_000, &counts);
        let sum = RequestTimes::sum_of(&shards);
        let gets = sum.of(Command::Get);
        assert_eq!((gets.count(), gets.sum(), gets.at_most(1_000)), (4, 6_000, 2));
        assert_eq!(sum.of(Command::Set).count(), 2);
        assert_eq!(sum.of(Command::Touch).count(), 0);
        let since = sum.since(&earlier);
        assert_eq!((since.of(Command::Get).count(), since.of(Command::Get).sum()), (2, 4_000));
    }
}
