//! Counts of what became of the items.

use std::collections::BTreeMap;

use super::outcome::Outcome;
use crate::escaped::visible;
use crate::limits::{EXAMPLES_MAX, REFUSALS_MAX};

/// How many items had each outcome, and some of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    counts: BTreeMap<Outcome, Count>,
    /// Items that had any outcome.
    items: u64,
    /// Bytes of keys and values that were done, or the same.
    bytes: u64,
}

/// The items of one outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) items: u64,
    /// Keys of some, safe on a terminal. Only for failures.
    pub(crate) examples: Vec<String>,
}

impl Tally {
    /// Counts an item.
    pub(crate) fn add(&mut self, outcome: Outcome, key: &[u8]) {
        self.items += 1;
        let outcome = self.counted_as(outcome);
        let is_failure = outcome.is_failure();
        let count = self.counts.entry(outcome).or_default();
        count.items += 1;
        if is_failure && count.examples.len() < EXAMPLES_MAX {
            count.examples.push(visible(&String::from_utf8_lossy(key)));
        }
    }

    /// Counts an item that was done, and its bytes.
    pub(crate) fn add_done(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.add(Outcome::Done, b"");
    }

    /// Counts an item that both servers have, and its bytes.
    pub(crate) fn add_same(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.add(Outcome::Same, b"");
    }

    /// Adds the counts of another one.
    pub(crate) fn merge(&mut self, other: Self) {
        self.items += other.items;
        self.bytes += other.bytes;
        for (outcome, other) in other.counts {
            let outcome = self.counted_as(outcome);
            let count = self.counts.entry(outcome).or_default();
            count.items += other.items;
            count.examples.extend(other.examples);
            count.examples.truncate(EXAMPLES_MAX);
        }
    }

    /// A server may answer each item with another text: the first ones are counted one by one.
    fn counted_as(&self, outcome: Outcome) -> Outcome {
        let is_refusal = |it: &Outcome| matches!(it, Outcome::Refused(_));
        let is_new = is_refusal(&outcome) && !self.counts.contains_key(&outcome);
        if is_new && self.counts.keys().filter(|it| is_refusal(it)).count() >= REFUSALS_MAX {
            return Outcome::Refused("other answers".to_owned());
        }
        outcome
    }

    /// Items that had any outcome.
    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// Bytes of keys and values that were done, or the same.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Items of one outcome.
    pub(crate) fn count(&self, outcome: &Outcome) -> u64 {
        self.counts.get(outcome).map_or(0, |count| count.items)
    }

    /// All outcomes that items had.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&Outcome, &Count)> {
        self.counts.iter()
    }

    /// True if an item failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.counts.keys().any(Outcome::is_failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_bounded() {
        let mut tally = Tally::default();
        for number in 0..100 {
            let mut other = Tally::default();
            other.add(Outcome::Refused(format!("SERVER_ERROR {number}")), b"key");
            other.add(Outcome::TooLarge, b"\x1b[2J");
            other.add_done(7);
            tally.merge(other);
        }
        assert_eq!((tally.items(), tally.bytes()), (300, 700));
        assert_eq!(tally.counts().count(), REFUSALS_MAX + 1 + 2);
        assert_eq!(tally.count(&Outcome::Refused("other answers".to_owned())), 84);
        let large = tally.counts().find(|(outcome, _)| **outcome == Outcome::TooLarge);
        assert_eq!(large.unwrap().1.examples, ["\\u{1b}[2J"; EXAMPLES_MAX]);
        assert!(tally.has_failures());
    }
}
