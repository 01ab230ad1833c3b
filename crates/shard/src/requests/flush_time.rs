//! When a `flush_all` takes effect.

/// The time of a `flush_all`. Each replaces a pending one, as in memcached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushTime {
    /// When the command is executed.
    Immediately,
    /// At this tick.
    Tick(u32),
    /// Never: the command only cancels a pending one. memcached does so for a Unix time before its
    /// start.
    Never,
}
