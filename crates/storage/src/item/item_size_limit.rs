//! The largest item (`-I`), measured as memcached measures its items.

/// Bytes of memcached's item without key, value and optional fields: its header, a NUL after the
/// key, CRLF after the value.
const FIXED_BYTES: usize = 48 + 1 + 2;
/// Bytes of a cas unique in memcached's item.
const CAS_BYTES: usize = 8;
/// Bytes of flags that are not 0 in memcached's item.
const FLAGS_BYTES: usize = 4;

/// The size limit of items. It accepts the same items as memcached, whatever an item takes here.
#[derive(Debug, Clone, Copy)]
pub struct ItemSizeLimit {
    /// Bytes of memcached's item at most (`-I`).
    pub item_bytes_max: usize,
    /// Whether items have cas uniques (not `-C`).
    pub cas: bool,
}

impl ItemSizeLimit {
    /// True if an item of these lengths exceeds the limit.
    #[inline]
    pub const fn is_exceeded(&self, key_bytes: usize, flags: u32, value_bytes: usize) -> bool {
        let cas_bytes = if self.cas { CAS_BYTES } else { 0 };
        let flags_bytes = if flags == 0 { 0 } else { FLAGS_BYTES };
        FIXED_BYTES + cas_bytes + flags_bytes + key_bytes + value_bytes > self.item_bytes_max
    }
}
