//! A request that one shard forwards to another.

use slabcore_protocol::{Echo, RespVersion, StoreRequest};
use slabcore_storage::{HashedKey, PageWish};

use crate::observation::dump::DumpPart;
use crate::observation::shard_query::{ShardCommand, ShardQuery};
use crate::observation::watched_lines::Watch;
use crate::requests::flush_time::FlushTime;
use crate::requests::request::KeyRequest;
use crate::requests::upload_id::UploadId;

/// One request to another shard.
#[derive(Debug, Clone, Copy)]
pub enum ForwardedRequest<'a> {
    /// A classic get of one key that only returns the value.
    PlainGet(HashedKey<'a>),
    /// The same in the binary protocol, with the bytes that the reply repeats.
    PlainBinaryGet(HashedKey<'a>, Echo),
    /// A `GET` of the Redis dialect, with a key that is not longer than memcached's keys.
    PlainRespGet(HashedKey<'a>, RespVersion),
    /// Another request for a key, with the key of the request.
    Key(HashedKey<'a>, KeyRequest<'a>),
    /// The start of an upload, with the key of the command.
    UploadBegin(HashedKey<'a>, UploadId, StoreRequest<'a>),
    /// More bytes of an upload.
    UploadBytes(UploadId, &'a [u8]),
    /// The end of an upload; true if its data block ended correctly.
    UploadEnd(UploadId, bool),
    /// The end of an upload whose connection is closed.
    UploadAbandon(UploadId),
    /// `flush_all`.
    Flush(FlushTime),
    /// A question about the shard.
    Query(ShardQuery),
    /// A command for the shard.
    Command(ShardCommand),
    /// The source's wish for pages.
    PagesWanted(PageWish),
    /// The next part of a dump.
    Dump(DumpPart),
    /// A page move from one slab class to another, see [`crate::Shard::reassign`].
    Reassign(i32, i32),
    /// What is watched, and whose requests follow.
    Watch(Watch),
}
