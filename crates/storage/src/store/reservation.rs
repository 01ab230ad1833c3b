//! Values that arrive in parts: written straight into memory reserved for them, one chunk ahead of
//! the bytes at most.

use crate::index::key_hasher::HashedKey;
use crate::item::chain::{self, BODY_HEADER_BYTES};
use crate::item::item::{self, ItemShape};
use crate::item::item_ref::ItemRef;
use crate::limits::{KEY_BYTES_MAX, LONG_VALUE_BYTES, VALUE_BYTES_MAX};
use crate::memory::region::Location;
use crate::store::store::{NoMemory, Store};

/// A new item that is being written. Given to [`Store::commit`], [`Store::abandon`] or
/// [`Store::give_up`] in the end; dropped otherwise, its memory stays reserved.
#[must_use = "a reservation is committed or abandoned"]
#[derive(Debug)]
pub struct Reservation {
    pub(crate) head: Location,
    pub(crate) hash: u64,
    value_len: usize,
    written: usize,
    /// Where the next byte goes, and how many fit there.
    chunk: Location,
    at: usize,
    room: usize,
}

impl Reservation {
    /// Bytes of the value that are still to be written.
    pub fn missing(&self) -> usize {
        self.value_len - self.written
    }
}

/// A part of a value to be put together.
#[derive(Clone, Copy)]
pub(crate) enum ValuePart<'a> {
    Bytes(&'a [u8]),
    /// The value of another item, pinned by the caller.
    Item(Location),
}

/// The fields of an item beside its value.
#[derive(Clone, Copy)]
pub(crate) struct ItemFields<'a> {
    pub(crate) key: HashedKey<'a>,
    pub(crate) flags: u32,
    pub(crate) exptime: u32,
    pub(crate) with_cas: bool,
}

impl Store {
    /// True if a value of more than [`LONG_VALUE_BYTES`] was ever stored.
    pub fn has_long_values(&self) -> bool {
        self.has_long_values
    }

    /// Reserves the head chunk for a value of `value_len` bytes (the whole item if one chunk takes
    /// it). `exptime` is an absolute second, 0: never. An old item of the key stays until
    /// [`Self::commit`].
    pub fn reserve(
        &mut self,
        now: u32,
        key: HashedKey<'_>,
        flags: u32,
        exptime: u32,
        value_len: usize,
    ) -> Result<Reservation, NoMemory> {
        let fields = ItemFields { key, flags, exptime, with_cas: false };
        self.begin(now, fields, value_len)
    }

    pub(crate) fn begin(
        &mut self,
        now: u32,
        fields: ItemFields<'_>,
        value_len: usize,
    ) -> Result<Reservation, NoMemory> {
        let ItemFields { key, flags, exptime, with_cas } = fields;
        let shape =
            ItemShape::new(&self.slabs.sizes, key.key().len(), value_len, flags, exptime, with_cas);
        let is_long = value_len > LONG_VALUE_BYTES;
        self.has_long_values |= is_long;
        if is_long && self.is_refused(now, value_len) || !self.could_hold(value_len) {
            if shape.chained {
                self.slabs.refuse_value(value_len);
            }
            return Err(NoMemory);
        }
        let head = self.allocate(now, shape.head_bytes).ok_or(NoMemory)?;
        shape.write(&mut self.slabs.pages, head, key.key(), flags, exptime);
        self.slabs.pin_chunk(head);
        self.reservations += 1;
        let at = self.slabs.pages.at(head) + shape.value_at();
        let room = shape.head_bytes - shape.value_at();
        Ok(Reservation { head, hash: key.hash(), value_len, written: 0, chunk: head, at, room })
    }

    /// Whether there is certainly no memory for a value so long. What is dead makes room even so.
    #[cold]
    fn is_refused(&self, now: u32, value_len: usize) -> bool {
        let is_refused = self.slabs.is_value_refused(value_len);
        value_len > VALUE_BYTES_MAX
            || is_refused && !self.is_expired_left(now) && !self.is_flushed_left()
    }

