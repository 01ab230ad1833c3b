//! What the Redis dialect asks of a value.

use alloc::vec::Vec;

use slabcore_protocol::{RespVersion, RespWriter, strict_64};
use slabcore_storage::ItemRef;

use crate::limits::VALUE_INLINE_BYTES_MAX;
use crate::requests::response::{Response, ValueEnd};
use crate::requests::string_reply::StringReply;

/// Bytes of the longest string that Redis keeps beside its head.
const EMBEDDED_BYTES_MAX: usize = 44;

/// A copy of the value.
pub(super) fn bytes_of(item: &ItemRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(item.value_len());
    item.value_parts().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// The name of the encoding that Redis would use for a new value.
pub(super) fn encoding_of(item: &ItemRef<'_>) -> &'static str {
    match item.value() {
        Some(value) if strict_64(value).is_some() => "int",
        Some(value) if value.len() <= EMBEDDED_BYTES_MAX => "embstr",
        _ => "raw",
    }
}

/// A number that changes with each change of the item: its cas unique. Without cas uniques (`-C`)
/// it is made of what the item has.
pub(super) fn version_of(item: &ItemRef<'_>) -> i64 {
    if item.cas() != 0 {
        return item.cas().cast_signed();
    }
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    item.value_parts().flatten().for_each(|byte| add(*byte));
    let expiry = item.expiry();
    expiry.tick().to_le_bytes().into_iter().for_each(&mut add);
    expiry.millisecond().to_le_bytes().into_iter().for_each(&mut add);
    hash.cast_signed()
}

/// The bytes before a string of this length.
pub(super) fn bulk_head(value_bytes: usize) -> Vec<u8> {
    let mut head = Vec::new();
    RespWriter::new(&mut head, RespVersion::Two).bulk_head(value_bytes);
    head
}

/// The reply with an item's value.
#[inline]
pub(super) fn value_reply(item: ItemRef<'_>) -> Response<'_> {
    match item.value() {
        Some(value) if value.len() <= VALUE_INLINE_BYTES_MAX => {
            Response::String(StringReply::Bulk(value))
        }
        _ => {
            let head = bulk_head(item.value_len());
            if item.value_len() <= VALUE_INLINE_BYTES_MAX {
                Response::PartsWithHead { head, item, end: ValueEnd::LineEnd }
            } else {
                Response::LargeWithHead { head, end: ValueEnd::LineEnd }
            }
        }
    }
}
