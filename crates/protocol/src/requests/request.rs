//! Requests in text, and the union of the requests of all dialects. They borrow the connection's
//! input.

use crate::requests::binary_opcode::{SET, loud};
use crate::requests::echo::Echo;
use crate::{
    BinaryRequest, BinaryServerRequest, DECODED_KEY_BYTES_MAX, DataBlock, DumpFormat, Keys,
    MetaFlags, ServerCommand, SlabClasses, StatsQuery, Streams, data_block,
};

/// A command without a data block.
#[derive(Clone, Debug, PartialEq)]
pub enum Request<'a> {
    /// `get`, `gets`, `gat`, `gats`.
    Get(GetRequest<'a>),
    /// `touch`: gives an item a new exptime.
    Touch {
        /// 1 to 250 bytes.
        key: &'a [u8],
        /// Exptime as sent: 0 never, negative at once, else relative or absolute seconds.
        exptime: i32,
        /// No reply is wanted.
        noreply: bool,
    },
    /// `delete`.
    Delete {
        /// 1 to 250 bytes.
        key: &'a [u8],
        /// No reply is wanted.
        noreply: bool,
    },
    /// `incr` and `decr`.
    Arithmetic {
        /// 1 to 250 bytes.
        key: &'a [u8],
        /// The amount to add or subtract.
        delta: u64,
        /// `incr` if true, else `decr`.
        incr: bool,
        /// No reply is wanted.
        noreply: bool,
    },
    /// `mg`, `md`, `ma`, `me`.
    Meta(MetaRequest<'a>),
    /// `mn`: replies `MN`, and ignores further words.
    MetaNoop,
    /// `version`.
    Version,
    /// `quit`: close without a reply. The bytes that follow are not executed.
    Quit,
    /// `stats` with a question. It has no noreply.
    Stats(StatsQuery<'a>),
    /// `lru_crawler metadump` and `mgdump`.
    Dump {
        /// How each item is shown.
        format: DumpFormat,
        /// The slab classes whose items are shown.
        classes: SlabClasses,
        /// No error line is wanted.
        noreply: bool,
    },
    /// `snapshot`.
    Snapshot {
        /// The name of a directory in the server's own one; empty: that one. As sent.
        name: &'a [u8],
        /// No reply is wanted.
        noreply: bool,
    },
    /// `watch`; `None`: a stream was named that does not exist.
    Watch(Option<Streams>),
    /// A command that changes something in the server as a whole.
    ServerCommand {
        /// The command.
        command: ServerCommand,
        /// No reply is wanted.
        noreply: bool,
    },
    /// A binary request for one key.
    Binary(BinaryRequest<'a>),
    /// A binary request that is not for a key.
    BinaryServer(Echo, BinaryServerRequest<'a>),
}

impl Request<'_> {
    /// True if the reply needs a connection: it is sent in parts, or never ends.
    pub const fn is_endless(&self) -> bool {
        matches!(self, Self::Watch(_) | Self::Dump { .. })
    }
}

/// A retrieval of one or many keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetRequest<'a> {
    /// At least one key.
    pub keys: Keys<'a>,
    /// `gets` and `gats`: the reply carries the cas unique.
    pub with_cas: bool,
    /// `gat` and `gats`: the new exptime of each hit.
    pub exptime: Option<i32>,
}

/// The name of a meta command. `ms` is a [`StoreRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaCommand {
    /// `mg`.
    Get,
    /// `md`.
    Delete,
    /// `ma`, adding.
    Incr,
    /// `ma`, subtracting.
    Decr,
    /// `me`.
    Debug,
}

/// A meta command without a data block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaRequest<'a> {
    /// The name of the command.
    pub command: MetaCommand,
    /// 1 to 250 bytes as sent; with the flag `b`, [`MetaFlags::item_key`] decodes it.
    pub key: &'a [u8],
    /// The flags: how to execute the command, and what the reply shows.
    pub flags: MetaFlags<'a>,
}

