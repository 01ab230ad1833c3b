//! The bytes that the responder sends.

/// Bytes that one send can have, at least.
const SEND_BYTES: usize = 64 << 10;

/// One reply, several times in a row. They are never freed, as the kernel reads them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replies {
    bytes: &'static [u8],
    reply_bytes: usize,
}

impl Replies {
    /// Replies like this one, which must not be empty.
    pub(super) fn of(reply: &[u8]) -> Self {
        assert!(!reply.is_empty());
        let times = SEND_BYTES.div_ceil(reply.len());
        Self { bytes: Vec::leak(reply.repeat(times)), reply_bytes: reply.len() }
    }

    /// All of them.
    pub(super) fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// The length of one.
    pub(super) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }
}
