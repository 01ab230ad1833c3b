//! Whose keys a connection asks for: one that keeps asking for those of one other shard is better
//! served there.
//!
//! Of each group of requests that is executed together the first is looked at, so that the count
//! costs a few instructions for a group, however long it is.

use slabcore_shard::ShardId;

use crate::settings::Moving;

/// Of a window's looks this share must be at one shard, in quarters.
const MAJORITY_QUARTERS: u64 = 3;
/// See the module.
#[derive(Debug)]
pub(crate) struct Affinity {
    /// Looks left in this window.
    left: u32,
    /// Looks of this window that met the candidate.
    matched: u32,
    /// Looks of a window; 0 turns this off.
    window: u32,
    window_growth: u32,
    /// The shard that the last window ended with.
    candidate: ShardId,
    /// The shard that serves the connection.
    home: ShardId,
    /// Where the connection is better served.
    wish: Option<ShardId>,
    moves_left: u8,
}

impl Affinity {
    /// Of a new connection of shard `home`.
    pub(crate) fn new(home: ShardId, moving: Moving) -> Self {
        let mut affinity = Self {
            left: 0,
            matched: 0,
            window: if moving.moves_max == 0 { 0 } else { moving.window },
            window_growth: moving.window_growth,
            candidate: home,
            home,
            wish: None,
            moves_left: moving.moves_max,
        };
        affinity.begin_window(home);
        affinity
    }

    /// Looks at a request for one key of `shard`.
    #[inline]
    pub(crate) fn look(&mut self, shard: ShardId) {
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
            && self.candidate != self.home
            && matched * 4 >= window * MAJORITY_QUARTERS
        {
            self.wish = Some(self.candidate);
        }
        self.begin_window(last);
    }

    fn begin_window(&mut self, candidate: ShardId) {
        self.left = if self.window == 0 { u32::MAX } else { self.window };
        self.matched = 0;
        self.candidate = candidate;
    }

    /// Where the connection is better served, if anywhere.
    #[inline]
    pub(crate) fn wish(&self) -> Option<ShardId> {
        self.wish
    }

    /// The wish was granted or cannot be: another window must show it again.
    pub(crate) fn drop_wish(&mut self) {
        self.wish = None;
    }

    /// The connection has moved to shard `home`.
    pub(crate) fn moved_to(&mut self, home: ShardId) {
        self.home = home;
        self.moves_left -= 1;
        self.window = self.window.saturating_mul(self.window_growth);
        self.drop_wish();
        self.begin_window(home);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVING: Moving = Moving { window: 8, window_growth: 4, moves_max: 2 };

    /// The wish after looks at these shards, one digit each, by a connection of shard 0.
    fn check(looks: &str, expected: Option<usize>) {
        let mut affinity = Affinity::new(ShardId::new(0), MOVING);
        for digit in looks.bytes() {
            affinity.look(ShardId::new(usize::from(digit - b'0')));
        }
        assert_eq!(affinity.wish(), expected.map(ShardId::new), "{looks}");
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
        let mut affinity = Affinity::new(ShardId::new(0), MOVING);
        for (target, looks) in [(1, 16), (0, 64)] {
            let target = ShardId::new(target);
            for _ in 1..looks {
                affinity.look(target);
                assert_eq!(affinity.wish(), None);
            }
            affinity.look(target);
            assert_eq!(affinity.wish(), Some(target));
            affinity.moved_to(target);
            assert_eq!(affinity.wish(), None);
        }
        for _ in 0..10_000 {
            affinity.look(ShardId::new(1));
            assert_eq!(affinity.wish(), None);
        }
    }

    #[test]
    fn a_dropped_wish_must_be_shown_again() {
        let mut affinity = Affinity::new(ShardId::new(0), MOVING);
        (0..16).for_each(|_| affinity.look(ShardId::new(1)));
        affinity.drop_wish();
        (0..7).for_each(|_| affinity.look(ShardId::new(1)));
        assert_eq!(affinity.wish(), None);
        affinity.look(ShardId::new(1));
        assert_eq!(affinity.wish(), Some(ShardId::new(1)));
    }

    #[test]
    fn off_is_off() {
        for moving in
            [Moving { window: 0, ..MOVING }, Moving { moves_max: 0, ..MOVING }, Moving::NEVER]
        {
            let mut affinity = Affinity::new(ShardId::new(0), moving);
            (0..100).for_each(|_| affinity.look(ShardId::new(1)));
            assert_eq!(affinity.wish(), None);
        }
    }
}
