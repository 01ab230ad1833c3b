//! The replies of one connection, in the order of its requests.
//!
//! ```text
//! ready: bytes that may leave now | slot | bytes after it | slot | bytes after it | ...
//! ```
//! A slot is a reply that another shard owes, or a large value that is sent without a copy. Bytes
//! encoded after a slot wait in `tail`, and move to `ready` when the slot has ended.

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;

use crate::connection::gather::Gather;
use crate::connection::outgoing::{LargeValue, Outgoing, Parts};
use crate::connection::request_group::{RequestGroup, RequestGroups};
use crate::connection::slot::{Slot, SlotState};
use crate::connection::spare_buffers::SpareBuffers;
use crate::settings::limits::{
    HELD_BYTES_MAX, OPEN_GATHERS_MAX, OPEN_SLOTS_MAX, OUTPUT_BYTES_MAX, SEND_EARLY_BYTES,
};

/// The replies of one connection that have not left.
#[derive(Debug, Default)]
pub(crate) struct Output {
    ready: Vec<u8>,
    tail: Vec<u8>,
    tail_start: usize,
    late: Vec<u8>,
    slots: VecDeque<Slot>,
    /// Slots whose replies are not there.
    missing: usize,
    /// Requests whose replies are there, and wait for those that are missing and leave with them.
    ready_requests: RequestGroups,
    /// Sum of the weights of the slots that several shards fill.
    gathers: usize,
    /// Open slots whose replies may have values, whose lengths are not known yet.
    open_reads: usize,
    /// `open_reads` has reached its maximum.
    reads_full: bool,
    first_slot: u32,
    /// Bytes handed to the socket that have not left.
    sending: usize,
    /// Bytes of large values among `sending`.
    sending_held: usize,
    /// Bytes of large values that have not left, in slots or being sent. While `reads_full`,
    /// [`HELD_BYTES_MAX`] is added, so that one comparison finds both.
    owed_bytes: usize,
}