    /// The next contiguous room for the value; empty when the value is complete. `NoMemory`: no
    /// further chunk could be had, and the caller gives the reservation up (or tries later).
    pub fn spare(
        &mut self,
        now: u32,
        reservation: &mut Reservation,
    ) -> Result<&mut [u8], NoMemory> {
        let (at, len) = self.spare_span(now, reservation)?;
        Ok(self.slabs.pages.bytes_mut(at, len))
    }

    fn spare_span(
        &mut self,
        now: u32,
        reservation: &mut Reservation,
    ) -> Result<(usize, usize), NoMemory> {
        let missing = reservation.missing();
        if missing > 0 && reservation.room == 0 {
            let used = self.slabs.sizes.piece_bytes(BODY_HEADER_BYTES + missing);
            let body = self.allocate(now, used).ok_or(NoMemory)?;
            let pages = &mut self.slabs.pages;
            chain::append_body(pages, reservation.head, reservation.chunk, body, used);
            reservation.chunk = body;
            reservation.at = pages.at(body) + BODY_HEADER_BYTES;
            reservation.room = used - BODY_HEADER_BYTES;
            self.slabs.pin_chunk(body);
        }
        Ok((reservation.at, reservation.room.min(missing)))
    }

    /// Tells that `n` bytes of the last [`Self::spare`] were written.
    pub fn advance(&mut self, reservation: &mut Reservation, n: usize) {
        assert!(n <= reservation.room && n <= reservation.missing(), "more than was reserved");
        reservation.written += n;
        reservation.at += n;
        reservation.room -= n;
    }

    /// Frees the reserved memory; the old item of the key stays.
    pub fn abandon(&mut self, reservation: Reservation) {
        let item = self.finish(reservation);
        self.slabs.free_item(item);
    }

    /// As [`Self::abandon`], after [`NoMemory`]: with evictions off, all stores refuse values so
    /// long from now on, until one of them frees something.
    pub fn give_up(&mut self, reservation: Reservation) {
        let value_len = reservation.value_len;
        self.abandon(reservation);
        self.slabs.refuse_value(value_len);
    }

    /// Ends the reservation's pins; the item is the caller's to link or free at once.
    #[expect(clippy::needless_pass_by_value, reason = "the token ends here")]
    pub(crate) fn finish(&mut self, reservation: Reservation) -> Location {
        let Reservation { head, .. } = reservation;
        self.slabs.set_item_pinned(head, false);
        self.reservations -= 1;
        head
    }

    /// A new item with a value put together from parts. Neither linked nor pinned: the caller links
    /// it before anything else is allocated.
    pub(crate) fn build(
        &mut self,
        now: u32,
        fields: ItemFields<'_>,
        value_len: usize,
        parts: &[ValuePart<'_>],
    ) -> Option<Location> {
        let mut reservation = self.begin(now, fields, value_len).ok()?;
        for part in parts {
            let filled = match *part {
                ValuePart::Bytes(bytes) => self.fill_from_bytes(now, &mut reservation, bytes),
                ValuePart::Item(item) => self.fill_from_item(now, &mut reservation, item),
            };
            if filled.is_err() {
                self.give_up(reservation);
                return None;
            }
        }
        assert_eq!(reservation.missing(), 0, "parts shorter than the value");
        Some(self.finish(reservation))
    }

    fn fill_from_bytes(
        &mut self,
        now: u32,
        reservation: &mut Reservation,
        mut bytes: &[u8],
    ) -> Result<(), NoMemory> {
        while !bytes.is_empty() {
            let room = self.spare(now, reservation)?;
            let (part, rest) = bytes.split_at(room.len().min(bytes.len()));
            room[..part.len()].copy_from_slice(part);
            self.advance(reservation, part.len());
            bytes = rest;
        }
        Ok(())
    }

    /// The item's chunks are pinned: whatever is evicted or moved for the new one, they stay.
    fn fill_from_item(
        &mut self,
        now: u32,
        reservation: &mut Reservation,
        item: Location,
    ) -> Result<(), NoMemory> {
        let mut source = Some(ItemRef::new(&self.slabs.pages, item).first_span());
        while let Some(span) = source {
            let mut copied = 0;
            while copied < span.len {
                let (at, room) = self.spare_span(now, reservation)?;
                assert!(room > 0, "parts longer than the value");
                let len = room.min(span.len - copied);
                self.slabs.pages.copy(span.at + copied, at, len);
                self.advance(reservation, len);
                copied += len;
            }
            source = span.following(&self.slabs.pages);
        }
        Ok(())
    }

    /// Moves a linked item into a chunk with the asked-for fields; all else stays.
    pub(crate) fn rewrite_item(
        &mut self,
        now: u32,
        hash: u64,
        old: Location,
        exptime: u32,
        with_cas: bool,
    ) -> Option<Location> {
        let view = ItemRef::new(&self.slabs.pages, old);
        let mut key = [0; KEY_BYTES_MAX];
        let key = &mut key[..view.key().len()];
        key.copy_from_slice(view.key());
        let (flags, unique, value_len) = (view.flags(), view.cas(), view.value_len());
        let fields = ItemFields { key: HashedKey::rejoin(key, hash), flags, exptime, with_cas };
        let guard = self.guard(old);
        let new = self.build(now, fields, value_len, &[ValuePart::Item(old)]);
        self.unguard(old, guard);
        let new = new?;
        // The old one is alive, and stays so: a flush would have ended it.
        self.mark_new(new);
        let pages = &mut self.slabs.pages;
        let access = item::access(pages, old);
        item::set_access(pages, new, access);
        if with_cas {
            item::set_cas(pages, new, unique);
        }
        self.link(hash, new, Some(old));
        Some(new)
    }
}

// An interpreter that looks for undefined behaviour has no time for values so long.
#[cfg(all(test, not(miri)))]
pub(crate) mod tests {
    use alloc::{boxed::Box, sync::Arc};
    use std::{vec, vec::Vec};

