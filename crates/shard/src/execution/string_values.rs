//! What the Redis dialect asks of an item.

use alloc::vec::Vec;
use core::ops::Range;

use slabcore_protocol::{ExpiryForm, RespVersion, RespWriter, strict_64};
use slabcore_storage::{Expiry, ItemRef};

use crate::requests::clock::Now;
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

/// A copy of a part of the value.
pub(super) fn part_of(item: &ItemRef<'_>, range: Range<usize>) -> Vec<u8> {
    let (mut bytes, mut offset) = (Vec::with_capacity(range.len()), 0);
    for part in item.value_parts() {
        let from = range.start.clamp(offset, offset + part.len()) - offset;
        let to = range.end.clamp(offset, offset + part.len()) - offset;
        bytes.extend_from_slice(&part[from..to]);
        offset += part.len();
        if offset >= range.end {
            break;
        }
    }
    bytes
}

/// The bytes of a `GETRANGE`. `None`: it is empty.
pub(super) fn range_in(length: usize, start: i64, end: i64) -> Option<Range<usize>> {
    let length = length as i64;
    // As in Redis, a range whose ends are both counted from the end, in the wrong order, is empty.
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let from_begin = |at: i64| if at < 0 { length.saturating_add(at).max(0) } else { at };
    let (start, end) = (from_begin(start), from_begin(end).min(length - 1));
    (0 <= start && start <= end).then(|| start as usize..end as usize + 1)
}

/// An expiry as it is shown. -1: never.
pub(super) fn shown_expiry(now: Now, expiry: Expiry, form: ExpiryForm) -> i64 {
    if expiry.is_never() {
        return -1;
    }
    let at = now.unix_ms_of(expiry);
    let left = (at - now.unix_ms()).max(0);
    match form {
        ExpiryForm::SecondsLeft => (left + 500) / 1_000,
        ExpiryForm::MillisecondsLeft => left,
        ExpiryForm::UnixSeconds => (at + 500) / 1_000,
        ExpiryForm::UnixMilliseconds => at,
    }
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

/// The reply with an item's value. A longer one than `inline_max` is not copied.
#[inline]
pub(super) fn value_reply(item: ItemRef<'_>, inline_max: usize) -> Response<'_> {
    match item.value() {
        Some(value) if value.len() <= inline_max => Response::String(StringReply::Bulk(value)),
        _ => {
            let head = bulk_head(item.value_len());
            if item.value_len() <= inline_max {
                Response::PartsWithHead { head, item, end: ValueEnd::LineEnd }
            } else {
                Response::LargeWithHead { head, end: ValueEnd::LineEnd }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_redis_cuts_them() {
        for (length, start, end, expected) in [
            (11, 0, 3, Some(0..4)),
            (11, 0, -1, Some(0..11)),
            (11, -4, -1, Some(7..11)),
            (11, 5, 3, None),
            (11, 5, 5_000, Some(5..11)),
            (11, -5_000, 10_000, Some(0..11)),
            (11, 11, 12, None),
            (11, -1, -5, None),
            (0, 0, -1, None),
            (3, i64::MIN, i64::MAX, Some(0..3)),
        ] {
            assert_eq!(range_in(length, start, end), expected, "{length} {start} {end}");
        }
    }
}
