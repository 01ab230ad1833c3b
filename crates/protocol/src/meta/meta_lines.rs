//! The lines of the meta commands: `<mg|md|ma|me> <key> <flag>*` and `ms <key> <length> <flag>*`.

use crate::requests::meta_flags::begin_as_flags;
use crate::text::line::Line;
use crate::text::store_lines::length_in_range;
use crate::words::base64;
use crate::words::error_lines::{
    BAD_FORMAT, INVALID_ARITHMETIC_MODE, INVALID_OR_DUPLICATE_FLAG, INVALID_STORE_MODE,
};
use crate::words::limits::{KEY_BYTES_MAX, META_WORDS_MAX, SPLIT_WORDS_MAX};
use crate::words::line_words::next_word;
use crate::{Decoded, MetaCommand, MetaFlags, MetaRequest, Request, StoreForm, StoreRequest, Verb};

/// Most flags after command and key, and after the length of `ms`.
pub(crate) const FLAGS_MAX: usize = META_WORDS_MAX - 2;
const STORE_FLAGS_MAX: usize = FLAGS_MAX - 1;

/// Why the key or the flags of a meta command are wrong.
enum Fault {
    /// A word cannot be a flag. memcached reads nothing of such a line.
    Line,
    /// The error line for the key or a flag.
    Flags(&'static [u8]),
}

/// Reads the flags after a key.
#[inline]
fn read_flags<'a>(key: &[u8], text: &'a [u8], flags_max: usize) -> Result<MetaFlags<'a>, Fault> {
    let error = if key.len() > KEY_BYTES_MAX {
        BAD_FORMAT
    } else {
        match MetaFlags::read(key, text, flags_max) {
            Ok(flags) => return Ok(flags),
            Err(error) => error,
        }
    };
    Err(if can_be_flags(text, flags_max) { Fault::Flags(error) } else { Fault::Line })
}

/// True if every word can be a flag. Else memcached refuses the line.
fn can_be_flags(text: &[u8], flags_max: usize) -> bool {
    const MORE_WORDS: usize = SPLIT_WORDS_MAX - META_WORDS_MAX;
    begin_as_flags(text, flags_max.saturating_add(MORE_WORDS))
}

