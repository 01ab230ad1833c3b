//! The connections with an incomplete long request, and the memory of each.
//!
//! All of them together have one limit. Above it the connection with the largest request is
//! refused, so a client with a short one is always served.

use std::collections::BTreeSet;

/// The connections with an incomplete long request, ordered by its memory.
#[derive(Debug, Default)]
pub(super) struct CutLines {
    /// Bytes and index of each connection. The largest is last.
    by_bytes: BTreeSet<(usize, u32)>,
    /// Bytes of all.
    bytes: usize,
}

impl CutLines {
    /// Notes that the connection `index` now has `now` bytes instead of `before`.
    pub(super) fn change(&mut self, index: u32, before: usize, now: usize) {
        if before > 0 {
            let was_kept = self.by_bytes.remove(&(before, index));
            assert!(was_kept, "each request was counted");
        }
        if now > 0 {
            self.by_bytes.insert((now, index));
        }
        self.bytes = self.bytes - before + now;
    }

    /// Bytes of all.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The connection with the largest request.
    pub(super) fn largest(&self) -> Option<u32> {
        self.by_bytes.last().map(|&(_, index)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_known_while_lines_grow_and_end() {
        let mut lines = CutLines::default();
        assert_eq!(lines.largest(), None);
        lines.change(7, 0, 3000);
        lines.change(8, 0, 3000);
        lines.change(7, 3000, 9000);
        assert_eq!((lines.largest(), lines.bytes()), (Some(7), 12_000));
        lines.change(7, 9000, 0);
        assert_eq!((lines.largest(), lines.bytes()), (Some(8), 3000));
        lines.change(8, 3000, 0);
        assert_eq!((lines.largest(), lines.bytes()), (None, 0));
    }
}