    use super::*;
    use crate::item::chain::steps;
    use crate::limits::CHUNK_BYTES_MAX;
    use crate::{Config, KeyHasher, NewItem, PAGE_BYTES, PagePool, Region};
    use crate::{StoreOutcome, StoreVerb};

    pub(crate) fn store_of(pages: usize) -> Store {
        let region = Region::new(Box::new(vec![0; pages * PAGE_BYTES]));
        let config = Config { item_bytes_max: VALUE_BYTES_MAX, evict: false, ..Config::default() };
        Store::new(&config, Arc::new(PagePool::new(region)), KeyHasher::new(1)).unwrap()
    }

    pub(crate) fn value_of(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n >> 12) as u8 ^ n as u8).collect()
    }

    pub(crate) fn put<'a>(
        store: &mut Store,
        key: &'a [u8],
        value: &[u8],
        verb: StoreVerb,
    ) -> HashedKey<'a> {
        let key = store.hasher.hash(key);
        let item = NewItem { key, value, flags: 0, exptime: 0 };
        assert_eq!(store.store(1, &item, verb), StoreOutcome::Stored);
        key
    }

    /// Appends walked along the chain from its head for each part they copied: seconds at 128 MiB.
    #[test]
    fn a_join_takes_so_many_steps_as_there_are_chunks() {
        const LEN: usize = 64 << 20;
        // Twice the value, as the old item stays until the new one is linked.
        let mut store = store_of(2 * (LEN / PAGE_BYTES) + 40);
        let mut value = value_of(LEN);
        let key = put(&mut store, b"long", &value, StoreVerb::Set);
        for (verb, at) in [(StoreVerb::Append, LEN), (StoreVerb::Prepend, 0)] {
            value.splice(at..at, *b"hello");
            let steps = steps::of(|| {
                put(&mut store, b"long", b"hello", verb);
            });
            // Guard, copy, unguard, unpin the new chain, free the old one, reuse freed chunks.
            assert!(steps <= 8 * (LEN / CHUNK_BYTES_MAX + 4), "{steps} steps");
            let item = store.get(1, key).unwrap();
            let mut rest = &value[..];
            for part in item.value_parts() {
                rest = rest.strip_prefix(part).expect("another value than was joined");
            }
            assert!(rest.is_empty());
        }
        store.check().unwrap();
    }

    #[test]
    fn an_item_is_counted_without_a_walk() {
        let mut store = store_of(100);
        let key = put(&mut store, b"long", &value_of(3 << 20), StoreVerb::Set);
        assert_eq!(steps::of(|| store.touch(1, key, 90).unwrap()), 0);
        store.check().unwrap();
    }
}
