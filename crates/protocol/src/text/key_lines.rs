//! The lines of `touch`, `delete`, `incr` and `decr`: commands for one key without a data block.

use crate::text::line::Line;
use crate::words::error_lines::{BAD_FORMAT, INVALID_DELTA, INVALID_EXPTIME};
use crate::words::integers::{signed_32, unsigned_64};
use crate::words::limits::KEY_BYTES_MAX;
use crate::words::line_words::next_word;
use crate::{Decoded, Request};

/// Decodes `touch <key> <exptime> [noreply]`.
pub(crate) fn touch(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let (Some(key), Some(exptime)) = (next_word(&mut rest), next_word(&mut rest)) else {
        return line.error(BAD_FORMAT);
    };
    if key.len() > KEY_BYTES_MAX {
        return line.error_unless_noreply(BAD_FORMAT);
    }
    let Some(exptime) = signed_32(exptime) else {
        return line.error_unless_noreply(INVALID_EXPTIME);
    };
    line.request(Request::Touch { key, exptime, noreply: line.is_noreply() })
}

/// Decodes `delete <key> [noreply]`. Like memcached 1.6.45, this ignores further words, such as the
/// delay that old clients send.
pub(crate) fn delete(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let Some(key) = next_word(&mut rest) else { return line.error(BAD_FORMAT) };
    if key.len() > KEY_BYTES_MAX {
        return line.error_unless_noreply(BAD_FORMAT);
    }
    let noreply = line.is_noreply();
    line.request(Request::Delete { key, noreply })
}

/// Decodes `incr <key> <delta> [noreply]`, or `decr` if `incr` is false.
pub(crate) fn arithmetic(line: Line<'_>, incr: bool) -> Decoded<'_> {
    let mut rest = line.words;
    let (Some(key), Some(delta)) = (next_word(&mut rest), next_word(&mut rest)) else {
        return line.error(BAD_FORMAT);
    };
    if key.len() > KEY_BYTES_MAX {
        return line.error_unless_noreply(BAD_FORMAT);
    }
    let Some(delta) = unsigned_64(delta) else {
        return line.error_unless_noreply(INVALID_DELTA);
    };
    line.request(Request::Arithmetic { key, delta, incr, noreply: line.is_noreply() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::{check_error, check_request, check_silent};
    use alloc::format;

    #[test]
    fn touch_needs_a_key_and_an_exptime() {
        let touch = |exptime, noreply| Request::Touch { key: b"k", exptime, noreply };
        check_request(b"touch k 5", &touch(5, false));
        check_request(b"touch k - x", &touch(0, false));
        check_request(b"touch k -1 noreply", &touch(-1, true));
        check_error(b"touch", BAD_FORMAT);
        check_error(b"touch noreply", BAD_FORMAT);
        check_error(b"touch k x", INVALID_EXPTIME);
        check_error(b"touch k 2147483648", INVALID_EXPTIME);
        check_silent(b"touch k noreply", 0);
    }

    #[test]
    fn delete_needs_a_key_and_ignores_further_words() {
        let delete = |noreply| Request::Delete { key: b"k", noreply };
        check_request(b"delete k", &delete(false));
        check_request(b"delete k 0", &delete(false));
        check_request(b"delete k noreply", &delete(true));
        check_request(b"delete k 0 noreply", &delete(true));
        check_request(b"delete k 1", &delete(false));
        check_request(b"delete k noreply x", &delete(false));
        check_request(b"delete k a b c noreply", &delete(true));
        check_request(b"delete noreply", &Request::Delete { key: b"noreply", noreply: true });
        let delete = |noreply| Request::Delete { key: b"noreply", noreply };
        check_request(b"delete noreply 0", &delete(false));
        check_request(b"delete noreply noreply", &delete(true));
        check_error(b"delete", BAD_FORMAT);
    }

    #[test]
    fn arithmetic_needs_a_key_and_a_delta() {
        let arithmetic =
            |delta, incr, noreply| Request::Arithmetic { key: b"k", delta, incr, noreply };
        check_request(b"incr k 1", &arithmetic(1, true, false));
        check_request(b"decr k 1", &arithmetic(1, false, false));
        check_request(b"incr k 18446744073709551615 noreply", &arithmetic(u64::MAX, true, true));
        check_error(b"incr", BAD_FORMAT);
        check_error(b"incr k", BAD_FORMAT);
        check_error(b"incr k x", INVALID_DELTA);
        check_error(b"decr k -1", INVALID_DELTA);
        check_error(b"incr k 18446744073709551616", INVALID_DELTA);
        check_silent(b"incr k noreply", 0);
    }

    #[test]
    fn a_long_key_is_judged_before_the_number() {
        let key = "k".repeat(KEY_BYTES_MAX);
        let longest = Request::Delete { key: key.as_bytes(), noreply: false };
        check_request(format!("delete {key}").as_bytes(), &longest);
        for line in ["touch k{} x", "incr k{} x", "decr k{} 1", "delete k{}"] {
            let line = line.replace("{}", &key);
            check_error(line.as_bytes(), BAD_FORMAT);
            check_silent(format!("{line} noreply").as_bytes(), 0);
        }
        check_error(format!("delete k{key} 1").as_bytes(), BAD_FORMAT);
    }
}
