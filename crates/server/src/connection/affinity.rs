//! The executor that a connection is better served by.
//!
//! A connection that mostly asks for keys of one other shard is better served by its executor. Only
//! the first request of each group that is executed together is counted, so counting costs a few
//! instructions for a group of any length.
//!
//! Otherwise the executors that serve, the first ones, have the connections in turn: each
//! connection has a **home** among them. When their number changes, it moves to its new home.

use slabcore_shard::ShardId;

use crate::settings::Moving;
use crate::settings::limits::HOME_PAUSE_SERVINGS;

/// Share of a window's requests that must be for one shard, in quarters.
const MAJORITY_QUARTERS: u64 = 3;

/// Why a connection is where it is, or prefers to be elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It is the connection's turn among the executors that serve.
    Home,
    /// It asks for keys of this shard.
    Keys,
}

/// The executor among the first `serving` ones that serves the `number`th connection.
pub(crate) fn home_of(number: u32, serving: usize) -> ShardId {
    ShardId::new(number as usize % serving)
}

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
    /// The shard where the connection is better served, and why.
    preferred: Option<(ShardId, Reason)>,
    moves_left: u8,
    /// The connection's number among those that have homes. `None`: it stays where it is.
    number: Option<u32>,
    /// The number of executors that served when its home was last looked up. 0: never.
    serving: u32,
    /// For how many times that it is served its home is not looked up.
    home_pause: u8,
    /// Why it is served here.
    reason: Reason,
}

