//! Decimal numbers, as `INCRBYFLOAT` adds them.
//!
//! Redis on x86-64 computes with long doubles and shows 17 decimal places. The text is the same
//! here, with the last places of large numbers: 1000.1 + 0 is 1000.10000000000000001.

use alloc::string::String;

use crate::resp::long_double::LongDouble;

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
    LongDouble::read(word).is_some()
}

/// The sum of two numbers, as text: without exponent and without zeros at its end. At most 5,000
/// bytes.
///
/// Errors: one of them is no number, or the sum is not finite.
pub fn add_decimals(first: &[u8], second: &[u8]) -> Result<String, DecimalError> {
    let first = LongDouble::read(first).ok_or(DecimalError::NotANumber)?;
    let second = LongDouble::read(second).ok_or(DecimalError::NotANumber)?;
    first.plus(second).and_then(LongDouble::text).ok_or(DecimalError::NotFinite)
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
        check("1e21", "1", Ok("1000000000000000000000"));
        check("0x1p3", "0x.8", Ok("8.5"));
        for wrong in [
            "", " 1", "1 ", "a", "1e", "1.2.3", "nan", "e5", ".", "-", "1e99999", "1e-99999", "0x",
            "0xp1", "1p1",
        ] {
            check(wrong, "1", Err(DecimalError::NotANumber));
        }
        check("1", "inf", Err(DecimalError::NotFinite));
        check("-inf", "inf", Err(DecimalError::NotFinite));
        check("1e4932", "1e4932", Err(DecimalError::NotFinite));
    }

    /// redis-server 7.0.15 has given these replies.
    #[test]
    fn last_places_are_those_of_long_doubles() {
        check("120.7364", "-1574702", Ok("-1574581.26359999999999673"));
        check("203.46", "7.10", Ok("210.56000000000000001"));
        check("502e-22", "66005695180054389645", Ok("66005695180054389644"));
        check("-370e14", "-1.62536", Ok("-37000000000000001.625"));
        check("265e37", "-59416.6", Ok("2649999999999999999963337167814172606464"));
        check("0x10", "-33019.89", Ok("-33003.89000000000000057"));
        check("830.43", "7172789557893490671934", Ok("7172789557893490673152"));
    }
}
