//! A connection's input side over a stream that arrives in pieces.

use slabcore_protocol::{
    BINARY_BODY_BYTES_MAX, BINARY_HEADER_BYTES, DECODED_KEY_BYTES_MAX, DataBlock, Decoded, Decoder,
    GetRequest, KEY_BYTES_MAX, Keys, MetaRequest, Protocol, REQUEST_MAGIC, Request, StoreRequest,
    data_block,
};

/// A decoded part of the stream, with its position.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen<'a> {
    /// The decoder's result.
    Decoded(usize, Decoded<'a>),
    /// The data block of a storage command.
    Block(usize, DataBlock<'a>),
}

/// The end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was consumed, or the rest is incomplete.
    Open,
    /// The decoder closed the connection.
    Closed,
}

/// A connection's position in its stream.
enum Due {
    Line,
    Block { value_bytes: u32, line_end_bytes: usize },
    Swallow(u64),
}

/// Decodes `stream` as it arrives at a server: first up to each of `cuts`, then to its end. `cuts`
/// ascend.
pub fn decode_all(stream: &[u8], cuts: impl IntoIterator<Item = usize>) -> (Vec<Seen<'_>>, Ending) {
    let (mut decoder, mut due, mut start, mut seen) = (Decoder::new(), Due::Line, 0, Vec::new());
    for cut in cuts.into_iter().chain([stream.len()]) {
        loop {
            assert!(start <= stream.len(), "more was consumed than there is");
            let input = &stream[start.min(cut)..cut];
            match due {
                Due::Swallow(left) => {
                    let eaten = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    start += eaten;
                    let left = left - eaten as u64;
                    due = if left == 0 { Due::Line } else { Due::Swallow(left) };
                    if left > 0 {
                        break;
                    }
                }
                Due::Block { value_bytes, line_end_bytes: 0 } => {
                    // The value of a binary request has no line end that could be wrong.
                    let Some(value) = input.get(..value_bytes as usize) else { break };
                    let block = DataBlock::Whole { value, consumed: value.len() };
                    seen.push(Seen::Block(start, block));
                    start += value.len();
                    due = Due::Line;
                }
                Due::Block { value_bytes, .. } => {
                    let block = data_block(input, value_bytes);
                    let (DataBlock::Whole { consumed, .. } | DataBlock::Bad { consumed }) = block
                    else {
                        break;
                    };
                    assert_eq!(consumed, value_bytes as usize + 2);
                    seen.push(Seen::Block(start, block));
                    start += consumed;
                    due = Due::Line;
                }
                Due::Line => {
                    let decoded = decoder.decode(input);
                    let consumed = match decoder.protocol() {
                        Protocol::Binary => check_binary(&decoded, input),
                        Protocol::Auto | Protocol::Text | Protocol::Resp => check(&decoded, input),
                    };
                    let Some(consumed) = consumed else { break };
                    due = match &decoded {
                        Decoded::Store { store, .. } => Due::Block {
                            value_bytes: store.value_bytes,
                            line_end_bytes: store.line_end_bytes(),
                        },
                        Decoded::Auth { auth, .. } => Due::Swallow(u64::from(auth.value_bytes)),
                        Decoded::BinaryError { swallow, .. } => Due::Swallow(*swallow),
                        Decoded::Error { swallow, .. } if *swallow > 0 => Due::Swallow(*swallow),
                        _ => Due::Line,
                    };
                    let closed = decoded == Decoded::Close
                        || matches!(&decoded, Decoded::BinaryError { error, .. } if error.closes);
                    seen.push(Seen::Decoded(start, decoded));
                    if closed {
                        return (seen, Ending::Closed);
                    }
                    start += consumed;
                }
            }
        }
    }
    (seen, Ending::Open)
}

