//! The text of keys and values, as a function of the key's number.
//!
//! ```text
//! key    k k k k k k k k 0 0 0 1 2 3 4 5      constant prefix, then the number
//! value  0 0 0 1 2 3 4 5 a b c d e ...        the number again, then constant filler
//! ```
//!
//! So every byte of a reply can be checked without a copy of the stored values, and a value of
//! another key is detected.

use crate::limits::KEY_DIGITS;

/// Writes and recognises the keys and values of one load.
#[derive(Clone, Debug)]
pub struct ItemFormat {
    prefix: Vec<u8>,
    sizes: Vec<Size>,
    filler: Vec<u8>,
}

/// One value size and its decimal text.
#[derive(Clone, Debug)]
struct Size {
    bytes: usize,
    text: String,
}

impl ItemFormat {
    /// Keys of `key_bytes` bytes, and values of the given sizes in rotation.
    /// [`Workload::validate`](crate::Workload::validate) bounds both.
    #[must_use]
    pub fn new(key_bytes: usize, value_bytes: &[usize]) -> Self {
        assert!(key_bytes >= KEY_DIGITS && !value_bytes.is_empty());
        let longest = value_bytes.iter().copied().max().unwrap_or(0);
        let sizes =
            value_bytes.iter().map(|&bytes| Size { bytes, text: bytes.to_string() }).collect();
        let filler = (0..longest).map(|at| b'a' + (at % 26) as u8).collect();
        Self { prefix: vec![b'k'; key_bytes - KEY_DIGITS], sizes, filler }
    }

    /// Length of every key.
    #[must_use]
    pub fn key_bytes(&self) -> usize {
        self.prefix.len() + KEY_DIGITS
    }

    /// Length of the longest value.
    #[must_use]
    pub fn value_bytes_max(&self) -> usize {
        self.filler.len()
    }

    /// Length of this key's value.
    #[must_use]
    pub fn value_bytes(&self, key: u32) -> usize {
        self.size(key).bytes
    }

    /// The decimal text of [`value_bytes`](Self::value_bytes).
    #[must_use]
    pub fn value_bytes_text(&self, key: u32) -> &[u8] {
        self.size(key).text.as_bytes()
    }

    /// Appends the key.
    pub fn push_key(&self, out: &mut Vec<u8>, key: u32) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(&digits(key));
    }

    /// Appends the key's value.
    pub fn push_value(&self, out: &mut Vec<u8>, key: u32) {
        let bytes = self.value_bytes(key);
        let number = bytes.min(KEY_DIGITS);
        out.extend_from_slice(&digits(key)[..number]);
        out.extend_from_slice(&self.filler[number..bytes]);
    }

    /// Whether `text` is this key.
    #[must_use]
    pub fn is_key(&self, text: &[u8], key: u32) -> bool {
        text.strip_prefix(self.prefix.as_slice()).is_some_and(|number| number == digits(key))
    }

    /// Whether `text` is this key's value.
    #[must_use]
    pub fn is_value(&self, text: &[u8], key: u32) -> bool {
        let number = text.len().min(KEY_DIGITS);
        text.len() == self.value_bytes(key)
            && text[..number] == digits(key)[..number]
            && text[number..] == self.filler[number..text.len()]
    }

    fn size(&self, key: u32) -> &Size {
        match self.sizes.as_slice() {
            [only] => only,
            several => &several[key as usize % several.len()],
        }
    }
}

/// "00" to "99": two digits at a time halve the divisions.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < 100 {
        pairs[at] = [b'0' + at as u8 / 10, b'0' + at as u8 % 10];
        at += 1;
    }
    pairs
};

/// The number of a key as text with leading zeros.
fn digits(key: u32) -> [u8; KEY_DIGITS] {
    let pair = |number: u32| PAIRS[(number % 100) as usize];
    let mut text = [0; KEY_DIGITS];
    text[..2].copy_from_slice(&pair(key / 1_000_000));
    text[2..4].copy_from_slice(&pair(key / 10_000));
    text[4..6].copy_from_slice(&pair(key / 100));
    text[6..].copy_from_slice(&pair(key));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_leading_zeros() {
        for number in [0, 7, 99, 100, 12_345_678, 99_999_999] {
            assert_eq!(digits(number).as_slice(), format!("{number:08}").as_bytes());
        }
    }

    #[test]
    fn a_value_is_recognised_for_its_own_key_only() {
        let format = ItemFormat::new(16, &[100, 3, 0]);
        for key in [0, 1, 2, 12_345] {
            let (mut name, mut value) = (Vec::new(), Vec::new());
            format.push_key(&mut name, key);
            format.push_value(&mut value, key);
            assert_eq!(name.len(), format.key_bytes());
            assert_eq!(value.len(), format.value_bytes(key));
            assert!(format.is_key(&name, key) && format.is_value(&value, key));
            assert!(!format.is_key(&name, key + 1));
            assert!(!format.is_value(&value, key + 3) || value.len() < KEY_DIGITS);
        }
    }
}
