//! The keys of a server, as its crawler lists them.

use std::thread;
use std::time::Instant;

use super::pace::Pace;
use super::stop::Stop;
use crate::item::{ListLine, ListedKey};
use crate::limits::{BATCH_KEY_BYTES_MAX, BUSY_DURATION_MAX, BUSY_PAUSE};
use crate::link::{Connection, LinkError, Server};
use crate::statistics::ReplyError;

/// By its hash table: each item that is there all the time is listed once. memcached's order by age
/// may miss those that clients read meanwhile, as they move in it.
const BY_HASH_TABLE: &[u8] = b"lru_crawler metadump hash\r\n";

/// What older servers know.
const BY_AGE: &[u8] = b"lru_crawler metadump all\r\n";

/// A list that is being read.
#[derive(Debug)]
pub(crate) struct Listing {
    connection: Connection,
    /// A key that was too much for the last batch.
    next: Option<ListedKey>,
    has_ended: bool,
}

/// What a server answers.
enum Answer {
    List(Listing),
    /// A line that is no list.
    Refusal(Vec<u8>),
}

impl Listing {
    /// Asks a server for its keys. Asks again while its crawler is busy.
    pub(crate) fn begin(server: &Server, stop: &Stop) -> Result<Self, LinkError> {
        let deadline = Instant::now() + BUSY_DURATION_MAX;
        let mut command = BY_HASH_TABLE;
        loop {
            // A connection that was refused a list may be deaf.
            match Self::ask(Connection::open(server)?, command)? {
                Answer::List(listing) => return Ok(listing),
                Answer::Refusal(line) if line.starts_with(b"BADCLASS") && command != BY_AGE => {
                    command = BY_AGE;
                }
                Answer::Refusal(line) => {
                    let is_busy = line.starts_with(b"BUSY") || line.starts_with(b"ERROR locked");
                    if !is_busy || Instant::now() > deadline || stop.is_set() {
                        return Err(refusal(&line));
                    }
                    thread::sleep(BUSY_PAUSE);
                }
            }
        }
    }

    /// Asks once. memcached may begin with `OK` and refuse then.
    fn ask(mut connection: Connection, command: &[u8]) -> Result<Answer, LinkError> {
        connection.send(command)?;
        let (next, has_ended) = loop {
            let line = connection.line()?;
            match ListLine::parse(line) {
                ListLine::Key(key) => break (Some(key), false),
                ListLine::Begin => {}
                ListLine::End => break (None, true),
                ListLine::Other if line.starts_with(b"NOTSTARTED") => break (None, true),
                ListLine::Other => return Ok(Answer::Refusal(line.to_owned())),
            }
        };
        Ok(Answer::List(Self { connection, next, has_ended }))
    }

    /// The next keys; `None` after the last one.
    pub(crate) fn next_batch(&mut self, pace: &Pace) -> Result<Option<Vec<ListedKey>>, LinkError> {
        let mut batch = Vec::new();
        let (mut bytes, mut key_bytes) = (0, 0);
        while batch.len() < pace.batch_items_max() {
            let Some(key) = self.next_key()? else { break };
            bytes += key.bytes;
            key_bytes += key.key.len();
            let is_too_much = bytes > pace.batch_bytes_max() || key_bytes > BATCH_KEY_BYTES_MAX;
            if is_too_much && !batch.is_empty() {
                self.next = Some(key);
                break;
            }
            batch.push(key);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn next_key(&mut self) -> Result<Option<ListedKey>, LinkError> {
        if let Some(key) = self.next.take() {
            return Ok(Some(key));
        }
        while !self.has_ended {
            let line = self.connection.line()?;
            match ListLine::parse(line) {
                ListLine::Key(key) => return Ok(Some(key)),
                ListLine::End => self.has_ended = true,
                ListLine::Begin | ListLine::Other => {
                    return Err(LinkError::Odd(ReplyError::other_line(line)));
                }
            }
        }
        Ok(None)
    }
}

fn refusal(line: &[u8]) -> LinkError {
    let text = String::from_utf8_lossy(line);
    LinkError::NotListed(match line {
        b"CLIENT_ERROR lru crawler disabled" => format!("{text} (lru_crawler enable)"),
        b"ERROR metadump not allowed" => format!("{text} (it was started with -X)"),
        _ => text.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::RateLimits;
    use crate::transfer::fake_server::fake_server;

    const HASH: &str = "lru_crawler metadump hash\r\n";
    const KEYS: &str = "key=a size=5\nkey=b size=6\nkey=%20 size=7\nEND\r\n";
    const ALL: &str = "lru_crawler metadump all\r\n";

    /// The keys that a server with these answers lists, by batch.
    fn listed(answers: Vec<(&'static str, &'static str)>) -> Result<String, String> {
        let (server, _) = fake_server(answers);
        let mut listing =
            Listing::begin(&server, &Stop::default()).map_err(|error| error.to_string())?;
        let rates = RateLimits { items_per_second: Some(20), bytes_per_second: None };
        let pace = Pace::new(rates, &Stop::default());
        let mut listed = Vec::new();
        while let Some(batch) = listing.next_batch(&pace).map_err(|error| error.to_string())? {
            let keys = batch.iter().map(|it| format!("{} {}", it.key.escape_ascii(), it.bytes));
            listed.push(keys.collect::<Vec<_>>().join(", "));
        }
        Ok(listed.join("; "))
    }

    #[test]
    fn lists_of_all_versions_are_read() {
        let check = |answers, expected: &str| {
            let listed = listed(answers).unwrap_or_else(|error| error);
            assert!(listed.contains(expected), "{listed}");
        };
        check(vec![(HASH, KEYS)], "a 5, b 6;   7");
        check(vec![(HASH, "OK\r\nEND\r\n")], "");
        check(vec![(HASH, "NOTSTARTED no items to crawl\r\n")], "");
        let busy = (HASH, "BUSY currently processing crawler request\r\n");
        let locked = (HASH, "ERROR locked try again later\r\n");
        check(vec![busy, locked, (HASH, KEYS)], "a 5, b 6;   7");
        check(vec![(HASH, "BADCLASS invalid class id\r\n"), (ALL, KEYS)], "a 5, b 6;   7");
        let locked = (HASH, "OK\r\nERROR locked try again later\r\n");
        check(vec![locked, (HASH, KEYS)], "a 5, b 6;   7");
        check(vec![(HASH, "ERROR\r\n")], "the server does not list its keys: ERROR");
        check(vec![(HASH, "OK\r\nkey=a size=5\n")], "the server closed the connection");
        check(vec![(HASH, "OK\r\nkey=a size=1\nkey=%0\n")], "a line begins with \"key=%0\"");
    }
}
