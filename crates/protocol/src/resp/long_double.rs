//! x87's long double, which Redis computes with: 64 binary digits and a wide exponent.
//!
//! Numbers are read and added as the processor and glibc do it: rounded to the nearest number, to
//! an even one if two are as near.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::resp::big_number::BigNumber;

/// Binary digits of a mantissa.
const MANTISSA_BITS: u32 = u64::BITS;

/// The exponent of the smallest numbers, whose mantissas are short.
const EXPONENT_MIN: i32 = -16_445;

/// The exponent of the largest numbers.
const EXPONENT_MAX: i32 = 16_320;

/// Bits that a sum has below those of the mantissa.
const GUARD_BITS: u32 = 62;

/// Decimal exponents are cut here: numbers are infinite or 0 long before.
const DECIMAL_EXPONENT_MAX: i32 = 1 << 20;

/// Powers of ten below this are 0, above it infinite.
const MAGNITUDE_MAX: i64 = 5_000;

/// Bytes of the longest number, as in Redis.
const NUMBER_BYTES_MAX: usize = (5 << 10) - 1;

/// Decimal places that are shown.
const PLACES: u32 = 17;

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LongDouble {
    /// `mantissa` times 2 to the `exponent`. The highest bit of the mantissa is set, unless the
    /// exponent is the smallest one.
    Finite {
        /// Whether it is below 0.
        is_negative: bool,
        mantissa: u64,
        exponent: i32,
    },
    /// An infinite number. `true`: below 0.
    Infinite(bool),
}

impl LongDouble {
    /// Reads a number as C's `strtold` does, to the word's end. `None`: it is no number, or too
    /// small or large.
    pub(super) fn read(word: &[u8]) -> Option<Self> {
        if word.len() > NUMBER_BYTES_MAX {
            return None;
        }
        let (is_negative, digits) = match word {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::Infinite(is_negative));
        }
        let read = match digits {
            [b'0', b'x' | b'X', digits @ ..] => read_hexadecimal(is_negative, digits)?,
            digits => read_decimal(is_negative, digits)?,
        };
        // A number that is too large is refused. Infinite ones must be words.
        matches!(read, Self::Finite { .. }).then_some(read)
    }

    /// The sum. `None`: it is undefined.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let finite = |number: Self| match number {
            Self::Finite { is_negative, mantissa, exponent } => {
                Ok((is_negative, mantissa, exponent))
            }
            Self::Infinite(is_negative) => Err(is_negative),
        };
        let (a, b) = match (finite(self), finite(other)) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(a), Err(b)) if a != b => return None,
            (Err(sign), _) | (_, Err(sign)) => return Some(Self::Infinite(sign)),
        };
        // A zero has any exponent.
        let is_first_higher = b.1 == 0 || a.1 != 0 && a.2 >= b.2;
        let (high, low) = if is_first_higher { (a, b) } else { (b, a) };
        let exponent = high.2.saturating_sub(GUARD_BITS.cast_signed());
        let high_bits = u128::from(high.1) << GUARD_BITS;
        let low_bits = if low.1 == 0 {
            0
        } else {
            let distance = high.2.saturating_sub(low.2).unsigned_abs();
            shifted_right(u128::from(low.1) << GUARD_BITS, distance)
        };
        let signed = |sign: bool, bits: u128| {
            let bits = bits.cast_signed();
            if sign { bits.wrapping_neg() } else { bits }
        };
        // Both have 126 bits at most.
        let sum = signed(high.0, high_bits).wrapping_add(signed(low.0, low_bits));
        Some(rounded(sum < 0, sum.unsigned_abs(), exponent))
    }

    /// The number with up to 17 decimal places, without zeros at its end. `None`: it is infinite.
    pub(super) fn text(self) -> Option<String> {
        let Self::Finite { is_negative, mantissa, exponent } = self else { return None };
        let sign = if is_negative { "-" } else { "" };
        if exponent >= 0 {
            let mut number = BigNumber::from(mantissa);
            number.shift_left(exponent.unsigned_abs());
            return Some(format!("{sign}{}", number.into_decimal()));
        }
        // In units of the last place, below 2^121.
        let units = u128::from(mantissa).wrapping_mul(10_u128.pow(PLACES));
        let units = half_even(units, exponent.unsigned_abs());
        let unit = 10_u128.pow(PLACES);
        let whole = units.checked_div(unit).unwrap_or_default();
        let places = units.checked_rem(unit).unwrap_or_default();
        let text = format!("{sign}{whole}.{places:017}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        Some(String::from(if text == "-0" { "0" } else { text }))
    }
}

/// A number shifted to the right. If one bits are lost, the lowest bit is one.
fn shifted_right(number: u128, bits: u32) -> u128 {
    match number.checked_shr(bits) {
        Some(high) if high << bits == number => high,
        Some(high) => high | 1,
        None => u128::from(number != 0),
    }
}

/// A number divided by 2 to the power of `bits`, rounded to the nearest, to an even one if two are
/// as near.
fn half_even(number: u128, bits: u32) -> u128 {
    // Two bits more, of which the lowest is set if a lower one is. Callers leave room for them.
    let more = if bits >= 2 {
        shifted_right(number, bits.wrapping_sub(2))
    } else {
        number << (2_u32.wrapping_sub(bits))
    };
    let (quotient, rest) = (more >> 2, more & 3);
    let goes_up = rest == 3 || rest == 2 && quotient & 1 == 1;
    quotient.wrapping_add(u128::from(goes_up))
}

