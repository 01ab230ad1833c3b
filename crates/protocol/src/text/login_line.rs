//! The line of a login in text: `set <any> <any> <any> <length>`. `<user> <password>` follows it.

use crate::Decoded;
use crate::text::line::Line;
use crate::words::error_lines::{AUTH_TOKEN_TOO_LONG, UNAUTHENTICATED};
use crate::words::integers::unsigned_32;
use crate::words::limits::{AUTH_TOKEN_BYTES_MAX, LOGIN_LINE_BYTES_MIN};
use crate::words::line_words::next_word;

/// Decodes `text`, a line without its LF, before the login.
pub(crate) fn decode(text: &[u8], consumed: usize) -> Decoded<'_> {
    if text.len() < LOGIN_LINE_BYTES_MIN {
        return Decoded::Close;
    }
    let line = Line::new(text.strip_suffix(b"\r").unwrap_or(text), consumed);
    let mut rest = line.words;
    let mut word = || next_word(&mut rest);
    let (name, _, _, _, length) = (word(), word(), word(), word(), word());
    let Some(token_bytes) = length.and_then(unsigned_32).filter(|_| name == Some(b"set")) else {
        return line.error(UNAUTHENTICATED);
    };
    if token_bytes > AUTH_TOKEN_BYTES_MAX {
        return line.error(AUTH_TOKEN_TOO_LONG);
    }
    Decoded::Login { token_bytes, consumed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &Decoded<'_>) {
        assert_eq!(&decode(text, text.len() + 1), expected, "{}", text.escape_ascii());
    }

    #[test]
    fn only_a_set_logs_in() {
        let login = |token_bytes, consumed| Decoded::Login { token_bytes, consumed };
        check(b"set x 0 0 10\r", &login(10, 14));
        check(b"set a b c 0 noreply", &login(0, 20));
        for other in
            ["get key\r", "add x 0 0 10\r", "set x 0 0 x\r", "set x 0 0 -1\r", "set x 0 0\r"]
        {
            let consumed = other.len() + 1;
            let error = Decoded::Error { reply: Some(UNAUTHENTICATED), consumed, swallow: 0 };
            check(other.as_bytes(), &error);
        }
        let too_long =
            Decoded::Error { reply: Some(AUTH_TOKEN_TOO_LONG), consumed: 16, swallow: 0 };
        check(b"set x 0 0 16385", &too_long);
        check(b"quit\r", &Decoded::Close);
    }
}
