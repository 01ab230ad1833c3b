//! A request that was decoded ahead of its turn, so that its bucket and item can be brought near.
//!
//! Dialects: an arm for the requests of each.

use slabcore_protocol::{DataBlock, Decoded, MetaRequest, Request};
use slabcore_shard::KeyRequest;
use slabcore_storage::ItemSizeLimit;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned<'a> {
    pub(super) request: KeyRequest<'a>,
    /// The client wants no reply.
    pub(super) noreply: bool,
    /// A get: `END` follows its reply.
    pub(super) is_get: bool,
    /// Bytes of the input with line end and data block.
    pub(super) consumed: usize,
}

impl<'a> Planned<'a> {
    /// A request for one key that is whole in `input`; `None` for anything else, which needs more
    /// than one look, or room for a key that must be decoded.
    #[inline]
    pub(super) fn of(
        decoded: &Decoded<'a>,
        input: &'a [u8],
        limit: &ItemSizeLimit,
    ) -> Option<Self> {
        match decoded {
            Decoded::Request { request, consumed } => Self::of_request(request, *consumed),
            Decoded::Store { store, consumed } => {
                if store.key_is_encoded() {
                    return None;
                }
                let key_bytes = store.key.len();
                if limit.is_exceeded(key_bytes, store.flags, store.value_bytes as usize) {
                    return None;
                }
                let block = store.data_block(input.get(*consumed..)?);
                let DataBlock::Whole { value, consumed: block_bytes } = block else { return None };
                let request = KeyRequest::Store { store: *store, value };
                let consumed = consumed + block_bytes;
                Some(Self { request, noreply: store.noreply, is_get: false, consumed })
            }
            _ => None,
        }
    }

    #[inline]
    fn of_request(request: &Request<'a>, consumed: usize) -> Option<Self> {
        let (request, noreply, is_get) = match *request {
            Request::Get(ref get) => {
                let mut keys = get.keys.clone();
                let key = keys.next()?;
                if !keys.rest().is_empty() {
                    return None;
                }
                let (with_cas, exptime) = (get.with_cas, get.exptime);
                (KeyRequest::Get { key, with_cas, exptime }, false, true)
            }
            Request::Touch { key, exptime, noreply } => {
                (KeyRequest::Touch { key, exptime }, noreply, false)
            }
            Request::Delete { key, noreply } => (KeyRequest::Delete { key }, noreply, false),
            Request::Arithmetic { key, delta, incr, noreply } => {
                (KeyRequest::Arithmetic { key, delta, incr }, noreply, false)
            }
            Request::Meta(MetaRequest { command, key, flags }) if !flags.has(b'b') => {
                (KeyRequest::Meta { command, key, flags }, false, false)
            }
            Request::Binary(request) => (KeyRequest::Binary(request), false, false),
            _ => return None,
        };
        Some(Self { request, noreply, is_get, consumed })
    }
}