impl Output {
    /// Encodes the next reply with `write`.
    #[inline]
    pub(crate) fn encode<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        match self.slots.back_mut() {
            None => write(&mut self.ready),
            Some(slot) => {
                let before = self.tail.len();
                let result = write(&mut self.tail);
                slot.after += self.tail.len() - before;
                result
            }
        }
    }

    /// The buffer of replies that may leave at once; `None` if the next reply waits for others.
    #[inline]
    pub(crate) fn direct(&mut self) -> Option<&mut Vec<u8>> {
        self.slots.is_empty().then_some(&mut self.ready)
    }

    /// Opens a slot for another shard's reply without a value, and returns its number.
    #[inline]
    pub(crate) fn open_slot(&mut self, spares: &mut SpareBuffers) -> u32 {
        self.missing += 1;
        self.push_slot(SlotState::Open, spares)
    }

    /// Opens a slot for another shard's reply that may have a value, and returns its number. There
    /// may be `reads_max` of them; they are not counted if every slot may be one.
    #[inline]
    pub(crate) fn open_read(&mut self, spares: &mut SpareBuffers, reads_max: usize) -> u32 {
        if reads_max == OPEN_SLOTS_MAX {
            return self.open_slot(spares);
        }
        self.open_reads += 1;
        if self.open_reads >= reads_max && !self.reads_full {
            self.reads_full = true;
            self.owed_bytes += HELD_BYTES_MAX;
        }
        self.missing += 1;
        self.push_slot(SlotState::OpenRead, spares)
    }

    /// Opens a slot that several shards fill.
    pub(crate) fn open_gather(&mut self, gather: Box<Gather>, spares: &mut SpareBuffers) -> u32 {
        self.missing += 1;
        self.gathers += gather.weight();
        self.push_slot(SlotState::Gather(gather), spares)
    }

    /// Opens a slot for a large value of this shard. The bytes before it are encoded already.
    pub(crate) fn open_large(&mut self, value: LargeValue, spares: &mut SpareBuffers) {
        self.owed_bytes += value.left_bytes();
        self.push_slot(SlotState::Large(Box::new(value)), spares);
    }

    fn push_slot(&mut self, state: SlotState, spares: &mut SpareBuffers) -> u32 {
        if self.slots.capacity() == 0 {
            self.slots = spares.take_slots();
        }
        let number = self.first_slot.wrapping_add(self.slots.len() as u32);
        self.slots.push_back(Slot { state, after: 0, requests: RequestGroup::default() });
        number
    }

    /// True if another shard owes this slot's whole reply.
    #[inline]
    pub(crate) fn is_open(&mut self, number: u32) -> bool {
        matches!(self.slot_mut(number).state, SlotState::Open | SlotState::OpenRead)
    }

    /// A slot is about to be filled: it no longer counts as an open read.
    #[inline]
    fn end_wait(&mut self, number: u32) {
        if self.open_reads > 0 && matches!(self.slot_mut(number).state, SlotState::OpenRead) {
            self.open_reads -= 1;
            if mem::take(&mut self.reads_full) {
                self.owed_bytes -= HELD_BYTES_MAX;
            }
        }
    }

    /// Fills a slot with another shard's whole reply.
    #[inline]
    pub(crate) fn fill(&mut self, number: u32, bytes: &[u8], spares: &mut SpareBuffers) {
        self.end_wait(number);
        if number == self.first_slot {
            self.ready.extend_from_slice(bytes);
            self.end_front();
        } else {
            if self.late.capacity() == 0 {
                self.late = spares.take();
            }
            let range = self.keep_late(bytes);
            assert!(self.is_open(number), "a slot is filled once");
            self.slot_mut(number).state = SlotState::Late(range);
        }
        self.end_missing();
    }

    /// A reply that was missing is there.
    #[inline]
    fn end_missing(&mut self) {
        self.missing -= 1;
        if self.missing == 0 && !self.slots.is_empty() {
            self.all_there();
        }
    }

    /// All replies are there: those that are left wait for the client only.
    #[inline(never)]
    fn all_there(&mut self) {
        for slot in &mut self.slots {
            if let Some(requests) = slot.requests.take() {
                self.ready_requests.add(&requests);
            }
        }
    }

    /// True if replies of other shards are missing.
    #[inline]
    pub(crate) fn is_missing_replies(&self) -> bool {
        self.missing > 0
    }

    /// Keeps requests whose replies leave only once all that is missing now is there.
    pub(crate) fn keep_requests(&mut self, requests: &RequestGroup, spares: &mut SpareBuffers) {
        debug_assert!(self.missing > 0);
        let back = self.slots.back_mut().expect("a missing reply has a slot");
        if back.requests.is_empty() || back.requests.received == requests.received {
            back.requests.merge(requests);
            return;
        }
        // A reply of no bytes keeps the other time.
        self.push_slot(SlotState::Late(0..0), spares);
        let back = self.slots.back_mut().expect("it was just added");
        back.requests = *requests;
    }

    /// Takes the requests that were kept and whose replies leave now. They do if nothing is
    /// missing, even if the socket has no room for them: the client's time is not the server's.
    /// `sends`: a send is taken.
    #[inline]
    pub(crate) fn take_answered(&mut self, sends: bool, to: impl FnMut(RequestGroup)) {
        if !self.ready_requests.is_empty() && (self.missing == 0 || sends) {
            self.ready_requests.take(to);
        }
    }

    /// Fills a slot with a large value.
    pub(crate) fn fill_large(&mut self, number: u32, value: LargeValue) {
        self.owed_bytes += value.left_bytes();
        self.end_wait(number);
        assert!(self.is_open(number), "a slot is filled once");
        self.slot_mut(number).state = SlotState::Large(Box::new(value));
        self.end_missing();
    }

    /// The gather of a slot, to add a part to.
    pub(crate) fn gather_mut(&mut self, number: u32) -> Option<&mut Gather> {
        match &mut self.slot_mut(number).state {
            SlotState::Gather(gather) => Some(gather),
            _ => None,
        }
    }

    /// True if several shards owe parts of some reply.
    pub(crate) fn has_gathers(&self) -> bool {
        self.gathers > 0
    }

    /// Replaces a finished gather by its reply.
    pub(crate) fn finish_gather(&mut self, number: u32, bytes: &[u8], spares: &mut SpareBuffers) {
        let state = mem::replace(&mut self.slot_mut(number).state, SlotState::Open);
        let SlotState::Gather(gather) = state else { unreachable!("a gather is finished once") };
        self.gathers -= gather.weight();
        self.fill(number, bytes, spares);
    }

    /// Ends the first slot. The bytes after it, up to the next missing reply, move to `ready`.
    fn end_front(&mut self) {
        loop {
            let slot = self.slots.pop_front().expect("a slot is in front");
            self.first_slot = self.first_slot.wrapping_add(1);
            if !slot.requests.is_empty() {
                self.ready_requests.add(&slot.requests);
            }
            let end = self.tail_start + slot.after;
            self.ready.extend_from_slice(&self.tail[self.tail_start..end]);
            self.tail_start = end;
            match self.slots.front() {
                Some(Slot { state: SlotState::Late(range), .. }) => {
                    self.ready.extend_from_slice(&self.late[range.clone()]);
                }
                Some(_) => return,
                None => {
                    debug_assert_eq!(self.tail_start, self.tail.len());
                    self.tail.clear();
                    self.tail_start = 0;
                    self.late.clear();
                    return;
                }
            }
        }
    }

    fn keep_late(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.late.len();
        self.late.extend_from_slice(bytes);
        start..self.late.len()
    }

    fn slot_mut(&mut self, number: u32) -> &mut Slot {
        let index = number.wrapping_sub(self.first_slot) as usize;
        self.slots.get_mut(index).expect("a reply belongs to an open slot")
    }

    /// True if no further request may be executed before some of the output has left.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.unsent_bytes() >= OUTPUT_BYTES_MAX
            || self.is_owed_values()
            || self.slots.len() >= OPEN_SLOTS_MAX
            || self.gathers >= OPEN_GATHERS_MAX
    }

    /// True if no further value may be read before some have left.
    #[inline]
    pub(crate) fn is_owed_values(&self) -> bool {
        self.owed_bytes >= HELD_BYTES_MAX
    }

    /// Bytes of memory of the buffers.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.ready.capacity() + self.tail.capacity() + self.late.capacity() + self.sending
    }

    /// Bytes of memory that the replies take.
    fn unsent_bytes(&self) -> usize {
        let sending = self.sending - self.sending_held;
        self.ready.len() + sending + (self.tail.len() - self.tail_start) + self.late.len()
    }

    /// True if all replies were sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.slots.is_empty() && self.sending == 0
    }

    /// The replies that leave next, up to a large value.
    pub(crate) fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// True if bytes are being sent.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending != 0
    }

    /// True if nothing waits to be sent or filled.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.slots.is_empty()
    }

    /// True if bytes should be sent now: no send is under way, and no reply is missing that could
    /// leave with them. One send for the requests of one write costs half as much as two.
    #[inline]
    pub(crate) fn can_send(&self) -> bool {
        if self.sending != 0 {
            return false;
        }
        match self.slots.front() {
            None => !self.ready.is_empty(),
            Some(Slot { state: SlotState::Large(_), .. }) => true,
            Some(_) => self.ready.len() >= SEND_EARLY_BYTES,
        }
    }

    /// Takes the next send: the ready bytes, and parts of the next large values, of
    /// `value_bytes_max` bytes at most.
    #[inline]
    pub(crate) fn take(&mut self, spares: &mut SpareBuffers, value_bytes_max: usize) -> Outgoing {
        debug_assert!(self.can_send());
        let parts = match self.slots.front() {
            Some(Slot { state: SlotState::Large(_), .. }) => {
                Some(self.take_parts(spares, value_bytes_max))
            }
            _ => None,
        };
        let outgoing = Outgoing { replies: mem::take(&mut self.ready), parts };
        self.sending = outgoing.total_bytes();
        outgoing
    }

    /// Takes the next parts of large values. The bytes between and after them become ready.
    #[inline(never)]
    fn take_parts(&mut self, spares: &mut SpareBuffers, value_bytes_max: usize) -> Box<Parts> {
        let mut parts = Box::new(Parts::new(value_bytes_max));
        if self.ready.capacity() == 0 {
            self.ready = spares.take();
        }
        while !parts.is_full()
            && let Some(slot) = self.slots.front_mut()
            && matches!(slot.state, SlotState::Large(_))
        {
            let SlotState::Large(mut value) = mem::replace(&mut slot.state, SlotState::Leaving)
            else {
                unreachable!("it has just matched");
            };
            value.take_head(&mut self.ready);
            let part_bytes = value.left_bytes().min(parts.room_bytes());
            let (ends, end) = (part_bytes == value.left_bytes(), value.end());
            parts.push(self.ready.len(), value, part_bytes);
            if !ends {
                break;
            }
            self.ready.extend_from_slice(end.bytes());
            self.end_front();
        }
        self.sending_held = parts.bytes();
        parts
    }

    /// The bytes taken last are sent as so many bytes: encrypted.
    pub(crate) fn begin_send(&mut self, bytes: usize) {
        self.sending = bytes;
    }

    /// The bytes taken last have left.
    #[inline]
    pub(crate) fn all_sent(&mut self) {
        self.sending = 0;
    }

    /// The bytes taken last have not left, except for those before `unsent`.
    pub(crate) fn take_back(&mut self, mut unsent: Vec<u8>) {
        self.sending = 0;
        unsent.append(&mut self.ready);
        self.ready = unsent;
    }

    /// The parts of values among them have left.
    pub(crate) fn parts_sent(&mut self) {
        self.owed_bytes -= mem::take(&mut self.sending_held);
    }

    /// Takes back a large value of which a part has left. Returns it if that was its last part.
    pub(crate) fn part_sent(&mut self, value: Box<LargeValue>) -> Option<Box<LargeValue>> {
        if value.left_bytes() == 0 {
            return Some(value);
        }
        let slot = self.slots.front_mut().expect("the slot of a value ends with its last part");
        assert!(matches!(slot.state, SlotState::Leaving), "one part leaves at a time");
        slot.state = SlotState::Large(value);
        None
    }

    /// Takes buffers to encode into.
    #[inline]
    pub(crate) fn borrow_buffers(&mut self, spares: &mut SpareBuffers) {
        if self.ready.capacity() == 0 {
            self.ready = spares.take();
        }
        if spares.for_tails() && self.tail.capacity() == 0 {
            self.tail = spares.take();
        }
    }

    /// Returns the empty buffers. An idle connection owns none.
    #[inline]
    pub(crate) fn return_buffers(&mut self, spares: &mut SpareBuffers) {
        if self.ready.is_empty() && self.ready.capacity() != 0 {
            spares.put(mem::take(&mut self.ready));
        }
        if !self.slots.is_empty() {
            return;
        }
        if self.slots.capacity() != 0 {
            spares.put_slots(mem::take(&mut self.slots));
        }
        if self.tail.capacity() + self.late.capacity() != 0 {
            spares.put(mem::take(&mut self.tail));
            spares.put(mem::take(&mut self.late));
        }
    }

    /// Removes the large values that an ending connection still holds.
    pub(crate) fn drain_large(&mut self) -> impl Iterator<Item = LargeValue> + '_ {
        self.slots.drain(..).filter_map(|slot| match slot.state {
            SlotState::Large(value) => Some(*value),
            _ => None,
        })
    }
}
