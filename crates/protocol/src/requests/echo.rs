//! The part of a binary request that its reply repeats.

/// Bytes of an [`Echo`].
pub const ECHO_BYTES: usize = 5;

/// The opcode and the client's opaque number of a binary request, which its reply repeats. An echo
/// travels with the request, so the encoder of the reply knows that it is a binary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Echo([u8; ECHO_BYTES]);

impl Echo {
    /// The echo of a request with this opcode and these opaque bytes.
    pub const fn new(opcode: u8, opaque: [u8; 4]) -> Self {
        let [a, b, c, d] = opaque;
        Self([opcode, a, b, c, d])
    }

    /// The echo of the whole request at the start of `input`.
    #[inline]
    pub fn of_request(input: &[u8]) -> Self {
        debug_assert!(input.len() >= 16, "the request was decoded before");
        input.first_chunk().map_or(Self::default(), Self::of_header)
    }

    /// The echo of the request whose header starts with these bytes.
    #[inline]
    const fn of_header(header: &[u8; 16]) -> Self {
        let &[_, opcode, _, _, _, _, _, _, _, _, _, _, a, b, c, d] = header;
        Self([opcode, a, b, c, d])
    }

    /// Restores what [`Self::bytes`] gave.
    pub const fn from_bytes(bytes: [u8; ECHO_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes that travel to another shard.
    pub const fn bytes(&self) -> &[u8; ECHO_BYTES] {
        &self.0
    }

    /// The opcode as sent, which may be a quiet one.
    pub const fn opcode(self) -> u8 {
        let [opcode, ..] = self.0;
        opcode
    }

    /// The client's number, in the bytes that it sent.
    pub(crate) const fn opaque(self) -> [u8; 4] {
        let [_, a, b, c, d] = self.0;
        [a, b, c, d]
    }
}
