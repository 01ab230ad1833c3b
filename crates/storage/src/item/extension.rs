//! The extension of an item: a word before its key, which plain items do not have.
//!
//! ```text
//! bits  0-17  key length, 0 to 16,384
//!      18-21  database
//!      22-31  millisecond of the expiry
//! ```

use crate::item::expiry::TICK_MS;
use crate::limits::{DATABASES, LONG_KEY_BYTES_MAX};

/// Bytes of an extension.
pub(super) const EXTENSION_BYTES: usize = 4;

const KEY_LEN_BITS: u32 = 18;
const DATABASE_SHIFT: u32 = KEY_LEN_BITS;
const DATABASE_BITS: u32 = 4;
const MILLISECOND_SHIFT: u32 = DATABASE_SHIFT + DATABASE_BITS;

const _: () = {
    assert!(LONG_KEY_BYTES_MAX < 1 << KEY_LEN_BITS);
    assert!(DATABASES as u32 <= 1 << DATABASE_BITS);
    assert!((TICK_MS as u32) < 1 << (u32::BITS - MILLISECOND_SHIFT));
};

/// The extension of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extension(pub(super) u32);

impl Extension {
    pub(super) fn new(key_len: usize, database: u8, millisecond: u16) -> Extension {
        debug_assert!(key_len <= LONG_KEY_BYTES_MAX && millisecond < TICK_MS);
        Extension(
            key_len as u32
                | u32::from(database) << DATABASE_SHIFT
                | u32::from(millisecond) << MILLISECOND_SHIFT,
        )
    }

    pub(super) fn key_len(self) -> usize {
        (self.0 & ((1 << KEY_LEN_BITS) - 1)) as usize
    }

    pub(super) fn database(self) -> u8 {
        (self.0 >> DATABASE_SHIFT & ((1 << DATABASE_BITS) - 1)) as u8
    }

    pub(super) fn millisecond(self) -> u16 {
        (self.0 >> MILLISECOND_SHIFT) as u16
    }

    /// Whether an item can have this extension.
    pub(super) fn is_possible(self) -> bool {
        self.key_len() <= LONG_KEY_BYTES_MAX
            && self.database() < DATABASES
            && self.millisecond() < TICK_MS
    }
}