/// The number nearest to `bits` times 2 to the `exponent`. The lowest bit is set if one below it
/// was.
fn rounded(is_negative: bool, bits: u128, exponent: i32) -> LongDouble {
    let zero = LongDouble::Finite { is_negative, mantissa: 0, exponent: EXPONENT_MIN };
    if bits == 0 {
        return zero;
    }
    let length = u128::BITS.wrapping_sub(bits.leading_zeros());
    let drop = length.cast_signed().wrapping_sub(MANTISSA_BITS.cast_signed());
    let drop = drop.max(EXPONENT_MIN.saturating_sub(exponent));
    let mut exponent = exponent.saturating_add(drop);
    let mut mantissa =
        if drop > 0 { half_even(bits, drop.unsigned_abs()) } else { bits << drop.unsigned_abs() };
    if mantissa >> MANTISSA_BITS != 0 {
        mantissa >>= 1;
        exponent = exponent.saturating_add(1);
    }
    if exponent > EXPONENT_MAX {
        return LongDouble::Infinite(is_negative);
    }
    LongDouble::Finite { is_negative, mantissa: mantissa as u64, exponent }
}

/// The digits of a number, without its sign.
struct Digits<'a> {
    /// Those before the point, and those behind it.
    parts: [&'a [u8]; 2],
    /// The exponent.
    exponent: i32,
}

impl<'a> Digits<'a> {
    /// Splits a number. `mark` begins its exponent, in lower case.
    fn split(word: &'a [u8], mark: u8, is_digit: fn(&u8) -> bool) -> Option<Self> {
        let end = word.iter().position(|byte| byte.eq_ignore_ascii_case(&mark));
        let (number, exponent) = match end {
            None => (word, 0),
            Some(end) => (word.get(..end)?, read_exponent(word.get(end.checked_add(1)?..)?)?),
        };
        let point = number.iter().position(|&byte| byte == b'.');
        let parts = match point {
            None => [number, b""],
            Some(point) => [number.get(..point)?, number.get(point.checked_add(1)?..)?],
        };
        let [whole, places] = parts;
        let is_legal = parts.iter().all(|part| part.iter().all(is_digit));
        (is_legal && !(whole.is_empty() && places.is_empty())).then_some(Self { parts, exponent })
    }

    /// Its digits, without zeros at the begin.
    fn significant(&self) -> impl Iterator<Item = u8> + Clone {
        let [whole, places] = self.parts;
        whole.iter().chain(places).copied().skip_while(|&digit| digit == b'0')
    }
}

fn read_exponent(word: &[u8]) -> Option<i32> {
    let (is_negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0_i32, |sum, digit| {
        let sum = sum.saturating_mul(10).saturating_add(i32::from(digit.wrapping_sub(b'0')));
        sum.min(DECIMAL_EXPONENT_MAX)
    });
    Some(if is_negative { magnitude.wrapping_neg() } else { magnitude })
}

/// Reads a decimal number. `None` also: it is so small that it would be 0.
fn read_decimal(is_negative: bool, word: &[u8]) -> Option<LongDouble> {
    let digits = Digits::split(word, b'e', u8::is_ascii_digit)?;
    let significant: Vec<u8> = digits.significant().collect();
    let places = i64::try_from(digits.parts[1].len()).ok()?;
    if significant.is_empty() {
        return Some(rounded(is_negative, 0, 0));
    }
    let power = i64::from(digits.exponent).saturating_sub(places);
    // The number is below 10 to this power, and at least a tenth of it.
    let magnitude = power.saturating_add(i64::try_from(significant.len()).ok()?);
    if magnitude.abs() > MAGNITUDE_MAX {
        return None;
    }
    let mut number = BigNumber::of_digits(&significant);
    let ten_power = u32::try_from(power.unsigned_abs()).ok()?;
    let read = if power >= 0 {
        number.multiply_by_power_of_ten(ten_power);
        let (bits, dropped) = number.highest_bits();
        rounded(is_negative, bits, dropped)
    } else {
        let (bits, exponent) = number.divided_by_power_of_ten(ten_power);
        rounded(is_negative, bits, exponent)
    };
    let is_zero = matches!(read, LongDouble::Finite { mantissa: 0, .. });
    (!is_zero).then_some(read)
}

/// Reads a hexadecimal number, without `0x`, with a binary exponent after `p`.
fn read_hexadecimal(is_negative: bool, word: &[u8]) -> Option<LongDouble> {
    /// Bits of the digits that are kept as they are.
    const KEPT_BITS: u32 = 100;
    let digits = Digits::split(word, b'p', u8::is_ascii_hexdigit)?;
    let places = i32::try_from(digits.parts[1].len()).ok()?;
    let mut exponent = digits.exponent.saturating_sub(places.saturating_mul(4));
    let mut bits = 0_u128;
    for digit in digits.significant() {
        let value = (digit as char).to_digit(16)?;
        if bits >> KEPT_BITS == 0 {
            bits = bits << 4 | u128::from(value);
        } else {
            bits |= u128::from(value != 0);
            exponent = exponent.saturating_add(4);
        }
    }
    let read = rounded(is_negative, bits, exponent);
    let is_lost = bits != 0 && matches!(read, LongDouble::Finite { mantissa: 0, .. });
    (!is_lost).then_some(read)
}
