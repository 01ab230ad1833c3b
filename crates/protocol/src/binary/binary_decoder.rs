//! Decodes binary requests.
//!
//! A header has all lengths, so no state is kept between two calls. Extras and key are short, and
//! the decoder waits for them. Impossible lengths are refused once the header is there.

use crate::binary::binary_header::{BINARY_HEADER_BYTES, REQUEST_MAGIC, RequestHeader};
use crate::requests::binary_opcode::{
    ADD, APPEND, DECREMENT, DELETE, FLUSH, GAT, GATK, GET, GETK, GETKQ, GETQ, INCREMENT, NOOP,
    PREPEND, QUIT, REPLACE, SASL_AUTH, SASL_LIST, SASL_STEP, SET, STAT, TOUCH, VERSION, loud,
};
use crate::words::limits::{BINARY_BODY_BYTES_MAX, KEY_BYTES_MAX};
use crate::{
    AuthRequest, BinaryError, BinaryRequest, BinaryServerRequest, BinaryStatus, Decoded, Echo,
    Request, StatsQuery, StoreForm, StoreRequest, Verb,
};

/// Decodes the request at the start of `input`.
pub(crate) fn decode(input: &[u8]) -> Decoded<'_> {
    let Some((raw, body)) = input.split_first_chunk::<BINARY_HEADER_BYTES>() else {
        return Decoded::NeedMore;
    };
    let header = RequestHeader::read(raw);
    if header.magic != REQUEST_MAGIC {
        return Decoded::Close;
    }
    if let Err(refusal) = judge(&header) {
        return refusal;
    }
    let extras_bytes = usize::from(header.extras_bytes);
    let Some((extras, rest)) = body.split_at_checked(extras_bytes) else {
        return Decoded::NeedMore;
    };
    let Some(key) = rest.get(..usize::from(header.key_bytes)) else { return Decoded::NeedMore };
    let extras_and_key = body.get(..head_bytes(&header) as usize).unwrap_or_default();
    accepted(&header, extras, key, extras_and_key)
}

/// The key of a whole get at the start of `input`. `None`: [`decode`] says what the input is.
#[inline]
pub(crate) fn whole_get(input: &[u8]) -> Option<&[u8]> {
    let (raw, body) = input.split_first_chunk::<BINARY_HEADER_BYTES>()?;
    let header = RequestHeader::read(raw);
    let is_get = matches!(header.echo.opcode(), GET | GETQ | GETK | GETKQ);
    let key_bytes = usize::from(header.key_bytes);
    let is_good = header.magic == REQUEST_MAGIC
        && header.extras_bytes == 0
        && header.body_bytes as usize == key_bytes
        && (1..=KEY_BYTES_MAX).contains(&key_bytes);
    if is_get && is_good { body.get(..key_bytes) } else { None }
}

/// Bytes of extras and key. They may exceed the body.
fn head_bytes(header: &RequestHeader) -> u32 {
    u32::from(header.extras_bytes).saturating_add(u32::from(header.key_bytes))
}

/// Bytes after extras and key.
fn value_bytes(header: &RequestHeader) -> u32 {
    header.body_bytes.saturating_sub(head_bytes(header))
}

/// Checks that the lengths are those of the opcode.
fn judge(header: &RequestHeader) -> Result<(), Decoded<'static>> {
    let head = head_bytes(header);
    if head > header.body_bytes {
        return Err(refused(header.echo, BinaryStatus::UnknownCommand, true, head));
    }
    let invalid = Err(refused(header.echo, BinaryStatus::Invalid, true, head));
    if usize::from(header.key_bytes) > KEY_BYTES_MAX || header.body_bytes > BINARY_BODY_BYTES_MAX {
        return invalid;
    }
    let (extras, has_key) = (header.extras_bytes, header.key_bytes != 0);
    let has_value = value_bytes(header) != 0;
    let is_good = match loud(header.echo.opcode()) {
        NOOP | VERSION | QUIT | SASL_LIST => extras == 0 && !has_key && !has_value,
        FLUSH => (extras == 0 || extras == 4) && !has_key && !has_value,
        SET | ADD | REPLACE => extras == 8 && has_key,
        APPEND | PREPEND => extras == 0 && has_key,
        GET | GETK | DELETE => extras == 0 && has_key && !has_value,
        INCREMENT | DECREMENT => extras == 20 && has_key && !has_value,
        // Bytes after the key of these are not skipped: they are read as the next header, like in
        // memcached.
        TOUCH | GAT | GATK => extras == 4 && has_key,
        STAT => extras == 0,
        SASL_AUTH | SASL_STEP => extras == 0 && has_key,
        _ => {
            let body = header.body_bytes;
            return Err(refused(header.echo, BinaryStatus::UnknownCommand, false, body));
        }
    };
    if is_good { Ok(()) } else { invalid }
}

#[cold]
fn refused(echo: Echo, status: BinaryStatus, closes: bool, swallow: u32) -> Decoded<'static> {
    Decoded::BinaryError {
        error: BinaryError { echo, status, closes },
        consumed: BINARY_HEADER_BYTES,
        swallow: u64::from(swallow),
    }
}

