//! The plain `GET`, which is most requests, found without decoding it as a command.

use crate::words::limits::KEY_BYTES_MAX;

/// What a `GET` begins with, up to the first digit of the length of its key. The name may be in any
/// case.
const BEGIN: &[u8; 14] = b"*2\r\n$3\r\nget\r\n$";

/// The bits that letters of the other case differ in.
const CASE: u8 = 0x20;

/// If the input begins with a whole `GET` in the usual form, and its key has 1 to
/// [`KEY_BYTES_MAX`] bytes: the key, and the bytes of the command. `None`: it may be anything.
#[inline]
pub fn single_resp_get(input: &[u8]) -> Option<(&[u8], usize)> {
    let (begin, rest) = input.split_first_chunk::<14>()?;
    if !is_get(begin) {
        return None;
    }
    let digit = |byte: u8, value: usize| usize::from(byte.wrapping_sub(b'0')).wrapping_mul(value);
    let (length, digits) = match rest {
        [a @ b'1'..=b'9', b'\r', ..] => (digit(*a, 1), 1_usize),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', ..] => {
            (digit(*a, 10).wrapping_add(digit(*b, 1)), 2)
        }
        [a @ b'1'..=b'2', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', ..] => {
            (digit(*a, 100).wrapping_add(digit(*b, 10)).wrapping_add(digit(*c, 1)), 3)
        }
        _ => return None,
    };
    if length > KEY_BYTES_MAX {
        return None;
    }
    // The line end, the key and its line end: what they are is not looked at, as in the decoder.
    let start = digits.wrapping_add(2);
    let end = start.wrapping_add(length);
    let key = rest.get(start..end)?;
    rest.get(end..end.wrapping_add(2))?;
    Some((key, end.wrapping_add(2).wrapping_add(BEGIN.len())))
}

#[inline]
fn is_get(begin: &[u8; 14]) -> bool {
    const NAME: core::ops::Range<usize> = 8..11;
    let mut lower = *begin;
    for letter in lower.get_mut(NAME).unwrap_or_default() {
        *letter |= CASE;
    }
    lower == *BEGIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn whole_gets_are_found() {
        for length in [1, 9, 10, 99, 100, 199, 250] {
            let key = "k".repeat(length);
            for name in ["GET", "get", "Get"] {
                let input = format!("*2\r\n$3\r\n{name}\r\n${length}\r\n{key}\r\n");
                let found = single_resp_get(input.as_bytes());
                assert_eq!(found, Some((key.as_bytes(), input.len())));
                for end in 0..input.len() {
                    assert_eq!(single_resp_get(&input.as_bytes()[..end]), None, "{end}");
                }
            }
        }
        let long = format!("*2\r\n$3\r\nGET\r\n$251\r\n{}\r\n", "k".repeat(251));
        for other in [
            &long,
            "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n",
            "*3\r\n$3\r\nGET\r\n$1\r\na\r\n",
            "get a\r\n\r\n\r\n\r\n\r\n",
        ] {
            assert_eq!(single_resp_get(other.as_bytes()), None, "{other}");
        }
    }
}
