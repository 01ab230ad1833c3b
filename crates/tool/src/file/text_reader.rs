//! Reads `ms` commands.

use std::io::{self, BufRead, Read};
use std::time::{Instant, UNIX_EPOCH};

use super::record::Record;
use crate::item::{Item, StoreLine, Ttl};
use crate::limits::{LINE_BYTES_MAX, VALUE_BYTES_MAX};

/// Commands, one after the other.
#[derive(Debug)]
pub(super) struct TextReader<R> {
    read: R,
    /// Items that were read.
    items: u64,
    /// Whether `mn` was read after the last item.
    has_ended: bool,
    /// Why the rest cannot be read.
    damage: Option<String>,
}

impl<R: BufRead> TextReader<R> {
    /// Reads from here on.
    pub(super) fn new(read: R) -> Self {
        Self { read, items: 0, has_ended: false, damage: None }
    }

    /// The next item; `None` after the last one, and at the first byte that is damaged: there are
    /// no checksums by which to find the next item.
    pub(super) fn next(&mut self) -> Result<Option<Record>, String> {
        if self.damage.is_some() {
            return Ok(None);
        }
        loop {
            let mut line = Vec::new();
            let limit = LINE_BYTES_MAX as u64;
            let read = self.read.by_ref().take(limit).read_until(b'\n', &mut line);
            read.map_err(|error| error.to_string())?;
            let Some(text) = line.strip_suffix(b"\n") else {
                if !line.is_empty() || !self.has_ended {
                    self.damage("its end is missing");
                }
                return Ok(None);
            };
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            self.has_ended = text == b"mn";
            if self.has_ended {
                continue;
            }
            let Some(head) = StoreLine::parse(text) else {
                self.damage("a line is no ms command that can be restored");
                return Ok(None);
            };
            let Some(value) = self.value(head.value_bytes).map_err(|error| error.to_string())?
            else {
                self.damage("a value has not its length");
                return Ok(None);
            };
            self.items += 1;
            return Ok(Some(record(head, value)));
        }
    }

    /// The value; `None` if it is damaged or cut.
    fn value(&mut self, bytes: usize) -> io::Result<Option<Vec<u8>>> {
        if bytes > VALUE_BYTES_MAX {
            return Ok(None);
        }
        let mut value = Vec::new();
        let wanted = bytes as u64 + 2;
        self.read.by_ref().take(wanted).read_to_end(&mut value)?;
        let is_whole = value.len() == bytes + 2 && value.ends_with(b"\r\n");
        value.truncate(bytes);
        Ok(is_whole.then_some(value))
    }

    fn damage(&mut self, what: &str) {
        let items = self.items;
        self.damage = Some(format!("{items} items; damaged: {what}; the rest is not restored"));
    }

    /// Why the rest cannot be read.
    pub(super) fn found_damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }
}

fn record(head: StoreLine, value: Vec<u8>) -> Record {
    let unix_second = || UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    match Ttl::of_exptime(head.exptime, unix_second) {
        Ttl::Seconds(0) => Record::Expired(head.key),
        ttl => Record::Item(Box::new(Item {
            key: head.key,
            key_in_base64: head.key_in_base64,
            value,
            flags: head.flags,
            ttl,
            read_at: Instant::now(),
            idle_seconds: 0,
            was_read: false,
            cas: 0,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of a text, and its damage.
    fn read(text: &[u8]) -> (String, Option<String>) {
        let mut reader = TextReader::new(text);
        let mut found = Vec::new();
        while let Some(record) = reader.next().unwrap() {
            found.push(match record {
                Record::Item(item) => format!(
                    "{} {} {} {:?} {}",
                    item.key.escape_ascii(),
                    item.key_in_base64,
                    item.flags,
                    item.ttl,
                    item.value.escape_ascii()
                ),
                other => format!("{other:?}"),
            });
        }
        (found.join(", "), reader.found_damage().map(ToOwned::to_owned))
    }

    #[test]
    fn commands_are_read_up_to_the_first_damage() {
        let check = |text: &str, expected: &str, damage: Option<&str>| {
            let (items, found) = read(text.as_bytes());
            assert_eq!(items, expected, "{text:?}");
            let found = found.unwrap_or_else(|| "none".to_owned());
            assert!(found.contains(damage.unwrap_or("none")), "{text:?}: {found}");
        };
        check("mn\r\n", "", None);
        let two = "ms a 2 T100 F7 q\r\n\r\n\r\nms YiBj 0 b T0 F0 q\n\r\nmn\r\n";
        check(two, "a false 7 Seconds(100) \\r\\n, b c true 0 Never ", None);
        check("ms a 1 T-1\r\nx\r\nmn\r\n", "Expired([97])", None);
        check("ms a 1 T1700000000\r\nx\r\nmn\r\n", "Expired([97])", None);
        check("ms a 1\r\nx\r\n", "a false 0 Never x", Some("1 items; damaged: its end is missing"));
        check("ms a 1\r\nx\r\nms", "a false 0 Never x", Some("its end is missing"));
        check("ms a 1\r\nxy\r\nmn\r\n", "", Some("0 items; damaged: a value has not its length"));
        check("ms a 1\r\nx", "", Some("a value has not its length"));
        check("ms a 9999999999\r\nx\r\nmn\r\n", "", Some("a value has not its length"));
        check("mg a\r\n", "", Some("a line is no ms command"));
        check("ms a 1 MA\r\nx\r\nmn\r\n", "", Some("a line is no ms command"));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(text: Vec<u8>) {
            let _ = read(&text);
            let _ = read(&[b"ms a 1 F", &text[..]].concat());
        }
    }
}
