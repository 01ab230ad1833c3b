//! A get that others interrupt.

/// A get that has paused between two of its keys. The input starts with the next key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PausedGet {
    pub(crate) with_cas: bool,
    pub(crate) exptime: Option<i32>,
    /// Bytes of the remaining keys with the line end. All of them have arrived.
    pub(crate) line_bytes: usize,
}
