//! How the pages of a memory file are divided: among how many shards, and into which slab classes.

use slabcore_storage::{Config, Generation};

use crate::settings::Settings;
use crate::settings::limits::SHARDS_MAX;

/// Bounds of what a header may say, so that chunk sizes can be computed from it.
const CHUNK_BYTES_MIN_MAX: u64 = 1 << 30;
const GROWTH_FACTOR_MAX: f64 = 1e6;

/// A division of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Division {
    shards: u64,
    /// Bytes of the smallest chunk's content (`-n`).
    chunk_bytes_min: u64,
    /// Bits of the growth factor (`-f`).
    growth_factor: u64,
}

impl Division {
    /// That of a server with these settings.
    pub(super) fn of(settings: &Settings) -> Division {
        Division {
            shards: settings.shards as u64,
            chunk_bytes_min: settings.chunk_bytes_min as u64,
            growth_factor: settings.growth_factor.to_bits(),
        }
    }

    pub(super) fn from_words([shards, chunk_bytes_min, growth_factor]: [u64; 3]) -> Division {
        Division { shards, chunk_bytes_min, growth_factor }
    }

    pub(super) fn words(self) -> [u64; 3] {
        [self.shards, self.chunk_bytes_min, self.growth_factor]
    }

    /// Whether a server can have written it.
    fn is_sound(self) -> bool {
        let factor = f64::from_bits(self.growth_factor);
        (1..=SHARDS_MAX as u64).contains(&self.shards)
            && self.chunk_bytes_min <= CHUNK_BYTES_MIN_MAX
            && factor > 1.0
            && factor <= GROWTH_FACTOR_MAX
    }

    pub(crate) fn shards(self) -> u32 {
        self.shards as u32
    }

    /// The settings of the store of one shard, which serves nobody.
    pub(crate) fn config(self, shard: u32, settings: &Settings, pages: usize) -> Config {
        Config {
            shards: self.shards(),
            shard,
            item_bytes_max: settings.item_bytes_max,
            growth_factor: f64::from_bits(self.growth_factor),
            chunk_bytes_min: self.chunk_bytes_min as usize,
            evict: settings.evict,
            cas: settings.cas,
            fair_share_pages: pages / self.shards as usize,
            track_sizes: false,
            miss_curve: false,
        }
    }

    /// The options in which two servers differ.
    pub(super) fn differences(self, other: Division) -> impl Iterator<Item = &'static str> {
        let options = [
            ("-t", self.shards != other.shards),
            ("-n", self.chunk_bytes_min != other.chunk_bytes_min),
            ("-f", self.growth_factor != other.growth_factor),
        ];
        options.into_iter().filter(|(_, differs)| *differs).map(|(option, _)| option)
    }
}

/// The generations of a file that have items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InUse {
    One(Generation),
    /// Items move to this one.
    MoveTo(Generation),
}

/// The divisions of both generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Divisions {
    first: Division,
    second: Division,
    in_use: InUse,
}

/// Items that are to move to shards or slab classes of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) from: Division,
    pub(crate) to: Division,
    /// The generation that they move to.
    pub(crate) generation: Generation,
    /// Whether an earlier process has begun it.
    pub(crate) is_resumed: bool,
}

impl Divisions {
    /// Items of the first generation only.
    pub(super) fn one(division: Division) -> Divisions {
        Divisions { first: division, second: division, in_use: InUse::One(Generation::First) }
    }

    /// The divisions in a header. `None`: it is damaged.
    pub(super) fn from_words(first: [u64; 3], in_use: u64, second: [u64; 3]) -> Option<Divisions> {
        let in_use = match in_use {
            0 => InUse::One(Generation::First),
            1 => InUse::One(Generation::Second),
            2 => InUse::MoveTo(Generation::First),
            3 => InUse::MoveTo(Generation::Second),
            _ => return None,
        };
        let [first, second] = [first, second].map(Division::from_words);
        (first.is_sound() && second.is_sound()).then_some(Divisions { first, second, in_use })
    }

