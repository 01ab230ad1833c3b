//! Chains: changes of the links between a head chunk and its body chunks.

use crate::item::body::{
    BODY_HEADER_BYTES, body_head, body_previous, body_used, set_body_head, set_body_previous,
    set_next_body,
};
use crate::item::chunk::{BODIES, ChunkUse, FIRST_BODY, KEY_LEN_BODY, chunk_use, next};
use crate::item::item_ref::ItemRef;
use crate::limits::CHUNK_BYTES_MAX;
use crate::memory::region::{Location, OwnedPages};

/// Bytes of a chunk that are used. The rest is rounding.
pub(crate) fn chunk_used_bytes(pages: &OwnedPages, chunk: Location) -> usize {
    match chunk_use(pages, chunk) {
        ChunkUse::Free => 0,
        ChunkUse::Body => body_used(pages, chunk),
        ChunkUse::Unlinked | ChunkUse::Linked => ItemRef::new(pages, chunk).head_bytes(),
    }
}

/// The item that a chunk is a part of: linked, or outside of the hash table. `None`: the chunk is
/// free.
pub(crate) fn item_of(pages: &OwnedPages, chunk: Location) -> Option<Location> {
    match chunk_use(pages, chunk) {
        ChunkUse::Free => None,
        ChunkUse::Body => Some(body_head(pages, chunk)),
        ChunkUse::Unlinked | ChunkUse::Linked => Some(chunk),
    }
}

/// Writes the header of a body chunk and links the chunk after `last`, the last one of its item.
pub(crate) fn append_body(
    pages: &mut OwnedPages,
    head: Location,
    last: Location,
    body: Location,
    used: usize,
) {
    debug_assert!((BODY_HEADER_BYTES..=CHUNK_BYTES_MAX).contains(&used));
    let [low, high] = (used as u16).to_le_bytes();
    pages.set_array(pages.at(body), [0, KEY_LEN_BODY, low, high]);
    set_next_body(pages, body, Location::NONE);
    set_body_head(pages, body, head);
    set_body_previous(pages, body, last);
    relink_body(pages, body);
    let bodies = u16::try_from(ItemRef::new(pages, head).body_count() + 1);
    let bodies = bodies.expect("no more chunks than the longest value has");
    set_body_count(pages, head, bodies);
}

/// Updates the links of a body's neighbours to the body's new location.
pub(crate) fn relink_body(pages: &mut OwnedPages, body: Location) {
    let (head, previous) = (body_head(pages, body), body_previous(pages, body));
    if previous == head {
        set_first_body(pages, head, body);
    } else {
        set_next_body(pages, previous, body);
    }
    if let Some(next) = next(pages, body).some() {
        set_body_previous(pages, next, body);
    }
}

/// Updates the links of all bodies to the new location of their head: a walk along the chain.
pub(crate) fn relink_head(pages: &mut OwnedPages, head: Location) {
    let mut body = ItemRef::new(pages, head).first_body();
    if let Some(first) = body.some() {
        set_body_previous(pages, first, head);
    }
    while let Some(chunk) = body.some() {
        set_body_head(pages, chunk, head);
        body = next(pages, chunk);
    }
}

fn set_first_body(pages: &mut OwnedPages, item: Location, body: Location) {
    let item = ItemRef::new(pages, item);
    debug_assert!(item.is_chained());
    pages.set_u32(item.fields_end_at() - FIRST_BODY, body.0);
}

fn set_body_count(pages: &mut OwnedPages, item: Location, bodies: u16) {
    let item = ItemRef::new(pages, item);
    debug_assert!(item.is_chained());
    pages.set_array(item.fields_end_at() - BODIES, bodies.to_le_bytes());
}
