//! A request that is decoded before it is executed, so that its bucket and item can be prefetched.
//!
//! Dialects: an arm for the requests of each.

use slabcore_protocol::{DataBlock, Decoded, MetaRequest, Request, RespCommand};
use slabcore_shard::KeyRequest;
use slabcore_storage::ItemSizeLimit;

use crate::requests::reply_form::ReplyForm;

/// A decoded request that waits in a stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct StagedRequest<'a> {
    pub(super) request: KeyRequest<'a>,
    pub(super) form: ReplyForm,
    /// Bytes of the input, with line end and data block.
    pub(super) consumed: usize,
    /// The command of Redis' dialect, to count it when it is executed.
    pub(super) redis_command: Option<&'static RespCommand>,
}

impl<'a> StagedRequest<'a> {
    /// A request for one key that is whole in `input`. `None` for others: they have several keys,
    /// are incomplete, or have a key that must be decoded first.
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
                let form = ReplyForm::of(store.noreply);
                Some(Self { request, form, consumed, redis_command: None })
            }
            _ => None,
        }
    }

    #[inline]
    fn of_request(request: &Request<'a>, consumed: usize) -> Option<Self> {
        let (request, form) = match *request {
            Request::Get(ref get) => {
                let mut keys = get.keys.clone();
                let key = keys.next()?;
                if !keys.rest().is_empty() {
                    return None;
                }
                let (with_cas, exptime) = (get.with_cas, get.exptime);
                (KeyRequest::Get { key, with_cas, exptime }, ReplyForm::WithEnd)
            }
            Request::Touch { key, exptime, noreply } => {
                (KeyRequest::Touch { key, exptime }, ReplyForm::of(noreply))
            }
            Request::Delete { key, noreply } => {
                (KeyRequest::Delete { key }, ReplyForm::of(noreply))
            }
            Request::Arithmetic { key, delta, incr, noreply } => {
                (KeyRequest::Arithmetic { key, delta, incr }, ReplyForm::of(noreply))
            }
            Request::Meta(MetaRequest { command, key, flags }) if !flags.has(b'b') => {
                (KeyRequest::Meta { command, key, flags }, ReplyForm::Plain)
            }
            Request::Binary(request) => (KeyRequest::Binary(request), ReplyForm::Plain),
            _ => return None,
        };
        Some(Self { request, form, consumed, redis_command: None })
    }
}
