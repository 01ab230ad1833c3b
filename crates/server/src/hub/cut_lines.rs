//! Which connections keep the start of a long request whose end has not come, and how much of it.
//!
//! Their memory has one limit. Above it the connection that keeps most is refused: a client that
//! keeps little is served, whatever others keep.

use std::collections::BTreeSet;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct CutLines {
    /// Bytes and index of each connection; the largest is last.
    by_bytes: BTreeSet<(usize, u32)>,
    /// Bytes of all.
    bytes: usize,
}

impl CutLines {
    /// The connection `index` keeps `now` bytes, and kept `before`.
    pub(crate) fn change(&mut self, index: u32, before: usize, now: usize) {
        if before > 0 {
            let was_kept = self.by_bytes.remove(&(before, index));
            assert!(was_kept, "what is kept is counted");
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

    /// The connection that keeps most.
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
