//! The fast path for the most frequent requests: a whole `get`, `mg` or binary get of one key.

use crate::binary::binary_decoder::whole_get;
use crate::meta::meta_lines::FLAGS_MAX;
use crate::words::limits::KEY_BYTES_MAX;
use crate::words::short_search::{blank_or, byte};
use crate::{BINARY_HEADER_BYTES, Decoder, MetaFlags, Protocol};

const GET: &[u8; 4] = b"get ";
const META_GET: &[u8; 3] = b"mg ";
const LF: u8 = b'\n';

impl Decoder {
    /// The key of `get <key>` at the start of the input, and the bytes of its line. `None` for any
    /// other input, also for more blanks; [`Self::decode`] decodes it.
    #[inline]
    pub fn single_get<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let words = input.strip_prefix(GET)?;
        if self.protocol() == Protocol::Binary {
            return None;
        }
        let end = blank_or(LF, words)?;
        let (text, after) = words.split_at_checked(end)?;
        if after.first() != Some(&LF) {
            return None;
        }
        let key = text.strip_suffix(b"\r").unwrap_or(text);
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return None;
        }
        *self = Decoder::of(Protocol::Text);
        Some((key, GET.len().saturating_add(end).saturating_add(1)))
    }

    /// Key and flags of `mg <key> <flag>*` at the start of the input, and the bytes of its line, if
    /// the flags only choose what the reply shows. `None` for any other input, also for more
    /// blanks; [`Self::decode`] decodes it.
    #[inline]
    pub fn single_meta_get<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Option<(&'a [u8], MetaFlags<'a>, usize)> {
        let words = input.strip_prefix(META_GET)?;
        if self.protocol() == Protocol::Binary {
            return None;
        }
        let key_bytes = blank_or(LF, words)?;
        let (key, after) = words.split_at_checked(key_bytes)?;
        if key.is_empty() || key.len() > KEY_BYTES_MAX || after.first() != Some(&b' ') {
            return None;
        }
        let end = byte(LF, after)?;
        let text = after.get(..end)?;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let flags = MetaFlags::read(key, text, FLAGS_MAX).ok()?;
        if !flags.only_changes_reply() || flags.check_opaque().is_err() || text.ends_with(b" ") {
            return None;
        }
        *self = Decoder::of(Protocol::Text);
        let before = META_GET.len().saturating_add(key_bytes);
        Some((key, flags, before.saturating_add(end).saturating_add(1)))
    }

    /// The key of a whole binary get, loud or quiet, at the start of the input, and the bytes of
    /// the request. `None` for any other input, and if the protocol is not known yet;
    /// [`Self::decode`] decodes it.
    #[inline]
    pub fn single_binary_get<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], usize)> {
        if self.protocol() != Protocol::Binary {
            return None;
        }
        let key = whole_get(input)?;
        Some((key, BINARY_HEADER_BYTES.saturating_add(key.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoded, MetaCommand, MetaRequest, Request};
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

    #[test]
    fn reads_of_one_key_are_found() {
        let found = |input: &[u8]| {
            Decoder::new()
                .single_meta_get(input)
                .map(|(key, flags, bytes)| (key.to_vec(), flags.text().to_vec(), bytes))
        };
        let all = Some((b"key".to_vec(), b" v t f s k q Oab".to_vec(), 24));
        assert_eq!(found(b"mg key v t f s k q Oab\r\n mg"), all);
        assert_eq!(found(b"mg k v\n"), Some((b"k".to_vec(), b" v".to_vec(), 7)));
        for other in
            ["mg", "mg k", "mg k v", "mg k\r\n", "mg  k v\r\n", "mg k v N5\r\n", "md k v\r\n"]
        {
            assert_eq!(found(other.as_bytes()), None, "{other}");
        }
        for effect in ["T5", "N5", "R5", "c", "C5", "E5", "u", "h", "l", "b", "z", "v v"] {
            assert_eq!(found(alloc::format!("mg Zm9v {effect}\r\n").as_bytes()), None, "{effect}");
        }
    }

    proptest! {
        /// It finds what the whole decoder finds.
        #[test]
        fn it_agrees_with_the_decoder(input in "get [ab\t\0\r ]{0,30}\r?\n[a\n ]{0,9}") {
            let input = input.as_bytes();
            let Some((key, bytes)) = Decoder::new().single_get(input) else { return Ok(()) };
            let decoded = Decoder::new().decode(input);
            let Decoded::Request { request: Request::Get(get), consumed } = decoded else {
                panic!("{decoded:?}");
            };
            prop_assert_eq!(get.keys.collect::<Vec<_>>(), [key]);
            prop_assert_eq!((consumed, get.with_cas, get.exptime), (bytes, false, None));
        }

        #[test]
        fn it_agrees_with_the_decoder_on_mg(
            input in "mg [ab\t\0\r ]{0,30}( [vkstfOqcNbz][0-9a]{0,2}){0,4} ?\r?\n[a\n ]{0,9}",
        ) {
            let input = input.as_bytes();
            let Some((key, flags, consumed)) = Decoder::new().single_meta_get(input) else {
                return Ok(());
            };
            let request = MetaRequest { command: MetaCommand::Get, key, flags };
            let expected = Decoded::Request { request: Request::Meta(request), consumed };
            prop_assert_eq!(Decoder::new().decode(input), expected);
        }
    }
}
