//! The first line of an `ms` command, as dumps have it.

use super::key::decode_base64;
use crate::limits::KEY_BYTES_MAX;

/// What `ms` stores, without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreLine {
    pub(crate) key: Vec<u8>,
    pub(crate) key_in_base64: bool,
    pub(crate) value_bytes: usize,
    pub(crate) flags: u32,
    pub(crate) exptime: i64,
}

impl StoreLine {
    /// Reads a line without its end; `None` if it is another command, or does something else than
    /// storing an item.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        if words.next()? != b"ms" {
            return None;
        }
        let word = words.next()?;
        let value_bytes = number(words.next()?)?;
        let mut head =
            Self { key: Vec::new(), key_in_base64: false, value_bytes, flags: 0, exptime: 0 };
        for flag in words {
            match flag.split_first()? {
                (b'b', b"") => head.key_in_base64 = true,
                (b'F', digits) => head.flags = number(digits)?,
                (b'T', digits) => head.exptime = number(digits)?,
                // How it is answered, and modes that store an item.
                (b'q' | b'k' | b'c' | b's', b"") | (b'O', _) => {}
                (b'M', b"S" | b"s" | b"E" | b"e") => {}
                _ => return None,
            }
        }
        head.key = if head.key_in_base64 { decode_base64(word)? } else { word.to_vec() };
        (1..=KEY_BYTES_MAX).contains(&head.key.len()).then_some(head)
    }
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let check = |line: &str, expected: Option<(&[u8], bool, usize, u32, i64)>| {
            let head = StoreLine::parse(line.as_bytes());
            let expected = expected.map(|(key, key_in_base64, value_bytes, flags, exptime)| {
                StoreLine { key: key.to_vec(), key_in_base64, value_bytes, flags, exptime }
            });
            assert_eq!(head, expected, "{line}");
        };
        check("ms key 5", Some((b"key", false, 5, 0, 0)));
        check("ms IA== 0 b T-1 F4294967295 q", Some((b" ", true, 0, u32::MAX, -1)));
        check("ms key 5 ME k O123 c s", Some((b"key", false, 5, 0, 0)));
        check("ms key 5 MA", None);
        check("ms key 5 I", None);
        check("ms key 5 F4294967296", None);
        check("ms key", None);
        check("ms = 5 b", None);
        check("ms  5 b", None);
        check("set key 0 0 5", None);
        check(&format!("ms {} 5", "k".repeat(251)), None);
    }
}
