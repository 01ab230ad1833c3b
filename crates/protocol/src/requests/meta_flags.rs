//! The flags of a meta command: blank-separated words, each a letter and a token.
//!
//! Flags take effect, and are answered, in the order in which they were sent. So they are kept as
//! text and read in place. That text also travels to another shard.

use crate::words::base64::{self, DECODED_KEY_BYTES_MAX};
use crate::words::error_lines::{
    BAD_FORMAT, BAD_TOKEN, DUPLICATE_FLAG, ERROR_DECODING_KEY, INVALID_DELTA_TOKEN, INVALID_FLAG,
    INVALID_INITIAL_TOKEN, OPAQUE_TOO_LONG, TOO_MANY_FLAGS,
};
use crate::words::integers::{signed_32, unsigned_32, unsigned_64};
use crate::words::limits::OPAQUE_BYTES_MAX;
use crate::words::line_words::skip_blanks;

/// Every letter that some meta command uses.
const LETTERS: LetterSet = LetterSet::of(b"bkOqcCETNRstfhluvFIxMDJPL");

/// Letters that choose what a reply shows of an item, and have no other effect. None of them shows
/// earlier accesses.
const REPLY_ONLY: LetterSet = LetterSet::of(b"vksftOq");

/// The flags of a meta command. All their numbers are in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MetaFlags<'a> {
    text: &'a [u8],
    present: LetterSet,
}

/// A set of letters, one bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct LetterSet(u64);

impl LetterSet {
    /// The letters of a text.
    pub(crate) const fn of(mut letters: &[u8]) -> Self {
        let mut set = 0;
        while let [letter, rest @ ..] = letters {
            set |= bit(*letter);
            letters = rest;
        }
        Self(set)
    }

    pub(crate) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The bit of a letter; none for any other byte.
#[inline]
const fn bit(letter: u8) -> u64 {
    // ASCII letters differ in their low six bits.
    if letter.is_ascii_alphabetic() { 1_u64.wrapping_shl((letter & 63) as u32) } else { 0 }
}

impl<'a> MetaFlags<'a> {
    /// Reads at most `flags_max` flags; `Err` is the error line. `key` is checked if a flag says
    /// that it is base64.
    #[inline]
    pub(crate) fn read(
        key: &[u8],
        text: &'a [u8],
        flags_max: usize,
    ) -> Result<Self, &'static [u8]> {
        let mut rest = text;
        let mut present = LetterSet::default();
        let mut count = 0_usize;
        let mut error = None;
        while let Some([letter, token @ ..]) = next_flag(&mut rest) {
            count = count.saturating_add(1);
            let set = bit(*letter);
            if present.0 & set != 0 {
                return Err(refusal(text, flags_max, DUPLICATE_FLAG));
            }
            if LETTERS.0 & set == 0 {
                return Err(refusal(text, flags_max, INVALID_FLAG));
            }
            present.0 |= set;
            if let Err(wrong) = check_token(*letter, token, key) {
                // memcached reports the last wrong token, and client flags only if no other is
                // wrong.
                error = if wrong == BAD_FORMAT { error.or(Some(wrong)) } else { Some(wrong) };
            }
        }
        if let Some(error) = error {
            return Err(refusal(text, flags_max, error));
        }
        if count > flags_max {
            return Err(TOO_MANY_FLAGS);
        }
        Ok(Self { text, present })
    }

