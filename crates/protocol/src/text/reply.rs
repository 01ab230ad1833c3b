//! Replies of one line.

use alloc::vec::Vec;

use crate::text::encode::{END, encode_number};

macro_rules! memcached_version {
    () => {
        "1.6.45"
    };
}

/// The version of memcached that this crate follows, and the reply to `version`. Clients expect
/// three numbers with dots.
pub const MEMCACHED_VERSION: &str = memcached_version!();

/// A reply of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The item is stored.
    Stored,
    /// A condition of add, replace, append or prepend did not hold.
    NotStored,
    /// The item has another cas unique.
    Exists,
    /// The item does not exist.
    NotFound,
    /// The item is deleted.
    Deleted,
    /// The item has its new exptime.
    Touched,
    /// The command is done.
    Ok,
    /// The statistics are reset.
    Reset,
    /// The end of a list of values or statistics.
    End,
    /// The result of `incr` or `decr`.
    Number(u64),
    /// The reply to `mn`.
    MetaNoop,
    /// The reply to `version`.
    Version,
    /// An error line, one of [`error_lines`](crate::error_lines), with its CRLF.
    Error(&'static [u8]),
}

impl Reply {
    /// The line with its CRLF. `None` for a number, whose text is not fixed.
    #[inline]
    pub const fn line(self) -> Option<&'static [u8]> {
        Some(match self {
            Self::Stored => b"STORED\r\n",
            Self::NotStored => b"NOT_STORED\r\n",
            Self::Exists => b"EXISTS\r\n",
            Self::NotFound => b"NOT_FOUND\r\n",
            Self::Deleted => b"DELETED\r\n",
            Self::Touched => b"TOUCHED\r\n",
            Self::Ok => b"OK\r\n",
            Self::Reset => b"RESET\r\n",
            Self::End => END,
            Self::MetaNoop => b"MN\r\n",
            Self::Version => concat!("VERSION ", memcached_version!(), "\r\n").as_bytes(),
            Self::Error(line) => line,
            Self::Number(_) => return None,
        })
    }

    /// Appends the reply to `out`.
    #[inline]
    pub fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => encode_number(out, number),
            fixed => out.extend_from_slice(fixed.line().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_lines;

    fn check(reply: Reply, expected: &str) {
        let mut out = b"before".to_vec();
        reply.encode(&mut out);
        assert_eq!(out, [b"before", expected.as_bytes()].concat());
    }

    #[test]
    fn replies_are_whole_lines() {
        check(Reply::Stored, "STORED\r\n");
        check(Reply::NotStored, "NOT_STORED\r\n");
        check(Reply::Exists, "EXISTS\r\n");
        check(Reply::NotFound, "NOT_FOUND\r\n");
        check(Reply::Deleted, "DELETED\r\n");
        check(Reply::Touched, "TOUCHED\r\n");
        check(Reply::Ok, "OK\r\n");
        check(Reply::Reset, "RESET\r\n");
        check(Reply::End, "END\r\n");
        check(Reply::MetaNoop, "MN\r\n");
        check(Reply::Number(0), "0\r\n");
        check(Reply::Number(u64::MAX), "18446744073709551615\r\n");
        check(Reply::Version, "VERSION 1.6.45\r\n");
        check(Reply::Error(error_lines::ERROR), "ERROR\r\n");
    }
}
