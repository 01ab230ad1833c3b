//! How the pages of a memory file are divided: among how many shards, and into which slab classes
//! and chunks.

use slabcore_storage::{
    CHUNK_BYTES_MAX, Config, Generation, GenerationShards, PAGE_BYTES, granule_bytes, granule_reach,
};

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
    /// Bytes of the granule, the unit of the items' addresses. It follows from `-m`.
    granule_bytes: u64,
}

/// Words of a division in the header.
pub(super) const DIVISION_WORDS: usize = 4;

impl Division {
    /// That of a server with these settings.
    pub(super) fn of(settings: &Settings) -> Division {
        Division {
            shards: settings.shards as u64,
            chunk_bytes_min: settings.chunk_bytes_min as u64,
            growth_factor: settings.growth_factor.to_bits(),
            granule_bytes: granule_bytes(settings.memory_bytes) as u64,
        }
    }

    pub(super) fn from_words(words: [u64; DIVISION_WORDS]) -> Division {
        let [shards, chunk_bytes_min, growth_factor, granule_bytes] = words;
        Division { shards, chunk_bytes_min, growth_factor, granule_bytes }
    }

    pub(super) fn words(self) -> [u64; DIVISION_WORDS] {
        [self.shards, self.chunk_bytes_min, self.growth_factor, self.granule_bytes]
    }

    /// Whether a server can have written it.
    fn is_sound(self) -> bool {
        let factor = f64::from_bits(self.growth_factor);
        (1..=SHARDS_MAX as u64).contains(&self.shards)
            && self.chunk_bytes_min <= CHUNK_BYTES_MIN_MAX
            && factor > 1.0
            && factor <= GROWTH_FACTOR_MAX
            && self.granule_bytes.is_power_of_two()
            && (granule_bytes(0)..=CHUNK_BYTES_MAX).contains(&(self.granule_bytes as usize))
    }

    pub(crate) fn shards(self) -> u32 {
        self.shards as u32
    }

    /// What the pool of two generations knows of this one.
    pub(crate) fn generation_shards(self) -> GenerationShards {
        GenerationShards { shards: self.shards(), granule_bytes: self.granule_bytes as usize }
    }

    /// Pages that the addresses of items can be in: the first ones.
    pub(super) fn pages_max(self) -> usize {
        granule_reach(self.granule_bytes as usize) / PAGE_BYTES
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
    pub(super) fn from_words(
        first: [u64; DIVISION_WORDS],
        [in_use, second @ ..]: [u64; 1 + DIVISION_WORDS],
    ) -> Option<Divisions> {
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
    pub(super) fn words(&self) -> ([u64; DIVISION_WORDS], [u64; 1 + DIVISION_WORDS]) {
        let in_use = match self.in_use {
            InUse::One(Generation::First) => 0,
            InUse::One(Generation::Second) => 1,
            InUse::MoveTo(Generation::First) => 2,
            InUse::MoveTo(Generation::Second) => 3,
        };
        let mut words = [in_use; 1 + DIVISION_WORDS];
        words[1..].copy_from_slice(&self.second.words());
        (self.first.words(), words)
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
        let reach = |division: Division| division.granule_bytes.min(wanted.granule_bytes);
        let is_wider = reach(to_other) > reach(to_this);
        match self.in_use {
            InUse::One(_) if to_this == wanted && !is_emptying => None,
            InUse::One(_) => Some(Move {
                from: to_this,
                to: wanted,
                generation: generation.other(),
                is_resumed: false,
            }),
            // Back, if that is what is wanted now, or if the addresses there reach more of the
            // pages that are wanted.
            InUse::MoveTo(_) if to_this != wanted && (to_other == wanted || is_wider) => {
                Some(Move {
                    from: to_this,
                    to: to_other,
                    generation: generation.other(),
                    is_resumed: true,
                })
            }
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
        Division { shards, chunk_bytes_min: 48, growth_factor, granule_bytes: 8 }
    }

    /// That of a server with more memory.
    fn wide(shards: u64) -> Division {
        Division { granule_bytes: 16, ..division(shards) }
    }

    /// Takes all steps to a division, and returns the divisions that items move to.
    fn steps_to(mut divisions: Divisions, wanted: Division) -> Vec<Division> {
        let mut steps = Vec::new();
        while let Some(step) = divisions.next_move(wanted, false) {
            steps.push(step.to);
            divisions = divisions.begun(&step).ended(&step);
            let (first, second) = divisions.words();
            assert_eq!(Divisions::from_words(first, second), Some(divisions));
        }
        assert_eq!(divisions.of(divisions.generation()), wanted);
        steps
    }

    /// The numbers of shards on the way to another number.
    fn steps(divisions: Divisions, wanted: u64) -> Vec<u64> {
        steps_to(divisions, division(wanted)).into_iter().map(|it| it.shards).collect()
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

    /// What is left of a move to less memory goes back first if that much is wanted after all:
    /// the smaller addresses do not reach all pages.
    #[test]
    fn items_go_where_there_is_room_for_them() {
        let cut = |from, to| {
            let whole = Divisions::one(from);
            whole.begun(&whole.next_move(to, false).unwrap())
        };
        let (narrow, wide_1) = (division(1), wide(1));
        assert_eq!(steps_to(cut(wide_1, narrow), wide_1), [wide_1]);
        assert_eq!(steps_to(cut(wide_1, narrow), wide(2)), [wide_1, wide(2)]);
        assert_eq!(steps_to(cut(wide_1, narrow), division(2)), [narrow, division(2)]);
        assert_eq!(steps_to(cut(narrow, wide_1), wide(2)), [wide_1, wide(2)]);
        assert_eq!(steps_to(cut(narrow, wide_1), division(2)), [wide_1, division(2)]);
        assert_eq!(steps_to(cut(narrow, wide_1), narrow), [narrow]);
    }

    #[test]
    fn no_words_make_an_unsound_division() {
        let sound = division(1).words();
        for words in [
            [0, 48, 1.25_f64.to_bits(), 8],
            [65, 48, 1.25_f64.to_bits(), 8],
            [1, u64::MAX, 1.25_f64.to_bits(), 8],
            [1, 48, 1.0_f64.to_bits(), 8],
            [1, 48, f64::NAN.to_bits(), 8],
            [1, 48, f64::INFINITY.to_bits(), 8],
            [1, 48, 1.25_f64.to_bits(), 0],
            [1, 48, 1.25_f64.to_bits(), 4],
            [1, 48, 1.25_f64.to_bits(), 24],
            [1, 48, 1.25_f64.to_bits(), 1 << 16],
        ] {
            let second = |in_use, words: [u64; DIVISION_WORDS]| {
                let [shards, chunk_bytes_min, growth_factor, granule_bytes] = words;
                [in_use, shards, chunk_bytes_min, growth_factor, granule_bytes]
            };
            assert_eq!(Divisions::from_words(words, second(0, sound)), None, "{words:?}");
            assert_eq!(Divisions::from_words(sound, second(0, words)), None, "{words:?}");
            assert_eq!(Divisions::from_words(sound, second(4, sound)), None);
            assert!(Divisions::from_words(sound, second(3, sound)).is_some());
        }
    }
}
