//! A connection's input side over a stream that arrives in pieces.

use slabcore_protocol::{
    DECODED_KEY_BYTES_MAX, DataBlock, Decoder, GetRequest, KEY_BYTES_MAX, Keys, MetaRequest,
    Request, Step, StoreRequest, data_block,
};

/// One step at its place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// What the decoder said.
    Step(usize, Step<'a>),
    /// The data block behind a storage command.
    Block(usize, DataBlock<'a>),
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All was consumed, or the rest waits for more.
    Open,
    /// The decoder closed the connection.
    Closed,
}

/// Where a connection is in its stream.
enum Due {
    Line,
    Block(u32),
    Swallow(u64),
}

/// Decodes `stream` as it comes to a server that has all bytes before each of `cuts` in turn, and
/// the whole of it last. `cuts` ascend.
pub fn steps(stream: &[u8], cuts: impl IntoIterator<Item = usize>) -> (Vec<Seen<'_>>, Ending) {
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
                Due::Block(value_bytes) => {
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
                    let step = decoder.decode(input);
                    let Some(consumed) = check(&step, input) else { break };
                    due = match &step {
                        Step::Store { store, .. } => Due::Block(store.value_bytes),
                        Step::Error { swallow, .. } if *swallow > 0 => Due::Swallow(*swallow),
                        _ => Due::Line,
                    };
                    let closed = step == Step::Close;
                    seen.push(Seen::Step(start, step));
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

/// Bytes that a step consumed; `None` if it needs more.
fn check(step: &Step<'_>, input: &[u8]) -> Option<usize> {
    let consumed = match step {
        Step::NeedMore => {
            assert!(!input.contains(&b'\n'), "a whole line is not decoded");
            return None;
        }
        Step::Close => return Some(0),
        Step::Request { request, consumed } => {
            check_request(request);
            *consumed
        }
        Step::Store { store, consumed } => {
            let StoreRequest { key, value_bytes, .. } = store;
            check_key(key);
            assert!(*value_bytes <= slabcore_protocol::VALUE_BYTES_MAX);
            *consumed
        }
        Step::Error { reply, consumed, swallow } => {
            assert!(reply.is_none_or(|reply| reply.ends_with(b"\r\n")));
            assert!(*swallow < 1 << 31);
            *consumed
        }
    };
    let line = input.iter().position(|&byte| byte == b'\n');
    assert_eq!(line.map(|at| at + 1), Some(consumed), "a step consumes exactly its line");
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
        Request::FlushAll { .. }
        | Request::Version
        | Request::Verbosity { .. }
        | Request::Stats { .. }
        | Request::MetaNoop
        | Request::Quit
        | Request::Shutdown { .. } => {}
    }
}

fn check_key(key: &[u8]) {
    assert!((1..=KEY_BYTES_MAX).contains(&key.len()), "{} bytes of key", key.len());
    assert!(!key.contains(&b' ') && !key.contains(&b'\n'));
}
