//! The token of a page.

/// A page. The holder of this value owns the page's memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Page(u32);

impl Page {
    /// For the pool, which makes one value for each page.
    pub(super) fn new(number: u32) -> Page {
        Page(number)
    }

    /// Number of the page, counted from the start of the region.
    pub fn number(&self) -> u32 {
        self.0
    }
}
