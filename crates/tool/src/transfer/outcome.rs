//! What becomes of an item.

use std::fmt;

use crate::escaped::visible;

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It was stored, or written to the file.
    Done,
    /// The server has an item of this key already, which stays.
    AlreadyThere,
    /// It was deleted or evicted, or expired, since its key was listed.
    Vanished,
    /// Its ttl was over when it was to be stored.
    Expired,
    /// A client has marked it as stale, or is about to store it.
    Unfinished,
    /// It changed while the two servers were compared.
    Changed,
    /// Both servers have the same.
    Same,
    /// Larger than the server takes (`-I`).
    TooLarge,
    /// The server has no memory for it.
    OutOfMemory,
    /// No meta command can name its key.
    UnsayableKey,
    /// Only one server has it.
    Missing,
    /// The values differ.
    OtherValue,
    /// The client flags differ.
    OtherFlags,
    /// The ttls differ by more than a second.
    OtherTtl,
    /// Another error of the server.
    Refused(String),
}

impl Outcome {
    /// True if the item should be there and is not, or is another one.
    pub(crate) fn is_failure(&self) -> bool {
        match self {
            Self::Done | Self::AlreadyThere | Self::Vanished | Self::Expired => false,
            Self::Unfinished | Self::Changed | Self::Same => false,
            Self::TooLarge | Self::OutOfMemory | Self::UnsayableKey | Self::Refused(_) => true,
            Self::Missing | Self::OtherValue | Self::OtherFlags | Self::OtherTtl => true,
        }
    }

    /// Its name for programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadyThere => "already_there",
            Self::Vanished => "vanished",
            Self::Expired => "expired",
            Self::Unfinished => "unfinished",
            Self::Changed => "changed",
            Self::Same => "same",
            Self::TooLarge => "too_large",
            Self::OutOfMemory => "out_of_memory",
            Self::UnsayableKey => "unsayable_key",
            Self::Missing => "missing",
            Self::OtherValue => "other_value",
            Self::OtherFlags => "other_flags",
            Self::OtherTtl => "other_ttl",
            Self::Refused(_) => "refused",
        }
    }
}

/// As the words after a number of items.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::AlreadyThere => "not stored: the server has the key already",
            Self::Vanished => "gone before they were read: deleted, evicted or expired",
            Self::Expired => "expired before they were stored",
            Self::Unfinished => {
                "left out: stale, about to be stored by a client, or only for Redis clients"
            }
            Self::Changed => "changed while they were compared",
            Self::Same => "the same on both servers",
            Self::TooLarge => "NOT STORED: too large for the server (-I)",
            Self::OutOfMemory => "NOT STORED: the server is out of memory",
            Self::UnsayableKey => "NOT READ: a key that only the binary protocol can name",
            Self::Missing => "MISSING",
            Self::OtherValue => "DIFFERENT: the value",
            Self::OtherFlags => "DIFFERENT: the client flags",
            Self::OtherTtl => "DIFFERENT: the ttl, by more than a second",
            Self::Refused(line) => return write!(f, "REFUSED: {}", visible(line)),
        })
    }
}
