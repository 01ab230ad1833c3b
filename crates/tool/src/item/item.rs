//! An item as a server gave it.

use std::time::Instant;

use super::exptime::Ttl;

/// Everything that a copy keeps of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// 1 to 250 bytes.
    pub(crate) key: Vec<u8>,
    /// The item was stored by a key in base64.
    pub(crate) key_in_base64: bool,
    pub(crate) value: Vec<u8>,
    /// Client flags.
    pub(crate) flags: u32,
    /// What was left at [`Self::read_at`].
    pub(crate) ttl: Ttl,
    pub(crate) read_at: Instant,
    /// Since the last access.
    pub(crate) idle_seconds: u64,
    /// Whether a client has read it since it was stored.
    pub(crate) was_read: bool,
    /// Cas unique; 0 if the item has none.
    pub(crate) cas: u64,
}

impl Item {
    /// What is left of the ttl now, to the nearest second.
    pub(crate) fn ttl_now(&self) -> Ttl {
        self.ttl.after((self.read_at.elapsed().as_millis() as u64 + 500) / 1000)
    }

    /// Bytes of key and value.
    pub(crate) fn bytes(&self) -> u64 {
        (self.key.len() + self.value.len()) as u64
    }
}