impl Affinity {
    /// For a new connection of shard `own`. `moving`: when it moves to the keys it asks for; `None`
    /// if never. `number`: of the connection, if it has a home.
    pub(crate) fn new(own: ShardId, moving: Option<Moving>, number: Option<u32>) -> Self {
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
            number,
            serving: 0,
            home_pause: 0,
            reason: Reason::Home,
        };
        affinity.begin_window(own);
        affinity
    }

    /// The connection's number among those that have homes.
    pub(crate) fn number(&self) -> Option<u32> {
        self.number
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
            self.preferred = Some((self.candidate, Reason::Keys));
        }
        self.begin_window(last);
    }

    fn begin_window(&mut self, candidate: ShardId) {
        self.left = if self.window == 0 { u32::MAX } else { self.window };
        self.matched = 0;
        self.candidate = candidate;
    }

    /// Whether the connection is better served elsewhere, if so many executors serve.
    #[inline]
    pub(crate) fn prefers_another(&mut self, serving: u32) -> bool {
        if self.serving != serving {
            self.look_for_home(serving);
        }
        self.preferred.is_some()
    }

    /// Finds out whether the connection has another home now.
    #[cold]
    fn look_for_home(&mut self, serving: u32) {
        if self.home_pause > 0 {
            self.home_pause -= 1;
            return;
        }
        self.serving = serving;
        let Some(number) = self.number else { return };
        let home = home_of(number, serving as usize);
        let may_stay = self.reason == Reason::Keys && self.own.index() < serving as usize;
        if home != self.own && !may_stay {
            self.preferred = Some((home, Reason::Home));
        }
    }

    /// The shard where the connection is better served, if there is one.
    pub(crate) fn preferred_shard(&self) -> Option<ShardId> {
        self.preferred.map(|(shard, _)| shard)
    }

    /// Whether that is its home.
    pub(crate) fn prefers_home(&self) -> bool {
        self.preferred.is_some_and(|(_, reason)| reason == Reason::Home)
    }

    /// Forgets the preferred shard, until another window shows it again. The home is looked up
    /// again when the connection is next served: it may have given way to a shard without a place.
    pub(crate) fn forget_preferred(&mut self) {
        self.serving = 0;
        self.preferred = None;
    }

    /// The connection could not leave. The home is looked up again after it was served for a while:
    /// each try takes turns of the executor, and the client may not read for long.
    pub(crate) fn could_not_leave(&mut self) {
        self.forget_preferred();
        self.home_pause = HOME_PAUSE_SERVINGS;
    }

    /// The connection has moved to shard `own`, which it preferred.
    pub(crate) fn moved_to(&mut self, own: ShardId) {
        self.own = own;
        self.reason = self.preferred.take().map_or(Reason::Home, |(_, reason)| reason);
        if self.reason == Reason::Keys {
            self.moves_left -= 1;
            self.window = self.window.saturating_mul(self.window_growth);
        }
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
        let mut affinity = Affinity::new(ShardId::new(0), Some(MOVING), None);
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
        let mut affinity = Affinity::new(ShardId::new(0), Some(MOVING), None);
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
        let mut affinity = Affinity::new(ShardId::new(0), Some(MOVING), None);
        (0..16).for_each(|_| affinity.count(ShardId::new(1)));
        affinity.forget_preferred();
        (0..7).for_each(|_| affinity.count(ShardId::new(1)));
        assert_eq!(affinity.preferred_shard(), None);
        affinity.count(ShardId::new(1));
        assert_eq!(affinity.preferred_shard(), Some(ShardId::new(1)));
    }

    #[test]
    fn a_home_is_one_of_those_that_serve() {
        let mut affinity = Affinity::new(ShardId::new(5), None, Some(13));
        for (serving, home) in [(8, 5), (4, 1), (4, 1), (1, 0), (3, 1), (8, 5)] {
            let own = affinity.own;
            let moves = affinity.prefers_another(serving);
            assert_eq!(moves, own.index() != home, "{serving}");
            if moves {
                assert_eq!(affinity.preferred_shard(), Some(ShardId::new(home)));
                assert!(affinity.prefers_home());
                affinity.moved_to(ShardId::new(home));
            }
        }
        let mut stays = Affinity::new(ShardId::new(5), None, None);
        assert!(!stays.prefers_another(1));
    }

    #[test]
    fn a_home_that_had_no_place_is_looked_up_again() {
        let mut affinity = Affinity::new(ShardId::new(5), None, Some(13));
        assert!(affinity.prefers_another(4));
        affinity.forget_preferred();
        assert!(affinity.prefers_another(4));
    }

    #[test]
    fn a_home_that_gave_way_to_keys_is_looked_up_again() {
        let mut affinity = Affinity::new(ShardId::new(5), Some(MOVING), Some(13));
        assert!(affinity.prefers_another(4) && affinity.prefers_home());
        // It is in the middle of a request. Its next ones are for a shard that does not serve.
        (0..16).for_each(|_| affinity.count(ShardId::new(7)));
        assert_eq!(affinity.preferred_shard(), Some(ShardId::new(7)));
        affinity.forget_preferred();
        assert!(affinity.prefers_another(4) && affinity.prefers_home());
    }

    #[test]
    fn who_could_not_leave_does_not_try_at_once() {
        let mut affinity = Affinity::new(ShardId::new(5), None, Some(13));
        for _ in 0..2 {
            assert!(affinity.prefers_another(4));
            affinity.could_not_leave();
            (0..HOME_PAUSE_SERVINGS).for_each(|_| assert!(!affinity.prefers_another(4)));
        }
        assert!(affinity.prefers_another(4));
    }

    /// The moves to the keys are counted, those to a home are not.
    #[test]
    fn who_moved_to_the_keys_stays_there_while_they_are_served() {
        let mut affinity = Affinity::new(ShardId::new(0), Some(MOVING), Some(0));
        (0..16).for_each(|_| affinity.count(ShardId::new(2)));
        assert!(affinity.prefers_another(4) && !affinity.prefers_home());
        affinity.moved_to(ShardId::new(2));
        assert_eq!(affinity.moves_left, MOVING.moves_max - 1);
        assert!(!affinity.prefers_another(3));
        assert!(affinity.prefers_another(2) && affinity.prefers_home());
        affinity.moved_to(ShardId::new(0));
        assert_eq!(affinity.moves_left, MOVING.moves_max - 1);
        assert!(!affinity.prefers_another(4));
    }

    #[test]
    fn off_is_off() {
        for moving in [Some(Moving { moves_max: 0, ..MOVING }), None] {
            let mut affinity = Affinity::new(ShardId::new(0), moving, None);
            (0..100).for_each(|_| affinity.count(ShardId::new(1)));
            assert_eq!(affinity.preferred_shard(), None);
        }
    }
}
