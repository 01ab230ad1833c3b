//! What a client gets for a request for one key.

/// What is sent once a request for one key is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplyForm {
    /// Nothing: the request has `noreply`.
    Nothing,
    /// The reply.
    Plain,
    /// The reply and `END`: the request is a whole `get`.
    WithEnd,
}

impl ReplyForm {
    /// The form for a request that is not a `get`.
    #[inline]
    pub(super) fn of(noreply: bool) -> Self {
        if noreply { Self::Nothing } else { Self::Plain }
    }
}
