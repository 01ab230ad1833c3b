//! The format of snapshots: a stream of blocks of items, each with a checksum.
//!
//! **Purpose.** The server and the tool write items to files and pipes, and read them back, into
//! any number of shards and any amount of memory.
//!
//! **Goals.** Bounded memory, whatever the size of items and files. A stream that is cut or damaged
//! gives all that is whole in it, and a [`Report`] says what is missing. A block is written by one
//! thread and sealed by another, so that an executor only copies items.
//!
//! **Non-goals.** Compression; files and their names, except the [`Manifest`] of a directory;
//! clocks: a [`Clock`] is given.
//!
//! **Invariants.** No input panics or makes the decoder allocate more than its one buffer. What it
//! returns has passed a checksum, and keys and values have lengths that a store accepts.
//!
//! **Entry point.** [`Encoder`] and [`Decoder`].
//!
//! # Layout
//!
//! Numbers are little-endian. A stream is a list of blocks; a file may hold several streams, one
//! after the other.
//!
//! ```text
//! stream: | Start | Items or Long, Piece, Piece, ... | ... | End |
//!
//! block:  | magic "SLBK" | kind u8 | version u8 | 0 u16 | number u32 | count u32 | length u32
//!         | unix seconds of the start u32 | crc32 of the payload | crc32 of these 28 bytes |
//!         | payload: up to 256 KiB |
//!
//! Start:  | shard u32 | shards u32 | unix ms u64 | boot id: 16 bytes | ms since boot u64 |
//! Items:  `count` records
//! record: | flags u32 | ttl u32 | cas u64 | idle seconds u32 | age u32 | length of the value u32
//!         | length of the key u8 | reads u8 | marks u8 | segment u8 | extension | key | value |
//! extension: only if the length of the key is 0
//!         | length of the key u16 | database: 4 bits, milliseconds of the ttl: 12 bits |
//! Long:   a record without its value, which does not fit a block. Blocks of kind Piece follow.
//! Piece:  a part of the value
//! End:    | items u64 | bytes of all payloads u64 |
//! ```
//!
//! Version 1 has no extensions. The decoder reads both versions.
//!
//! Blocks of a stream are numbered from 0, so missing ones are noticed. Each header has a checksum
//! of its own, by which the decoder finds the next block after damage.
//!
//! # Example
//!
//! ```
//! use slabcore_snapshot::{Attributes, Clock, Decoder, Encoder, Item, Part, Start};
//!
//! let clock = Clock { unix_milliseconds: 1_800_000_000_000, ..Clock::default() };
//! let mut encoder = Encoder::new(Vec::new(), &Start { clock, shard: 0, shards: 1 })?;
//! let attributes = Attributes { flags: 7, ttl_seconds: Some(60), ..Attributes::default() };
//! encoder.item(&Item { key: b"k", value: b"v", attributes })?;
//! // A long value comes in parts.
//! encoder.long_item(b"long", attributes, 1_000_000)?;
//! (0..1_000).try_for_each(|_| encoder.piece(&[b'x'; 1_000]))?;
//! let file = encoder.finish()?;
//!
//! let mut decoder = Decoder::new(&file[..]);
//! let mut keys = Vec::new();
//! while let Some(part) = decoder.next_part()? {
//!     match part {
//!         Part::Items(items) => keys.extend(items.map(|item| item.key.to_vec())),
//!         Part::Long(long) => keys.push(long.key.to_vec()),
//!         // The next bytes of the long item's value.
//!         Part::Piece { bytes: _, is_last: _ } => {}
//!         // Damage: the rest of the long item's value is missing.
//!         Part::LongCut => {}
//!     }
//! }
//! assert_eq!(keys, [&b"k"[..], b"long"]);
//! // At restore time: how long ago the items were recorded, and their attributes now.
//! let seconds = decoder.clock().map_or(0, |then| then.seconds_until(&clock));
//! assert_eq!(attributes.after(seconds), Some(attributes));
//! assert!(decoder.report().is_complete());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
mod block_header;
mod clock;
mod decoder;
mod encoder;
mod item;
mod limits;
mod manifest;
mod report;
mod stream_ends;

pub use block::{Block, Refusal};
pub use clock::Clock;
pub use decoder::{DecodeError, Decoder, Part};
pub use encoder::Encoder;
pub use item::{Attributes, Item, LongItem, Marks, Records, Segment};
pub use limits::{BLOCK_BYTES_MAX, DATABASES, KEY_BYTES_MAX, MANIFEST_BYTES_MAX, VALUE_BYTES_MAX};
pub use manifest::{MANIFEST_NAME, Manifest, ManifestError};
pub use report::Report;
pub use stream_ends::Start;
