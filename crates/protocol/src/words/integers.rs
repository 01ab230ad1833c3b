//! Integers in command lines, read as strictly and as loosely as memcached 1.6.45 reads them.
//!
//! Strict integers are plain digits in range. The flags and exptime of classic storage commands are
//! loose: they are read like C's `strtoul` and `strtol` and cut to 32 bits.

/// Most characters of a strict 32-bit integer, signed or not.
const CHARS_32_MAX: usize = 11;
/// Most characters of a strict unsigned 64-bit integer.
const CHARS_64_MAX: usize = 22;

/// A signed 32-bit integer of up to 11 characters, without a plus sign. Like in memcached, a lone
/// minus is 0.
#[inline]
pub(crate) fn signed_32(word: &[u8]) -> Option<i32> {
    if word.is_empty() || word.len() > CHARS_32_MAX {
        return None;
    }
    match word {
        [b'-'] => Some(0),
        [b'-', magnitude @ ..] => {
            // At most ten digits, so that the negation cannot overflow.
            let magnitude = i64::try_from(digits(magnitude)?).ok()?;
            i32::try_from(magnitude.wrapping_neg()).ok()
        }
        _ => i32::try_from(digits(word)?).ok(),
    }
}

/// An unsigned 64-bit integer of up to 22 characters, without a sign.
#[inline]
pub(crate) fn unsigned_64(word: &[u8]) -> Option<u64> {
    if word.len() > CHARS_64_MAX { None } else { digits(word) }
}

/// An unsigned 32-bit integer of up to 11 characters, without a sign.
pub(crate) fn unsigned_32(word: &[u8]) -> Option<u32> {
    if word.len() > CHARS_32_MAX { None } else { u32::try_from(digits(word)?).ok() }
}

/// A signed 64-bit integer as Redis writes and reads it: a minus sign at most, and no leading zero,
/// so that each number has one form.
#[inline]
pub fn strict_64(word: &[u8]) -> Option<i64> {
    let magnitude = word.strip_prefix(b"-").unwrap_or(word);
    let is_negative = magnitude.len() < word.len();
    match magnitude {
        b"0" if !is_negative => Some(0),
        [b'0', ..] => None,
        _ if is_negative => 0_i64.checked_sub_unsigned(digits(magnitude)?),
        _ => i64::try_from(digits(magnitude)?).ok(),
    }
}

/// The flags of a classic storage command: `strtoul`, cut to 32 bits.
#[inline]
pub(crate) fn loose_flags(word: &[u8]) -> Option<u32> {
    if let Some(number) = digits(word) {
        return Some(number as u32);
    }
    let (negative, magnitude) = c_number(word)?;
    let number = if negative { magnitude.wrapping_neg() } else { magnitude };
    // memcached refuses a number with a minus sign if it wraps round to a huge one. If it wraps
    // round to a small one, it is accepted.
    if (number as i64) < 0 && word.contains(&b'-') { None } else { Some(number as u32) }
}

/// The exptime of a classic storage command: `strtol`, cut to 32 bits.
#[inline]
pub(crate) fn loose_exptime(word: &[u8]) -> Option<i32> {
    let (negative, magnitude) = match digits(word) {
        Some(number) => (false, number),
        None => c_number(word)?,
    };
    let number = if negative {
        0_i64.checked_sub_unsigned(magnitude)?
    } else {
        i64::try_from(magnitude).ok()?
    };
    Some(number as i32)
}

/// One or more digits and nothing else. `None` also if the number exceeds 64 bits.
#[inline]
fn digits(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for &byte in word {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(number)
}

/// Sign and magnitude of a number as C reads it: after white space and one sign, and before white
/// space or a NUL, which anything may follow.
#[cold]
fn c_number(word: &[u8]) -> Option<(bool, u64)> {
    let start = word.iter().position(|&byte| !is_c_space(byte))?;
    let text = word.get(start..)?;
    let (negative, text) = match text {
        [b'-', after @ ..] => (true, after),
        [b'+', after @ ..] => (false, after),
        _ => (false, text),
    };
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, after) = text.split_at_checked(end)?;
    match after {
        [] | [0, ..] => {}
        [byte, ..] if is_c_space(*byte) => {}
        _ => return None,
    }
    Some((negative, digits(number)?))
}

/// C's `isspace` in the "C" locale.
fn is_c_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Debug;

    fn check<T: Debug + PartialEq>(read: impl Fn(&[u8]) -> Option<T>, table: &[(&str, Option<T>)]) {
        for (word, expected) in table {
            assert_eq!(&read(word.as_bytes()), expected, "{word:?}");
        }
    }

    #[test]
    fn signed_32_is_strict() {
        check(
            signed_32,
            &[
                ("0", Some(0)),
                ("-", Some(0)),
                ("-0", Some(0)),
                ("-1", Some(-1)),
                ("00000000005", Some(5)),
                ("000000000005", None),
                ("2147483647", Some(i32::MAX)),
                ("2147483648", None),
                ("-2147483648", Some(i32::MIN)),
                ("-2147483649", None),
                ("99999999999", None),
                ("+5", None),
                ("", None),
                ("--1", None),
                ("5x", None),
                ("5\t", None),
                ("1-", None),
            ],
        );
    }

    #[test]
    fn unsigned_64_is_strict() {
        check(
            unsigned_64,
            &[
                ("0", Some(0)),
                ("18446744073709551615", Some(u64::MAX)),
                ("18446744073709551616", None),
                ("0018446744073709551615", Some(u64::MAX)),
                ("00018446744073709551615", None),
                ("99999999999999999999", None),
                ("-1", None),
                ("-", None),
                ("+1", None),
                ("", None),
                ("1\0", None),
            ],
        );
        check(unsigned_32, &[("4294967295", Some(u32::MAX)), ("4294967296", None), ("x", None)]);
        check(unsigned_32, &[("04294967295", Some(u32::MAX)), ("004294967295", None), ("", None)]);
    }

    #[test]
    fn flags_are_cut_to_32_bits() {
        check(
            loose_flags,
            &[
                ("0", Some(0)),
                ("4294967295", Some(u32::MAX)),
                ("4294967296", Some(0)),
                ("18446744073709551615", Some(u32::MAX)),
                ("18446744073709551616", None),
                ("+5", Some(5)),
                ("\t5", Some(5)),
                ("5\tx", Some(5)),
                ("5\0x", Some(5)),
                ("5x", None),
                ("-0", Some(0)),
                ("-1", None),
                ("-18446744073709551615", Some(1)),
                ("-18446744073709551616", None),
                ("+", None),
                ("-", None),
                ("+-5", None),
                ("", None),
                ("\t", None),
            ],
        );
    }

    #[test]
    fn exptime_is_cut_to_32_bits() {
        check(
            loose_exptime,
            &[
                ("0", Some(0)),
                ("-1", Some(-1)),
                ("2147483647", Some(i32::MAX)),
                ("2147483648", Some(i32::MIN)),
                ("4294967296", Some(0)),
                ("9223372036854775807", Some(-1)),
                ("9223372036854775808", None),
                ("-9223372036854775808", Some(0)),
                ("-9223372036854775809", None),
                ("+5", Some(5)),
                ("5 ", Some(5)),
                ("5x", None),
                ("-", None),
                ("", None),
            ],
        );
    }
}
