//! Properties of the decoder over whole streams: any split of the input decodes to the same, and
//! no bytes make it panic.

use proptest::prelude::*;
use slabcore_protocol::{DataBlock, Decoded, Decoder, StoreForm, StoreRequest, Verb};

/// Bytes of noise at most; an interpreter that looks for undefined behaviour has time for little.
const NOISE_BYTES_MAX: usize = if cfg!(miri) { 100 } else { 2000 };

/// One part of a stream, written out so that it outlives the input.
type Seen = String;

/// A connection's input side: keeps what was not consumed, as a server does.
#[derive(Default)]
struct Stream {
    decoder: Decoder,
    input: Vec<u8>,
    /// The storage command whose data block is due next, without its key.
    due: Option<StoreRequest<'static>>,
    swallow: u64,
    closed: bool,
    seen: Vec<Seen>,
}

impl Stream {
    fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while !self.closed && self.take_next() {}
    }

    /// Decodes the next part of the stream; false if it needs more input.
    fn take_next(&mut self) -> bool {
        if self.swallow > 0 {
            let eaten = self.input.len().min(usize::try_from(self.swallow).unwrap());
            self.input.drain(..eaten);
            self.swallow -= eaten as u64;
            return eaten > 0;
        }
        if let Some(store) = self.due {
            let block = store.data_block(&self.input);
            let (DataBlock::Whole { consumed, .. } | DataBlock::Bad { consumed }) = block else {
                return false;
            };
            assert_eq!(consumed, store.value_bytes as usize + store.line_end_bytes());
            self.seen.push(format!("{block:?}"));
            self.input.drain(..consumed);
            self.due = None;
            return true;
        }
        let decoded = self.decoder.decode(&self.input);
        let consumed = match &decoded {
            Decoded::NeedMore => return false,
            Decoded::Request { consumed, .. } => *consumed,
            Decoded::Login { .. } => unreachable!("nobody needs to log in"),
            Decoded::Auth { auth, consumed } => {
                self.swallow = u64::from(auth.value_bytes);
                *consumed
            }
            Decoded::Store { store, consumed } => {
                self.due = Some(blank(store));
                *consumed
            }
            Decoded::Error { consumed, swallow, .. } => {
                self.swallow = *swallow;
                *consumed
            }
            Decoded::BinaryError { error, consumed, swallow } => {
                self.swallow = *swallow;
                self.closed = error.closes;
                *consumed
            }
            Decoded::Close => {
                self.closed = true;
                0
            }
        };
        self.seen.push(format!("{decoded:?}"));
        self.input.drain(..consumed);
        true
    }
}

/// What says how long a data block is.
fn blank(store: &StoreRequest<'_>) -> StoreRequest<'static> {
    let form = match store.form {
        StoreForm::Binary(echo) => StoreForm::Binary(echo),
        StoreForm::Classic | StoreForm::Meta(_) => StoreForm::Classic,
    };
    let StoreRequest { flags, exptime, value_bytes, cas_unique, noreply, .. } = *store;
    let (verb, key) = (Verb::Set, &[][..]);
    StoreRequest { verb, key, flags, exptime, value_bytes, cas_unique, noreply, form }
}

fn decode_all<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    let mut stream = Stream::default();
    for part in parts {
        stream.feed(part);
    }
    stream.seen
}

/// Commands, right and wrong, each with what belongs after it.
fn command() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        Just("0".to_owned()),
        Just("-1".to_owned()),
        Just("x".to_owned()),
        Just("4294967296".to_owned()),
        (0..20_u32).prop_map(|number| number.to_string()),
    ];
    let key = prop_oneof![8 => "[a-c\t]{1,8}", 1 => "k{249,252}"];
    let tail = prop_oneof![
        4 => Just(""), 1 => Just(" noreply"), 1 => Just(" 0"), 1 => Just("  "), 1 => Just(" x"),
    ];
    let line_end = prop_oneof![4 => Just("\r\n"), 1 => Just("\n")];
    let store = (
        prop::sample::select(vec!["set", "add", "replace", "append", "prepend", "cas"]),
        key.clone(),
        number.clone(),
        number.clone(),
        prop::collection::vec(any::<u8>(), 0..40),
        prop_oneof![9 => Just(0_usize), 1 => 1..3_usize],
        prop_oneof![Just(""), Just(" 7"), Just(" noreply"), Just(" 7 noreply")],
        line_end.clone(),
    )
        .prop_map(|(verb, key, flags, exptime, value, off, tail, line_end)| {
            let length = value.len() + off;
            let line = format!("{verb} {key} {flags} {exptime} {length}{tail}{line_end}");
            [line.as_bytes(), &value, b"\r\n"].concat()
        });
    let keyed = (
        prop::sample::select(vec!["touch", "delete", "incr", "decr", "gat", "gats", "flush_all"]),
        prop::collection::vec(prop_oneof![key.clone(), number.clone()], 0..4),
        tail.clone(),
        line_end.clone(),
    )
        .prop_map(|(verb, words, tail, line_end)| {
            format!("{verb} {}{tail}{line_end}", words.join(" ")).into_bytes()
        });
    let get = (
        prop::sample::select(vec!["get", "gets"]),
        // Under 2048 bytes: over that, the outcome of a `get` whose head went with a bad data block
        // depends on the split, in memcached too.
        prop::collection::vec(key, 0..8),
        line_end.clone(),
    )
        .prop_map(|(verb, keys, line_end)| {
            format!("{verb} {}{line_end}", keys.join(" ")).into_bytes()
        });
    let plain = (
        prop::sample::select(vec![
            "version",
            "stats",
            "stats items",
            "quit",
            "verbosity",
            "verbosity 1",
            "shutdown",
            "foo",
            "mn",
            "a",
            "",
            " get a",
            "flush_all",
            "GET / HTTP/1.1",
        ]),
        tail,
        line_end,
    )
        .prop_map(|(line, tail, line_end)| format!("{line}{tail}{line_end}").into_bytes());
    prop_oneof![4 => store, 3 => keyed, 1 => get, 2 => plain, 4 => meta_command()]
}

