//! What is left of a connection while no executor serves it, as a value: it goes to another process
//! in a take-over.
//!
//! ```text
//! | dialect | login | home: u32 | number: u32 + 1, 0: none | place | place's bytes |
//! | session: u32, bytes | input: u32, bytes | output: u32, bytes |
//! ```
//! Numbers are little-endian. The version of the encoding is that of the take-over's messages.

use slabcore_metrics::Command;
use slabcore_protocol::{Protocol, RespWords, Streams};

use crate::connection::login::Login;
use crate::connection::paused_get::PausedGet;
use crate::connection::record_bytes::{put_bytes, take_byte, take_bytes, take_u32, take_u64};
use crate::settings::limits::RECORD_BYTES_MAX;

/// A connection that no executor serves. Its socket travels beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectionRecord {
    /// The shard whose executor served it.
    pub(crate) home: u32,
    /// Its number among those that executors serve in turn; `None`: it stays with its shard.
    pub(crate) number: Option<u32>,
    pub(crate) protocol: Protocol,
    pub(crate) login: Login,
    pub(crate) place: InputPlace,
    /// The session of a connection that speaks Redis' dialect, as bytes. Else empty.
    pub(crate) redis: Vec<u8>,
    /// Input that is not executed.
    pub(crate) input: Vec<u8>,
    /// Replies that have not left.
    pub(crate) output: Vec<u8>,
}

/// What the next bytes of the input are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputPlace {
    /// The start of a request.
    Request,
    /// The rest of a get's keys.
    Get(PausedGet),
    /// So many keys of a Redis command for several values.
    Values(usize),
    /// So many bytes to ignore, and the reply after them.
    Ignored { bytes: u64, reply: Vec<u8>, closes: bool, command: Command },
    /// Bytes without effect: the client watches these streams.
    Watching(Streams),
    /// Bytes without effect: the connection closes once its output has left.
    Closing,
}

impl ConnectionRecord {
    /// True if the record is short enough to be handed over.
    pub(crate) fn fits(&self) -> bool {
        self.redis.len() + self.input.len() + self.output.len() <= RECORD_BYTES_MAX
    }

    /// Appends the record to `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.protocol {
            Protocol::Auto => 0,
            Protocol::Text => 1,
            Protocol::Binary => 2,
            Protocol::Resp => 3,
        });
        out.push(match self.login {
            Login::Free => 0,
            Login::Due => 1,
            Login::Begun => 2,
            Login::Done => 3,
        });
        out.extend(self.home.to_le_bytes());
        out.extend(self.number.map_or(0, |number| number.wrapping_add(1)).to_le_bytes());
        self.place.encode(out);
        put_bytes(out, &self.redis);
        put_bytes(out, &self.input);
        put_bytes(out, &self.output);
    }

    /// Takes a record from the start of `bytes`. `None` if there is none that this version knows.
    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let protocol = match take_byte(bytes)? {
            0 => Protocol::Auto,
            1 => Protocol::Text,
            2 => Protocol::Binary,
            3 => Protocol::Resp,
            _ => return None,
        };
        let login = match take_byte(bytes)? {
            0 => Login::Free,
            1 => Login::Due,
            2 => Login::Begun,
            3 => Login::Done,
            _ => return None,
        };
        let home = take_u32(bytes)?;
        let number = take_u32(bytes)?.checked_sub(1);
        let place = InputPlace::decode(bytes)?;
        let redis = take_bytes(bytes)?;
        let (input, output) = (take_bytes(bytes)?, take_bytes(bytes)?);
        if let InputPlace::Get(get) = place {
            // The rest of the line is there, with its end.
            input.get(..get.line_bytes)?.strip_suffix(b"\n")?;
        }
        if let InputPlace::Values(keys) = place
            && RespWords::of_bulks(&input, keys).count() != keys
        {
            return None;
        }
        Some(Self { home, number, protocol, login, place, redis, input, output })
    }
}

