//! A request for one key, as a shard executes it.

use slabcore_protocol::{BinaryRequest, MetaCommand, MetaFlags, StoreRequest};

/// What is asked of one key. Whether the client wants to hear of it is the connection's affair.
#[derive(Debug, Clone, Copy)]
pub enum KeyRequest<'a> {
    /// get, gets, gat, gats.
    Get {
        /// Key, 1 to 250 bytes.
        key: &'a [u8],
        /// The reply names the cas unique.
        with_cas: bool,
        /// New exptime of a hit, as the client sent it.
        exptime: Option<i32>,
    },
    /// A storage command with its whole value.
    Store {
        /// The command line.
        store: StoreRequest<'a>,
        /// Exactly `store.value_bytes` bytes.
        value: &'a [u8],
    },
    /// A storage command whose item is over the size limit: counted, and a set drops the old item.
    TooLarge {
        /// The command line.
        store: StoreRequest<'a>,
    },
    /// incr and decr.
    Arithmetic {
        /// Key, 1 to 250 bytes.
        key: &'a [u8],
        /// By how much.
        delta: u64,
        /// Up or down.
        incr: bool,
    },
    /// touch.
    Touch {
        /// Key, 1 to 250 bytes.
        key: &'a [u8],
        /// New exptime as the client sent it.
        exptime: i32,
    },
    /// delete.
    Delete {
        /// Key, 1 to 250 bytes.
        key: &'a [u8],
    },
    /// mg, md, ma, me.
    Meta {
        /// Which one.
        command: MetaCommand,
        /// Key, 1 to 250 bytes; decoded if it was base64.
        key: &'a [u8],
        /// How to do it and what to tell.
        flags: MetaFlags<'a>,
    },
    /// Any request of the binary protocol but storing.
    Binary(BinaryRequest<'a>),
}

impl<'a> KeyRequest<'a> {
    /// The key that decides which shard answers.
    pub const fn key(&self) -> &'a [u8] {
        match self {
            Self::Get { key, .. }
            | Self::Arithmetic { key, .. }
            | Self::Touch { key, .. }
            | Self::Delete { key }
            | Self::Meta { key, .. } => key,
            Self::Store { store, .. } | Self::TooLarge { store } => store.key,
            Self::Binary(request) => request.key(),
        }
    }

    /// True if the reply may have the item's value.
    #[inline]
    pub const fn reads_value(&self) -> bool {
        match self {
            Self::Get { .. } | Self::Meta { command: MetaCommand::Get, .. } | Self::Binary(_) => {
                true
            }
            Self::Store { .. }
            | Self::TooLarge { .. }
            | Self::Arithmetic { .. }
            | Self::Touch { .. }
            | Self::Delete { .. }
            | Self::Meta { .. } => false,
        }
    }
}