/// The number of consumed bytes, or `None` if the request is incomplete.
fn check(decoded: &Decoded<'_>, input: &[u8]) -> Option<usize> {
    let consumed = match decoded {
        Decoded::NeedMore => {
            assert!(!input.contains(&b'\n'), "a whole line is not decoded");
            return None;
        }
        Decoded::Close => return Some(0),
        Decoded::Request { request, consumed } => {
            check_request(request);
            *consumed
        }
        Decoded::Store { store, consumed } => {
            let StoreRequest { key, value_bytes, .. } = store;
            check_key(key);
            assert!(*value_bytes <= slabcore_protocol::VALUE_BYTES_MAX);
            *consumed
        }
        Decoded::Error { reply, consumed, swallow } => {
            assert!(reply.is_none_or(|reply| reply.ends_with(b"\r\n")));
            assert!(*swallow < 1 << 31);
            *consumed
        }
        Decoded::BinaryError { .. } | Decoded::Auth { .. } | Decoded::Login { .. } => {
            panic!("no command of a text")
        }
    };
    let line = input.iter().position(|&byte| byte == b'\n');
    assert_eq!(line.map(|at| at + 1), Some(consumed), "a decoded consumes exactly its line");
    Some(consumed)
}

/// As [`check`], for a binary request.
fn check_binary(decoded: &Decoded<'_>, input: &[u8]) -> Option<usize> {
    const HEAD_BYTES_MAX: usize = BINARY_HEADER_BYTES + 20 + KEY_BYTES_MAX;
    let consumed = match decoded {
        Decoded::NeedMore => {
            assert!(input.len() < HEAD_BYTES_MAX, "a whole head is not decoded");
            return None;
        }
        Decoded::Close => {
            assert!(input.first() != Some(&REQUEST_MAGIC), "closed on a request");
            return Some(0);
        }
        Decoded::Error { .. } | Decoded::Login { .. } => panic!("text in a binary connection"),
        Decoded::Request { request, consumed } => {
            if let Request::Binary(request) = request {
                assert!((1..=KEY_BYTES_MAX).contains(&request.key().len()));
                // Any command with any extras must be readable.
                let _ = request.command();
            }
            *consumed
        }
        Decoded::Store { store, consumed } => {
            assert!((1..=KEY_BYTES_MAX).contains(&store.key.len()));
            assert!(store.value_bytes <= BINARY_BODY_BYTES_MAX);
            *consumed
        }
        Decoded::Auth { auth, consumed } => {
            assert!((1..=KEY_BYTES_MAX).contains(&auth.mechanism.len()));
            *consumed
        }
        Decoded::BinaryError { consumed, .. } => *consumed,
    };
    assert!((BINARY_HEADER_BYTES..=HEAD_BYTES_MAX).contains(&consumed));
    Some(consumed)
}

fn check_request(request: &Request<'_>) {
    match request {
        Request::Get(GetRequest { keys, .. }) => {
            assert!(keys.clone().count() > 0);
            let mut left = keys.clone();
            while let Some(key) = left.next() {
                check_key(key);
                let resumed = Keys::from_validated(left.rest()).next();
                assert_eq!(resumed, left.clone().next(), "keys resume where they stopped");
            }
        }
        Request::Meta(MetaRequest { key, flags, .. }) => {
            check_key(key);
            let decoded = &mut [0; DECODED_KEY_BYTES_MAX];
            assert!((1..=KEY_BYTES_MAX).contains(&flags.item_key(key, decoded).len()));
        }
        Request::Touch { key, .. }
        | Request::Delete { key, .. }
        | Request::Arithmetic { key, .. } => check_key(key),
        Request::Version
        | Request::Stats(_)
        | Request::MetaNoop
        | Request::Quit
        | Request::Dump { .. }
        | Request::Snapshot { .. }
        | Request::Watch(_)
        | Request::ServerCommand { .. } => {}
        Request::Binary(_) | Request::BinaryServer(..) => panic!("binary in a text"),
    }
}

fn check_key(key: &[u8]) {
    assert!((1..=KEY_BYTES_MAX).contains(&key.len()), "{} bytes of key", key.len());
    assert!(!key.contains(&b' ') && !key.contains(&b'\n'));
}
