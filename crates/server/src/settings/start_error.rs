//! Why a server did not start.

use std::fmt;
use std::io;

/// Exit status of memcached if a socket or another resource cannot be had (`EX_OSERR`).
const OS_ERROR: i32 = 71;
/// Exit status for settings that cannot work (`EX_USAGE`).
const USAGE: i32 = 64;

/// The reason why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// A listening socket could not be bound. The text names the sockets.
    Bind(String, io::Error),
    /// A UDP socket could not be bound.
    BindUdp(io::Error),
    /// The item memory could not be mapped.
    Memory(io::Error),
    /// The file of the item memory (`-e`) cannot be used.
    MemoryFile(String, String),
    /// `-m` is too small for this many shards.
    TooLittleMemory,
    /// `io_uring` was demanded and is not available.
    Uring(String),
    /// The process cannot take over from the one that serves.
    TakeOver(String),
    /// A thread, a ring or a file could not be made.
    System(&'static str, io::Error),
}

impl StartError {
    /// Exit status for the process, memcached's own where it has one.
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::TooLittleMemory => USAGE,
            _ => OS_ERROR,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(what, error) => write!(f, "failed to listen on {what}: {error}"),
            Self::BindUdp(error) => write!(f, "failed to listen on UDP port: {error}"),
            Self::Memory(error) => write!(f, "failed to allocate the item memory: {error}"),
            Self::MemoryFile(place, why) => write!(f, "failed to keep items in {place}: {why}"),
            Self::TooLittleMemory => {
                write!(f, "the memory limit (-m) is too small for this many threads (-t)")
            }
            Self::Uring(reason) => write!(f, "io_uring is not available: {reason}"),
            Self::TakeOver(reason) => write!(f, "failed to take over: {reason}"),
            Self::System(what, error) => write!(f, "failed to {what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
