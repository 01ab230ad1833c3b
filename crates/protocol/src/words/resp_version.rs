//! The versions of the protocol.

/// The version of the protocol that a client chose with `HELLO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RespVersion {
    /// RESP2, the version of a connection that says nothing.
    #[default]
    Two,
    /// RESP3.
    Three,
}

impl RespVersion {
    /// The version as a number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}
