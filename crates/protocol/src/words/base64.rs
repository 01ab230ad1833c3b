//! Base64 with padding. A meta command may carry a key of any bytes in it.

use alloc::vec::Vec;

use crate::words::limits::KEY_BYTES_MAX;

/// Longest decoded key, in bytes: its base64 text is within the limit of keys.
pub const DECODED_KEY_BYTES_MAX: usize = KEY_BYTES_MAX / 4 * 3;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes` in base64, padded to a multiple of four characters.
pub fn encode_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    for group in bytes.chunks(3) {
        let [first, second, third] =
            [0, 1, 2].map(|at| u32::from(group.get(at).copied().unwrap_or(0)));
        let bits = first << 16 | second << 8 | third;
        let digits = [18, 12, 6, 0].map(|shift| digit(bits >> shift));
        let padded = match group {
            [_] => [digits[0], digits[1], b'=', b'='],
            [_, _] => [digits[0], digits[1], digits[2], b'='],
            _ => digits,
        };
        out.extend_from_slice(&padded);
    }
}

/// True if `text` is one or more bytes in padded base64. Like memcached, this ignores the bits that
/// padding leaves over.
pub(crate) fn is_valid(text: &[u8]) -> bool {
    let digits = text.strip_suffix(b"=").unwrap_or(text);
    let digits = digits.strip_suffix(b"=").unwrap_or(digits);
    text.len().is_multiple_of(4)
        && !digits.is_empty()
        && digits.iter().all(|&byte| value(byte).is_some())
}

/// Decodes valid `text` into the start of `bytes`, and returns that part.
pub(crate) fn decode<'b>(text: &[u8], bytes: &'b mut [u8; DECODED_KEY_BYTES_MAX]) -> &'b [u8] {
    let mut places = bytes.iter_mut();
    let mut count = 0_usize;
    for group in text.chunks_exact(4) {
        let digits = group.iter().filter(|&&byte| byte != b'=').count();
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 6 | value(byte).unwrap_or(0));
        for shift in [16, 8, 0].into_iter().take(digits.saturating_sub(1)) {
            if let Some(place) = places.next() {
                *place = (bits >> shift) as u8;
                count = count.saturating_add(1);
            }
        }
    }
    bytes.get(..count).unwrap_or_default()
}

fn digit(bits: u32) -> u8 {
    DIGITS.get((bits & 63) as usize).copied().unwrap_or_default()
}

fn value(digit: u8) -> Option<u32> {
    let from =
        |start: u8, value: u32| Some(u32::from(digit.wrapping_sub(start)).wrapping_add(value));
    match digit {
        b'A'..=b'Z' => from(b'A', 0),
        b'a'..=b'z' => from(b'a', 26),
        b'0'..=b'9' => from(b'0', 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &[u8], bytes: &[u8]) {
        assert!(is_valid(text), "{text:?}");
        assert_eq!(decode(text, &mut [0; DECODED_KEY_BYTES_MAX]), bytes);
        let mut out = Vec::new();
        encode_base64(&mut out, bytes);
        assert_eq!(out, text);
    }

    #[test]
    fn padded_text_and_bytes() {
        check(b"Zm9v", b"foo");
        check(b"Zm9vYg==", b"foob");
        check(b"Zm9vYmE=", b"fooba");
        check(b"/+8=", b"\xff\xef");
        assert_eq!(decode(b"Zm9vYh==", &mut [0; DECODED_KEY_BYTES_MAX]), b"foob");
    }

    #[test]
    fn what_is_no_base64() {
        for text in
            [&b""[..], b"Z", b"Zm9vYg", b"Zm9v=", b"A===", b"====", b"Zm=v", b"Zm9!", b"-_8="]
        {
            assert!(!is_valid(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 1..DECODED_KEY_BYTES_MAX)) {
            let mut text = Vec::new();
            encode_base64(&mut text, &bytes);
            prop_assert!(text.len() <= KEY_BYTES_MAX && is_valid(&text));
            let mut decoded = [0; DECODED_KEY_BYTES_MAX];
            prop_assert_eq!(decode(&text, &mut decoded), &bytes[..]);
        }
    }
}
