//! Numbers and sizes as the command line spells them.
//!
//! memcached reads them with `atoi`, without an error: `-p abc` is port 0, `-m 2g` is two
//! megabytes. Here a word that is not a number is an error, with the message for a bad value. The
//! exceptions are options where memcached's reading does no harm: [`leading_number`].

use std::str::FromStr;

/// Parses a number of type `N`; nothing may follow it.
pub(super) fn number<N: FromStr>(word: &str) -> Option<N> {
    word.trim().parse().ok()
}

/// Reads any word as `atoi` does: its leading digits, or 0 without any. A number beyond 32 bits
/// becomes the nearest 32-bit number.
pub(super) fn leading_number(word: &str) -> i32 {
    let word = word.trim_start();
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    };
    let values = digits.bytes().map_while(|byte| char::from(byte).to_digit(10));
    let add = |sum: i32, digit: u32| sum.saturating_mul(10).saturating_add(sign * digit as i32);
    values.fold(0, add)
}

/// Parses `-m`: megabytes, or a number with `m` or `g`. Returns bytes.
pub(super) fn memory_bytes(word: &str) -> Option<usize> {
    let (digits, unit_bytes) = match word.trim().to_ascii_lowercase() {
        w if w.ends_with('g') => (w[..w.len() - 1].to_owned(), 1 << 30),
        w if w.ends_with('m') => (w[..w.len() - 1].to_owned(), 1 << 20),
        w => (w, 1 << 20),
    };
    number::<usize>(&digits)?.checked_mul(unit_bytes)
}

/// Parses `-I`: bytes, or a number with `k` or `m`. Returns bytes.
pub(super) fn item_bytes(word: &str) -> Option<usize> {
    let (digits, unit_bytes) = match word.trim().to_ascii_lowercase() {
        w if w.ends_with('k') => (w[..w.len() - 1].to_owned(), 1 << 10),
        w if w.ends_with('m') => (w[..w.len() - 1].to_owned(), 1 << 20),
        w => (w, 1),
    };
    number::<usize>(&digits)?.checked_mul(unit_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_numbers() {
        let check = |word: &str, expected: i32| {
            assert_eq!(leading_number(word), expected, "{word:?}");
        };
        check("", 0);
        check("x", 0);
        check("-", 0);
        check("--5", 0);
        check(" 12", 12);
        check("+12", 12);
        check("-12", -12);
        check("5s", 5);
        check("2147483648", i32::MAX);
        check("-99999999999", i32::MIN);
    }

    #[test]
    fn memory() {
        let check = |word: &str, expected: Option<usize>| {
            assert_eq!(memory_bytes(word), expected, "{word:?}");
        };
        check("64", Some(64 << 20));
        check("64m", Some(64 << 20));
        check("2G", Some(2 << 30));
        check("0", Some(0));
        check("64k", None);
        check("", None);
        check("g", None);
        check("-1", None);
        check("1.5g", None);
        check("18446744073709551615", None);
    }

    #[test]
    fn items() {
        let check = |word: &str, expected: Option<usize>| {
            assert_eq!(item_bytes(word), expected, "{word:?}");
        };
        check("1024", Some(1_024));
        check("1k", Some(1_024));
        check("2M", Some(2 << 20));
        check("1g", None);
        check("abc", None);
        check("k", None);
    }
}
