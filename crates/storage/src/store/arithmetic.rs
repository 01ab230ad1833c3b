//! incr and decr: decimal numbers in values.

use core::fmt::Write;

use crate::index::key_hasher::HashedKey;
use crate::item::item;
use crate::item::item_ref::ItemRef;
use crate::store::reservation::ItemFields;
use crate::store::store::Store;

/// Digits of the largest 64-bit number.
const DIGITS_MAX: usize = 20;

/// Bytes of the longest value that may be a number: memcached's largest slab chunk.
const NUMBER_BYTES_MAX: usize = 512 << 10;

/// A change of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Added; wraps at 2^64.
    Incr(u64),
    /// Subtracted; stops at 0.
    Decr(u64),
}

/// Why a number was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithmeticError {
    /// The key has no item.
    NotFound,
    /// The value is not a number below 2^64, or longer than 512 KiB, as in memcached.
    NonNumeric,
    /// The longer text finds no memory; the item is as it was.
    NoMemory,
}

impl Store {
    /// Changes the number in an item; returns the new one.
    ///
    /// A text not longer than the value is written in its place and padded on the right with
    /// blanks; else the item gets a value of the exact length. Flags and exptime stay. A cas
    /// unique handed out before matches no more.
    pub fn arithmetic(
        &mut self,
        now: u32,
        key: HashedKey<'_>,
        delta: Delta,
    ) -> Result<u64, ArithmeticError> {
        let item = self.find_live(now, key).map_err(|_| ArithmeticError::NotFound)?;
        let view = ItemRef::new(&self.slabs.pages, item);
        let (at, len) = view.head_span();
        let head = self.slabs.pages.bytes(at, len);
        let number = parse_number(head).filter(|_| view.value_len() <= NUMBER_BYTES_MAX);
        let number = number.ok_or(ArithmeticError::NonNumeric)?;
        let old_class = self.slabs.class_of(item);
        let number = match delta {
            Delta::Incr(by) => number.wrapping_add(by),
            Delta::Decr(by) => number.saturating_sub(by),
        };
        let mut text = NumberText { digits: [b' '; DIGITS_MAX], len: 0 };
        write!(text, "{number}").expect("64 bits are at most 20 digits");
        if text.len <= len && !view.is_held() {
            let renewed = view.cas() != 0;
            let mut body = view.bodies().next();
            let pages = &mut self.slabs.pages;
            let value = pages.bytes_mut(at, len);
            value.fill(b' ');
            value[..text.len].copy_from_slice(&text.digits[..text.len]);
            while let Some(chunk) = body {
                let (at, len) = item::body_span(pages, chunk);
                pages.bytes_mut(at, len).fill(b' ');
                body = item::next(pages, chunk).some();
            }
            if renewed {
                let unique = self.new_unique();
                item::set_cas(&mut self.slabs.pages, item, unique);
            }
            self.count_arithmetic(old_class, delta);
            return Ok(number);
        }
        // A held value keeps its bytes: then a shorter text goes into a new item, too.
        let (flags, exptime) = (view.flags(), view.exptime());
        let fields = ItemFields { key, flags, exptime, with_cas: false };
        let guard = self.guard(item);
        let new = self.new_item(now, fields, &text.digits[..text.len]);
        self.unguard(item, guard);
        self.link_new(now, key, new.ok_or(ArithmeticError::NoMemory)?);
        self.count_arithmetic(old_class, delta);
        Ok(number)
    }

    fn count_arithmetic(&mut self, class: usize, delta: Delta) {
        let counters = &mut self.slabs.classes[class].counters;
        match delta {
            Delta::Incr(_) => counters.incr_hits += 1,
            Delta::Decr(_) => counters.decr_hits += 1,
        }
    }
}

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

/// Reads a number as memcached does: blanks, a plus sign and the digits; then the end, or a blank
/// (or NUL) with anything behind it.
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
