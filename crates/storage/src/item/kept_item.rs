//! Items that another process left in memory: whether a chunk that claims to be one can be.
//!
//! Such a chunk may have any content. Nothing is read outside of it before it is known to be an
//! item's.

use crate::item::body::{BODY_HEADER_BYTES, body_head, body_previous, body_used};
use crate::item::chunk::{ChunkUse, HAS_CAS, HAS_EXPTIME, chunk_use, next};
use crate::item::extension::EXTENSION_BYTES;
use crate::item::item_head::ItemHead;
use crate::item::item_ref::ItemRef;
use crate::limits::{CHUNK_BYTES_MAX, KEY_BYTES_MAX};
use crate::memory::region::{Location, OwnedPages};

/// Whether the linked item in a chunk of `chunk_bytes` is well-formed, apart from its bodies.
pub(crate) fn is_whole_head(pages: &OwnedPages, item: Location, chunk_bytes: usize) -> bool {
    let head = ItemHead::read(pages, item);
    if !has_possible_key(pages, head, chunk_bytes) || head.value_offset(pages) > chunk_bytes {
        return false;
    }
    let view = ItemRef::with_head(pages, head);
    let used = view.head_bytes();
    let has_fields = head.state() & (HAS_EXPTIME | HAS_CAS) == HAS_EXPTIME | HAS_CAS;
    (head.value_offset(pages)..=chunk_bytes.min(CHUNK_BYTES_MAX)).contains(&used)
        && (!head.is_chained() || has_fields)
}

/// Whether what the item says of its key is possible. If it is extended, so is its extension.
fn has_possible_key(pages: &OwnedPages, head: ItemHead, chunk_bytes: usize) -> bool {
    if !head.is_consistent() {
        return false;
    }
    if !head.is_extended() {
        return usize::from(head.code()) <= KEY_BYTES_MAX;
    }
    head.fields_end() + EXTENSION_BYTES <= chunk_bytes && head.extension(pages).is_possible()
}

/// Whether a body chunk of `chunk_bytes` is well-formed, belongs to this head and follows
/// `previous`.
fn is_body_of(
    pages: &OwnedPages,
    body: Location,
    chunk_bytes: usize,
    head: Location,
    previous: Location,
) -> bool {
    chunk_use(pages, body) == ChunkUse::Body
        && (BODY_HEADER_BYTES..=chunk_bytes.min(CHUNK_BYTES_MAX)).contains(&body_used(pages, body))
        && body_head(pages, body) == head
        && body_previous(pages, body) == previous
}

/// Whether the bodies of a well-formed head are there and have its whole value. `chunk_bytes` is
/// the length of the chunk at a location, `None` if there is none.
pub(crate) fn is_whole_chain(
    pages: &OwnedPages,
    item: Location,
    chunk_bytes: impl Fn(Location) -> Option<usize>,
) -> bool {
    let view = ItemRef::new(pages, item);
    let (_, mut written) = view.head_span();
    let (mut previous, mut body) = (item, view.first_body());
    for _ in 0..view.body_count() {
        let Some(bytes) = chunk_bytes(body) else { return false };
        if !is_body_of(pages, body, bytes, item, previous) {
            return false;
        }
        written += body_used(pages, body) - BODY_HEADER_BYTES;
        (previous, body) = (body, next(pages, body));
    }
    body.is_none() && written == view.value_len()
}