/// Decodes a request whose lengths are right.
fn accepted<'a>(
    header: &RequestHeader,
    extras: &'a [u8],
    key: &'a [u8],
    extras_and_key: &'a [u8],
) -> Decoded<'a> {
    let RequestHeader { echo, cas, .. } = *header;
    let consumed = BINARY_HEADER_BYTES.saturating_add(extras.len()).saturating_add(key.len());
    let server = |asked| Decoded::Request { request: Request::BinaryServer(echo, asked), consumed };
    let store = |verb| store(header, verb, extras, key, consumed);
    match loud(echo.opcode()) {
        SET => store(Verb::Set),
        ADD => store(Verb::Add),
        REPLACE => store(Verb::Replace),
        APPEND => store(Verb::Append),
        PREPEND => store(Verb::Prepend),
        NOOP => server(BinaryServerRequest::Noop),
        VERSION => server(BinaryServerRequest::Version),
        QUIT => server(BinaryServerRequest::Quit),
        FLUSH => {
            let delay = extras.first_chunk().map_or(0, |raw| u32::from_be_bytes(*raw));
            server(BinaryServerRequest::Flush { delay })
        }
        STAT => server(stats(key)),
        SASL_LIST => server(BinaryServerRequest::AuthList),
        opcode @ (SASL_AUTH | SASL_STEP) => {
            let (is_start, value_bytes) = (opcode == SASL_AUTH, value_bytes(header));
            let auth = AuthRequest { echo, mechanism: key, is_start, value_bytes };
            Decoded::Auth { auth, consumed }
        }
        _ => {
            let extras_bytes = header.extras_bytes;
            let request = BinaryRequest { echo, extras_bytes, cas, extras_and_key };
            Decoded::Request { request: Request::Binary(request), consumed }
        }
    }
}

/// Decodes the key of a `stat`. Like memcached, this compares only the start of some words.
fn stats(key: &[u8]) -> BinaryServerRequest<'_> {
    if let Some(rest) = key.strip_prefix(b"detail") {
        return match rest {
            _ if rest.starts_with(b" dump") => BinaryServerRequest::Stats(StatsQuery::Prefixes),
            _ if rest.starts_with(b" on") => BinaryServerRequest::CountPrefixes(true),
            _ if rest.starts_with(b" off") => BinaryServerRequest::CountPrefixes(false),
            _ => BinaryServerRequest::Stats(StatsQuery::Unknown),
        };
    }
    if key.starts_with(b"reset") {
        return BinaryServerRequest::ResetStats;
    }
    BinaryServerRequest::Stats(match key {
        _ if key.starts_with(b"settings") => StatsQuery::Settings,
        _ => StatsQuery::named(key).unwrap_or(StatsQuery::Unknown),
    })
}