/// Meta commands, right and wrong, each with what belongs after it.
fn meta_command() -> impl Strategy<Value = Vec<u8>> {
    let line_end = prop_oneof![4 => Just("\r\n"), 1 => Just("\n")];
    let line = (
        prop::sample::select(vec!["mg", "md", "ma", "me", "mn", "mg Zm9v b", "ma Zm9v b"]),
        prop::collection::vec(meta_word(), 0..6),
        line_end.clone(),
    )
        .prop_map(|(verb, words, line_end)| {
            format!("{verb} {}{line_end}", words.join(" ")).into_bytes()
        });
    let store = (
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(meta_word(), 0..6),
        prop_oneof![9 => Just(0_usize), 1 => 1..3_usize],
        line_end.clone(),
    )
        .prop_map(|(value, words, off, line_end)| {
            let length = value.len() + off;
            let line = format!("ms a {length} {}{line_end}", words.join(" "));
            [line.as_bytes(), &value, b"\r\n"].concat()
        });
    prop_oneof![3 => line, 2 => store]
}

/// A valid or invalid flag of a meta command.
fn meta_word() -> impl Strategy<Value = String> {
    "[a-zA-Z]|[TNRCEFDJ](-?[0-9]{1,3}|x)|O[a-z]{0,3}|M[EAPRSID+-]|[0-9\t!]"
}

/// Binary requests: mostly with the lengths that their opcode has.
fn binary_request() -> impl Strategy<Value = Vec<u8>> {
    let extras_bytes = prop_oneof![Just(0_usize), Just(4), Just(8), Just(20), 0..30_usize];
    let key_bytes = prop_oneof![2 => Just(0_usize), 9 => 1..9_usize, 1 => 245..260_usize];
    let value_bytes = prop_oneof![1 => Just(0_usize), 1 => 1..40_usize];
    let off = prop_oneof![12 => Just(0_i32), 1 => -30..30_i32];
    (0..0x28_u8, extras_bytes, key_bytes, value_bytes, off, any::<[u8; 12]>()).prop_map(
        |(opcode, extras, key, value, off, tail)| {
            let body = i32::try_from(extras + key + value).unwrap().saturating_add(off).max(0);
            let mut bytes = vec![0x80, opcode];
            bytes.extend_from_slice(&u16::try_from(key).unwrap().to_be_bytes());
            bytes.extend_from_slice(&[u8::try_from(extras).unwrap(), 0, 0, 0]);
            bytes.extend_from_slice(&body.to_be_bytes());
            bytes.extend_from_slice(&tail);
            bytes.resize(bytes.len() + extras + key + value, b'x');
            bytes
        },
    )
}

proptest! {
    #[test]
    fn any_split_of_binary_requests_gives_the_same_steps(
        requests in prop::collection::vec(binary_request(), 1..8),
        piece in 1..100_usize,
    ) {
        let bytes = requests.concat();
        let whole = decode_all([&bytes[..]]);
        prop_assert_eq!(&decode_all(bytes.chunks(1)), &whole);
        prop_assert_eq!(&decode_all(bytes.chunks(piece)), &whole);
    }

    #[test]
    fn no_bytes_behind_a_binary_start_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 1..NOISE_BYTES_MAX),
    ) {
        bytes[0] = 0x80;
        prop_assert_eq!(decode_all(bytes.chunks(1)), decode_all([&bytes[..]]));
    }

    #[test]
    fn any_split_gives_the_same_steps(
        commands in prop::collection::vec(command(), 1..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes = commands.concat();
        let whole = decode_all([&bytes[..]]);
        prop_assert!(!whole.is_empty());
        prop_assert_eq!(&decode_all(bytes.chunks(1)), &whole);

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(&decode_all(parts), &whole);
    }

    /// A `get` has no line limit, however it arrives.
    #[test]
    fn a_long_get_may_arrive_in_pieces(keys in 400..4000_usize, piece in 1..20_000_usize) {
        let line = format!("gets{}\r\n", " some-key".repeat(keys));
        let whole = decode_all([line.as_bytes()]);
        prop_assert!(whole[0].starts_with("Request"));
        prop_assert_eq!(&decode_all(line.as_bytes().chunks(piece)), &whole);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..NOISE_BYTES_MAX)) {
        prop_assert_eq!(decode_all(bytes.chunks(1)), decode_all([&bytes[..]]));
    }

    /// As above, from an alphabet in which commands are likely.
    #[test]
    fn no_near_command_panics(
        text in r"((get|gets|set|cas|gat|incr|touch| |0|-|k|noreply|\r|\n|\x00){0,9}\n){0,9}",
    ) {
        prop_assert_eq!(decode_all(text.as_bytes().chunks(1)), decode_all([text.as_bytes()]));
    }
}
