//! The clock of accesses: it counts requests, and knows which second each of its steps lay in.

use alloc::vec::Vec;

use crate::item::access::Step;
use crate::limits::CHECKPOINTS_MAX;

/// Steps in which a store has as many requests as it has items.
const TURNOVER_STEPS: usize = 1024;

/// Steps back that the clock remembers.
const STEPS_KNOWN: u32 = 1 << 26;

/// A second in which there were requests, and the step of the first of them.
#[derive(Clone, Copy)]
struct Checkpoint {
    second: u32,
    step: Step,
}

/// See the module.
pub(crate) struct AccessClock {
    number: u32,
    /// Requests left of the current step.
    left: usize,
    second: u32,
    /// Ascending. The most recent seconds are all here, of older ones ever fewer.
    checkpoints: Vec<Checkpoint>,
}

fn step_requests(items: usize) -> usize {
    (items / TURNOVER_STEPS).max(1)
}

impl AccessClock {
    pub(crate) fn new() -> AccessClock {
        let checkpoints = Vec::with_capacity(CHECKPOINTS_MAX);
        AccessClock { number: 0, left: 1, second: 0, checkpoints }
    }

    /// The current step.
    #[inline]
    pub(crate) fn step(&self) -> Step {
        Step::new(self.number)
    }

    /// Number of the current step, counted from the start, modulo 2^32.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The step after so many more requests to a store of so many items.
    #[inline]
    pub(crate) fn step_in(&self, requests: usize, items: usize) -> Step {
        Step::new(self.number.wrapping_add((requests / step_requests(items)) as u32))
    }

    /// Counts a request at this second, to a store of so many items; returns its step. A second
    /// that has passed is taken for the latest: who began a turn before it may still touch the
    /// store.
    #[inline]
    pub(crate) fn advance(&mut self, now: u32, items: usize) -> Step {
        self.left -= 1;
        if self.left == 0 {
            self.number = self.number.wrapping_add(1);
            self.left = step_requests(items);
        }
        if now > self.second {
            self.begin_second(now);
        }
        self.step()
    }

    #[cold]
    fn begin_second(&mut self, now: u32) {
        self.second = now;
        let step = self.step();
        if let Some(last) = self.checkpoints.last_mut().filter(|last| last.step == step) {
            last.second = now;
            return;
        }
        // Beyond half of what steps can count they would seem to lie ahead.
        let outdated = self.checkpoints.iter().take_while(|at| at.step.until(step) > STEPS_KNOWN);
        self.checkpoints.drain(..outdated.count());
        if self.checkpoints.len() == CHECKPOINTS_MAX {
            self.thin_out();
        }
        self.checkpoints.push(Checkpoint { second: now, step });
    }

    /// Drops every other checkpoint of the older half.
    fn thin_out(&mut self) {
        let mut number = 0;
        self.checkpoints.retain(|_| {
            number += 1;
            number > CHECKPOINTS_MAX / 2 || number % 2 == 1
        });
    }

    /// Seconds since a step. Exact for the last [`CHECKPOINTS_MAX`] / 2 seconds in which a step
    /// began, where steps are shorter than seconds; else within a step's length. Further back it is
    /// an upper bound, that of the nearest checkpoint kept.
    pub(crate) fn seconds_since(&self, now: u32, step: Step) -> u32 {
        let age = step.until(self.step());
        let known = self.checkpoints.partition_point(|at| at.step.until(self.step()) >= age);
        let at = known.checked_sub(1).or((!self.checkpoints.is_empty()).then_some(0));
        at.map_or(0, |at| now.saturating_sub(self.checkpoints[at].second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_share_of_the_items() {
        let mut clock = AccessClock::new();
        let first = clock.advance(7, 10);
        let steps: Vec<u32> = (0..640).map(|_| first.until(clock.advance(7, 10))).collect();
        assert!(steps.is_sorted());
        assert_eq!((steps[0], steps[639]), (1, 640));
        (0..6400).for_each(|_| {
            clock.advance(7, 10 * TURNOVER_STEPS);
        });
        assert_eq!(first.until(clock.step()), 640 + 640);
        assert_eq!(clock.step().until(clock.step_in(500, 10 * TURNOVER_STEPS)), 50);
    }

    #[test]
    fn seconds_are_known_long_after() {
        let mut clock = AccessClock::new();
        let mut steps = Vec::new();
        let seconds = if cfg!(miri) { 1_200 } else { 20_000 };
        for second in 1..=seconds {
            for request in 0..second % 30 {
                let step = clock.advance(second, 5);
                if request == 0 {
                    steps.push((second, step));
                }
            }
        }
        let now = seconds + 5;
        for (second, step) in steps {
            let seconds = clock.seconds_since(now, step);
            let truth = now - second;
            if truth < CHECKPOINTS_MAX as u32 / 2 {
                assert_eq!(seconds, truth);
            } else {
                assert!((truth..now).contains(&seconds), "{seconds}, not {truth}");
            }
        }
    }

    /// Threads that take turns at a store see a second begin at different times.
    #[test]
    fn a_second_that_comes_again_is_the_latest() {
        let mut clock = AccessClock::new();
        let steps: Vec<Step> = [5, 6, 5, 6, 5].iter().map(|now| clock.advance(*now, 5)).collect();
        let idle: Vec<u32> = steps.iter().map(|step| clock.seconds_since(9, *step)).collect();
        assert_eq!(idle, [4, 3, 3, 3, 3]);
        assert_eq!(clock.checkpoints.len(), 2);
    }

    #[test]
    fn a_step_of_several_seconds_counts_as_its_last() {
        let mut clock = AccessClock::new();
        let items = 100 * TURNOVER_STEPS;
        clock.advance(1, items);
        let step = clock.advance(5, items);
        clock.advance(9, items);
        assert_eq!(clock.seconds_since(20, step), 11);
    }
}