/// Decodes a storage request. A cas unique in the header turns set, add and replace into a cas.
fn store<'a>(
    header: &RequestHeader,
    verb: Verb,
    extras: &[u8],
    key: &'a [u8],
    consumed: usize,
) -> Decoded<'a> {
    let (words, _) = extras.as_chunks::<4>();
    let word = |at: usize| words.get(at).map_or(0, |raw| u32::from_be_bytes(*raw));
    let joins = matches!(verb, Verb::Append | Verb::Prepend);
    Decoded::Store {
        store: StoreRequest {
            verb: if header.cas != 0 && !joins { Verb::Cas } else { verb },
            key,
            flags: word(0),
            exptime: word(1).cast_signed(),
            value_bytes: value_bytes(header),
            cas_unique: header.cas,
            noreply: false,
            form: StoreForm::Binary(header.echo),
        },
        consumed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::binary_opcode::{INCREMENTQ, SETQ};
    use crate::{BinaryArithmetic, BinaryCommand, DataBlock};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const OPAQUE: [u8; 4] = [9, 8, 7, 6];

    /// The bytes of a request.
    fn request(opcode: u8, cas: u64, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
        let body = u32::try_from(extras.len() + key.len() + value.len()).unwrap();
        let [k0, k1] = u16::try_from(key.len()).unwrap().to_be_bytes();
        let head = [REQUEST_MAGIC, opcode, k0, k1, u8::try_from(extras.len()).unwrap(), 0, 0, 0];
        [&head[..], &body.to_be_bytes(), &OPAQUE, &cas.to_be_bytes(), extras, key, value].concat()
    }

    fn check_refused(bytes: &[u8], status: BinaryStatus, closes: bool, swallow: u64) {
        let echo = Echo::new(bytes[1], OPAQUE);
        let error = BinaryError { echo, status, closes };
        let expected = Decoded::BinaryError { error, consumed: BINARY_HEADER_BYTES, swallow };
        assert_eq!(decode(bytes), expected, "{bytes:?}");
        assert_eq!(decode(&bytes[..BINARY_HEADER_BYTES]), expected, "the header alone");
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_with_the_header() {
        let invalid = |bytes: &[u8], swallow| {
            check_refused(bytes, BinaryStatus::Invalid, true, swallow);
        };
        invalid(&request(GET, 0, b"", b"", b""), 0);
        invalid(&request(GETKQ, 0, b"x", b"k", b""), 2);
        invalid(&request(GETQ, 0, b"", b"k", b"value"), 1);
        invalid(&request(SET, 0, b"1234", b"k", b"1234"), 5);
        invalid(&request(GET, 0, b"", &[b'k'; 251], b""), 251);
        invalid(&request(STAT, 0, b"x", b"", b""), 1);
        let mut huge = request(SET, 0, &[0; 8], b"k", b"");
        huge[8..12].copy_from_slice(&(BINARY_BODY_BYTES_MAX + 1).to_be_bytes());
        invalid(&huge, 9);
        let mut short = request(GET, 0, b"", b"key", b"");
        short[11] = 2;
        check_refused(&short, BinaryStatus::UnknownCommand, true, 3);
        let unknown = request(0x1b, 0, &[0; 4], b"key", b"value");
        check_refused(&unknown, BinaryStatus::UnknownCommand, false, 12);
    }

    #[test]
    fn another_magic_closes() {
        let mut bytes = request(NOOP, 0, b"", b"", b"");
        bytes[0] = 0x81;
        assert_eq!(decode(&bytes), Decoded::Close);
        assert_eq!(
            decode(&bytes[..23]),
            Decoded::NeedMore,
            "as memcached, which waits for a header"
        );
    }

    #[test]
    fn the_largest_body_is_announced() {
        let mut bytes = request(SET, 0, &[0; 8], b"k", b"");
        bytes[8..12].copy_from_slice(&BINARY_BODY_BYTES_MAX.to_be_bytes());
        let Decoded::Store { store, consumed } = decode(&bytes) else { panic!("a set") };
        assert_eq!((store.value_bytes, consumed), (BINARY_BODY_BYTES_MAX - 9, bytes.len()));
    }

    proptest! {
        /// What the short way finds is what the long one finds; and it finds every whole get.
        #[test]
        fn the_short_way_of_a_get_agrees(
            opcode in prop_oneof![
                prop::sample::select(alloc::vec![GET, GETQ, GETK, GETKQ]),
                0..0x26_u8,
            ],
            extras in prop::collection::vec(any::<u8>(), 0..2),
            key in prop::collection::vec(any::<u8>(), 0..252),
            value in prop::collection::vec(any::<u8>(), 0..2),
            cas in 0..2_u64,
            cut in prop::option::weighted(0.2, 0..276_usize),
        ) {
            let mut bytes = request(opcode, cas, &extras, &key, &value);
            bytes.truncate(cut.unwrap_or(bytes.len()));
            let long = match decode(&bytes) {
                Decoded::Request { request: Request::Binary(found), consumed }
                    if found.command() == BinaryCommand::Get =>
                {
                    prop_assert_eq!(Echo::of_request(&bytes), found.echo);
                    Some((found.key(), consumed))
                }
                _ => None,
            };
            let decoder = crate::Decoder::of(crate::Protocol::Binary);
            prop_assert_eq!(decoder.single_binary_get(&bytes), long);
            prop_assert_eq!(crate::Decoder::new().single_binary_get(&bytes), None);
        }

        /// What is encoded is decoded.
        #[test]
        fn stores_come_back(
            flags: u32, exptime: u32, cas: u64,
            opcode in prop::sample::select(alloc::vec![SET, SETQ]),
            key in prop::collection::vec(any::<u8>(), 1..250),
            value in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let extras = [flags.to_be_bytes(), exptime.to_be_bytes()].concat();
            let bytes = request(opcode, cas, &extras, &key, &value);
            let Decoded::Store { store, consumed } = decode(&bytes) else { panic!("a set") };
            let expected = StoreRequest {
                verb: if cas == 0 { Verb::Set } else { Verb::Cas },
                key: &key,
                flags,
                exptime: exptime.cast_signed(),
                value_bytes: u32::try_from(value.len()).unwrap(),
                cas_unique: cas,
                noreply: false,
                form: StoreForm::Binary(Echo::new(opcode, OPAQUE)),
            };
            prop_assert_eq!(store, expected);
            let whole = DataBlock::Whole { value: &value, consumed: value.len() };
            prop_assert_eq!(store.data_block(&bytes[consumed..]), whole);
        }

        #[test]
        fn numbers_come_back(
            delta: u64, initial: u64, exptime: u32, cas: u64,
            key in prop::collection::vec(any::<u8>(), 1..250),
        ) {
            let numbers = [delta.to_be_bytes(), initial.to_be_bytes()].concat();
            let extras = [&numbers, &exptime.to_be_bytes()[..]].concat();
            let bytes = request(INCREMENTQ, cas, &extras, &key, b"");
            let decoded = decode(&bytes);
            let Decoded::Request { request: Request::Binary(found), consumed } = decoded else {
                panic!("{decoded:?}")
            };
            prop_assert_eq!((consumed, found.key(), found.cas), (bytes.len(), &key[..], cas));
            let exptime = (exptime != u32::MAX).then_some(exptime);
            let change = BinaryArithmetic { incr: true, delta, initial, exptime };
            prop_assert_eq!(found.command(), BinaryCommand::Arithmetic(change));
        }
    }
}
