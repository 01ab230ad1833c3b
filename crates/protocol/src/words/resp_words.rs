//! The words of a command.

use crate::words::integers::strict_64;

/// The words of a whole command, from its name on: at least one. They borrow the connection's
/// input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RespWords<'a> {
    /// As many bulk strings as `count`, checked by the decoder.
    bulks: &'a [u8],
    count: usize,
}

impl<'a> RespWords<'a> {
    pub(crate) const fn new(bulks: &'a [u8], count: usize) -> Self {
        Self { bulks, count }
    }

    /// The words that are left, as the bulk strings that the client sent.
    pub const fn bulks(&self) -> &'a [u8] {
        self.bulks
    }

    /// Words that were kept apart: `bulks` begins with so many whole bulk strings of
    /// [`Self::bulks`].
    pub const fn of_bulks(bulks: &'a [u8], count: usize) -> Self {
        Self::new(bulks, count)
    }
}

impl RespWords<'_> {
    /// The first `count` words, and those after them. `None`: there are fewer.
    pub fn split(mut self, count: usize) -> Option<(Self, Self)> {
        let left = self.count.checked_sub(count)?;
        let first = Self { bulks: self.bulks, count };
        for _ in 0..count {
            self.next();
        }
        debug_assert_eq!(self.count, left);
        Some((first, self))
    }
}

/// The words that are left, one after the other.
impl<'a> Iterator for RespWords<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let left = self.count.checked_sub(1)?;
        let (word, rest) = split_bulk(self.bulks)?;
        (self.bulks, self.count) = (rest, left);
        Some(word)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for RespWords<'_> {}

/// Splits a whole bulk string off.
#[inline]
fn split_bulk(bulks: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\r', bulks)?;
    let len = usize::try_from(strict_64(bulks.get(1..end)?)?).ok()?;
    let (word, rest) = bulks.get(end.checked_add(2)?..)?.split_at_checked(len)?;
    Some((word, rest.get(2..)?))
}
