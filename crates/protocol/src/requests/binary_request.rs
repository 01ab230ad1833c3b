//! Binary requests, except storage requests.

use crate::requests::binary_opcode::{
    DECREMENT, DELETE, GAT, GATK, GET, GETK, INCREMENT, TOUCH, loud,
};
use crate::requests::echo::Echo;
use crate::requests::stats_query::StatsQuery;

/// Exptime of an `incr` or `decr` that must not create an item.
const DO_NOT_CREATE: u32 = u32::MAX;

/// A binary request for one key, without a value. Its numbers are read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinaryRequest<'a> {
    /// What the reply repeats.
    pub echo: Echo,
    /// Bytes of the extras, as the opcode requires: 0, 4 (an exptime) or 20 (two numbers and an
    /// exptime).
    pub extras_bytes: u8,
    /// The cas unique to compare with; 0: none.
    pub cas: u64,
    /// Extras and key, as sent. They are one slice, so that binary requests do not make all
    /// requests larger.
    pub extras_and_key: &'a [u8],
}

/// The command of a [`BinaryRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryCommand {
    /// Reads flags, value and cas unique.
    Get,
    /// Sets the exptime, and reads what the opcode asks for.
    GetAndTouch {
        /// Seconds, relative or absolute; never negative.
        exptime: u32,
    },
    /// Deletes the item.
    Delete,
    /// Changes a number.
    Arithmetic(BinaryArithmetic),
}

/// A change of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinaryArithmetic {
    /// Adds if true, else subtracts.
    pub incr: bool,
    /// The amount to add or subtract.
    pub delta: u64,
    /// Value of an item that is created.
    pub initial: u64,
    /// Exptime of an item that is created. `None`: no item is created.
    pub exptime: Option<u32>,
}

impl<'a> BinaryRequest<'a> {
    /// A get of `key`.
    pub const fn get(echo: Echo, key: &'a [u8]) -> Self {
        Self { echo, extras_bytes: 0, cas: 0, extras_and_key: key }
    }

    /// The key, 1 to 250 bytes.
    #[inline]
    pub const fn key(&self) -> &'a [u8] {
        match self.extras_and_key.split_at_checked(self.extras_bytes as usize) {
            Some((_, key)) => key,
            None => &[],
        }
    }

    fn extras(&self) -> &'a [u8] {
        self.extras_and_key.get(..usize::from(self.extras_bytes)).unwrap_or_default()
    }

    /// Decodes the command.
    #[inline]
    pub fn command(&self) -> BinaryCommand {
        match loud(self.echo.opcode()) {
            DELETE => BinaryCommand::Delete,
            TOUCH | GAT | GATK => BinaryCommand::GetAndTouch { exptime: self.exptime() },
            opcode @ (INCREMENT | DECREMENT) => {
                let (long, _) = self.extras().as_chunks::<8>();
                let number = |at: usize| long.get(at).map_or(0, |raw| u64::from_be_bytes(*raw));
                BinaryCommand::Arithmetic(BinaryArithmetic {
                    incr: opcode == INCREMENT,
                    delta: number(0),
                    initial: number(1),
                    exptime: Some(self.exptime()).filter(|exptime| *exptime != DO_NOT_CREATE),
                })
            }
            opcode => {
                debug_assert!(matches!(opcode, GET | GETK), "the decoder lets nothing else pass");
                BinaryCommand::Get
            }
        }
    }

    /// The last four bytes of the extras.
    fn exptime(&self) -> u32 {
        self.extras().last_chunk().map_or(0, |raw| u32::from_be_bytes(*raw))
    }
}

/// A binary request that is not for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryServerRequest<'a> {
    /// Only replies.
    Noop,
    /// Asks for the version.
    Version,
    /// Closes the connection. [`Echo`] says whether a reply is sent first.
    Quit,
    /// Like `flush_all`.
    Flush {
        /// Seconds, relative or absolute; 0: now.
        delay: u32,
    },
    /// Like `stats` with a question.
    Stats(StatsQuery<'a>),
    /// Like `stats reset`.
    ResetStats,
    /// Like `stats detail on` and `off`.
    CountPrefixes(bool),
    /// Lists the mechanisms of authentication.
    AuthList,
}

/// A step of an authentication. The client's message follows it in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthRequest<'a> {
    /// What the reply repeats.
    pub echo: Echo,
    /// Name of the mechanism, 1 to 250 bytes.
    pub mechanism: &'a [u8],
    /// True for the first step.
    pub is_start: bool,
    /// Bytes of the client's message.
    pub value_bytes: u32,
}
