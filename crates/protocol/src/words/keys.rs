//! The keys of a retrieval line.

use crate::words::limits::KEY_BYTES_MAX;
use crate::words::line_words::{next_word, skip_blanks};

/// Iterator over the blank-separated keys of a line; each has 1 to 250 bytes.
///
/// A connection may pause in the middle of a long `get`: it keeps [`Keys::rest`] and resumes with
/// [`Keys::from_validated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys<'a> {
    /// Empty, or starts at a key's first byte or at the blank before it.
    rest: &'a [u8],
}

/// Why a list of keys was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeysError {
    /// Only blanks.
    Empty,
    /// A key of more than 250 bytes.
    KeyTooLong,
}

impl<'a> Keys<'a> {
    /// Checks all keys of `line` at once, before any is looked up.
    pub(crate) fn validate(line: &'a [u8]) -> Result<Self, KeysError> {
        let rest = skip_blanks(line);
        if rest.is_empty() {
            return Err(KeysError::Empty);
        }
        if has_word_over_limit(rest) { Err(KeysError::KeyTooLong) } else { Ok(Self { rest }) }
    }

    /// Resumes with the bytes that [`Keys::rest`] of an earlier iterator returned.
    pub fn from_validated(line: &'a [u8]) -> Self {
        debug_assert!(!has_word_over_limit(line), "the line comes from Keys::rest");
        Self { rest: line }
    }

    /// The bytes of the line that were not yet returned.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        next_word(&mut self.rest)
    }
}

impl core::iter::FusedIterator for Keys<'_> {}

/// True if `line` has more than 250 bytes in a row without a blank.
///
/// Looks only for the last blank of each window of 251 bytes. A line of short keys costs a look at
/// about one byte per window.
fn has_word_over_limit(line: &[u8]) -> bool {
    let mut rest = line;
    while let Some(window) = rest.get(..=KEY_BYTES_MAX) {
        let Some(blank) = memchr::memrchr(b' ', window) else { return true };
        let (_, after) = rest.split_at(blank);
        rest = after.split_first().map_or(&[], |(_, tail)| tail);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn check(line: &[u8], expected: Result<&[&[u8]], KeysError>) {
        let keys = Keys::validate(line).map(Iterator::collect::<Vec<_>>);
        assert_eq!(keys, expected.map(<[_]>::to_vec));
    }

    #[test]
    fn keys_are_the_words_of_the_line() {
        check(b"", Err(KeysError::Empty));
        check(b"  ", Err(KeysError::Empty));
        check(b" a", Ok(&[b"a"]));
        check(b" a  bc a ", Ok(&[b"a", b"bc", b"a"]));
        check(b" \0\t\xff", Ok(&[b"\0\t\xff"]));
        check(&[b'k'; KEY_BYTES_MAX], Ok(&[&[b'k'; KEY_BYTES_MAX]]));
        check(&[b'k'; KEY_BYTES_MAX + 1], Err(KeysError::KeyTooLong));
    }

    proptest! {
        /// The windowed search agrees with measuring each word.
        #[test]
        fn long_words_are_found_wherever_they_stand(
            lengths in prop::collection::vec(prop_oneof![0..12_usize, 245..256_usize], 1..40),
        ) {
            let words: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![b'k'; length]).collect();
            let line = words.join(&b' ');
            let longest = lengths.into_iter().max().unwrap_or(0);
            prop_assert_eq!(has_word_over_limit(&line), longest > KEY_BYTES_MAX);
        }

        /// A connection may pause after any key and resume later.
        #[test]
        fn iteration_resumes_after_any_key(line in "[ab ]{0,40}", stop in 0..20_usize) {
            let Ok(keys) = Keys::validate(line.as_bytes()) else { return Ok(()) };
            let all: Vec<&[u8]> = keys.clone().collect();
            let mut first = keys;
            let mut seen: Vec<&[u8]> = first.by_ref().take(stop).collect();
            seen.extend(Keys::from_validated(first.rest()));
            prop_assert_eq!(seen, all);
        }
    }
}
