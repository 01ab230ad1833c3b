//! The line of a storage command: `<verb> <key> <flags> <exptime> <length> [<cas unique>]
//! [noreply]`.
//!
//! The length is read first. Once it is known, the data block is ignored whatever else is wrong.

use crate::text::line::Line;
use crate::words::error_lines::BAD_FORMAT;
use crate::words::integers::{loose_exptime, loose_flags, signed_32, unsigned_64};
use crate::words::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::words::line_words::next_word;
use crate::{Decoded, StoreForm, StoreRequest, Verb};

/// Decodes the line of the storage command `verb`.
#[inline]
pub(crate) fn store(line: Line<'_>, verb: Verb) -> Decoded<'_> {
    let mut rest = line.words;
    let words =
        (next_word(&mut rest), next_word(&mut rest), next_word(&mut rest), next_word(&mut rest));
    let (Some(key), Some(flags), Some(exptime), Some(length)) = words else {
        return line.error(BAD_FORMAT);
    };
    let Some(value_bytes) = length_in_range(length) else {
        return line.error(BAD_FORMAT);
    };
    let cas_unique = match verb {
        Verb::Cas => next_word(&mut rest).and_then(unsigned_64),
        _ => Some(0),
    };
    let numbers = (loose_flags(flags), loose_exptime(exptime), cas_unique);
    let (Some(flags), Some(exptime), Some(cas_unique)) = numbers else {
        return line.store_error(value_bytes);
    };
    if key.len() > KEY_BYTES_MAX {
        return line.store_error(value_bytes);
    }
    // Most lines end with the length (or the cas unique), so no word can be `noreply`.
    let noreply = !rest.is_empty() && line.is_noreply();
    let form = StoreForm::Classic;
    line.store(StoreRequest { verb, key, flags, exptime, value_bytes, cas_unique, noreply, form })
}

/// The announced length, unless it is not a number, negative, or too large to add a CRLF.
#[inline]
pub(crate) fn length_in_range(word: &[u8]) -> Option<u32> {
    let length = u32::try_from(signed_32(word)?).ok()?;
    if length > VALUE_BYTES_MAX { None } else { Some(length) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::{check_error, check_silent, check_store, check_swallow};

    const PLAIN: StoreRequest<'_> = StoreRequest {
        verb: Verb::Set,
        key: b"k",
        flags: 0,
        exptime: 0,
        value_bytes: 2,
        cas_unique: 0,
        noreply: false,
        form: StoreForm::Classic,
    };

    #[test]
    fn every_verb_is_known() {
        let plain = |verb| StoreRequest { verb, ..PLAIN };
        check_store(b"set k 0 0 2", plain(Verb::Set));
        check_store(b"add k 0 0 2", plain(Verb::Add));
        check_store(b"replace k 0 0 2", plain(Verb::Replace));
        check_store(b"append k 0 0 2", plain(Verb::Append));
        check_store(b"prepend k 0 0 2", plain(Verb::Prepend));
        check_store(b"cas k 0 0 2 7", StoreRequest { cas_unique: 7, ..plain(Verb::Cas) });
    }

    #[test]
    fn words_go_to_their_places() {
        let full = StoreRequest { flags: 7, exptime: -1, ..PLAIN };
        check_store(b"set  k   7 -1 2  ", full);
        check_store(b"set k 7 -1 2 noreply", StoreRequest { noreply: true, ..full });
        check_store(b"set k 7 -1 2 a b noreply", StoreRequest { noreply: true, ..full });
        check_store(b"set k 7 -1 2 noreply a", full);
        check_store(b"set k 0 0 -", StoreRequest { value_bytes: 0, ..PLAIN });
        check_store(
            b"set k 0 0 2147483645",
            StoreRequest { value_bytes: VALUE_BYTES_MAX, ..PLAIN },
        );
        let cas = StoreRequest { verb: Verb::Cas, cas_unique: u64::MAX, ..PLAIN };
        check_store(b"cas k 0 0 2 18446744073709551615", cas);
        let quiet = StoreRequest { noreply: true, ..cas };
        check_store(b"cas k 0 0 2 18446744073709551615 noreply", quiet);
    }

    #[test]
    fn flags_and_exptime_are_read_as_c_does() {
        check_store(b"set k +5 4294967296 2", StoreRequest { flags: 5, ..PLAIN });
        check_store(b"set k 4294967296 0 2", PLAIN);
        check_store(b"set k 5\tx 0 2", StoreRequest { flags: 5, ..PLAIN });
        check_store(b"set k 0 2147483648 2", StoreRequest { exptime: i32::MIN, ..PLAIN });
    }

    #[test]
    fn without_a_length_nothing_is_eaten_and_nothing_hidden() {
        check_error(b"set", BAD_FORMAT);
        check_error(b"set k 0 0", BAD_FORMAT);
        check_error(b"set k 0 0 noreply", BAD_FORMAT);
        check_error(b"set k 0 0 x noreply", BAD_FORMAT);
        check_error(b"set k 0 0 -1", BAD_FORMAT);
        check_error(b"set k 0 0 +2", BAD_FORMAT);
        check_error(b"set k 0 0 2x", BAD_FORMAT);
        check_error(b"set k 0 0 2147483646", BAD_FORMAT);
        check_error(b"set k 0 0 4294967295", BAD_FORMAT);
        check_error(b"set k 0 0 99999999999999999999", BAD_FORMAT);
        check_error(b"cas k 0 0", BAD_FORMAT);
    }

    #[test]
    fn with_a_length_every_error_eats_the_block() {
        check_swallow(b"set k x 0 2", BAD_FORMAT, 4);
        check_swallow(b"set k -1 0 0", BAD_FORMAT, 2);
        check_swallow(b"set k 0 x 2147483645", BAD_FORMAT, 2_147_483_647);
        check_swallow(b"cas k 0 0 2", BAD_FORMAT, 4);
        check_swallow(b"cas k 0 0 2 -1", BAD_FORMAT, 4);
        check_silent(b"cas k 0 0 2 noreply", 4);
        check_silent(b"set k x 0 2 noreply", 4);
        let key = "k".repeat(KEY_BYTES_MAX);
        let line = alloc::format!("set {key} 0 0 2");
        check_store(line.as_bytes(), StoreRequest { key: key.as_bytes(), ..PLAIN });
        let line = alloc::format!("set k{key} 0 0 2");
        check_swallow(line.as_bytes(), BAD_FORMAT, 4);
        check_silent(alloc::format!("{line} noreply").as_bytes(), 4);
    }
}
