//! Small numbers that are handed out and come back; the lowest free ones are in use.

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    next: u32,
    free: Vec<u32>,
}

impl Numbers {
    /// A number that nobody has.
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
