//! The search for a tag in the slots of a bucket. It compares four tags at a time, in the lanes of
//! a word.

use crate::limits::BUCKET_SLOTS;

/// The tags of a bucket, little endian.
type Tags = [u8; BUCKET_SLOTS * 2];

/// A set of slots. The word has four lanes of 16 bits. The lowest bit of each lane is one of the
/// first four slots, the next bit one of the next four, the third bit one of the last two.
pub(super) struct EqualTags(u64);

impl EqualTags {
    /// All slots that have this tag, and rarely one that has another.
    #[inline]
    pub(crate) fn new(tags: &Tags, tag: u16) -> EqualTags {
        let (words, last) = tags.as_chunks::<8>();
        let [first, second] = [words[0], words[1]].map(u64::from_le_bytes);
        let first = zero_lanes(first ^ repeated(tag)) >> 15;
        let second = zero_lanes(second ^ repeated(tag)) >> 14;
        let is = |at| u64::from(last[at..at + 2] == tag.to_le_bytes());
        EqualTags(first | second | is(0) << 2 | is(2) << 18)
    }
}

/// The numbers of the slots.
impl Iterator for EqualTags {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit % 16 * 4 + bit / 16)
    }
}

const fn repeated(tag: u16) -> u64 {
    tag as u64 * 0x0001_0001_0001_0001
}

/// The high bit of each lane that is zero, and perhaps of a lane above a zero one.
#[inline]
const fn zero_lanes(word: u64) -> u64 {
    word.wrapping_sub(repeated(1)) & !word & repeated(0x8000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn every_slot_with_the_tag_is_found(
            tags in any::<[[u8; 2]; BUCKET_SLOTS]>(), at in 0..BUCKET_SLOTS, also in 0..BUCKET_SLOTS
        ) {
            let mut tags = tags;
            tags[also] = tags[at];
            let found: Vec<usize> = slots(&tags, u16::from_le_bytes(tags[at])).collect();
            for (slot, tag) in tags.iter().enumerate() {
                prop_assert!(*tag != tags[at] || found.contains(&slot), "{slot} of {tags:?}");
            }
            let others = found.iter().filter(|slot| tags[**slot] != tags[at]);
            // Only the tag next to it in the word, which differs in its lowest bit.
            prop_assert!(others.clone().all(|slot| tags[*slot][0] == tags[at][0] ^ 1));
        }
    }

    #[test]
    fn each_slot_alone_is_found() {
        for slot in 0..BUCKET_SLOTS {
            let mut tags = [[0xff; 2]; BUCKET_SLOTS];
            tags[slot] = [1, 2];
            assert_eq!(slots(&tags, 0x0201).collect::<Vec<_>>(), [slot]);
        }
        assert_eq!(slots(&[[0xff; 2]; BUCKET_SLOTS], 0x0201).next(), None);
    }

    fn slots(tags: &[[u8; 2]; BUCKET_SLOTS], tag: u16) -> EqualTags {
        EqualTags::new(tags.as_flattened().as_array().expect("two bytes each"), tag)
    }
}
