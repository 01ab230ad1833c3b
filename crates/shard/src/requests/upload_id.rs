//! The id of an upload, a value that arrives in pieces.

use crate::requests::shard_id::ShardId;

/// The id of an upload: the shard whose connection sends it, and that shard's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadId {
    /// Shard of the connection.
    pub source: ShardId,
    /// Number chosen by the source; free again after the upload has ended.
    pub number: u32,
}