    /// The division of the first generation; the generations in use and the division of the second.
    pub(super) fn words(&self) -> ([u64; 3], [u64; 4]) {
        let in_use = match self.in_use {
            InUse::One(Generation::First) => 0,
            InUse::One(Generation::Second) => 1,
            InUse::MoveTo(Generation::First) => 2,
            InUse::MoveTo(Generation::Second) => 3,
        };
        let [shards, chunk_bytes_min, growth_factor] = self.second.words();
        (self.first.words(), [in_use, shards, chunk_bytes_min, growth_factor])
    }

    pub(super) fn of(&self, generation: Generation) -> Division {
        match generation {
            Generation::First => self.first,
            Generation::Second => self.second,
        }
    }

    /// The generation that all items are of, or that they move to.
    pub(super) fn generation(&self) -> Generation {
        match self.in_use {
            InUse::One(generation) | InUse::MoveTo(generation) => generation,
        }
    }

    /// The next move on the way to this division. `None`: all items are there. `is_emptying`: they
    /// must also leave pages.
    pub(super) fn next_move(&self, wanted: Division, is_emptying: bool) -> Option<Move> {
        let generation = self.generation();
        let (to_this, to_other) = (self.of(generation), self.of(generation.other()));
        match self.in_use {
            InUse::One(_) if to_this == wanted && !is_emptying => None,
            InUse::One(_) => Some(Move {
                from: to_this,
                to: wanted,
                generation: generation.other(),
                is_resumed: false,
            }),
            // Back, if that is what is wanted now.
            InUse::MoveTo(_) if to_this != wanted && to_other == wanted => Some(Move {
                from: to_this,
                to: to_other,
                generation: generation.other(),
                is_resumed: true,
            }),
            InUse::MoveTo(_) => {
                Some(Move { from: to_other, to: to_this, generation, is_resumed: true })
            }
        }
    }

    /// While items move.
    pub(super) fn begun(self, step: &Move) -> Divisions {
        let mut divisions = Divisions { in_use: InUse::MoveTo(step.generation), ..self };
        *match step.generation {
            Generation::First => &mut divisions.first,
            Generation::Second => &mut divisions.second,
        } = step.to;
        divisions
    }

    /// When all items have moved.
    pub(super) fn ended(self, step: &Move) -> Divisions {
        Divisions { in_use: InUse::One(step.generation), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn division(shards: u64) -> Division {
        let growth_factor = 1.25_f64.to_bits();
        Division { shards, chunk_bytes_min: 48, growth_factor }
    }

    /// Takes all steps to a division, and returns those numbers of shards that items move to.
    fn steps(mut divisions: Divisions, wanted: u64) -> Vec<u64> {
        let mut steps = Vec::new();
        while let Some(step) = divisions.next_move(division(wanted), false) {
            steps.push(step.to.shards);
            divisions = divisions.begun(&step).ended(&step);
            let (first, [in_use, second @ ..]) = divisions.words();
            assert_eq!(Divisions::from_words(first, in_use, second), Some(divisions));
        }
        assert_eq!(divisions.of(divisions.generation()), division(wanted));
        steps
    }

    #[test]
    fn items_arrive_whatever_was_begun() {
        let whole = Divisions::one(division(2));
        assert!(steps(whole, 2).is_empty());
        assert_eq!(steps(whole, 3), [3]);
        let step = whole.next_move(division(4), false).unwrap();
        let cut = whole.begun(&step);
        assert_eq!(steps(cut, 4), [4]);
        assert_eq!(steps(cut, 2), [2]);
        assert_eq!(steps(cut, 3), [4, 3]);
        assert_eq!(whole.next_move(division(2), true).map(|it| it.to), Some(division(2)));
    }

    #[test]
    fn no_words_make_an_unsound_division() {
        let sound = division(1).words();
        for words in [
            [0, 48, 1.25_f64.to_bits()],
            [65, 48, 1.25_f64.to_bits()],
            [1, u64::MAX, 1.25_f64.to_bits()],
            [1, 48, 1.0_f64.to_bits()],
            [1, 48, f64::NAN.to_bits()],
            [1, 48, f64::INFINITY.to_bits()],
        ] {
            assert_eq!(Divisions::from_words(words, 0, sound), None, "{words:?}");
            assert_eq!(Divisions::from_words(sound, 0, words), None, "{words:?}");
        }
        assert_eq!(Divisions::from_words(sound, 4, sound), None);
    }
}
