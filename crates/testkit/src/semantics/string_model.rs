//! What commands of Redis' dialect mean for the items of [`Model`]. Commands are given as words,
//! and replies are those of RESP2. There is one database, and no time is shown.

use std::iter;

use crate::semantics::model::{Model, ModelItem};

const OK: &[u8] = b"+OK\r\n";
const NIL: &[u8] = b"$-1\r\n";
const TOO_LONG: &[u8] = b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
const NOT_AN_INTEGER: &[u8] = b"-ERR value is not an integer or out of range\r\n";
const OVERFLOW: &[u8] = b"-ERR increment or decrement would overflow\r\n";

impl Model {
    /// Executes a command of Redis' dialect and appends its reply.
    ///
    /// # Panics
    ///
    /// If it is none of those that [`crate::string_generators`] makes.
    pub fn execute_string(&mut self, now: u64, words: &[Vec<u8>], out: &mut Vec<u8>) {
        let texts: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match texts[..] {
            [b"GET", key] => bulk(out, self.value(now, key).as_deref()),
            [b"MGET", ref keys @ ..] => {
                out.extend_from_slice(format!("*{}\r\n", keys.len()).as_bytes());
                for key in keys {
                    bulk(out, self.value(now, key).as_deref());
                }
            }
            [b"STRLEN", key] => integer(out, self.value(now, key).map_or(0, |it| it.len() as i64)),
            [b"TOUCH", key] => integer(out, i64::from(self.get(now, key).is_some())),
            [b"EXISTS", ref keys @ ..] => {
                integer(
                    out,
                    keys.iter().filter(|key| self.peek(now, key).is_some()).count() as i64,
                );
            }
            [b"DEL", ref keys @ ..] => {
                integer(out, keys.iter().filter(|key| self.take(now, key)).count() as i64);
            }
            [b"GETDEL", key] => {
                bulk(out, self.value(now, key).as_deref());
                self.take(now, key);
            }
            [b"GETRANGE", key, start, end] => {
                let value = self.value(now, key).unwrap_or_default();
                bulk(out, Some(range(&value, number(start), number(end))));
            }
            _ => self.execute_string_write(now, &texts, out),
        }
    }

    fn execute_string_write(&mut self, now: u64, words: &[&[u8]], out: &mut Vec<u8>) {
        match *words {
            [b"SET", key, value, ref options @ ..] => {
                self.set_string(now, key, value, options, out);
            }
            [b"GETSET", key, value] => self.set_string(now, key, value, &[b"GET"], out),
            [b"SETNX", key, value] => {
                let is_free = self.peek(now, key).is_none();
                if is_free {
                    self.put(now, key, value.to_vec(), 0, None);
                }
                integer(out, i64::from(is_free));
            }
            [b"MSET", ref pairs @ ..] => {
                for pair in pairs.chunks_exact(2) {
                    self.put(now, pair[0], pair[1].to_vec(), 0, None);
                }
                out.extend_from_slice(OK);
            }
            [b"APPEND", key, value] => {
                let old = self.peek(now, key).map(|item| item.value.clone()).unwrap_or_default();
                self.write(now, key, [&old, value].concat(), old.len(), out);
            }
            [b"SETRANGE", key, offset, value] => {
                let mut new =
                    self.peek(now, key).map(|item| item.value.clone()).unwrap_or_default();
                let (old_len, offset) = (new.len(), number(offset).unsigned_abs() as usize);
                if !value.is_empty() {
                    new.resize(old_len.max(offset + value.len()), 0);
                    new[offset..offset + value.len()].copy_from_slice(value);
                } else if old_len == 0 {
                    return integer(out, 0);
                }
                self.write(now, key, new, if value.is_empty() { old_len } else { usize::MAX }, out);
            }
            [b"INCRBY", key, by] => self.add(now, key, number(by), out),
            [b"EXPIRE", key, seconds, ref condition @ ..] => {
                self.expire(now, key, number(seconds), condition, out);
            }
            [b"PERSIST", key] => {
                let expires = self.peek(now, key).is_some_and(|item| item.expiry.is_some());
                if expires {
                    self.change_expiry(key, None);
                }
                integer(out, i64::from(expires));
            }
            _ => panic!("a generated command: {words:?}"),
        }
    }

    /// The value of a live item, which counts as read.
    fn value(&mut self, now: u64, key: &[u8]) -> Option<Vec<u8>> {
        self.get(now, key).map(|item| item.value.clone())
    }

    fn peek(&mut self, now: u64, key: &[u8]) -> Option<&ModelItem> {
        self.drop_dead(now, key);
        self.items.get(key)
    }

    fn take(&mut self, now: u64, key: &[u8]) -> bool {
        self.drop_dead(now, key);
        self.items.remove(key).is_some()
    }

