//! What the plots show: the last samples.

use std::collections::VecDeque;

use crate::limits::HISTORY_SAMPLES_MAX;
use crate::report::Report;

/// Requests per second and hit ratios of the last samples, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    requests: VecDeque<u64>,
    /// In thousandths.
    hit_ratios: VecDeque<u64>,
}

impl History {
    /// Adds a report that has rates.
    pub(super) fn add(&mut self, report: &Report) {
        let Some(requests) = report.rates.requests else { return };
        let hit_ratio = report.hit_ratio.interval.unwrap_or(0.0);
        push(&mut self.requests, requests.round() as u64);
        push(&mut self.hit_ratios, (hit_ratio * 1000.0).round() as u64);
    }

    /// The last requests per second.
    pub(super) fn requests(&self, count: usize) -> Vec<u64> {
        last(&self.requests, count)
    }

    /// The last hit ratios, in thousandths.
    pub(super) fn hit_ratios(&self, count: usize) -> Vec<u64> {
        last(&self.hit_ratios, count)
    }
}

fn push(numbers: &mut VecDeque<u64>, number: u64) {
    if numbers.len() == HISTORY_SAMPLES_MAX {
        numbers.pop_front();
    }
    numbers.push_back(number);
}

fn last(numbers: &VecDeque<u64>, count: usize) -> Vec<u64> {
    numbers.iter().skip(numbers.len().saturating_sub(count)).copied().collect()
}
