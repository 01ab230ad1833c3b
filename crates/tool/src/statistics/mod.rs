//! Replies to `stats` commands, from bytes to tables of names and values.
//!
//! May use: `limits`, `escaped`. Must not come in: sockets, clocks, and what a name means.
//!
//! Start reading at `reply_reader.rs`.

mod reply_reader;
mod stat_table;

pub(crate) use self::reply_reader::{ReplyError, ReplyReader, StatsReply};
pub(crate) use self::stat_table::{StatGroup, StatTable, Topic};
