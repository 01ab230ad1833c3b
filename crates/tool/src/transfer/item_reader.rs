//! Reads items of a server, many with one request.

use std::collections::VecDeque;

use super::outcome::Outcome;
use crate::item::{
    GetReply, Item, ListedKey, Marks, encode_get, encode_invalidate, encode_peek, encode_probe,
};
use crate::link::{Connection, LinkError, Server};
use crate::statistics::ReplyError;

/// A connection that items are read from. Reads are no accesses: they change no order of eviction.
#[derive(Debug)]
pub(crate) struct ItemReader {
    connection: Connection,
    /// What was asked, and was not answered yet.
    asked: VecDeque<Question>,
    /// Keys of stale items that the server now takes this client to store again.
    won: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Question {
    key: ListedKey,
    /// Nothing was sent for another key.
    is_sayable: bool,
}

/// What a server has of a key.
#[derive(Debug)]
pub(crate) enum Found {
    /// The item.
    Item(Box<Item>),
    /// No item, or none to be copied, for this reason.
    Nothing(Outcome),
}

impl ItemReader {
    /// Connects.
    pub(crate) fn connect(server: &Server) -> Result<Self, LinkError> {
        let connection = Connection::open(server)?;
        Ok(Self { connection, asked: VecDeque::new(), won: Vec::new() })
    }

    /// Asks for items. [`Self::next`] returns the replies, in this order.
    pub(crate) fn ask(
        &mut self,
        keys: impl IntoIterator<Item = ListedKey>,
    ) -> Result<(), LinkError> {
        self.send(keys, encode_get)
    }

    fn send<E>(
        &mut self,
        keys: impl IntoIterator<Item = ListedKey>,
        encode: impl Fn(&mut Vec<u8>, &[u8]) -> Result<(), E>,
    ) -> Result<(), LinkError> {
        let mut requests = Vec::new();
        for key in keys {
            let is_sayable = encode(&mut requests, &key.key).is_ok();
            self.asked.push_back(Question { key, is_sayable });
        }
        self.connection.send(&requests)
    }

    /// The next key that was asked for, and what the server has of it; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<(ListedKey, Found)>, LinkError> {
        let Some(Question { key, is_sayable }) = self.asked.pop_front() else {
            self.give_back()?;
            return Ok(None);
        };
        if !is_sayable {
            return Ok(Some((key, Found::Nothing(Outcome::UnsayableKey))));
        }
        let line = self.connection.line()?;
        let found = match GetReply::parse(line, &key.key) {
            GetReply::Value(bytes, mut item) => {
                item.value = self.connection.value(bytes)?;
                item.cas = key.cas;
                Found::Item(item)
            }
            GetReply::Unfinished(bytes, marks) => {
                self.connection.value(bytes)?;
                self.note(marks, &key);
                Found::Nothing(Outcome::Unfinished)
            }
            GetReply::Miss => Found::Nothing(Outcome::Vanished),
            GetReply::Refused => {
                Found::Nothing(Outcome::Refused(String::from_utf8_lossy(line).into_owned()))
            }
            GetReply::Hit(_) | GetReply::Other => return Err(odd(line)),
        };
        Ok(Some((key, found)))
    }

    /// Those of the keys that the server does not have.
    pub(crate) fn absent(&mut self, keys: Vec<ListedKey>) -> Result<Vec<ListedKey>, LinkError> {
        let mut absent = Vec::new();
        self.send(keys, encode_probe)?;
        while let Some(Question { key, is_sayable }) = self.asked.pop_front() {
            if !is_sayable {
                absent.push(key);
                continue;
            }
            let line = self.connection.line()?;
            match GetReply::parse(line, &key.key) {
                GetReply::Hit(marks) => self.note(marks, &key),
                GetReply::Miss | GetReply::Refused => absent.push(key),
                GetReply::Value(..) | GetReply::Unfinished(..) | GetReply::Other => {
                    return Err(odd(line));
                }
            }
        }
        self.give_back()?;
        Ok(absent)
    }

    fn note(&mut self, marks: Marks, key: &ListedKey) {
        if marks.won {
            self.won.push(key.key.clone());
        }
    }

    /// Marks items as stale again that this client would have to store. So the next client that
    /// reads them stores them, as if nobody had read them here.
    fn give_back(&mut self) -> Result<(), LinkError> {
        for key in std::mem::take(&mut self.won) {
            let mut request = Vec::new();
            if encode_peek(&mut request, &key).is_err() {
                continue;
            }
            self.connection.send(&request)?;
            let line = self.connection.line()?;
            // Another client may have stored it meanwhile.
            let GetReply::Hit(Marks { unfinished: true, cas, .. }) = GetReply::parse(line, &key)
            else {
                continue;
            };
            request.clear();
            if encode_invalidate(&mut request, &key, cas).is_ok() {
                self.connection.send(&request)?;
                self.connection.line()?;
            }
        }
        Ok(())
    }
}

/// The error of a reply that does not belong there.
pub(super) fn odd(line: &[u8]) -> LinkError {
    match line {
        b"ERROR" => LinkError::WithoutMeta,
        _ => LinkError::Odd(ReplyError::other_line(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::fake_server::fake_server;

    /// What is found of two keys, if a server answers so.
    fn found(reply: &'static str) -> Result<String, String> {
        let asked = "mg b k f t h l v u\r\n";
        let (server, _) = fake_server(vec![(asked, reply)]);
        let mut reader = ItemReader::connect(&server).map_err(|error| error.to_string())?;
        let keys = ["a", "b"].map(|key| ListedKey { key: key.into(), bytes: 1, cas: 7 });
        reader.ask(keys).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        while let Some((key, it)) = reader.next().map_err(|error| error.to_string())? {
            let what = match it {
                Found::Item(item) => format!("{} {}", item.value.escape_ascii(), item.cas),
                Found::Nothing(outcome) => format!("{outcome:?}"),
            };
            found.push(format!("{}: {what}", key.key.escape_ascii()));
        }
        Ok(found.join("; "))
    }

    #[test]
    fn replies_are_of_their_keys() {
        let check = |reply, expected: &str| {
            let found = found(reply).unwrap_or_else(|error| error);
            assert!(found.contains(expected), "{reply:?}: {found}");
        };
        check("VA 2 ka f0 t-1\r\n\r\n\r\nEN kb\r\n", "a: \\r\\n 7; b: Vanished");
        check("SERVER_ERROR x\r\nEN\r\n", "a: Refused(\"SERVER_ERROR x\"); b: Vanished");
        // The replies of a proxy that has mixed up two requests.
        check("VA 1 kb f0 t-1\r\nx\r\n", "a line begins with \"VA 1 kb f0 t-1\"");
        check("VA 1 ka f0 t-1\r\nxy\r\n", "no line end follows a value");
        check("VA 1073741825 ka f0 t-1\r\n", "a value is longer than 1073741824 bytes");
        check("VA 5 ka f0 t-1\r\nx", "the server closed the connection");
        check("ERROR\r\n", "the server knows no meta commands");
    }
}
