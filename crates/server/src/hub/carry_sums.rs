//! The memory of all carries of a hub, and of those that are incomplete long requests.

use crate::connection::carry::{Carry, CountedCarry};
use crate::hub::cut_lines::CutLines;
use crate::settings::limits::{CARRIED_BYTES_MAX, CUT_LINES_BYTES_MAX};

/// The sums of the memory of all carries of a hub.
#[derive(Debug, Default)]
pub(super) struct CarrySums {
    /// Bytes of all carries.
    bytes: usize,
    /// The incomplete long requests among them.
    cut_lines: CutLines,
}

impl CarrySums {
    /// Counts the carry of the connection `index` after it changed. `is_cut_line`: it is an
    /// incomplete long request. Returns true if there is more of these than allowed.
    #[inline]
    pub(super) fn count(&mut self, index: u32, carry: &mut Carry, is_cut_line: bool) -> bool {
        let bytes = carry.memory_bytes();
        let cut_bytes = if is_cut_line { bytes } else { 0 };
        self.bytes = self.bytes - carry.counted.bytes + bytes;
        carry.counted.bytes = bytes;
        if cut_bytes == carry.counted.cut_bytes {
            return false;
        }
        self.cut_lines.change(index, carry.counted.cut_bytes, cut_bytes);
        carry.counted.cut_bytes = cut_bytes;
        self.has_too_many_cut_lines()
    }

    /// Counts a carry that came with a connection from another hub, which had room for it.
    pub(super) fn add_moved(&mut self, carry: &Carry) {
        debug_assert_eq!(carry.counted.cut_bytes, 0, "its former hub took it out");
        self.bytes += carry.counted.bytes;
    }

    /// Takes the carry of a connection that is gone out of the sums. It keeps its bytes in
    /// `counted`: if the connection moves, they are counted at its next hub.
    pub(super) fn remove(&mut self, index: u32, counted: &mut CountedCarry) {
        self.bytes -= counted.bytes;
        self.cut_lines.change(index, std::mem::take(&mut counted.cut_bytes), 0);
    }

    /// Bytes of all carries.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if connections with requests to execute may be read from.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.bytes - self.cut_lines.bytes() <= CARRIED_BYTES_MAX
    }

    /// True if incomplete long requests take more memory than allowed.
    pub(super) fn has_too_many_cut_lines(&self) -> bool {
        self.cut_lines.bytes() > CUT_LINES_BYTES_MAX
    }

    /// The connection with the largest incomplete long request.
    pub(super) fn largest_cut_line(&self) -> Option<u32> {
        self.cut_lines.largest()
    }
}
