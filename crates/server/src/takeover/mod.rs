//! What two processes say to each other when one takes over from the other.
//!
//! Messages with descriptors over a Unix socket, and their encoding.
//!
//! May use: `settings`, `connection`, `shared`. Must not come in: threads, and when what is said.
//!
//! Start reading at `messages.rs`.

mod channel;
pub(crate) mod messages;

pub(crate) use self::channel::Channel;
