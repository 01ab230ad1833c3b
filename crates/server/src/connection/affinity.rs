//! The shard whose keys a connection asks for. A connection that mostly asks for keys of one other
//! shard is better served there.
//!
//! Only the first request of each group that is executed together is counted, so counting costs a
//! few instructions for a group of any length.

use slabcore_shard::ShardId;

use crate::settings::Moving;

/// Share of a window's requests that must be for one shard, in quarters.
const MAJORITY_QUARTERS: u64 = 3;
/// The count by which the preferred shard of a connection is found.
#[derive(Debug)]
pub(crate) struct Affinity {
    /// Requests left to count in this window.
    left: u32,
    /// Requests of this window that were for the candidate.
    matched: u32,
    /// Requests of a window; 0 turns this off.
    window: u32,
    window_growth: u32,
    /// The shard of the last request of the window before.
    candidate: ShardId,
    /// The shard that serves the connection.
    own: ShardId,
    /// The shard where the connection is better served.
    preferred: Option<ShardId>,
    moves_left: u8,
}

impl Affinity {
    /// For a new connection of shard `own`; `None` if it never moves.
    pub(crate) fn new(own: ShardId, moving: Option<Moving>) -> Self {
        let moving = moving.filter(|moving| moving.moves_max > 0);
        let mut affinity = Self {
            left: 0,
            matched: 0,
            window: moving.map_or(0, |moving| moving.window.get()),
            window_growth: moving.map_or(1, |moving| moving.window_growth),
            candidate: own,
            own,
            preferred: None,
            moves_left: moving.map_or(0, |moving| moving.moves_max),
        };
        affinity.begin_window(own);
        affinity
    }

    /// Counts a request for one key of `shard`.
    #[inline]
    pub(crate) fn count(&mut self, shard: ShardId) {
        self.matched += u32::from(self.candidate == shard);
        self.left -= 1;
        if self.left == 0 {
            self.end_window(shard);
        }
    }

    #[cold]
    fn end_window(&mut self, last: ShardId) {
        let (matched, window) = (u64::from(self.matched), u64::from(self.window));
        if window > 0
            && self.moves_left > 0
            && self.candidate != self.own
            && matched * 4 >= window * MAJORITY_QUARTERS
        {
            self.preferred = Some(self.candidate);
        }
        self.begin_window(last);
    }

    fn begin_window(&mut self, candidate: ShardId) {
        self.left = if self.window == 0 { u32::MAX } else { self.window };
        self.matched = 0;
        self.candidate = candidate;
    }

    /// The shard where the connection is better served, if there is one.
    #[inline]
    pub(crate) fn preferred_shard(&self) -> Option<ShardId> {
        self.preferred
    }

    /// Forgets the preferred shard, until another window shows it again.
    pub(crate) fn forget_preferred(&mut self) {
        self.preferred = None;
    }

    /// The connection has moved to shard `own`.
    pub(crate) fn moved_to(&mut self, own: ShardId) {
        self.own = own;
        self.moves_left -= 1;
        self.window = self.window.saturating_mul(self.window_growth);
        self.forget_preferred();
        self.begin_window(own);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const MOVING: Moving =
        Moving { window: NonZeroU32::new(8).unwrap(), window_growth: 4, moves_max: 2 };

    /// The preferred shard after requests for these shards, one digit each, of a connection of
    /// shard 0.
    fn check(shards: &str, expected: Option<usize>) {
        let mut affinity = Affinity::new(ShardId::new(0), Some(MOVING));
        for digit in shards.bytes() {
            affinity.count(ShardId::new(usize::from(digit - b'0')));
        }
        assert_eq!(affinity.preferred_shard(), expected.map(ShardId::new), "{shards}");
    }

    #[test]
    fn three_quarters_of_a_window() {
        // The first window names the candidate, the second counts it.
        check("11111111", None);
        check("111111111111111", None);
        check("1111111111111111", Some(1));
        check("0000000111111122", Some(1));
        check("0000000102111110", None);
        check("0000000101111110", Some(1));
        check("1212121212121212", None);
        check("1111111100000000", None);
        check("1111111000000000", None);
    }

    #[test]
    fn windows_grow_and_moves_end() {
        let mut affinity = Affinity::new(ShardId::new(0), Some(MOVING));
        for (target, requests) in [(1, 16), (0, 64)] {
            let target = ShardId::new(target);
            for _ in 1..requests {
                affinity.count(target);
                assert_eq!(affinity.preferred_shard(), None);
            }
            affinity.count(target);
            assert_eq!(affinity.preferred_shard(), Some(target));
            affinity.moved_to(target);
            assert_eq!(affinity.preferred_shard(), None);
        }
        for _ in 0..10_000 {
            affinity.count(ShardId::new(1));
            assert_eq!(affinity.preferred_shard(), None);
        }
    }

    #[test]
    fn a_forgotten_preference_must_be_shown_again() {
        let mut affinity = Affinity::new(ShardId::new(0), Some(MOVING));
        (0..16).for_each(|_| affinity.count(ShardId::new(1)));
        affinity.forget_preferred();
        (0..7).for_each(|_| affinity.count(ShardId::new(1)));
        assert_eq!(affinity.preferred_shard(), None);
        affinity.count(ShardId::new(1));
        assert_eq!(affinity.preferred_shard(), Some(ShardId::new(1)));
    }

    #[test]
    fn off_is_off() {
        for moving in [Some(Moving { moves_max: 0, ..MOVING }), None] {
            let mut affinity = Affinity::new(ShardId::new(0), moving);
            (0..100).for_each(|_| affinity.count(ShardId::new(1)));
            assert_eq!(affinity.preferred_shard(), None);
        }
    }
}
