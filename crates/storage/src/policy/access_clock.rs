//! The clock of accesses. It counts requests in ticks, and knows the second of each tick.

use alloc::vec::Vec;

use crate::item::access::AccessTick;
use crate::limits::{CHECKPOINTS_MAX, TICKS_BETWEEN_NOTES};
use crate::memory::page_directory::KeptNumber;
use crate::memory::shard_record::{RecordWord, RecordWords};

/// Ticks in which a store has as many requests as it has items.
pub(super) const TURNOVER_TICKS: usize = 1024;

/// Ticks that the clock looks back at most.
const TICKS_KNOWN: u32 = 1 << 24;

/// A second with requests, and the tick of the first of them.
#[derive(Clone, Copy)]
struct Checkpoint {
    second: u32,
    tick: AccessTick,
}

/// The clock of one store.
pub(crate) struct AccessClock {
    /// Number of the current tick.
    number: u32,
    /// Requests left in the current tick.
    left: usize,
    /// The latest second.
    second: u32,
    /// Ascending. All of the most recent seconds, and fewer the older they are.
    checkpoints: Vec<Checkpoint>,
    /// A tick ahead of the current one, for another process.
    kept: Option<KeptNumber>,
}

impl RecordWord for Checkpoint {
    fn word(&self) -> u64 {
        (self.second, AccessTick::new(0).until(self.tick)).word()
    }

    fn of_word(word: u64) -> Option<Checkpoint> {
        let (second, tick) = RecordWord::of_word(word)?;
        Some(Checkpoint { second, tick: AccessTick::new(tick) })
    }
}

fn tick_requests(items: usize) -> usize {
    (items / TURNOVER_TICKS).max(1)
}

impl AccessClock {
    pub(crate) fn new() -> AccessClock {
        let checkpoints = Vec::with_capacity(CHECKPOINTS_MAX);
        AccessClock { number: 0, left: 1, second: 0, checkpoints, kept: None }
    }

    /// A clock that goes on where that of an earlier process ended.
    pub(crate) fn continued(kept: KeptNumber) -> AccessClock {
        let mut clock = AccessClock { number: kept.get(), ..AccessClock::new() };
        clock.kept = Some(kept);
        clock.note_tick();
        clock
    }

    /// Keeps the tick, and the seconds of earlier ones.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.number);
        words.keep(&mut self.left);
        words.keep(&mut self.second);
        words.keep_list(&mut self.checkpoints);
        if self.left == 0 || self.checkpoints.len() > CHECKPOINTS_MAX {
            words.refuse();
        }
        self.note_tick();
    }

    /// Notes a tick that is reached only after the next note.
    fn note_tick(&self) {
        if let Some(kept) = &self.kept {
            kept.set(self.number.wrapping_add(TICKS_BETWEEN_NOTES));
        }
    }

    /// The current tick.
    #[inline]
    pub(crate) fn tick(&self) -> AccessTick {
        AccessTick::new(self.number)
    }

    /// Number of the current tick, counted from the start, modulo 2^32.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The tick after so many more requests, in a store of this many items.
    #[inline]
    pub(crate) fn tick_in(&self, requests: usize, items: usize) -> AccessTick {
        AccessTick::new(self.number.wrapping_add((requests / tick_requests(items)) as u32))
    }

    /// Counts a request at this second, in a store of this many items. Returns its tick. A second
    /// before the latest counts as the latest: another thread may use the store in a turn that
    /// began earlier.
    #[inline]
    pub(crate) fn advance(&mut self, now: u32, items: usize) -> AccessTick {
        self.left -= 1;
        if self.left == 0 {
            self.number = self.number.wrapping_add(1);
            self.left = tick_requests(items);
            if self.number.is_multiple_of(TICKS_BETWEEN_NOTES) {
                self.note_tick();
            }
        }
        if now > self.second {
            self.begin_second(now);
        }
        self.tick()
    }

    #[cold]
    fn begin_second(&mut self, now: u32) {
        self.second = now;
        let tick = self.tick();
        if let Some(last) = self.checkpoints.last_mut().filter(|last| last.tick == tick) {
            last.second = now;
            return;
        }
        // Ticks further back than half of their range would look like future ones.
        let outdated = self.checkpoints.iter().take_while(|at| at.tick.until(tick) > TICKS_KNOWN);
        self.checkpoints.drain(..outdated.count());
        if self.checkpoints.len() == CHECKPOINTS_MAX {
            self.thin_out();
        }
        self.checkpoints.push(Checkpoint { second: now, tick });
    }

    /// Drops every other checkpoint of the older half.
    fn thin_out(&mut self) {
        let mut number = 0;
        self.checkpoints.retain(|_| {
            number += 1;
            number > CHECKPOINTS_MAX / 2 || number % 2 == 1
        });
    }

    /// Seconds since a tick. For the last [`CHECKPOINTS_MAX`] / 2 seconds in which a tick began, it
    /// is exact if ticks are shorter than seconds, else within the length of a tick. For older
    /// ticks it is an upper bound.
    pub(crate) fn seconds_since(&self, now: u32, tick: AccessTick) -> u32 {
        let age = tick.until(self.tick());
        let known = self.checkpoints.partition_point(|at| at.tick.until(self.tick()) >= age);
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
        let ticks: Vec<u32> = (0..640).map(|_| first.until(clock.advance(7, 10))).collect();
        assert!(ticks.is_sorted());
        assert_eq!((ticks[0], ticks[639]), (1, 640));
        (0..6400).for_each(|_| {
            clock.advance(7, 10 * TURNOVER_TICKS);
        });
        assert_eq!(first.until(clock.tick()), 640 + 640);
        assert_eq!(clock.tick().until(clock.tick_in(500, 10 * TURNOVER_TICKS)), 50);
    }

    #[test]
    fn seconds_are_known_long_after() {
        let mut clock = AccessClock::new();
        let mut ticks = Vec::new();
        let seconds = if cfg!(miri) { 1_200 } else { 20_000 };
        for second in 1..=seconds {
            for request in 0..second % 30 {
                let tick = clock.advance(second, 5);
                if request == 0 {
                    ticks.push((second, tick));
                }
            }
        }
        let now = seconds + 5;
        for (second, tick) in ticks {
            let seconds = clock.seconds_since(now, tick);
            let truth = now - second;
            if truth < CHECKPOINTS_MAX as u32 / 2 {
                assert_eq!(seconds, truth);
            } else {
                assert!((truth..now).contains(&seconds), "{seconds}, not {truth}");
            }
        }
    }

    /// Threads that share a store see a second begin at different times.
    #[test]
    fn a_second_that_comes_again_is_the_latest() {
        let mut clock = AccessClock::new();
        let ticks: Vec<AccessTick> =
            [5, 6, 5, 6, 5].iter().map(|now| clock.advance(*now, 5)).collect();
        let idle: Vec<u32> = ticks.iter().map(|tick| clock.seconds_since(9, *tick)).collect();
        assert_eq!(idle, [4, 3, 3, 3, 3]);
        assert_eq!(clock.checkpoints.len(), 2);
    }

    #[test]
    fn a_step_of_several_seconds_counts_as_its_last() {
        let mut clock = AccessClock::new();
        let items = 100 * TURNOVER_TICKS;
        clock.advance(1, items);
        let tick = clock.advance(5, items);
        clock.advance(9, items);
        assert_eq!(clock.seconds_since(20, tick), 11);
    }
}