    /// Checks the length of the opaque token. memcached does that after all other checks.
    #[inline]
    pub(crate) fn check_opaque(&self) -> Result<(), &'static [u8]> {
        let is_long = |opaque: &[u8]| opaque.len() > OPAQUE_BYTES_MAX;
        if self.token(b'O').is_some_and(is_long) { Err(OPAQUE_TOO_LONG) } else { Ok(()) }
    }

    /// Restores flags from their [`Self::text`].
    pub fn from_validated(text: &'a [u8]) -> Self {
        let mut flags = Self { text, present: LetterSet::default() };
        for word in flags.words() {
            flags.present.0 |= word.first().map_or(0, |letter| bit(*letter));
        }
        flags
    }

    /// The flags as sent, with blanks between them.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// True if the flag of this letter is there.
    #[inline]
    pub const fn has(&self, letter: u8) -> bool {
        self.present.0 & bit(letter) != 0
    }

    #[inline]
    pub(crate) const fn has_any(&self, letters: LetterSet) -> bool {
        self.present.intersects(letters)
    }

    /// True if the flags only choose what a reply shows, and nothing of earlier accesses.
    #[inline]
    pub const fn only_changes_reply(&self) -> bool {
        self.present.0 & !REPLY_ONLY.0 == 0
    }

    /// The flags in order. None of them is empty.
    #[inline]
    pub fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.text;
        core::iter::from_fn(move || next_flag(&mut rest))
    }

    /// The token after this letter, if the flag is there.
    pub fn token(&self, letter: u8) -> Option<&'a [u8]> {
        if !self.has(letter) {
            return None;
        }
        self.words().find_map(|word| match word {
            [first, token @ ..] if *first == letter => Some(token),
            _ => None,
        })
    }

    /// The seconds after `T`, `N` or `R`, as an exptime.
    pub fn seconds(&self, letter: u8) -> Option<i32> {
        signed_32(self.token(letter)?)
    }

    /// The number after `C`, `E`, `D`, `J` or `F`.
    pub fn number(&self, letter: u8) -> Option<u64> {
        unsigned_64(self.token(letter)?)
    }

    /// True if both flags are there, the first before the second.
    pub fn is_before(&self, first: u8, second: u8) -> bool {
        let mut letters = self.words().filter_map(|word| word.first().copied());
        self.has(first)
            && self.has(second)
            && letters.find(|&letter| letter == first || letter == second) == Some(first)
    }

    /// The letter after `M`, or a blank if there is none. Like in memcached, a NUL there means that
    /// there is no mode.
    pub(crate) fn mode(&self) -> Option<u8> {
        let letter = self.token(b'M')?.first().copied();
        Some(letter.unwrap_or(b' ')).filter(|&letter| letter != 0)
    }

    /// The key of the item: `key`, or its base64 decoded into `bytes` if these flags say so.
    pub fn item_key<'k>(
        &self,
        key: &'k [u8],
        bytes: &'k mut [u8; DECODED_KEY_BYTES_MAX],
    ) -> &'k [u8] {
        if self.has(b'b') { base64::decode(key, bytes) } else { key }
    }

    /// Appends the flags without the tokens that no reply and no command needs. They then have at
    /// most [`META_FLAGS_BYTES_MAX`](crate::META_FLAGS_BYTES_MAX) bytes.
    pub fn append_kept(&self, out: &mut alloc::vec::Vec<u8>) {
        const TOKENS: LetterSet = LetterSet::of(b"OTNRCEFDJ");
        for word in self.words() {
            let Some((letter, token)) = word.split_first() else { continue };
            out.extend_from_slice(&[b' ', *letter]);
            if TOKENS.0 & bit(*letter) != 0 {
                out.extend_from_slice(token);
            }
        }
    }
}

/// Takes the next flag off `rest`, like [`next_word`](crate::words::line_words::next_word). Flags
/// have one letter or a few bytes, so a look at each byte costs less than a search.
#[inline]
pub(crate) fn next_flag<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let text = skip_blanks(rest);
    let end = text.iter().position(|&byte| byte == b' ').unwrap_or(text.len());
    let (flag, after) = text.split_at_checked(end)?;
    *rest = after;
    if flag.is_empty() { None } else { Some(flag) }
}

/// True if each of the first `count` words begins like a flag. memcached checks that while it
/// splits the line, before it reads any word.
#[cold]
pub(crate) fn begin_as_flags(text: &[u8], count: usize) -> bool {
    let mut rest = text;
    let mut words = core::iter::from_fn(|| next_flag(&mut rest)).take(count);
    words.all(|word| word.first().is_some_and(|&it| matches!(it, b'0'..=b'9' | b'A'..=b'z')))
}

/// Checks the token of a known letter.
#[inline]
fn check_token(letter: u8, token: &[u8], key: &[u8]) -> Result<(), &'static [u8]> {
    let (good, error) = match letter {
        b'T' | b'N' | b'R' => (signed_32(token).is_some(), BAD_TOKEN),
        b'C' | b'E' => (unsigned_64(token).is_some(), BAD_TOKEN),
        b'F' => (unsigned_32(token).is_some(), BAD_FORMAT),
        b'D' => (unsigned_64(token).is_some(), INVALID_DELTA_TOKEN),
        b'J' => (unsigned_64(token).is_some(), INVALID_INITIAL_TOKEN),
        b'b' => (base64::is_valid(key), ERROR_DECODING_KEY),
        _ => (true, BAD_FORMAT),
    };
    if good { Ok(()) } else { Err(error) }
}

