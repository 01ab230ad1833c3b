//! The maxima of this crate, related to each other.

/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 16 << 10;

/// Bytes of a key in a plain record, at least 1.
pub(super) const PLAIN_KEY_BYTES_MAX: usize = 250;

/// Databases.
pub const DATABASES: u8 = 16;

/// Bytes of a value.
pub const VALUE_BYTES_MAX: u32 = 1 << 30;

/// Bytes of a block without its header.
pub const BLOCK_BYTES_MAX: usize = 256 << 10;

/// Bytes of a block's header.
pub(super) const HEADER_BYTES: usize = 32;

/// Bytes of a record without extension, key and value.
pub(super) const RECORD_BYTES: usize = 32;

/// Bytes of a record's extension.
pub(super) const EXTENSION_BYTES: usize = 4;

/// Bytes of the decoder's buffer: a few blocks, so that few bytes are moved.
pub(super) const BUFFER_BYTES: usize = 1 << 20;

/// Bytes of a manifest.
pub const MANIFEST_BYTES_MAX: usize = 256 << 10;

/// Files that a manifest names.
pub(super) const FILES_MAX: usize = 4096;

/// Bytes of a file's name in a manifest.
pub(super) const FILE_NAME_BYTES_MAX: usize = 60;

const _: () = {
    assert!(PLAIN_KEY_BYTES_MAX <= u8::MAX as usize);
    assert!(KEY_BYTES_MAX <= u16::MAX as usize);
    assert!(RECORD_BYTES + EXTENSION_BYTES + KEY_BYTES_MAX < BLOCK_BYTES_MAX);
    assert!(BUFFER_BYTES >= 2 * (HEADER_BYTES + BLOCK_BYTES_MAX));
    assert!(FILES_MAX * FILE_NAME_BYTES_MAX < MANIFEST_BYTES_MAX);
};
