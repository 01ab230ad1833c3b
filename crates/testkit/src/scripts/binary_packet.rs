//! A packet of the binary protocol. It is written and read without the server's code.

use std::fmt;

/// Bytes of a header.
const HEADER_BYTES: usize = 24;

/// First byte of a request.
pub const REQUEST: u8 = 0x80;

/// First byte of a reply.
pub const REPLY: u8 = 0x81;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// [`REQUEST`] or [`REPLY`].
    pub magic: u8,
    /// The opcode; a reply repeats that of its request.
    pub opcode: u8,
    /// The status of a reply. In a request the field has no meaning.
    pub status: u16,
    /// The opaque number, which a reply repeats.
    pub opaque: u32,
    /// Cas unique.
    pub cas: u64,
    /// Extras.
    pub extras: Vec<u8>,
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
}

impl Packet {
    /// A request without a body.
    pub fn request(opcode: u8) -> Self {
        Self {
            magic: REQUEST,
            opcode,
            status: 0,
            opaque: 0,
            cas: 0,
            extras: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = key.into();
        self
    }

    /// The same with a value.
    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = value.into();
        self
    }

    /// The same with these bytes appended to its extras.
    #[must_use]
    pub fn extra(mut self, bytes: &[u8]) -> Self {
        self.extras.extend_from_slice(bytes);
        self
    }

    /// The same with a cas unique.
    #[must_use]
    pub fn cas(mut self, cas: u64) -> Self {
        self.cas = cas;
        self
    }

    /// The same with an opaque number.
    #[must_use]
    pub fn opaque(mut self, opaque: u32) -> Self {
        self.opaque = opaque;
        self
    }

    /// The packet's bytes. Panics if a length does not fit its field.
    pub fn bytes(&self) -> Vec<u8> {
        let body = self.extras.len() + self.key.len() + self.value.len();
        let mut bytes = vec![self.magic, self.opcode];
        let key_bytes = u16::try_from(self.key.len()).expect("a key of 16 bits");
        bytes.extend_from_slice(&key_bytes.to_be_bytes());
        bytes.push(u8::try_from(self.extras.len()).expect("extras of 8 bits"));
        bytes.push(0);
        bytes.extend_from_slice(&self.status.to_be_bytes());
        let body = u32::try_from(body).expect("a body of 32 bits");
        bytes.extend_from_slice(&body.to_be_bytes());
        bytes.extend_from_slice(&self.opaque.to_be_bytes());
        bytes.extend_from_slice(&self.cas.to_be_bytes());
        for part in [&self.extras, &self.key, &self.value] {
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// The packet at the start of `bytes` and its length, or `None` if it is incomplete.
    pub fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (header, body) = bytes.split_at_checked(HEADER_BYTES)?;
        let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("4 bytes"));
        let key_bytes = usize::from(header[2]) << 8 | usize::from(header[3]);
        let extras_bytes = usize::from(header[4]);
        let body = body.get(..word(8) as usize)?;
        let (extras, rest) = body.split_at_checked(extras_bytes)?;
        let (key, value) = rest.split_at_checked(key_bytes)?;
        let packet = Self {
            magic: header[0],
            opcode: header[1],
            status: u16::from(header[6]) << 8 | u16::from(header[7]),
            opaque: word(12),
            cas: u64::from(word(16)) << 32 | u64::from(word(20)),
            extras: extras.to_vec(),
            key: key.to_vec(),
            value: value.to_vec(),
        };
        Some((packet, HEADER_BYTES + body.len()))
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 40;
        let Self { opcode, status, opaque, cas, .. } = self;
        write!(f, "{opcode:02x} status {status:04x} opaque {opaque} cas {cas}")?;
        for (name, bytes) in [("extras", &self.extras), ("key", &self.key), ("value", &self.value)]
        {
            if !bytes.is_empty() {
                let shown = &bytes[..bytes.len().min(SHOWN_MAX)];
                write!(f, " {name} {}:{}", bytes.len(), shown.escape_ascii())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let packet = Packet::request(1).key("key").value("value").extra(&[1, 2, 3]);
        let packet = packet.cas(0x0102_0304_0506_0708).opaque(0x0a0b_0c0d);
        let bytes = packet.bytes();
        assert_eq!(Packet::read(&bytes), Some((packet, bytes.len())));
        assert_eq!(Packet::read(&bytes[..bytes.len() - 1]), None);
    }
}
