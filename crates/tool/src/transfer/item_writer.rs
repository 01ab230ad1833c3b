//! Stores items in a server, many with one send.

use std::collections::VecDeque;
use std::time::Instant;

use super::item_reader::odd;
use super::outcome::Outcome;
use super::tally::Tally;
use crate::item::{Item, ServerClock, StoreMode, StoreReply, encode_store};
use crate::limits::{BATCH_ITEMS_MAX, SENT_BYTES};
use crate::link::{Connection, LinkError, Server};
use crate::statistics::Topic;

/// A connection that items are stored over. Each store is answered: a quiet store would say what
/// failed, but not for which key.
#[derive(Debug)]
pub(crate) struct ItemWriter {
    connection: Connection,
    mode: StoreMode,
    clock: ServerClock,
    /// The largest item that the server takes, with its overhead.
    item_bytes_max: u64,
    requests: Vec<u8>,
    /// Items whose replies have not been read.
    unanswered: VecDeque<Unanswered>,
}

#[derive(Debug)]
struct Unanswered {
    key: Vec<u8>,
    bytes: u64,
}

impl ItemWriter {
    /// Connects, and asks for the server's clock and largest item.
    pub(crate) fn connect(server: &Server, mode: StoreMode) -> Result<Self, LinkError> {
        let mut connection = Connection::open(server)?;
        let item_bytes_max = connection.table(Topic::Settings)?.count("item_size_max");
        let unix_second = connection.table(Topic::General)?.count("time");
        Ok(Self {
            connection,
            mode,
            clock: ServerClock::new(unix_second.unwrap_or_default(), Instant::now()),
            item_bytes_max: item_bytes_max.unwrap_or(u64::MAX),
            requests: Vec::new(),
            unanswered: VecDeque::new(),
        })
    }

    /// Sends an item, now or with the next ones.
    pub(crate) fn store(&mut self, item: Item, tally: &mut Tally) -> Result<(), LinkError> {
        let Some(exptime) = item.ttl_now().exptime(|| self.clock.now()) else {
            tally.add(Outcome::Expired, &item.key);
            return Ok(());
        };
        // A store that is refused for its size removes what the server has.
        if item.bytes() > self.item_bytes_max {
            tally.add(Outcome::TooLarge, &item.key);
            return Ok(());
        }
        if encode_store(&mut self.requests, &item, exptime, self.mode.flag()).is_err() {
            tally.add(Outcome::UnsayableKey, &item.key);
            return Ok(());
        }
        let bytes = item.bytes();
        self.unanswered.push_back(Unanswered { key: item.key, bytes });
        if self.requests.len() >= SENT_BYTES || self.unanswered.len() >= BATCH_ITEMS_MAX {
            self.finish(tally)?;
        }
        Ok(())
    }

    /// Sends what was not sent, and reads all replies.
    pub(crate) fn finish(&mut self, tally: &mut Tally) -> Result<(), LinkError> {
        self.connection.send(&self.requests)?;
        self.requests.clear();
        while let Some(Unanswered { key, bytes }) = self.unanswered.pop_front() {
            let line = self.connection.line()?;
            match StoreReply::parse(line) {
                StoreReply::Stored => tally.add_done(bytes),
                StoreReply::NotStored => tally.add(Outcome::AlreadyThere, &key),
                StoreReply::TooLarge => tally.add(Outcome::TooLarge, &key),
                StoreReply::OutOfMemory => tally.add(Outcome::OutOfMemory, &key),
                StoreReply::Refused(line) => {
                    tally.add(Outcome::Refused(String::from_utf8_lossy(line).into_owned()), &key);
                }
                StoreReply::Other => return Err(odd(line)),
            }
        }
        Ok(())
    }
}
