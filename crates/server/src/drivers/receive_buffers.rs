//! The buffers that the kernel fills with what clients send. All connections of a ring share them.
#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use memmap2::{Advice, MmapMut, MmapOptions};

/// The receive buffers of one ring. One mapping holds the ring of entries, then the buffers.
pub(super) struct ReceiveBuffers {
    memory: MmapMut,
    count: u16,
    buffer_bytes: usize,
    buffers_start: usize,
    tail: u16,
}

const PAGE_BYTES: usize = 4096;

impl ReceiveBuffers {
    /// Makes `count` buffers, a power of two, and gives all of them to the kernel.
    pub(super) fn new(count: u16, buffer_bytes: usize) -> io::Result<Self> {
        assert!(count.is_power_of_two());
        let entries_bytes = usize::from(count) * size_of::<BufRingEntry>();
        let buffers_start = entries_bytes.next_multiple_of(PAGE_BYTES);
        // Populated at once, as the kernel uses all buffers in turn.
        let memory = MmapOptions::new()
            .len(buffers_start + usize::from(count) * buffer_bytes)
            .populate()
            .map_anon()?;
        // Huge pages cause fewer TLB misses. Without them the buffers work, too.
        let _ = memory.advise(Advice::HugePage);
        let mut buffers = Self { memory, count, buffer_bytes, buffers_start, tail: 0 };
        for buffer in 0..count {
            buffers.give_back(buffer);
        }
        Ok(buffers)
    }

    /// The address of the ring of entries, for the kernel.
    pub(super) fn entries_address(&self) -> u64 {
        self.memory.as_ptr().addr() as u64
    }

    /// The first `bytes` of a buffer that the kernel has filled and that was not given back.
    pub(super) fn bytes(&self, buffer: u16, bytes: usize) -> &[u8] {
        assert!(buffer < self.count && bytes <= self.buffer_bytes);
        let start = self.buffers_start + usize::from(buffer) * self.buffer_bytes;
        &self.memory[start..start + bytes]
    }

    /// Gives a buffer to the kernel to be filled.
    pub(super) fn give_back(&mut self, buffer: u16) {
        assert!(buffer < self.count);
        let start = self.buffers_start + usize::from(buffer) * self.buffer_bytes;
        let base = self.memory.as_mut_ptr();
        #[expect(clippy::cast_ptr_alignment, reason = "the mapping starts at a page")]
        let entries = base.cast::<BufRingEntry>();
        let place = usize::from(self.tail & (self.count - 1));
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `place < count`, and the mapping starts with `count` entries, page-aligned. The
        // kernel reads entries only up to the tail published below, never this one before that.
        // The tail is a u16 inside the first entry, aligned as such, shared with the kernel: hence
        // the atomic store, with release so that the entry is seen first.
        unsafe {
            let entry = &mut *entries.add(place);
            entry.set_addr(base.add(start).addr() as u64);
            entry.set_len(self.buffer_bytes as u32);
            entry.set_bid(buffer);
            let tail = BufRingEntry::tail(entries).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}
