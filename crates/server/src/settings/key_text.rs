//! A key as operators see it: its text, or base64 if it is not printable ASCII without blanks.

use slabcore_protocol::encode_base64;

/// A key as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyText {
    pub(crate) text: String,
    /// The text is base64.
    pub(crate) is_encoded: bool,
}

impl KeyText {
    pub(crate) fn of(key: &[u8]) -> Self {
        let is_encoded = !key.iter().all(u8::is_ascii_graphic);
        let mut bytes = Vec::new();
        if is_encoded {
            encode_base64(&mut bytes, key);
        } else {
            bytes.extend_from_slice(key);
        }
        Self { text: bytes.iter().map(|byte| char::from(*byte)).collect(), is_encoded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_no_text_are_encoded() {
        for (key, text, is_encoded) in [
            (&b"user:1\"\\"[..], "user:1\"\\", false),
            (b"a b", "YSBi", true),
            (b"\xff\0", "/wA=", true),
            ("\u{e9}".as_bytes(), "w6k=", true),
        ] {
            assert_eq!(KeyText::of(key), KeyText { text: text.to_owned(), is_encoded });
        }
    }
}
