//! How far a connection has come with its login.

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// Nobody needs to log in.
    Free,
    /// It must log in.
    Due,
    /// It has named the mechanism, and must say who it is.
    Begun,
    /// It has logged in.
    Done,
}

impl Login {
    /// True before the login that is needed.
    #[inline]
    pub(crate) fn is_due(self) -> bool {
        matches!(self, Self::Due | Self::Begun)
    }
}
