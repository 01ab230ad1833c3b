//! The id of an upload, a value that arrives in pieces.

/// The id of an upload: the shard whose connection sends it, and that shard's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadId {
    /// Shard of the connection.
    pub source: u8,
    /// Number chosen by the source; free again after the upload has ended.
    pub number: u32,
}
