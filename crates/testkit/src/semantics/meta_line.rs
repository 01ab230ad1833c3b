//! A parsed meta command: word, key (base64 decoded), flags in order. The server's code is not
//! used.

/// The alphabet of base64.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A well-formed meta command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaLine {
    /// `mg`, `ms`, `md`, `ma`, `me` or `mn`.
    pub word: String,
    /// The item's key, decoded if it was in base64.
    pub key: Vec<u8>,
    /// The flags in order: letter and token.
    pub flags: Vec<(char, String)>,
    /// The data block of an ms.
    pub value: Vec<u8>,
}

impl MetaLine {
    /// Reads a command with its data block. Panics on one that is not well-formed.
    pub fn parse(command: &[u8]) -> Self {
        let end = command.iter().position(|&byte| byte == b'\n').expect("a line");
        let line = String::from_utf8(command[..end].to_vec()).expect("words of text");
        let mut words = line.split_ascii_whitespace();
        let word = words.next().expect("a command").to_owned();
        let key = words.next().unwrap_or_default();
        let mut value = Vec::new();
        if word == "ms" {
            let bytes = words.next().and_then(|word| word.parse().ok()).expect("a length");
            value = command[end + 1..][..bytes].to_vec();
        }
        let flag = |word: &str| {
            let letter = word.chars().next().expect("words are not empty");
            (letter, word[letter.len_utf8()..].to_owned())
        };
        let mut line =
            Self { word, key: key.as_bytes().to_vec(), flags: words.map(flag).collect(), value };
        if line.has('b') {
            line.key = decoded(key);
        }
        line
    }

    /// Whether the command has the flag of this letter.
    pub fn has(&self, letter: char) -> bool {
        self.token(letter).is_some()
    }

    /// The token of this flag, if the command has the flag.
    pub fn token(&self, letter: char) -> Option<&str> {
        let flag = self.flags.iter().find(|(other, _)| *other == letter);
        flag.map(|(_, token)| token.as_str())
    }

    /// The number in the token of this flag. Panics if the token is not a number.
    pub fn number(&self, letter: char) -> Option<u64> {
        self.token(letter).map(|token| token.parse().expect("a number"))
    }

    /// The exptime in the token of this flag. Panics if the token is not an exptime.
    pub fn exptime(&self, letter: char) -> Option<i32> {
        self.token(letter).map(|token| token.parse().expect("an exptime"))
    }

    /// The mode in upper case, or NUL without one.
    pub fn mode(&self) -> char {
        self.token('M').and_then(|mode| mode.chars().next()).unwrap_or('\0')
    }
}

/// Decodes base64. Panics on other text.
fn decoded(text: &str) -> Vec<u8> {
    let digits = text.trim_end_matches('=').bytes();
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let number = DIGITS.iter().position(|&other| other == digit).expect("a digit of base64");
        bits = bits << 6 | number as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Encodes as padded base64.
pub fn encoded(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { digit } else { b'=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_come_apart() {
        let line = MetaLine::parse(b"ms Zm9v 4 b  T-5 MA c\r\na\r\nb\r\n");
        assert_eq!(
            (line.word.as_str(), &line.key[..], &line.value[..]),
            ("ms", &b"foo"[..], &b"a\r\nb"[..])
        );
        assert_eq!((line.exptime('T'), line.mode(), line.has('c')), (Some(-5), 'A', true));
        assert_eq!((line.number('C'), line.flags.len()), (None, 4));
        assert_eq!(MetaLine::parse(b"mn\r\n").key, b"");
    }

    proptest! {
        #[test]
        fn base64_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let text = encoded(&bytes);
            prop_assert_eq!(text.len() % 4, 0);
            prop_assert_eq!(decoded(std::str::from_utf8(&text).unwrap()), bytes);
        }
    }
}