/// The error to send: memcached counts the words before it reads them.
#[cold]
fn refusal(text: &[u8], flags_max: usize, error: &'static [u8]) -> &'static [u8] {
    let mut rest = text;
    let count = core::iter::from_fn(|| next_flag(&mut rest)).count();
    if count > flags_max { TOO_MANY_FLAGS } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::limits::META_FLAGS_BYTES_MAX;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn read(text: &[u8]) -> Result<MetaFlags<'_>, &'static [u8]> {
        MetaFlags::read(b"Zm9v", text, 18)
    }

    fn check_error(text: &[u8], expected: &'static [u8]) {
        assert_eq!(read(text), Err(expected), "{}", text.escape_ascii());
    }

    #[test]
    fn flags_are_read_in_place() {
        let flags = read(b"  k T-5  C18446744073709551615 Oab\tc ").unwrap();
        assert_eq!(flags.words().count(), 4);
        assert!(flags.has(b'k') && flags.has(b'T') && !flags.has(b't') && !flags.has(b'c'));
        assert_eq!(flags.seconds(b'T'), Some(-5));
        assert_eq!(flags.number(b'C'), Some(u64::MAX));
        assert_eq!(flags.token(b'O'), Some(&b"ab\tc"[..]));
        assert!(flags.is_before(b'T', b'O') && !flags.is_before(b'O', b'T'));
        assert!(!flags.is_before(b'T', b't') && !flags.is_before(b't', b'T'));
        assert_eq!((flags.seconds(b'N'), flags.number(b'E')), (None, None));
        assert_eq!(MetaFlags::from_validated(flags.text()), flags);
        assert_eq!(read(b"").unwrap(), MetaFlags::default());
    }

    #[test]
    fn every_letter_has_its_bit() {
        let letters = (b'a'..=b'z').chain(b'A'..=b'Z');
        let bits: Vec<u64> = letters.map(bit).collect();
        assert_eq!(bits.iter().fold(0, |set, bit| set | bit).count_ones(), 52);
        assert!((0..=255_u8).filter(|byte| !byte.is_ascii_alphabetic()).all(|it| bit(it) == 0));
    }

    #[test]
    fn one_wrong_word_is_named() {
        check_error(b" v v", DUPLICATE_FLAG);
        check_error(b" v z", INVALID_FLAG);
        check_error(b" S5", INVALID_FLAG);
        check_error(b" 1", INVALID_FLAG);
        check_error(b" -", INVALID_FLAG);
        check_error(b" ^", INVALID_FLAG);
        check_error(b" F000000000001", BAD_FORMAT);
        check_error(b" T", BAD_TOKEN);
        check_error(b" T2147483648", BAD_TOKEN);
        check_error(b" N+1", BAD_TOKEN);
        check_error(b" Rx", BAD_TOKEN);
        check_error(b" C-1", BAD_TOKEN);
        check_error(b" E", BAD_TOKEN);
        check_error(b" F4294967296", BAD_FORMAT);
        check_error(b" Dx", INVALID_DELTA_TOKEN);
        check_error(b" J", INVALID_INITIAL_TOKEN);
        check_error(b" Tx z", INVALID_FLAG);
        check_error(b" z Tx", INVALID_FLAG);
        check_error(b" Tx Fx", BAD_TOKEN);
        check_error(b" Fx Tx", BAD_TOKEN);
        assert_eq!(MetaFlags::read(b"foo", b" b", 18), Err(ERROR_DECODING_KEY));
        assert!(read(b" b").is_ok());
        let opaque = "O".repeat(OPAQUE_BYTES_MAX + 1);
        assert_eq!(read(opaque.as_bytes()).unwrap().check_opaque(), Ok(()));
        let opaque = alloc::format!("O{opaque}");
        assert_eq!(read(opaque.as_bytes()).unwrap().check_opaque(), Err(OPAQUE_TOO_LONG));
        assert_eq!(read(b"v").unwrap().check_opaque(), Ok(()));
    }

    #[test]
    fn flags_begin_with_letters_digits_and_what_stands_between_letters() {
        assert!(begin_as_flags(b"", 9));
        assert!(begin_as_flags(b" v  1 [ \\ ] ^ _ ` z", 9));
        for first in (0..=255_u8).filter(|it| !matches!(it, b' ' | b'0'..=b'9' | b'A'..=b'z')) {
            assert!(!begin_as_flags(&[b' ', b'v', b' ', first], 2), "{first}");
            assert!(begin_as_flags(&[b' ', b'v', b' ', first], 1), "{first}");
        }
    }

    #[test]
    fn words_are_counted_first() {
        let text: String = "b k O q c T1 N1 s t f h l u v F1 I x M D1"
            .split(' ')
            .fold(String::new(), |text, word| text + " " + word);
        assert!(read(&text.as_bytes()[..text.len() - 3]).is_ok());
        check_error(text.as_bytes(), TOO_MANY_FLAGS);
        check_error(text.replace(" k", " z").as_bytes(), TOO_MANY_FLAGS);
    }

    #[test]
    fn the_essence_is_short_and_means_the_same() {
        let junk = "x".repeat(500);
        let text = alloc::format!(
            " k{junk} b O{o} T-2147483648 N1 R1 C{n} E{n} F1 D{n} J{n} MA{junk} P{junk} q c v I",
            o = "o".repeat(OPAQUE_BYTES_MAX),
            n = "0018446744073709551615",
        );
        let flags = read(text.as_bytes()).unwrap();
        let mut essence = Vec::new();
        flags.append_kept(&mut essence);
        assert!(essence.len() <= META_FLAGS_BYTES_MAX, "{}", essence.len());
        let short = MetaFlags::from_validated(&essence);
        assert_eq!(short.present, flags.present);
        for letter in *b"OTNRCEFDJ" {
            assert_eq!(short.token(letter), flags.token(letter));
        }
    }
}
