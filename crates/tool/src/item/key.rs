//! Keys in text: as they are, in base64 (meta commands), and in percent notation (`metadump`).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::limits::KEY_BYTES_MAX;

/// A key that no meta command can name: with blanks, and too long in base64. Only clients of the
/// binary protocol can store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnsayableKey;

/// True if a text line would be cut in the middle of this key.
pub(super) fn needs_base64(key: &[u8]) -> bool {
    key.iter().any(|byte| matches!(byte, b' ' | b'\r' | b'\n' | b'\0'))
}

/// Appends a key as a word, and the flag `b` if the word is base64.
pub(super) fn encode_key(
    out: &mut Vec<u8>,
    key: &[u8],
    in_base64: bool,
) -> Result<Base64Flag, UnsayableKey> {
    if !in_base64 && !needs_base64(key) {
        out.extend_from_slice(key);
        return Ok("");
    }
    let word = BASE64_STANDARD.encode(key);
    if word.len() > KEY_BYTES_MAX {
        return Err(UnsayableKey);
    }
    out.extend_from_slice(word.as_bytes());
    Ok(" b")
}

/// What follows the words of a request: nothing, or the flag that says that the key is base64.
pub(super) type Base64Flag = &'static str;

/// A key in base64.
pub(super) fn decode_base64(word: &[u8]) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(word).ok()
}

/// A key in which `%` and two hexadecimal digits are a byte.
pub(super) fn decode_percent(word: &[u8]) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            key.push(first);
            rest = after;
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        // A sign is no digit.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        key.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percent_notation_is_read() {
        let check = |word: &[u8], expected: Option<&[u8]>| {
            assert_eq!(decode_percent(word).as_deref(), expected, "{}", word.escape_ascii());
        };
        check(b"a%20b", Some(b"a b"));
        check(b"%00%fF%25", Some(b"\0\xff%"));
        check(b"%2", None);
        check(b"%+1", None);
        check(b"%zz", None);
    }

    #[test]
    fn keys_that_lines_cannot_have_are_base64() {
        let check = |key: &[u8], in_base64: bool, expected: Result<&str, UnsayableKey>| {
            let mut out = Vec::new();
            let encoded = encode_key(&mut out, key, in_base64)
                .map(|flag| String::from_utf8_lossy(&out).into_owned() + flag);
            assert_eq!(encoded, expected.map(ToOwned::to_owned), "{}", key.escape_ascii());
        };
        check(b"key", false, Ok("key"));
        check(b"key", true, Ok("a2V5 b"));
        check(b"a b", false, Ok("YSBi b"));
        check(b"\x01\t", false, Ok("\x01\t"));
        check(&[b' '; 186], false, Ok(&(["ICAg"; 62].concat() + " b")));
        check(&[b' '; 187], false, Err(UnsayableKey));
    }

    proptest! {
        #[test]
        fn arbitrary_words_never_panic(word: Vec<u8>) {
            let _ = decode_percent(&word);
            let _ = decode_base64(&word);
        }
    }
}