/// The kind of a storage command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Stores in any case.
    Set,
    /// Stores only if there is no item.
    Add,
    /// Stores only if there is an item.
    Replace,
    /// Appends to the value of an item.
    Append,
    /// Prepends to the value of an item.
    Prepend,
    /// Stores only if the item still has the cas unique of the request.
    Cas,
}

/// A storage command without its data block, which follows in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreRequest<'a> {
    /// The kind of the command.
    pub verb: Verb,
    /// 1 to 250 bytes as sent. If it is base64, [`Self::item_key`] decodes it.
    pub key: &'a [u8],
    /// The client's flags, opaque to the server.
    pub flags: u32,
    /// Exptime as sent, cut to 32 bits: 0 never, negative at once, else relative or absolute
    /// seconds. In the binary protocol the bits are those of an unsigned number.
    pub exptime: i32,
    /// Bytes of the value without its CRLF, 0 to [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX).
    pub value_bytes: u32,
    /// The cas unique to compare with; 0: none. Append and prepend have one only in the binary
    /// protocol.
    pub cas_unique: u64,
    /// No reply is wanted.
    pub noreply: bool,
    /// The dialect, with what only that one has.
    pub form: StoreForm<'a>,
}

/// The dialect of a storage command, with what only that one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreForm<'a> {
    /// A classic text command.
    Classic,
    /// `ms`, with the text of its flags.
    Meta(&'a [u8]),
    /// A binary request, with the echo for its reply.
    Binary(Echo),
}

impl<'a> StoreRequest<'a> {
    /// The flags of `ms`.
    pub fn meta(&self) -> Option<MetaFlags<'a>> {
        match self.form {
            StoreForm::Meta(text) => Some(MetaFlags::from_validated(text)),
            StoreForm::Classic | StoreForm::Binary(_) => None,
        }
    }

    /// True if the key is base64 and must be decoded.
    #[inline]
    pub fn key_is_encoded(&self) -> bool {
        self.meta().is_some_and(|flags| flags.has(b'b'))
    }

    /// The key of the item: as sent, or decoded into `bytes`.
    pub fn item_key<'k>(&self, bytes: &'k mut [u8; DECODED_KEY_BYTES_MAX]) -> &'k [u8]
    where
        'a: 'k,
    {
        self.meta().map_or(self.key, |flags| flags.item_key(self.key, bytes))
    }

    /// The echo for the reply to a binary request.
    pub fn binary_echo(&self) -> Option<Echo> {
        match self.form {
            StoreForm::Binary(echo) => Some(echo),
            StoreForm::Classic | StoreForm::Meta(_) => None,
        }
    }

    /// Looks for the value at the start of `input`, and for its CRLF if the request is text.
    #[inline]
    pub fn data_block<'i>(&self, input: &'i [u8]) -> DataBlock<'i> {
        if let StoreForm::Binary(_) = self.form {
            return match input.get(..self.value_bytes as usize) {
                Some(value) => DataBlock::Whole { value, consumed: value.len() },
                None => DataBlock::Cut,
            };
        }
        data_block(input, self.value_bytes)
    }

    /// Bytes of the line end after the value.
    #[inline]
    pub const fn line_end_bytes(&self) -> usize {
        match self.form {
            StoreForm::Binary(_) => 0,
            StoreForm::Classic | StoreForm::Meta(_) => 2,
        }
    }

    /// True if the old item must be deleted when this one is too large or finds no memory: after a
    /// failed set the old value must not be read. memcached treats every `ms` as a set, in any
    /// mode.
    pub fn drops_old(&self) -> bool {
        match self.form {
            StoreForm::Classic => self.verb == Verb::Set,
            StoreForm::Meta(_) => true,
            StoreForm::Binary(echo) => loud(echo.opcode()) == SET,
        }
    }
}
