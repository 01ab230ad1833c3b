//! The shortest way for what clients send most: a get of one key, whole in the input.

use crate::Decoder;
use crate::limits::KEY_BYTES_MAX;
use crate::short_search::blank_or;

const GET: &[u8; 4] = b"get ";
const LF: u8 = b'\n';

impl Decoder {
    /// The key of `get <key>` at the start of the input, and the bytes of its line. `None`: the
    /// input may be anything else, or the same with more blanks; [`Self::decode`] tells.
    #[inline]
    pub fn single_get<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let words = input.strip_prefix(GET)?;
        let end = blank_or(LF, words)?;
        let (text, behind) = words.split_at_checked(end)?;
        if behind.first() != Some(&LF) {
            return None;
        }
        let key = text.strip_suffix(b"\r").unwrap_or(text);
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return None;
        }
        *self = Decoder::new();
        Some((key, GET.len().saturating_add(end).saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, Step};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn check(input: &[u8], expected: Option<(&[u8], usize)>) {
        assert_eq!(Decoder::new().single_get(input), expected, "{input:?}");
    }

    #[test]
    fn gets_of_one_key_are_found() {
        check(b"get a\r\n", Some((b"a", 7)));
        check(b"get key:000000000012\r\nget b\r\n", Some((b"key:000000000012", 22)));
        check(b"get 1234567\nx", Some((b"1234567", 12)));
        check(b"get \t\0\r\r\n", Some((b"\t\0\r", 9)));
        for other in ["", "get", "get ", "get a", "get a b\r\n", "get a \r\n", "get  a\r\n"] {
            check(other.as_bytes(), None);
        }
        for other in ["get \r\n", "get \n", "gets a\r\n", "GET a\r\n", "set a 0 0 1\r\nx\r\n"] {
            check(other.as_bytes(), None);
        }
        let longest = [b"get ", &[b'k'; KEY_BYTES_MAX][..], b"\r\n"].concat();
        check(&longest, Some((&[b'k'; KEY_BYTES_MAX], KEY_BYTES_MAX + 6)));
        check(&[b"get ", &[b'k'; KEY_BYTES_MAX + 1][..], b"\r\n"].concat(), None);
    }

    proptest! {
        /// What it finds is what the whole decoder finds.
        #[test]
        fn it_agrees_with_the_decoder(input in "get [ab\t\0\r ]{0,30}\r?\n[a\n ]{0,9}") {
            let input = input.as_bytes();
            let Some((key, bytes)) = Decoder::new().single_get(input) else { return Ok(()) };
            let step = Decoder::new().decode(input);
            let Step::Request { request: Request::Get(get), consumed } = step else {
                panic!("{step:?}");
            };
            prop_assert_eq!(get.keys.collect::<Vec<_>>(), [key]);
            prop_assert_eq!((consumed, get.with_cas, get.exptime), (bytes, false, None));
        }
    }
}
