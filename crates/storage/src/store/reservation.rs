//! Reservations: items whose value arrives in parts. The parts are written directly into memory
//! that is reserved for them, at most one chunk ahead of the bytes.

use alloc::vec::Vec;

use crate::item::body::BODY_HEADER_BYTES;
use crate::item::chain;
use crate::item::expiry::{Expiry, Moment};
use crate::item::hashed_key::HashedKey;
use crate::item::item_shape::{CasField, ItemShape};
use crate::limits::{LONG_VALUE_BYTES, VALUE_BYTES_MAX};
use crate::memory::region::Location;
use crate::store::allocation::NoMemory;
use crate::store::store::Store;

/// A new item that is being written. Must be given to [`Store::commit`], [`Store::abandon`] or
/// [`Store::give_up`]; if it is dropped instead, its memory stays reserved.
#[must_use = "a reservation is committed or abandoned"]
#[derive(Debug)]
pub struct Reservation {
    pub(super) head: Location,
    pub(super) hash: u64,
    value_len: usize,
    /// Bytes of the value that are written.
    written: usize,
    /// The chunk of the next byte, its offset in the region, and the bytes that fit there.
    chunk: Location,
    at: usize,
    room: usize,
}

impl Reservation {
    /// Bytes of the value that are not written yet.
    pub fn missing(&self) -> usize {
        self.value_len - self.written
    }

    /// Bytes of the value that have no memory yet.
    fn awaited(&self) -> isize {
        self.missing().saturating_sub(self.room).cast_signed()
    }
}

/// A part of the value of a new item.
#[derive(Clone, Copy)]
pub(super) enum ValuePart<'a> {
    Bytes(&'a [u8]),
    /// The value of another item, which the caller has pinned.
    Item(Location),
}

/// The fields of a new item without its value.
#[derive(Clone, Copy)]
pub(super) struct ItemFields<'a> {
    pub(super) key: HashedKey<'a>,
    pub(super) flags: u32,
    pub(super) expiry: Expiry,
    pub(super) cas: CasField,
}

impl Store {
    /// Whether a value of more than [`LONG_VALUE_BYTES`] was ever stored.
    pub fn has_long_values(&self) -> bool {
        self.has_long_values
    }

    /// Reserves the head chunk for a value of `value_len` bytes, or the whole item if it fits one
    /// chunk. The present item of the key stays until [`Self::commit`].
    pub fn reserve(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        flags: u32,
        expiry: Expiry,
        value_len: usize,
    ) -> Result<Reservation, NoMemory> {
        let fields = ItemFields { key, flags, expiry, cas: CasField::Absent };
        self.begin(now, fields, value_len)
    }

    fn begin(
        &mut self,
        now: Moment,
        fields: ItemFields<'_>,
        value_len: usize,
    ) -> Result<Reservation, NoMemory> {
        let ItemFields { key, flags, expiry, cas } = fields;
        let sizes = self.items().slabs().sizes();
        let shape = ItemShape::new(sizes, key, value_len, flags, expiry, cas);
        let is_long = value_len > LONG_VALUE_BYTES;
        self.has_long_values |= is_long;
        if is_long && self.is_refused(now, value_len)
            || !self.allocation.moves_mut().could_hold(value_len)
        {
            if shape.chained {
                self.items().slabs().refusals.add_value(value_len);
            }
            return Err(NoMemory);
        }
        let head = self.allocation.allocate(now, shape.head_bytes).ok_or(NoMemory)?;
        shape.write(self.pages_mut(), head, key, flags, expiry);
        self.items_mut().slabs_mut().pin_chunk(head);
        self.reservations += 1;
        let at = self.pages().at(head) + shape.value_at;
        let room = shape.head_bytes - shape.value_at;
        let hash = key.hash();
        let reservation = Reservation { head, hash, value_len, written: 0, chunk: head, at, room };
        self.allocation.moves_mut().note_awaited(reservation.awaited());
        Ok(reservation)
    }

    /// Whether there is known to be no memory for a value of this many bytes. Dead items would make
    /// room.
    #[cold]
    fn is_refused(&self, now: Moment, value_len: usize) -> bool {
        let is_refused = self.items().slabs().refusals.has_value(value_len);
        value_len > VALUE_BYTES_MAX || is_refused && !self.eviction().may_have_dead(now)
    }

