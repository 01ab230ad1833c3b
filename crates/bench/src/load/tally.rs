//! The counts and latencies of a load.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::limits::LATENCY_NANOS_MAX;
use crate::load::request_batch::RequestKind;

/// Counts and latencies of one run, or of several merged.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Requests answered.
    pub requests: u64,
    /// Keys found by gets.
    pub hits: u64,
    /// Keys asked for by gets and not found.
    pub misses: u64,
    /// Values stored.
    pub sets: u64,
    /// Values refused for lack of memory. A full memcached does so when its LRU falls behind.
    pub refused: u64,
    /// Requests of an open loop that were due and found no free connection before the end.
    pub unsent: u64,
    /// From the first request to the last reply.
    pub elapsed: Duration,
    latency: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_NANOS_MAX, 3)
            .expect("the bounds are constants that suit each other");
        Self {
            requests: 0,
            hits: 0,
            misses: 0,
            sets: 0,
            refused: 0,
            unsent: 0,
            elapsed: Duration::ZERO,
            latency,
        }
    }
}

impl Tally {
    /// Counts one reply.
    pub(crate) fn count(&mut self, kind: RequestKind, keys: u64, hits: u64) {
        self.requests += 1;
        match kind {
            RequestKind::Set => {
                self.sets += hits;
                self.refused += keys - hits;
            }
            RequestKind::Get | RequestKind::MetaGet | RequestKind::BinaryGet => {
                self.hits += hits;
                self.misses += keys - hits;
            }
        }
    }

    /// Counts one write's latency: from the moment it was due to the last of its replies.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.latency.saturating_record(latency.as_nanos().try_into().unwrap_or(u64::MAX));
    }

    /// Adds the counts and latencies of another generator that ran at the same time.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.hits += other.hits;
        self.refused += other.refused;
        self.misses += other.misses;
        self.sets += other.sets;
        self.unsent += other.unsent;
        self.elapsed = self.elapsed.max(other.elapsed);
        self.latency.add(&other.latency).expect("all histograms have the same bounds");
    }

    /// Requests answered per second.
    #[must_use]
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The latency that this share of the writes, 0 to 1, did not exceed.
    #[must_use]
    pub fn latency_at(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(share))
    }
}
