//! The items that a row's servers hold.

/// Which items. Rows that share them and their thread count share their servers, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// As many, and of such values, as the command line says.
    Chosen,
    /// So many small ones that neither their hash table nor they stay in the processor's cache.
    Many,
    /// Few with values of 64 KiB.
    Large,
}

/// Items of one size, and the memory of the servers that hold them all.
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
    /// Keys at most where nobody reads the figures, by [`Items`].
    const QUICK_KEYS: u32 = 20_000;
    const QUICK_KEYS_LARGE: u32 = 200;
}

/// The data sets of one comparison.
#[derive(Clone, Copy, Debug)]
pub struct DataSets {
    /// [`Items::Chosen`].
    pub chosen: DataSet,
    /// Few keys everywhere: it is to work, not to measure.
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
        };
        let keys_max = if self.quick { quick_keys } else { u32::MAX };
        DataSet { keys: data_set.keys.min(keys_max), ..data_set }
    }
}
