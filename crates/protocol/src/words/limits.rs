//! The maxima of this crate, related to each other.

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 250;

/// Longest incomplete line, in bytes, except a `get` or `gets`. A longer one closes the connection.
pub const LINE_BYTES_MAX: usize = 2048;

/// Longest incomplete `get` or `gets`, in bytes: its list of keys may be long. memcached has no
/// such limit; without one a client could grow a buffer without end.
pub const GET_LINE_BYTES_MAX: usize = 4 << 20;

/// Most blanks before a long `get`. More close the connection.
pub(crate) const GET_LEADING_BLANKS_MAX: usize = 100;

/// Largest length that a storage command may announce, in bytes. With its CRLF it fits 31 bits.
pub const VALUE_BYTES_MAX: u32 = i32::MAX as u32 - 2;

/// Largest body of a binary request, in bytes. A longer one is refused, and the connection closed.
pub const BINARY_BODY_BYTES_MAX: u32 = 1 << 30;

/// Longest user and password of a login, in bytes, in text and binary. They are buffered as a
/// whole.
pub const AUTH_TOKEN_BYTES_MAX: u32 = 16 << 10;

/// Shortest line of a login, in bytes without its LF. A shorter one closes the connection.
pub(crate) const LOGIN_LINE_BYTES_MIN: usize = 6;

/// Shortest command line with its line end, in bytes: the shortest command has two letters.
pub(crate) const LINE_BYTES_MIN: usize = 4;

/// Longest token of the flag `O` of a meta command, in bytes.
pub(crate) const OPAQUE_BYTES_MAX: usize = 31;

/// Most words of a meta command: its name, its key, the length of `ms`, and flags.
pub(crate) const META_WORDS_MAX: usize = 20;

/// How many words memcached splits a line into. It ignores the rest.
pub(crate) const SPLIT_WORDS_MAX: usize = 23;

/// Most bytes of the essential flags of a meta command: each has a blank, a letter, and an opaque
/// token or a number.
pub const META_FLAGS_BYTES_MAX: usize = META_WORDS_MAX * (2 + OPAQUE_BYTES_MAX);

const _: () = assert!(KEY_BYTES_MAX < LINE_BYTES_MAX);
const _: () = assert!(LINE_BYTES_MAX < GET_LINE_BYTES_MAX);
const _: () = assert!(GET_LEADING_BLANKS_MAX < LINE_BYTES_MAX);
const _: () = assert!(BINARY_BODY_BYTES_MAX < VALUE_BYTES_MAX);

/// Largest number of a slab class; the smallest is 1.
pub(crate) const SLAB_CLASS_MAX: u32 = 63;

/// Most words of a Redis command.
pub const RESP_WORDS_MAX: usize = 1 << 20;

/// Longest word that a Redis command may announce, in bytes. A longer one is a protocol error.
pub const RESP_WORD_BYTES_MAX: usize = 512 << 20;

/// Most bytes of a Redis command that is buffered as a whole, beside its longest word. A longer
/// command is read and refused.
pub const RESP_COMMAND_BYTES_MAX: usize = 64 << 20;

/// Longest incomplete line of the Redis dialect, in bytes.
pub(crate) const RESP_LINE_BYTES_MAX: usize = 64 << 10;

/// Most words of a Redis command before the login.
pub(crate) const RESP_LOGIN_WORDS_MAX: usize = 10;

/// Longest word of a Redis command before the login, in bytes.
pub(crate) const RESP_LOGIN_WORD_BYTES_MAX: usize = 16 << 10;

const _: () = assert!(RESP_LOGIN_WORD_BYTES_MAX < RESP_WORD_BYTES_MAX);

/// Longest key of the Redis dialect, in bytes.
pub const RESP_KEY_BYTES_MAX: usize = 16 << 10;

const _: () = assert!(KEY_BYTES_MAX < RESP_KEY_BYTES_MAX);

/// Databases of the Redis dialect.
pub const DATABASES: u8 = 16;
