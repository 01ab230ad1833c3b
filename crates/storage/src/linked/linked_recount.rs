//! The recount of linked items, for tests.

use alloc::{format, string::String, vec::Vec};

use crate::item::body::{body_head, body_previous};
use crate::item::chain::chunk_used_bytes;
use crate::item::chunk::{self, ChunkUse};
use crate::item::segment::Segment;
use crate::limits::{DATABASES, PAGE_BYTES};
use crate::linked::linked_items::LinkedItems;
use crate::memory::region::Location;
use crate::slabs::page_record::RecordId;
use crate::slabs::slab_recount::{Chunks, ensure};

impl LinkedItems {
    /// Recounts all items and their memory. `held`: the held items. `reservations`: how many items
    /// are being written. `is_swept`: whether a page is being searched for expired items.
    pub(crate) fn recount(
        &self,
        held: &[Location],
        reservations: usize,
        is_swept: impl Fn(RecordId) -> bool,
    ) -> Result<(), String> {
        let chunks = self.slabs().recount_pages(self.index().pages())?;
        self.recount_items(&chunks, is_swept)?;
        let items = self.slabs().recount_classes(&chunks)?;
        ensure!(items == self.items(), "{} items", self.items());
        for item in self.index().recount(self.pages(), |item| self.hash_of(item))? {
            let is_linked = matches!(chunks.get(&item), Some(ChunkUse::Linked));
            ensure!(is_linked, "{item:?} is in a bucket and no linked item");
        }
        self.recount_pins(&chunks, held, reservations)
    }

    /// The bodies of an item link to their neighbours and to their head, which counts them. Returns
    /// how many there are.
    fn recount_chain(&self, head: Location, chunks: &Chunks) -> Result<usize, String> {
        let (view, mut previous, mut bodies) = (self.view(head), head, 0);
        for body in view.bodies() {
            ensure!(chunks.get(&body) == Some(&ChunkUse::Body), "{body:?} is no body");
            let noted = body_head(self.pages(), body);
            ensure!(noted == head, "{body:?} belongs to {noted:?}, not {head:?}");
            let noted = body_previous(self.pages(), body);
            ensure!(noted == previous, "{body:?} follows {previous:?}, not {noted:?}");
            previous = body;
            bodies += 1;
            ensure!(bodies <= view.body_count(), "{head:?}: more bodies than it counts");
        }
        let counted = view.body_count();
        ensure!(bodies == counted, "{head:?}: {bodies} bodies, {counted} counted");
        Ok(bodies)
    }

    /// The counts of linked items agree with the items. Each body chunk belongs to one head.
    fn recount_items(
        &self,
        chunks: &Chunks,
        is_swept: impl Fn(RecordId) -> bool,
    ) -> Result<(), String> {
        let (mut bytes, mut epochs, mut bodies) = ([0; Segment::ALL.len()], [0; 4], 0);
        let mut databases = [0; DATABASES as usize];
        let mut linked = Vec::new();
        for (chunk, chunk_use) in chunks {
            if !matches!(chunk_use, ChunkUse::Linked | ChunkUse::Unlinked) {
                continue;
            }
            bodies += self.recount_chain(*chunk, chunks)?;
            if *chunk_use == ChunkUse::Unlinked {
                continue;
            }
            linked.push(*chunk);
            let view = self.view(*chunk);
            let written: usize = view.value_parts().map(<[u8]>::len).sum();
            ensure!(written == view.value_len(), "{chunk:?}: a linked value is incomplete");
            bytes[view.access().segment() as usize] += view.total_bytes();
            let parts = core::iter::once(*chunk).chain(view.bodies());
            let used: usize = parts.map(|part| chunk_used_bytes(self.pages(), part)).sum();
            ensure!(used == view.total_bytes(), "{chunk:?}: {used} bytes in its chunks");
            let (page, exptime) = (self.slabs().stock.record_of(*chunk), view.exptime());
            ensure!(
                exptime == 0 || self.expiry().earliest(page) <= exptime || is_swept(page),
                "{chunk:?}: its page does not know that it expires"
            );
            epochs[usize::from(view.epoch())] += 1;
            let is_counted = view.database() != 0 && !self.has_been_flushed(self.head(*chunk));
            databases[usize::from(view.database())] += u64::from(is_counted);
        }
        let all_bodies = chunks.values().filter(|chunk| **chunk == ChunkUse::Body).count();
        ensure!(bodies == all_bodies, "{all_bodies} body chunks, {bodies} of them in chains");
        let counted = self.accounts.bytes_by_segment();
        ensure!(bytes == counted, "item bytes: {counted:?} by segment, recount {bytes:?}");
        let counted = self.accounts.databases();
        ensure!(databases == counted, "items by database: {counted:?}, recount {databases:?}");
        if let Some(sizes) = self.accounts.sizes() {
            let sized: u64 = sizes.map(|(_, items)| items).sum();
            ensure!(sized == self.items() as u64, "{sized} items by size of {}", self.items());
        }
        let owned = self.slabs().stock.owned_pages();
        ensure!(self.bytes() <= owned * PAGE_BYTES, "more bytes than pages");
        ensure!(self.expiry().is_sound(), "a group of pages expires at another second than they");
        let Some(dead) = self.recount_dead_marked(&linked) else {
            return Err(format!("a clean page has flushed items, {:?}", self.epochs));
        };
        ensure!(
            self.epochs.is_sound(epochs, dead),
            "{:?}, recount {epochs:?}, {dead} of the current mark dead",
            self.epochs
        );
        Ok(())
    }

    /// Items outside of the hash table are reserved or held. Pinned chunks are those of reserved
    /// and held items.
    fn recount_pins(
        &self,
        chunks: &Chunks,
        held: &[Location],
        reservations: usize,
    ) -> Result<(), String> {
        let (mut pinned, mut reserved) = (Vec::new(), 0);
        for (chunk, chunk_use) in chunks {
            if !matches!(chunk_use, ChunkUse::Unlinked | ChunkUse::Linked) {
                continue;
            }
            let is_held = chunk::is_held(self.pages(), *chunk);
            ensure!(is_held == held.contains(chunk), "{chunk:?}: held or not");
            let is_reserved = *chunk_use == ChunkUse::Unlinked && !is_held;
            reserved += usize::from(is_reserved);
            if is_held || is_reserved {
                pinned.extend(core::iter::once(*chunk).chain(self.view(*chunk).bodies()));
            }
        }
        ensure!(reserved == reservations, "{reserved} reservations in memory");
        self.slabs().recount_pins(&pinned)
    }
}