    fn set_string(
        &mut self,
        now: u64,
        key: &[u8],
        value: &[u8],
        options: &[&[u8]],
        out: &mut Vec<u8>,
    ) {
        let has = |option: &[u8]| options.contains(&option);
        let old = self.peek(now, key).cloned();
        if has(b"GET") {
            // It counts as read, even if nothing is stored.
            bulk(out, self.value(now, key).as_deref());
        }
        let is_stored = !(has(b"NX") && old.is_some() || has(b"XX") && old.is_none());
        if is_stored {
            let expiry = match old {
                Some(old) if has(b"KEEPTTL") => old.expiry,
                _ => options
                    .iter()
                    .position(|it| it == b"EX")
                    .map(|at| now + number(options[at + 1]).unsigned_abs()),
            };
            self.put(now, key, value.to_vec(), 0, expiry);
        }
        if !has(b"GET") {
            out.extend_from_slice(if is_stored { OK } else { NIL });
        }
    }

    /// Stores a changed value unless it has this length: then nothing was added. The reply is the
    /// length.
    fn write(
        &mut self,
        now: u64,
        key: &[u8],
        value: Vec<u8>,
        unchanged_len: usize,
        out: &mut Vec<u8>,
    ) {
        let old = self.peek(now, key).map(|item| (item.flags, item.expiry));
        let (flags, expiry) = old.unwrap_or_default();
        if value.len() > self.value_bytes_max(key, flags) {
            out.extend_from_slice(TOO_LONG);
            return;
        }
        integer(out, value.len() as i64);
        if old.is_none() || value.len() != unchanged_len {
            self.put(now, key, value, flags, expiry);
        }
    }

    fn add(&mut self, now: u64, key: &[u8], by: i64, out: &mut Vec<u8>) {
        let old = self.peek(now, key).cloned();
        let before = old.as_ref().map_or(Some(0), |item| strict(&item.value));
        let (flags, expiry) = old.map(|item| (item.flags, item.expiry)).unwrap_or_default();
        match before.map(|before| before.checked_add(by)) {
            None => out.extend_from_slice(NOT_AN_INTEGER),
            Some(None) => out.extend_from_slice(OVERFLOW),
            Some(Some(sum)) => {
                self.put(now, key, sum.to_string().into_bytes(), flags, expiry);
                integer(out, sum);
            }
        }
    }

    fn expire(
        &mut self,
        now: u64,
        key: &[u8],
        seconds: i64,
        condition: &[&[u8]],
        out: &mut Vec<u8>,
    ) {
        let holds = match (self.peek(now, key), condition) {
            (None, _) => false,
            (Some(item), [b"NX"]) => item.expiry.is_none(),
            (Some(item), [b"XX"]) => item.expiry.is_some(),
            _ => true,
        };
        if holds && seconds > 0 {
            self.change_expiry(key, Some(now + seconds.unsigned_abs()));
        } else if holds {
            self.items.remove(key);
        }
        integer(out, i64::from(holds));
    }

    /// An access, and a change that a cas unique shows.
    fn change_expiry(&mut self, key: &[u8], expiry: Option<u64>) {
        self.last_cas_unique += 1;
        let item = self.items.get_mut(key).expect("it was just found");
        item.expiry = expiry;
        item.cas_unique = self.last_cas_unique;
        item.marks.fetched = true;
    }
}

/// The bytes of a `GETRANGE`; negative ends count from the end.
fn range(value: &[u8], start: i64, end: i64) -> &[u8] {
    let place = |at: i64| if at < 0 { (value.len() as i64 + at).max(0) } else { at } as usize;
    let is_backwards = start < 0 && end < 0 && start > end;
    let wanted = place(start)..=place(end);
    let begin = value.len().min(*wanted.start());
    let bytes = iter::zip(begin.., &value[begin..]).filter(|(at, _)| wanted.contains(at)).count();
    if is_backwards { &[] } else { &value[begin..begin + bytes] }
}

/// A number as Redis writes it.
fn strict(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

fn number(word: &[u8]) -> i64 {
    strict(word).expect("a generated number")
}

fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(format!(":{number}\r\n").as_bytes());
}

fn bulk(out: &mut Vec<u8>, value: Option<&[u8]>) {
    let Some(value) = value else { return out.extend_from_slice(NIL) };
    out.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_their_replies() {
        let mut model = Model::new(1 << 20, 0);
        for (line, expected) in [
            ("GET a", "$-1\r\n"),
            ("SET a 10", "+OK\r\n"),
            ("SET a 5 NX", "$-1\r\n"),
            ("SET a 11 XX GET", "$2\r\n10\r\n"),
            ("INCRBY a -1", ":10\r\n"),
            ("APPEND a x", ":3\r\n"),
            ("INCRBY a 1", "-ERR value is not an integer or out of range\r\n"),
            ("SETRANGE a 1 yz", ":3\r\n"),
            ("GETRANGE a -2 -1", "$2\r\nyz\r\n"),
            ("GETRANGE a 1 0", "$0\r\n\r\n"),
            ("EXPIRE a 5 XX", ":0\r\n"),
            ("EXPIRE a 5", ":1\r\n"),
            ("PERSIST a", ":1\r\n"),
            ("MSET a 1 b 2", "+OK\r\n"),
            ("MGET a c b", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n"),
            ("EXISTS a a c", ":2\r\n"),
            ("EXPIRE a -1", ":1\r\n"),
            ("DEL a b", ":1\r\n"),
        ] {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().into()).collect();
            let mut out = Vec::new();
            model.execute_string(100, &words, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{line}");
        }
    }
}
