//! When a `flush_all` takes effect.

/// The time of a `flush_all`. Each replaces a pending one, as in memcached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushTime {
    /// When the command is executed.
    Immediately,
    /// A second before this tick, and again at this tick for the items stored in between.
    /// memcached takes a second off the time and also flushes the items of the second that is left.
    Tick(u32),
    /// Never: the command only cancels a pending one. memcached does so for a Unix time before its
    /// start.
    Never,
}