impl InputPlace {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request => out.push(0),
            Self::Get(PausedGet { with_cas, exptime, line_bytes }) => {
                out.extend([1, u8::from(*with_cas), u8::from(exptime.is_some())]);
                out.extend(exptime.unwrap_or_default().to_le_bytes());
                out.extend((*line_bytes as u64).to_le_bytes());
            }
            Self::Ignored { bytes, reply, closes, command } => {
                out.push(2);
                out.extend(bytes.to_le_bytes());
                put_bytes(out, reply);
                out.extend([u8::from(*closes), *command as u8]);
            }
            Self::Watching(streams) => out.extend([3, streams.bits()]),
            Self::Closing => out.push(4),
            Self::Values(keys) => {
                out.push(5);
                out.extend((*keys as u64).to_le_bytes());
            }
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Some(match take_byte(bytes)? {
            0 => Self::Request,
            1 => {
                let with_cas = take_byte(bytes)? != 0;
                let has_exptime = take_byte(bytes)? != 0;
                let exptime = take_u32(bytes)?.cast_signed();
                let line_bytes = usize::try_from(take_u64(bytes)?).ok()?;
                let exptime = has_exptime.then_some(exptime);
                Self::Get(PausedGet { with_cas, exptime, line_bytes })
            }
            2 => {
                let (ignored, reply) = (take_u64(bytes)?, take_bytes(bytes)?);
                let closes = take_byte(bytes)? != 0;
                let command = *Command::ALL.get(usize::from(take_byte(bytes)?))?;
                Self::Ignored { bytes: ignored, reply, closes, command }
            }
            3 => Self::Watching(Streams::from_bits(take_byte(bytes)?)),
            4 => Self::Closing,
            5 => Self::Values(usize::try_from(take_u64(bytes)?).ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<ConnectionRecord> {
        let get = PausedGet { with_cas: true, exptime: Some(-1), line_bytes: 5 };
        let ignored = InputPlace::Ignored {
            bytes: 1 << 40,
            reply: b"SERVER_ERROR\r\n".to_vec(),
            closes: true,
            command: Command::Set,
        };
        let watching = InputPlace::Watching(Streams::FETCHERS | Streams::SYSTEM);
        let places = [InputPlace::Request, InputPlace::Get(get), ignored, watching];
        let with = |place| ConnectionRecord {
            home: 7,
            number: Some(0),
            protocol: Protocol::Binary,
            login: Login::Begun,
            place,
            redis: b"session".to_vec(),
            input: b"k1 k\ngets".to_vec(),
            output: vec![1; 300],
        };
        let empty = ConnectionRecord {
            home: 0,
            number: None,
            protocol: Protocol::Auto,
            login: Login::Free,
            place: InputPlace::Closing,
            redis: Vec::new(),
            input: Vec::new(),
            output: Vec::new(),
        };
        places.into_iter().map(with).chain([empty]).collect()
    }

    #[test]
    fn a_record_comes_back_as_it_went() {
        let (mut encoded, records) = (Vec::new(), records());
        for record in &records {
            record.encode(&mut encoded);
        }
        let mut bytes = &encoded[..];
        for record in &records {
            assert_eq!(ConnectionRecord::decode(&mut bytes).as_ref(), Some(record));
        }
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_record_that_is_cut_is_none() {
        for record in records() {
            let mut encoded = Vec::new();
            record.encode(&mut encoded);
            for end in 0..encoded.len() {
                assert_eq!(ConnectionRecord::decode(&mut &encoded[..end]), None, "{end}");
            }
        }
    }

    /// The rest of a paused get must be there: its execution takes that for granted.
    #[test]
    fn a_get_without_its_line_is_none() {
        let mut record = records().swap_remove(1);
        for input in [&b"k1 k2"[..], b"k1 k", b""] {
            record.input = input.to_vec();
            let mut encoded = Vec::new();
            record.encode(&mut encoded);
            assert_eq!(ConnectionRecord::decode(&mut &encoded[..]), None, "{input:?}");
        }
    }
}