/// Decodes `mg`.
#[inline]
pub(crate) fn get(line: Line<'_>) -> Decoded<'_> {
    of_key(line, MetaCommand::Get)
}

/// Decodes `md`.
pub(crate) fn delete(line: Line<'_>) -> Decoded<'_> {
    of_key(line, MetaCommand::Delete)
}

#[inline]
fn of_key(line: Line<'_>, command: MetaCommand) -> Decoded<'_> {
    let mut rest = line.words;
    let Some(key) = next_word(&mut rest) else { return line.error(BAD_FORMAT) };
    match read_flags(key, rest, FLAGS_MAX) {
        Ok(flags) => request(line, command, key, flags),
        Err(Fault::Line) => line.error(BAD_FORMAT),
        Err(Fault::Flags(error)) => line.error(error),
    }
}

/// Decodes `ma`. It has one error line for everything that is wrong with key and flags, except the
/// mode and a long opaque token.
pub(crate) fn arithmetic(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let Some(key) = next_word(&mut rest) else { return line.error(BAD_FORMAT) };
    let flags = match read_flags(key, rest, FLAGS_MAX) {
        Ok(flags) => flags,
        Err(Fault::Line) => return line.error(BAD_FORMAT),
        Err(Fault::Flags(_)) => return line.error(INVALID_OR_DUPLICATE_FLAG),
    };
    let command = match flags.mode() {
        None | Some(b'I' | b'+') => MetaCommand::Incr,
        Some(b'D' | b'-') => MetaCommand::Decr,
        Some(_) => return line.error(INVALID_ARITHMETIC_MODE),
    };
    request(line, command, key, flags)
}

/// Decodes `me`. Only the flag `b` counts, and only as the first flag. memcached reads it only if
/// another word follows; here a base64 key is decoded without one, too.
pub(crate) fn debug(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let Some(key) = next_word(&mut rest) else { return line.error(BAD_FORMAT) };
    if key.len() > KEY_BYTES_MAX || !can_be_flags(rest, FLAGS_MAX) {
        return line.error(BAD_FORMAT);
    }
    let says_encoded = next_word(&mut rest) == Some(b"b");
    let is_encoded = says_encoded && base64::is_valid(key);
    if says_encoded && !is_encoded && next_word(&mut rest).is_some() {
        return line.error(BAD_FORMAT);
    }
    let flags = if is_encoded { MetaFlags::from_validated(b"b") } else { MetaFlags::default() };
    request(line, MetaCommand::Debug, key, flags)
}

#[inline]
fn request<'a>(
    line: Line<'a>,
    command: MetaCommand,
    key: &'a [u8],
    flags: MetaFlags<'a>,
) -> Decoded<'a> {
    match flags.check_opaque() {
        Ok(()) => line.request(Request::Meta(MetaRequest { command, key, flags })),
        Err(error) => line.error(error),
    }
}

/// Decodes `ms`. Like in classic commands, the data block of a wrong line is ignored once the
/// length is known.
pub(crate) fn store(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let (Some(key), Some(length)) = (next_word(&mut rest), next_word(&mut rest)) else {
        return line.error(BAD_FORMAT);
    };
    let Some(value_bytes) = length_in_range(length) else { return line.error(BAD_FORMAT) };
    let meta = match read_flags(key, rest, STORE_FLAGS_MAX) {
        Ok(meta) => meta,
        // memcached does not read the length of such a line.
        Err(Fault::Line) => return line.error(BAD_FORMAT),
        Err(Fault::Flags(error)) => return line.meta_store_error(error, value_bytes),
    };
    let Some(verb) = verb(&meta) else {
        return line.meta_store_error(INVALID_STORE_MODE, value_bytes);
    };
    if let Err(error) = meta.check_opaque() {
        return line.meta_store_error(error, value_bytes);
    }
    // Append and prepend keep the exptime of the item. `N` counts if they create one.
    let exptime = match verb {
        Verb::Append | Verb::Prepend => meta.seconds(b'N'),
        _ => meta.seconds(b'T'),
    };
    line.store(StoreRequest {
        verb,
        key,
        flags: meta.number(b'F').unwrap_or(0) as u32,
        exptime: exptime.unwrap_or(0),
        value_bytes,
        cas_unique: if verb == Verb::Cas { meta.number(b'C').unwrap_or(0) } else { 0 },
        noreply: false,
        form: StoreForm::Meta(rest),
    })
}

/// The kind of store that the mode asks for. A cas unique turns set and replace into a cas.
fn verb(meta: &MetaFlags<'_>) -> Option<Verb> {
    let verb = match meta.mode() {
        None | Some(b'S') => Verb::Set,
        Some(b'R') => Verb::Replace,
        Some(b'E') => return Some(Verb::Add),
        Some(b'A') => return Some(Verb::Append),
        Some(b'P') => return Some(Verb::Prepend),
        Some(_) => return None,
    };
    Some(if meta.has(b'C') { Verb::Cas } else { verb })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::{check_error, check_request, check_store, check_swallow};
    use crate::words::error_lines::{
        BAD_TOKEN, DUPLICATE_FLAG, ERROR, ERROR_DECODING_KEY, INVALID_FLAG, OPAQUE_TOO_LONG,
        TOO_MANY_FLAGS,
    };
    use alloc::format;

    fn meta<'a>(command: MetaCommand, key: &'a [u8], flags: &'a [u8]) -> Request<'a> {
        Request::Meta(MetaRequest { command, key, flags: MetaFlags::from_validated(flags) })
    }

    fn ms(verb: Verb, flags: &[u8]) -> StoreRequest<'_> {
        StoreRequest {
            verb,
            key: b"k",
            flags: 0,
            exptime: 0,
            value_bytes: 2,
            cas_unique: 0,
            noreply: false,
            form: StoreForm::Meta(flags),
        }
    }

    #[test]
    fn commands_keep_their_flags_as_they_stand() {
        check_request(b"mg k", &meta(MetaCommand::Get, b"k", b""));
        check_request(b"mg  k  v   T5 ", &meta(MetaCommand::Get, b"k", b"  v   T5"));
        check_request(b"md k q x", &meta(MetaCommand::Delete, b"k", b" q x"));
        check_request(b"ma k", &meta(MetaCommand::Incr, b"k", b""));
        check_request(b"ma k MI", &meta(MetaCommand::Incr, b"k", b" MI"));
        check_request(b"ma k M+", &meta(MetaCommand::Incr, b"k", b" M+"));
        check_request(b"ma k M-x", &meta(MetaCommand::Decr, b"k", b" M-x"));
        check_request(b"me k", &meta(MetaCommand::Debug, b"k", b""));
        check_request(b"me k z z", &meta(MetaCommand::Debug, b"k", b""));
        check_request(b"me Zm9v b", &meta(MetaCommand::Debug, b"Zm9v", b"b"));
        check_request(b"mn a b", &Request::MetaNoop);
    }

    #[test]
    fn words_may_be_missing_or_wrong() {
        for line in [&b"mg"[..], b"mg  ", b"ms", b"ms k", b"md", b"ma", b"me", b"me !! b x"] {
            check_error(line, BAD_FORMAT);
        }
        check_error(b"mgx k", ERROR);
        check_error(b"MG k", ERROR);
        check_error(b"mg k z", INVALID_FLAG);
        check_error(b"mg k noreply", INVALID_FLAG);
        check_error(b"mg k v v", DUPLICATE_FLAG);
        check_error(b"mg !! b", ERROR_DECODING_KEY);
        check_error(b"md k z", INVALID_FLAG);
        check_error(b"md k v v", DUPLICATE_FLAG);
        check_error(b"md k Tx", BAD_TOKEN);
        check_error(b"md !! b", ERROR_DECODING_KEY);
        for flag in ["z", "v v", "Tx", "b", "F000000000001"] {
            check_error(format!("ma !! {flag}").as_bytes(), INVALID_OR_DUPLICATE_FLAG);
        }
        check_error(b"ma k MX", INVALID_ARITHMETIC_MODE);
        check_error(b"ma k M", INVALID_ARITHMETIC_MODE);
        check_request(b"ma k M\0", &meta(MetaCommand::Incr, b"k", b" M\0"));
    }

    #[test]
    fn a_word_that_cannot_be_a_flag_spoils_the_line() {
        let long = "k".repeat(KEY_BYTES_MAX + 1);
        for word in ["-", "\u{7f}", "\t", "v v +", "z Tx !", "v -1"] {
            for command in ["mg", "md", "ma", "me"] {
                check_error(format!("{command} k {word}").as_bytes(), BAD_FORMAT);
                check_error(format!("{command} {long} {word}").as_bytes(), BAD_FORMAT);
            }
            // memcached does not know the length then, and reads the value as a command.
            check_error(format!("ms k 2 {word}").as_bytes(), BAD_FORMAT);
            check_error(format!("ms {long} 2 {word}").as_bytes(), BAD_FORMAT);
        }
        // It reads no more words than 23.
        let flags = " v".repeat(20);
        check_error(format!("mg k{flags} -").as_bytes(), BAD_FORMAT);
        check_error(format!("mg k v{flags} -").as_bytes(), TOO_MANY_FLAGS);
        let flags = " v".repeat(19);
        check_error(format!("ms k 2{flags} -").as_bytes(), BAD_FORMAT);
        check_swallow(format!("ms k 2 v{flags} -").as_bytes(), TOO_MANY_FLAGS, 4);
    }

    #[test]
    fn me_takes_a_key_that_is_no_base64_as_it_stands() {
        check_request(b"me !! b", &meta(MetaCommand::Debug, b"!!", b""));
        check_request(b"me !! bx y", &meta(MetaCommand::Debug, b"!!", b""));
        check_request(b"me Zm9v x b", &meta(MetaCommand::Debug, b"Zm9v", b""));
    }

    #[test]
    fn a_key_has_250_bytes_at_most_as_sent() {
        let key = "k".repeat(KEY_BYTES_MAX);
        let longest = meta(MetaCommand::Get, key.as_bytes(), b"");
        check_request(format!("mg {key}").as_bytes(), &longest);
        for command in ["mg", "md", "me"] {
            check_error(format!("{command} k{key} z").as_bytes(), BAD_FORMAT);
        }
        check_error(format!("ma k{key}").as_bytes(), INVALID_OR_DUPLICATE_FLAG);
        check_swallow(format!("ms k{key} 2 z").as_bytes(), BAD_FORMAT, 4);
        let encoded = "QUJD".repeat(62);
        check_request(
            format!("mg {encoded} b").as_bytes(),
            &meta(MetaCommand::Get, encoded.as_bytes(), b" b"),
        );
        check_error(format!("mg QUJD{encoded} b").as_bytes(), BAD_FORMAT);
    }

    #[test]
    fn there_are_twenty_words_at_most() {
        let flags = " b c f h k l q s t u v x I L P T1 N1 R1 C1";
        for command in ["mg Zm9v", "md Zm9v"] {
            check_error(format!("{command}{flags}").as_bytes(), TOO_MANY_FLAGS);
        }
        check_error(format!("ma Zm9v{flags}").as_bytes(), INVALID_OR_DUPLICATE_FLAG);
        let flags = flags.strip_suffix(" C1").unwrap();
        let longest = meta(MetaCommand::Get, b"Zm9v", flags.as_bytes());
        check_request(format!("mg Zm9v{flags}").as_bytes(), &longest);
        check_swallow(format!("ms Zm9v 2{flags}").as_bytes(), TOO_MANY_FLAGS, 4);
    }

    #[test]
    fn the_mode_is_the_verb() {
        check_store(b"ms k 2", ms(Verb::Set, b""));
        check_store(b"ms k 2 MS", ms(Verb::Set, b" MS"));
        check_store(b"ms k 2 ME C5", ms(Verb::Add, b" ME C5"));
        check_store(b"ms k 2 MAA C5", ms(Verb::Append, b" MAA C5"));
        check_store(b"ms k 2 MP", ms(Verb::Prepend, b" MP"));
        check_store(b"ms k 2 MR", ms(Verb::Replace, b" MR"));
        for line in [&b"ms k 2 C5"[..], b"ms k 2 MR C5", b"ms k 2 MS C5"] {
            let cas = StoreRequest { cas_unique: 5, ..ms(Verb::Cas, &line[6..]) };
            check_store(line, cas);
        }
        let full = StoreRequest { flags: 7, exptime: -1, ..ms(Verb::Set, b" F7 T-1 N9") };
        check_store(b"ms k 2 F7 T-1 N9", full);
        check_store(
            b"ms k 2 MA T9 N5",
            StoreRequest { exptime: 5, ..ms(Verb::Append, b" MA T9 N5") },
        );
    }

    #[test]
    fn with_a_length_every_error_eats_the_block() {
        check_error(b"ms k x", BAD_FORMAT);
        check_error(b"ms k -1 z", BAD_FORMAT);
        check_error(b"ms k +2", BAD_FORMAT);
        check_error(b"ms k 2147483646", BAD_FORMAT);
        check_swallow(b"ms k 2 z", INVALID_FLAG, 4);
        check_swallow(b"ms k 2 noreply", INVALID_FLAG, 4);
        check_swallow(b"ms k 2 v v", DUPLICATE_FLAG, 4);
        check_swallow(b"ms k 0 Tx", BAD_TOKEN, 2);
        check_swallow(b"ms k 2 MZ", INVALID_STORE_MODE, 4);
        check_swallow(b"ms k 2 M", INVALID_STORE_MODE, 4);
        check_store(b"ms k 2 M\0", ms(Verb::Set, b" M\0"));
        check_swallow(b"ms k 2 Me", INVALID_STORE_MODE, 4);
        check_swallow(b"ms !! 2 b", ERROR_DECODING_KEY, 4);
        check_swallow(b"ms k 2 O12345678901234567890123456789012", OPAQUE_TOO_LONG, 4);
    }
}
