//! The id of a shard.

use core::fmt;

use crate::limits::SHARDS_MAX;

/// The index of a shard, below [`SHARDS_MAX`]. The executor that owns the shard has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub(super) u8);

impl ShardId {
    /// The shard with this index, which is below [`SHARDS_MAX`].
    pub const fn new(index: usize) -> Self {
        assert!(index < SHARDS_MAX);
        Self(index as u8)
    }

    /// The index, of arrays with an element for each shard.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The first `count` shards.
    pub fn first(count: usize) -> impl Iterator<Item = Self> {
        (0..count).map(Self::new)
    }
}

/// Writes the index.
impl fmt::Display for ShardId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