    /// The next contiguous room for the value, empty if the value is complete. `NoMemory`: no
    /// further chunk could be had. The caller gives the reservation up, or tries again later.
    pub fn spare(
        &mut self,
        now: Moment,
        reservation: &mut Reservation,
    ) -> Result<&mut [u8], NoMemory> {
        let (at, len) = self.spare_span(now, reservation)?;
        Ok(self.pages_mut().bytes_mut(at, len))
    }

    fn spare_span(
        &mut self,
        now: Moment,
        reservation: &mut Reservation,
    ) -> Result<(usize, usize), NoMemory> {
        let missing = reservation.missing();
        if missing > 0 && reservation.room == 0 {
            let used = self.items().slabs().sizes().piece_bytes(BODY_HEADER_BYTES + missing);
            let body = self.allocation.allocate(now, used).ok_or(NoMemory)?;
            let pages = self.pages_mut();
            chain::append_body(pages, reservation.head, reservation.chunk, body, used);
            reservation.chunk = body;
            reservation.at = pages.at(body) + BODY_HEADER_BYTES;
            let before = reservation.awaited();
            reservation.room = used - BODY_HEADER_BYTES;
            self.allocation.moves_mut().note_awaited(reservation.awaited() - before);
            self.items_mut().slabs_mut().pin_chunk(body);
        }
        Ok((reservation.at, reservation.room.min(missing)))
    }

    /// Notes that `n` bytes of the last [`Self::spare`] were written.
    pub fn advance(&mut self, reservation: &mut Reservation, n: usize) {
        assert!(n <= reservation.room && n <= reservation.missing(), "more than was reserved");
        reservation.written += n;
        reservation.at += n;
        reservation.room -= n;
    }

    /// Appends the bytes of the value that are written.
    pub fn copy_written(&self, reservation: &Reservation, out: &mut Vec<u8>) {
        let mut left = reservation.written;
        for part in self.items().view(reservation.head).value_parts() {
            let part = &part[..part.len().min(left)];
            out.extend_from_slice(part);
            left -= part.len();
        }
        debug_assert_eq!(left, 0, "each written byte has its chunk");
    }

    /// Frees the reserved memory. The present item of the key stays.
    pub fn abandon(&mut self, reservation: Reservation) {
        let item = self.finish(reservation);
        self.items_mut().slabs_mut().free_item(item);
    }

    /// As [`Self::abandon`], after [`NoMemory`]. If evictions are off, all stores refuse values of
    /// this length or longer until one of them frees memory.
    pub fn give_up(&mut self, reservation: Reservation) {
        let value_len = reservation.value_len;
        self.abandon(reservation);
        self.items().slabs().refusals.add_value(value_len);
    }

    /// Ends the reservation's pins. The caller links or frees the item at once.
    #[expect(clippy::needless_pass_by_value, reason = "the token ends here")]
    pub(super) fn finish(&mut self, reservation: Reservation) -> Location {
        self.allocation.moves_mut().note_awaited(-reservation.awaited());
        let Reservation { head, .. } = reservation;
        self.items_mut().slabs_mut().unpin_item(head);
        self.reservations -= 1;
        head
    }

