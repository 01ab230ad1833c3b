//! Numbers as the command line spells them.
//!
//! memcached reads them with `atoi`: `-p abc` is port 0 and `-m 2g` two megabytes, in silence. Here
//! a word that is not a number is refused with the message for a bad value.

use std::str::FromStr;

/// A whole number or a fraction, and nothing after it.
pub(crate) fn number<N: FromStr>(word: &str) -> Option<N> {
    word.trim().parse().ok()
}

/// `-m`: megabytes, or with `m` or `g` what that says, in bytes.
pub(crate) fn memory_bytes(word: &str) -> Option<usize> {
    let (digits, unit_bytes) = match word.trim().to_ascii_lowercase() {
        w if w.ends_with('g') => (w[..w.len() - 1].to_owned(), 1 << 30),
        w if w.ends_with('m') => (w[..w.len() - 1].to_owned(), 1 << 20),
        w => (w, 1 << 20),
    };
    number::<usize>(&digits)?.checked_mul(unit_bytes)
}

/// `-I`: bytes, or with `k` or `m` what that says, in bytes.
pub(crate) fn item_bytes(word: &str) -> Option<usize> {
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
