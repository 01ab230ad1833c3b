//! Decimal numbers, as `INCRBYFLOAT` adds them.
//!
//! Redis computes with the 64 binary digits of x87's long double, and shows 17 decimal places. Here
//! numbers below 10^20 are decimal, with 17 places; larger ones are doubles.

use alloc::format;
use alloc::string::String;

/// Decimal places.
const PLACES: i32 = 17;

/// The unit of a decimal number: 10^-17.
const SCALE: i128 = 10_i128.pow(PLACES.unsigned_abs());

/// Numbers from which on doubles are used, in units.
const DECIMAL_MAX: i128 = 10_i128.pow(20 + PLACES.unsigned_abs());

/// Places after the point that are read. Further ones change nothing.
const PLACES_READ_MAX: i32 = 30;

/// Bytes of the longest number.
const NUMBER_BYTES_MAX: usize = 5 << 10;

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    /// In units of 10^-17.
    Decimal(i128),
    /// Too large for that.
    Double(f64),
}

/// Why two numbers have no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// One of them is no number.
    NotANumber,
    /// The sum is not finite.
    NotFinite,
}

/// True if the word is a number: digits with a point and an exponent, or infinite.
pub(super) fn is_decimal(word: &[u8]) -> bool {
    number(word).is_some()
}

/// The sum of two numbers, as text: without exponent and without zeros at its end.
///
/// Errors: one of them is no number, or the sum is not finite.
pub fn add_decimals(first: &[u8], second: &[u8]) -> Result<String, DecimalError> {
    let first = number(first).ok_or(DecimalError::NotANumber)?;
    let second = number(second).ok_or(DecimalError::NotANumber)?;
    let sum = match (first, second) {
        (Number::Decimal(a), Number::Decimal(b)) => a.checked_add(b).map(Number::Decimal),
        _ => None,
    };
    match sum.unwrap_or_else(|| Number::Double(double(first) + double(second))) {
        Number::Double(sum) if !sum.is_finite() => Err(DecimalError::NotFinite),
        Number::Double(sum) => Ok(without_zeros(&format!("{sum:.17}"))),
        Number::Decimal(sum) => {
            let sign = if sum < 0 { "-" } else { "" };
            let units = sum.unsigned_abs();
            let scale = SCALE.unsigned_abs();
            let whole = units.checked_div(scale).unwrap_or_default();
            let part = units.checked_rem(scale).unwrap_or_default();
            Ok(without_zeros(&format!("{sign}{whole}.{part:017}")))
        }
    }
}

fn without_zeros(text: &str) -> String {
    let text = text.trim_end_matches('0').trim_end_matches('.');
    String::from(if text == "-0" { "0" } else { text })
}

fn double(number: Number) -> f64 {
    match number {
        Number::Double(number) => number,
        Number::Decimal(units) => units as f64 / SCALE as f64,
    }
}

fn number(word: &[u8]) -> Option<Number> {
    if word.len() > NUMBER_BYTES_MAX || word.first().is_none_or(u8::is_ascii_whitespace) {
        return None;
    }
    if let Some(units) = decimal(word) {
        return Some(Number::Decimal(units));
    }
    let text = core::str::from_utf8(word).ok()?;
    let double: f64 = text.parse().ok()?;
    // A finite word beyond all doubles is out of range.
    let is_infinite_word = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    let is_legal = !double.is_nan() && (double.is_finite() || is_infinite_word);
    is_legal.then_some(Number::Double(double))
}

/// The number in units. `None`: it is no plain number, or too large.
fn decimal(word: &[u8]) -> Option<i128> {
    let unsigned = word.strip_prefix(b"-").or(word.strip_prefix(b"+")).unwrap_or(word);
    let split = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (digits, exponent) = match split {
        None => (unsigned, 0),
        Some(at) => (unsigned.get(..at)?, exponent(unsigned.get(at.checked_add(1)?..)?)?),
    };
    let (mut mantissa, mut places, mut seen, mut has_point) = (0_i128, 0_i32, false, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' if has_point && places >= PLACES_READ_MAX => seen = true,
            b'0'..=b'9' => {
                seen = true;
                let digit = i128::from(byte.wrapping_sub(b'0'));
                mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
                places = places.saturating_add(i32::from(has_point));
            }
            b'.' if !has_point => has_point = true,
            _ => return None,
        }
    }
    let shift = exponent.checked_sub(places)?.checked_add(PLACES)?;
    let power = |shift: i32| 10_i128.checked_pow(shift.unsigned_abs());
    let units = if shift >= 0 {
        if mantissa == 0 { 0 } else { mantissa.checked_mul(power(shift)?)? }
    } else {
        power(shift).map_or(0, |power| rounded(mantissa, power))
    };
    let is_small = seen && units < DECIMAL_MAX;
    is_small.then(|| if word.starts_with(b"-") { units.saturating_neg() } else { units })
}

fn exponent(word: &[u8]) -> Option<i32> {
    let text = core::str::from_utf8(word).ok()?;
    text.parse().ok()
}

/// A quotient, rounded to the nearest number, to an even one if two are as near.
fn rounded(number: i128, divisor: i128) -> i128 {
    let quotient = number.checked_div(divisor).unwrap_or_default();
    let rest = number.checked_rem(divisor).unwrap_or_default();
    let twice = rest.saturating_mul(2);
    let is_odd = quotient.checked_rem(2) == Some(1);
    if twice > divisor || twice == divisor && is_odd {
        quotient.saturating_add(1)
    } else {
        quotient
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: &str, second: &str, expected: Result<&str, DecimalError>) {
        let sum = add_decimals(first.as_bytes(), second.as_bytes());
        assert_eq!(sum.as_deref().map_err(|error| *error), expected, "{first} + {second}");
    }

    #[test]
    fn sums() {
        check("10.5", "0.1", Ok("10.6"));
        check("5.0e3", "2.0e2", Ok("5200"));
        check("3", "1.", Ok("4"));
        check("+1", ".5", Ok("1.5"));
        check("1", "-1", Ok("0"));
        check("-0", "0", Ok("0"));
        check("0.1", "0.00000000000000001", Ok("0.10000000000000001"));
        check("1e-30", "0", Ok("0"));
        check("17179869184", "1.5", Ok("17179869185.5"));
        check("17179869184", "-0.1", Ok("17179869183.9"));
        check("1e21", "1", Ok("1000000000000000000000"));
        for wrong in ["", " 1", "1 ", "a", "1e", "1.2.3", "nan", "e5", ".", "-", "1e99999"] {
            check(wrong, "1", Err(DecimalError::NotANumber));
        }
        check("1", "inf", Err(DecimalError::NotFinite));
        check("-inf", "inf", Err(DecimalError::NotFinite));
    }
}
