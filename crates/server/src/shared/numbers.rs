//! Numbers for what comes and goes, such as connections: indices of a table that stays small.

/// Hands out numbers. The one that came back last goes out first, so the table has no more places
/// than were ever in use at once.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    next: u32,
    free: Vec<u32>,
}

impl Numbers {
    /// A number that is not in use.
    pub(crate) fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Gives a number back.
    pub(crate) fn give(&mut self, number: u32) {
        debug_assert!(number < self.next && !self.free.contains(&number));
        self.free.push(number);
    }
}
