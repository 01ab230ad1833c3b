//! Items as clients see them, and the meta commands that read and write them, as bytes.
//!
//! May use: `limits`. Must not come in: sockets, files, and clocks other than as an argument.
//!
//! Start reading at `item.rs`.

mod exptime;
mod item;
mod key;
mod listed_key;
mod replies;
mod requests;
mod store_line;

pub(crate) use self::exptime::{ServerClock, Ttl};
pub(crate) use self::item::Item;
pub(crate) use self::listed_key::{ListLine, ListedKey};
pub(crate) use self::replies::{GetReply, Marks, StoreReply};
pub(crate) use self::requests::{
    StoreMode, encode_get, encode_invalidate, encode_peek, encode_probe, encode_store,
};
pub(crate) use self::store_line::StoreLine;
