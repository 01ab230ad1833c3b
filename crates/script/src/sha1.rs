//! SHA-1 of a script, by which clients name it.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The SHA-1 of some bytes, in 40 lower-case hexadecimal digits.
pub fn sha1_hex(bytes: &[u8]) -> String {
    let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let digits = b"0123456789abcdef";
    let digit = |half: u8| char::from(digits[usize::from(half)]);
    sum.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        assert_eq!(sha1_hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(sha1_hex(b"return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
