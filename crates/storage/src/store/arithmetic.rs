//! incr and decr of decimal numbers in values.

use core::fmt::Write;

use crate::item::body::body_span;
use crate::item::chunk;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::item::hashed_key::HashedKey;
use crate::item::item_fields;
use crate::item::item_shape::CasField;
use crate::memory::region::Location;
use crate::store::reservation::ItemFields;
use crate::store::store::Store;

/// Digits of the largest 64-bit number.
const DIGITS_MAX: usize = 20;

/// Bytes of the longest value that may be a number: memcached's largest chunk.
const NUMBER_BYTES_MAX: usize = 512 << 10;

/// A change of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Adds. Wraps at 2^64.
    Incr(u64),
    /// Subtracts. Stops at 0.
    Decr(u64),
}

/// Why a number was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithmeticError {
    /// The key has no item.
    NotFound,
    /// The value is no number below 2^64, or is longer than 512 KiB, as in memcached.
    NonNumeric,
    /// There is no memory for the longer text. The item is as it was.
    NoMemory,
}

impl Store {
    /// Changes the number in an item. Returns the new number.
    ///
    /// If the new text is not longer than the value, it is written over it and padded on the right
    /// with blanks. Otherwise the item gets a value of the text's length. Flags and exptime stay. A
    /// cas unique that was handed out before no longer matches.
    pub fn arithmetic(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        delta: Delta,
    ) -> Result<u64, ArithmeticError> {
        let item = self.items_mut().find_live(now, key);
        let item = item.map_err(|_| ArithmeticError::NotFound)?;
        let view = self.items().view(item);
        let (at, len) = view.head_span();
        let head = self.pages().bytes(at, len);
        let number = parse_number(head).filter(|_| view.value_len() <= NUMBER_BYTES_MAX);
        let number = number.ok_or(ArithmeticError::NonNumeric)?;
        let old_class = self.items().slabs().class_of(item);
        let number = match delta {
            Delta::Incr(by) => number.wrapping_add(by),
            Delta::Decr(by) => number.saturating_sub(by),
        };
        let mut text = NumberText { digits: [b' '; DIGITS_MAX], len: 0 };
        write!(text, "{number}").expect("64 bits are at most 20 digits");
        let text = &text.digits[..text.len];
        if text.len() <= len && !view.is_held() {
            self.overwrite_number(item, text);
        } else {
            // A held value must not change, so even a shorter text goes into a new item.
            let (flags, expiry) = (view.flags(), view.expiry());
            let fields = ItemFields { key, flags, expiry, cas: CasField::Absent };
            let guard = self.items_mut().guard(item);
            let new = self.new_item(now, fields, text);
            self.items_mut().end_guard(guard);
            self.link_new(now, key, new.ok_or(ArithmeticError::NoMemory)?);
        }
        self.count_arithmetic(old_class, delta);
        Ok(number)
    }

    /// Writes a text over the value of an item, whose head chunk has room for it.
    fn overwrite_number(&mut self, item: Location, text: &[u8]) {
        let view = self.items().view(item);
        let ((at, len), mut body) = (view.head_span(), view.first_body().some());
        let renewed = view.cas() != 0;
        let pages = self.pages_mut();
        chunk::set_linked(pages, item, false);
        let value = pages.bytes_mut(at, len);
        value.fill(b' ');
        value[..text.len()].copy_from_slice(text);
        while let Some(chunk) = body {
            let (at, len) = body_span(pages, chunk);
            pages.bytes_mut(at, len).fill(b' ');
            body = chunk::next(pages, chunk).some();
        }
        if renewed {
            let unique = self.uniques.take();
            item_fields::set_cas(self.pages_mut(), item, unique);
        }
        chunk::set_linked(self.pages_mut(), item, true);
    }

    fn count_arithmetic(&mut self, class: SlabClassId, delta: Delta) {
        let counters = &mut self.items_mut().slabs_mut().class_mut(class).counters;
        match delta {
            Delta::Incr(_) => counters.incr_hits += 1,
            Delta::Decr(_) => counters.decr_hits += 1,
        }
    }
}

/// A number as text.
struct NumberText {
    digits: [u8; DIGITS_MAX],
    len: usize,
}

impl Write for NumberText {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.digits.get_mut(self.len..self.len + text.len()).ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Reads a number as memcached does: blanks, a plus sign and digits, then the end or a blank or
/// NUL. Anything may follow that.
fn parse_number(value: &[u8]) -> Option<u64> {
    let start = value.iter().position(|byte| !is_blank(*byte))?;
    let text = &value[start..];
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    if digits.is_empty() || rest.first().is_some_and(|byte| !is_blank(*byte) && *byte != 0) {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_like_strtoull() {
        for (value, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("  12", Some(12)),
            ("+5", Some(5)),
            ("12 abc", Some(12)),
            ("9 ", Some(9)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            (" ", None),
            ("-1", None),
            ("+", None),
            ("12a", None),
            ("a12", None),
            ("1.5", None),
        ] {
            assert_eq!(parse_number(value.as_bytes()), expected, "{value:?}");
        }
    }
}
