//! The maxima of this crate, related to each other.

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 250;

/// With more than this many bytes buffered and no LF among them, the connection is closed, unless
/// the line may be a long `get` or `gets`.
pub const LINE_BYTES_MAX: usize = 2048;

/// The same for a `get` or `gets`, whose key list is long by nature. memcached knows no bound here;
/// one without would let a peer grow a buffer for ever.
pub const GET_LINE_BYTES_MAX: usize = 4 << 20;

/// Blanks that may stand before a long `get` without its connection being closed.
pub(crate) const GET_LEADING_BLANKS_MAX: usize = 100;

/// Largest length a storage command may announce, in bytes: with its CRLF it still fits 31 bits.
pub const VALUE_BYTES_MAX: u32 = i32::MAX as u32 - 2;

/// Body of a binary request, in bytes; a longer one is refused and its connection closed.
pub const BINARY_BODY_BYTES_MAX: u32 = 1 << 30;

/// What a client says to log in, in bytes, in text as in binary: it is buffered as a whole.
pub const AUTH_TOKEN_BYTES_MAX: u32 = 16 << 10;

/// A line shorter than this, without its LF, is no login, and its connection is closed.
pub(crate) const LOGIN_LINE_BYTES_MIN: usize = 6;

/// A line with its line end has at least this many bytes; the shortest command has two letters.
pub(crate) const LINE_BYTES_MIN: usize = 4;

/// Bytes behind the flag `O` of a meta command.
pub(crate) const OPAQUE_BYTES_MAX: usize = 31;

/// Words of a meta command: itself, its key, the length of `ms`, and flags.
pub(crate) const META_WORDS_MAX: usize = 20;

/// Words that memcached splits a line into; it looks at none of the rest.
pub(crate) const SPLIT_WORDS_MAX: usize = 23;

/// Bytes of the flags of a meta command without what nobody needs: each a blank, a letter, and the
/// opaque bytes or a number.
pub const META_FLAGS_BYTES_MAX: usize = META_WORDS_MAX * (2 + OPAQUE_BYTES_MAX);

const _: () = assert!(KEY_BYTES_MAX < LINE_BYTES_MAX);
const _: () = assert!(LINE_BYTES_MAX < GET_LINE_BYTES_MAX);
const _: () = assert!(GET_LEADING_BLANKS_MAX < LINE_BYTES_MAX);
const _: () = assert!(BINARY_BODY_BYTES_MAX < VALUE_BYTES_MAX);

/// Slab classes are numbered from 1 to this.
pub(crate) const SLAB_CLASS_MAX: u32 = 63;
