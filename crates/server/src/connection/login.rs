//! The login of a connection.

/// State of a connection's login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// No login is needed.
    Free,
    /// The client must log in.
    Due,
    /// The client has named the mechanism; user and password must follow.
    Begun,
    /// The client has logged in.
    Done,
}

impl Login {
    /// True if the client has yet to log in.
    #[inline]
    pub(crate) fn is_due(self) -> bool {
        matches!(self, Self::Due | Self::Begun)
    }
}