    /// A new item with the value of all parts. It is neither linked nor pinned; the caller links it
    /// before anything else is allocated.
    pub(super) fn build(
        &mut self,
        now: Moment,
        fields: ItemFields<'_>,
        value_len: usize,
        parts: &[ValuePart<'_>],
    ) -> Option<Location> {
        self.build_from(now, fields, value_len, parts.iter().copied())
    }

    /// As [`Self::build`], with parts of another store's memory.
    pub(super) fn build_from_parts<'a>(
        &mut self,
        now: Moment,
        fields: ItemFields<'_>,
        value_len: usize,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Option<Location> {
        self.build_from(now, fields, value_len, parts.map(ValuePart::Bytes))
    }

    fn build_from<'a>(
        &mut self,
        now: Moment,
        fields: ItemFields<'_>,
        value_len: usize,
        parts: impl Iterator<Item = ValuePart<'a>>,
    ) -> Option<Location> {
        let mut reservation = self.begin(now, fields, value_len).ok()?;
        for part in parts {
            let filled = match part {
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
        now: Moment,
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

    /// The caller has pinned the item, so its chunks stay where they are.
    fn fill_from_item(
        &mut self,
        now: Moment,
        reservation: &mut Reservation,
        item: Location,
    ) -> Result<(), NoMemory> {
        let mut source = Some(self.items().view(item).first_span());
        while let Some(span) = source {
            let mut copied = 0;
            while copied < span.len {
                let (at, room) = self.spare_span(now, reservation)?;
                assert!(room > 0, "parts longer than the value");
                let len = room.min(span.len - copied);
                self.pages_mut().copy(span.at + copied, at, len);
                self.advance(reservation, len);
                copied += len;
            }
            source = span.following(self.pages());
        }
        Ok(())
    }
}

// Under Miri values of this length take too long.
#[cfg(all(test, not(miri)))]
mod tests {
    use alloc::{boxed::Box, sync::Arc};
    use std::vec;

    use super::*;
    use crate::item::chunk::steps;
    use crate::limits::CHUNK_BYTES_MAX;
    use crate::{Config, KeyHasher, NewItem, PAGE_BYTES, PagePool, Region};
    use crate::{StoreOutcome, StoreVerb};

    const SEED: u64 = 1;
    const NOW: Moment = Moment::at(1);

    fn store_of(pages: usize) -> Store {
        let region = Region::new(Box::new(vec![0; pages * PAGE_BYTES]));
        let config = Config { item_bytes_max: VALUE_BYTES_MAX, evict: false, ..Config::default() };
        Store::new(&config, Arc::new(PagePool::new(region)), KeyHasher::new(SEED)).unwrap()
    }

    fn value_of(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n >> 12) as u8 ^ n as u8).collect()
    }

    fn put<'a>(store: &mut Store, key: &'a [u8], value: &[u8], verb: StoreVerb) -> HashedKey<'a> {
        let key = KeyHasher::new(SEED).hash(key);
        let item = NewItem { key, value, flags: 0, expiry: Expiry::NEVER };
        assert_eq!(store.store(NOW, &item, verb), StoreOutcome::Stored);
        key
    }

    /// Appends walked along the chain from its head for each part that they copied. It took seconds
    /// at 128 MiB.
    #[test]
    fn a_join_takes_about_one_step_for_each_chunk() {
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
            let item = store.get(NOW, key).unwrap();
            let mut rest = &value[..];
            for part in item.value_parts() {
                rest = rest.strip_prefix(part).expect("another value than was joined");
            }
            assert!(rest.is_empty());
        }
        store.check().unwrap();
    }

    #[test]
    fn what_is_written_is_copied() {
        let mut store = store_of(100);
        let value = value_of(1 << 20);
        let key = KeyHasher::new(SEED).hash(b"long");
        let mut reservation = store.reserve(NOW, key, 0, Expiry::NEVER, value.len()).unwrap();
        for end in [0, 1, 5_000, 300_000, 300_001, value.len()] {
            while reservation.missing() > value.len() - end {
                let written = value.len() - reservation.missing();
                let room = store.spare(NOW, &mut reservation).unwrap();
                let count = room.len().min(end - written);
                room[..count].copy_from_slice(&value[written..written + count]);
                store.advance(&mut reservation, count);
            }
            let mut copied = Vec::new();
            store.copy_written(&reservation, &mut copied);
            assert!(copied == value[..end], "{end}");
        }
        store.abandon(reservation);
        store.check().unwrap();
    }

    #[test]
    fn an_item_is_counted_without_a_walk() {
        let mut store = store_of(100);
        let key = put(&mut store, b"long", &value_of(3 << 20), StoreVerb::Set);
        assert_eq!(steps::of(|| store.touch(NOW, key, Expiry::at(90)).unwrap()), 0);
        store.check().unwrap();
    }

    /// The chunk before a body was found by a walk from the head. Each body took as many steps as
    /// the value has chunks.
    #[test]
    fn a_body_moves_in_a_few_steps_and_a_head_in_one_walk() {
        let mut store = store_of(200);
        let value = value_of(4 << 20);
        let key = put(&mut store, b"long", &value, StoreVerb::Set);
        let item = store.items().find_linked(key).unwrap();
        let bodies: Vec<_> = store.items().view(item).bodies().collect();
        for chunk in bodies.iter().copied().chain([item]) {
            let slabs = store.items_mut().slabs_mut();
            let class = slabs.class_of(chunk);
            if !slabs.has_room(class) {
                let page = slabs.stock.take_page().unwrap();
                slabs.join_class(page, class);
            }
            let steps = steps::of(|| assert!(store.items_mut().relocate(item, chunk)));
            let allowed = if chunk == item { bodies.len() } else { 0 };
            assert!(steps <= allowed + 4, "{steps} steps");
            store.check().unwrap();
        }
        assert_eq!(store.stats().items_moved, bodies.len() as u64 + 1);
        let item = store.get(NOW, key).unwrap();
        let moved: Vec<u8> = item.value_parts().flatten().copied().collect();
        assert!(moved == value);
    }
}
