//! How far a command of Redis' dialect was executed.

use slabcore_protocol::RespWords;

/// How far a command was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RedisProgress {
    /// To its end.
    Done,
    /// Not at all: it waits until all replies before it are there.
    Waits,
    /// Up to one of its keys.
    Paused(RestOfValues),
}

/// The keys of a command that were not looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RestOfValues {
    /// Address in the input of the first one, as a bulk string.
    pub(super) address: usize,
    /// How many there are.
    pub(super) keys: usize,
}

impl RedisProgress {
    /// The command has paused before these keys.
    pub(super) fn paused(keys: &RespWords<'_>) -> Self {
        Self::Paused(RestOfValues { address: keys.bulks().as_ptr().addr(), keys: keys.len() })
    }
}
