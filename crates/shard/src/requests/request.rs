//! A request for one key, as a shard executes it.

use slabcore_protocol::{BinaryRequest, MetaCommand, MetaFlags, StoreRequest, StringRequest};

/// A request for one key. Whether the client wants a reply is not part of it: the connection knows.
#[derive(Debug, Clone, Copy)]
pub enum KeyRequest<'a> {
    /// get, gets, gat, gats.
    Get {
        /// Key, 1 to 250 bytes.
        key: &'a [u8],
        /// The reply names the cas unique.
        with_cas: bool,
        /// The new exptime of a hit, as the client sent it.
        exptime: Option<i32>,
    },
    /// A storage command with its whole value.
    Store {
        /// The command.
        store: StoreRequest<'a>,
        /// Exactly `store.value_bytes` bytes.
        value: &'a [u8],
    },
    /// A storage command whose item is over the size limit: counted, and a set drops the old item.
    TooLarge {
        /// The command.
        store: StoreRequest<'a>,
    },
    /// incr and decr.
    Arithmetic {
        /// Key, 1 to 250 bytes.
        key: &'a [u8],
        /// The number to add or subtract.
        delta: u64,
        /// True: it is added.
        incr: bool,
    },
    /// touch.
    Touch {
        /// Key, 1 to 250 bytes.
        key: &'a [u8],
        /// The new exptime, as the client sent it.
        exptime: i32,
    },
    /// delete.
    Delete {
        /// Key, 1 to 250 bytes.
        key: &'a [u8],
    },
    /// mg, md, ma, me.
    Meta {
        /// The command.
        command: MetaCommand,
        /// Key, 1 to 250 bytes; decoded if it was base64.
        key: &'a [u8],
        /// The flags: how to execute it, and what the reply shows.
        flags: MetaFlags<'a>,
    },
    /// Any request of the binary protocol, except storage requests.
    Binary(BinaryRequest<'a>),
    /// Any request of the Redis dialect.
    String(StringRequest<'a>),
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
            Self::String(request) => request.key,
        }
    }

    /// The database of the key. memcached's keys are in 0.
    pub const fn database(&self) -> u8 {
        match self {
            Self::String(request) => request.database,
            _ => 0,
        }
    }

    /// True if the reply can have the item's value.
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
            Self::String(request) => request.operation.reads_value(),
        }
    }
}
