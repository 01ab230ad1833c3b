//! The items in the servers of a row.

/// A kind of data set. Rows with the same data set and thread count use the same servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// Number and size of values are those of the command line.
    Chosen,
    /// So many small items that neither they nor their hash table stay in the processor's cache.
    Many,
    /// Few items with values of 64 KiB.
    Large,
    /// Far more items than the memory holds.
    TooMany,
}

/// Items of one size, and the memory of the servers. It holds all items but [`Items::TooMany`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// Distinct keys.
    pub keys: u32,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// `-m` of both servers.
    pub memory_mib: usize,
}

impl DataSet {
    /// [`Items::Many`]; memcached has chunks of 152 bytes for them.
    pub const MANY: Self = Self { keys: 12_000_000, value_bytes: 64, memory_mib: 2048 };
    /// [`Items::Large`]: more than the processor's cache holds.
    pub const LARGE: Self = Self { keys: 4000, value_bytes: 64 << 10, memory_mib: 1024 };
    /// [`Items::TooMany`]: memory for about a tenth of them.
    pub const TOO_MANY: Self = Self { keys: 4_000_000, value_bytes: 100, memory_mib: 64 };
    /// Keys at most where nobody reads the figures, by [`Items`].
    const QUICK_KEYS: u32 = 20_000;
    const QUICK_KEYS_LARGE: u32 = 200;
}

/// The data sets of one comparison.
#[derive(Clone, Copy, Debug)]
pub struct DataSets {
    /// [`Items::Chosen`].
    pub chosen: DataSet,
    /// Few keys in each data set, for a run that only shows that it works.
    pub quick: bool,
}

impl DataSets {
    /// The data set of these items.
    #[must_use]
    pub fn of(&self, items: Items) -> DataSet {
        let (data_set, quick_keys) = match items {
            Items::Chosen => (self.chosen, DataSet::QUICK_KEYS),
            Items::Many => (DataSet::MANY, DataSet::QUICK_KEYS),
            Items::Large => (DataSet::LARGE, DataSet::QUICK_KEYS_LARGE),
            Items::TooMany => (DataSet::TOO_MANY, DataSet::QUICK_KEYS),
        };
        let keys_max = if self.quick { quick_keys } else { u32::MAX };
        DataSet { keys: data_set.keys.min(keys_max), ..data_set }
    }
}
