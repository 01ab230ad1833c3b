//! Items on their way: listed, read and stored over connections, and what became of each.
//!
//! May use: `limits`, `escaped`, `statistics`, `item`, `link`. Must not come in: files, threads,
//! and what a whole command does.
//!
//! Start reading at `item_reader.rs`.

#[cfg(test)]
mod fake_server;
mod item_reader;
mod item_writer;
mod listing;
mod outcome;
mod pace;
mod stop;
mod tally;

pub(crate) use self::item_reader::{Found, ItemReader};
pub(crate) use self::item_writer::ItemWriter;
pub(crate) use self::listing::Listing;
pub(crate) use self::outcome::Outcome;
pub(crate) use self::pace::{Pace, RateLimits};
pub(crate) use self::stop::Stop;
pub(crate) use self::tally::Tally;
