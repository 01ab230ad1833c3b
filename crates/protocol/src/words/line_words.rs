//! The words of a command line.

use crate::words::short_search::blank_or;

/// Takes the next word off `rest`, which then starts at the blank after it. Only a blank ends a
/// word: TAB, NUL and control bytes are parts of words.
#[inline]
pub(crate) fn next_word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let text = skip_blanks(rest);
    let (word, after) = split_at_blank(text);
    *rest = after;
    if word.is_empty() { None } else { Some(word) }
}

/// True if `word` is the start of `name`, or all of it.
pub(crate) fn is_start_of(word: &[u8], name: &str) -> bool {
    name.as_bytes().starts_with(word)
}

/// `text` up to its first blank, and the rest, which starts with that blank.
#[inline]
pub(crate) fn split_at_blank(text: &[u8]) -> (&[u8], &[u8]) {
    let end = blank_or(b' ', text).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// `text` without its leading blanks.
#[inline]
pub(crate) fn skip_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ', after @ ..] = text {
        text = after;
    }
    text
}

/// `text` without its trailing blanks.
#[inline]
pub(crate) fn trim_blanks_end(mut text: &[u8]) -> &[u8] {
    while let [before @ .., b' '] = text {
        text = before;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn check(text: &[u8], expected: &[&[u8]]) {
        let mut rest = text;
        let words: Vec<&[u8]> = core::iter::from_fn(|| next_word(&mut rest)).collect();
        assert_eq!(words, expected);
        assert!(rest.is_empty());
    }

    #[test]
    fn only_blanks_separate_words() {
        check(b"", &[]);
        check(b"   ", &[]);
        check(b" a", &[b"a"]);
        check(b" a  bc   d  ", &[b"a", b"bc", b"d"]);
        check(b" a\tb\0c\r d", &[b"a\tb\0c\r", b"d"]);
    }
}
