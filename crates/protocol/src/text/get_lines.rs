//! The lines of `get`, `gets`, `gat` and `gats`. They have no `noreply`: the word is a key there.

use crate::text::line::Line;
use crate::words::error_lines::{BAD_FORMAT, BAD_FORMAT_OF_GET, INVALID_EXPTIME};
use crate::words::integers::signed_32;
use crate::words::keys::KeysError;
use crate::words::line_words::next_word;
use crate::{Decoded, GetRequest, Keys, Request};

/// Decodes `get <key>+`, or `gets` if `with_cas`.
#[inline]
pub(crate) fn get(line: Line<'_>, with_cas: bool) -> Decoded<'_> {
    request(line, line.words, with_cas, None)
}

/// Decodes `gat <exptime> <key>+`, or `gats` if `with_cas`.
pub(crate) fn gat(line: Line<'_>, with_cas: bool) -> Decoded<'_> {
    let mut rest = line.words;
    let Some(word) = next_word(&mut rest) else { return line.error(BAD_FORMAT) };
    // Trailing blanks were removed, so no key follows.
    if rest.is_empty() {
        return line.error(BAD_FORMAT);
    }
    match signed_32(word) {
        Some(exptime) => request(line, rest, with_cas, Some(exptime)),
        None => line.error(INVALID_EXPTIME),
    }
}

/// One key that is too long fails the whole line, before any key is looked up.
#[inline]
fn request<'a>(
    line: Line<'a>,
    keys: &'a [u8],
    with_cas: bool,
    exptime: Option<i32>,
) -> Decoded<'a> {
    match Keys::validate(keys) {
        Ok(keys) => line.request(Request::Get(GetRequest { keys, with_cas, exptime })),
        Err(KeysError::Empty) => line.error(BAD_FORMAT),
        Err(KeysError::KeyTooLong) => line.error(BAD_FORMAT_OF_GET),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::{check_error, check_request};
    use crate::words::limits::KEY_BYTES_MAX;

    fn expected(keys: &[u8], with_cas: bool, exptime: Option<i32>) -> Request<'_> {
        Request::Get(GetRequest { keys: Keys::from_validated(keys), with_cas, exptime })
    }

    #[test]
    fn the_four_retrievals() {
        check_request(b"get a", &expected(b"a", false, None));
        check_request(b"get  a b  ", &expected(b"a b", false, None));
        check_request(b"get noreply", &expected(b"noreply", false, None));
        check_request(b"gets a", &expected(b"a", true, None));
        check_request(b"gat 0 a", &expected(b"a", false, Some(0)));
        check_request(b"gats -1  a b", &expected(b"a b", true, Some(-1)));
    }

    #[test]
    fn words_may_be_missing_or_wrong() {
        check_error(b"get", BAD_FORMAT);
        check_error(b"get   ", BAD_FORMAT);
        check_error(b"gets", BAD_FORMAT);
        check_error(b"gat", BAD_FORMAT);
        check_error(b"gat 0", BAD_FORMAT);
        check_error(b"gat x", BAD_FORMAT);
        check_error(b"gat x a", INVALID_EXPTIME);
        check_error(b"gats 2147483648 a", INVALID_EXPTIME);
        check_error(b"gat +1 a", INVALID_EXPTIME);
    }

    #[test]
    fn a_long_key_anywhere_fails_the_line() {
        let longest = "k".repeat(KEY_BYTES_MAX);
        let line = alloc::format!("get a {longest} b");
        check_request(line.as_bytes(), &expected(&line.as_bytes()[4..], false, None));
        for line in ["get k{} a", "get a k{}", "gets a k{} b", "gat 0 k{}", "gats 0 a k{}"] {
            check_error(line.replace("{}", &longest).as_bytes(), BAD_FORMAT_OF_GET);
        }
        check_error(alloc::format!("gat x k{longest}").as_bytes(), INVALID_EXPTIME);
    }
}
