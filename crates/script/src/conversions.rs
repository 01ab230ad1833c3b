//! Between replies of commands and Lua's values.

use mlua::{Lua, Result, Table, Value};

use crate::limits::{CONVERTED_BYTES_MAX, REPLY_DEPTH_MAX};
use crate::number_text::number_text;

/// The first reply in `bytes` (RESP2) as a value, and the bytes after it. A status is a table with
/// the field `ok`, an error one with the field `err`, nil is false.
pub(super) fn value_of<'b>(lua: &Lua, bytes: &'b [u8]) -> Result<(Value, &'b [u8])> {
    let cut = || mlua::Error::runtime("a reply is cut");
    let end = bytes.windows(2).position(|it| it == b"\r\n").ok_or_else(cut)?;
    let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
    let (kind, text) = line.split_first().ok_or_else(cut)?;
    let number = || {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        number.ok_or_else(cut)
    };
    let field = |name: &str| -> Result<Value> {
        let table = lua.create_table()?;
        table.raw_set(name, lua.create_string(text)?)?;
        Ok(Value::Table(table))
    };
    Ok(match kind {
        b':' => (Value::Number(number()? as f64), rest),
        b'+' => (field("ok")?, rest),
        b'-' => (field("err")?, rest),
        b'$' => match usize::try_from(number()?) {
            Err(_) => (Value::Boolean(false), rest),
            Ok(length) => {
                let bulk = rest.get(..length).ok_or_else(cut)?;
                let rest = rest.get(length + 2..).ok_or_else(cut)?;
                (Value::String(lua.create_string(bulk)?), rest)
            }
        },
        b'*' => match usize::try_from(number()?) {
            Err(_) => (Value::Boolean(false), rest),
            Ok(count) => {
                let (table, mut rest) = (lua.create_table()?, rest);
                for index in 1..=count {
                    let (value, after) = value_of(lua, rest)?;
                    table.raw_set(index, value)?;
                    rest = after;
                }
                (Value::Table(table), rest)
            }
        },
        _ => return Err(cut()),
    })
}

/// A reply would be longer than a script's memory.
#[derive(Debug)]
pub(super) struct ReplyTooLong;

type Appended = std::result::Result<(), ReplyTooLong>;

/// Appends values as replies.
#[derive(Debug)]
pub(super) struct ReplyWriter {
    pub(super) out: Vec<u8>,
    /// Whether the client reads RESP3.
    pub(super) is_resp3: bool,
    /// Whether the script has asked for RESP3: booleans are then no numbers.
    pub(super) has_booleans: bool,
}

impl ReplyWriter {
    /// A number is cut to an integer, a table is a list up to its first nil, or one of the kinds
    /// that have a field's name.
    pub(super) fn value(&mut self, value: &Value, depth: usize) -> Appended {
        if self.out.len() > CONVERTED_BYTES_MAX {
            return Err(ReplyTooLong);
        }
        match value {
            Value::Integer(number) => self.line(b':', number.to_string().as_bytes()),
            Value::Number(number) => self.line(b':', cut(*number).to_string().as_bytes()),
            Value::Boolean(value) => self.boolean(*value),
            Value::String(text) => self.bulk(&text.as_bytes()),
            Value::Table(table) if depth < REPLY_DEPTH_MAX => self.table(table, depth)?,
            Value::Table(_) => self.line(b'-', b"ERR reached lua stack limit"),
            _ => self.nil(),
        }
        Ok(())
    }

    /// A line of this kind. Line ends in the text become blanks.
    pub(super) fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        let blank = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        self.out.extend(text.iter().map(blank));
        self.out.extend_from_slice(b"\r\n");
    }

    fn boolean(&mut self, value: bool) {
        match (self.has_booleans, self.is_resp3, value) {
            (true, true, _) => self.line(b'#', if value { b"t" } else { b"f" }),
            (true, false, false) => self.line(b':', b"0"),
            (_, _, true) => self.line(b':', b"1"),
            (false, _, false) => self.nil(),
        }
    }

    fn nil(&mut self) {
        self.out.extend_from_slice(if self.is_resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.line(b'$', bytes.len().to_string().as_bytes());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    fn table(&mut self, table: &Table, depth: usize) -> Appended {
        for (name, kind) in [("err", b'-'), ("ok", b'+')] {
            if let Value::String(text) = field(table, name) {
                self.line(kind, &text.as_bytes());
                return Ok(());
            }
        }
        let double = match field(table, "double") {
            Value::Integer(number) => Some(number as f64),
            Value::Number(number) => Some(number),
            _ => None,
        };
        if let Some(number) = double {
            self.double(number);
            return Ok(());
        }
        if let Value::Table(map) = field(table, "map") {
            return self.pairs(&map, b'%', depth);
        }
        if let Value::Table(set) = field(table, "set") {
            return self.pairs(&set, b'~', depth);
        }
        if let Value::String(number) = field(table, "big_number") {
            if self.is_resp3 {
                self.line(b'(', &number.as_bytes());
            } else {
                self.bulk(&number.as_bytes());
            }
            return Ok(());
        }
        if let Value::Table(verbatim) = field(table, "verbatim_string") {
            let parts = (field(&verbatim, "format"), field(&verbatim, "string"));
            if let (Value::String(format), Value::String(text)) = parts {
                self.verbatim(&format.as_bytes(), &text.as_bytes());
                return Ok(());
            }
        }
        self.list(table, depth)
    }

    fn double(&mut self, number: f64) {
        let text = number_text(number);
        if self.is_resp3 {
            self.line(b',', text.as_bytes());
        } else {
            self.bulk(text.as_bytes());
        }
    }

    fn verbatim(&mut self, format: &[u8], text: &[u8]) {
        if !self.is_resp3 {
            return self.bulk(text);
        }
        // A format has three characters.
        let mut kind = [b' '; 3];
        kind.iter_mut().zip(format).for_each(|(to, from)| *to = *from);
        self.line(b'=', (text.len() + 4).to_string().as_bytes());
        for part in [&kind[..], b":", text, b"\r\n"] {
            self.out.extend_from_slice(part);
        }
    }

    /// The pairs of a map, or the keys of a set.
    fn pairs(&mut self, table: &Table, kind: u8, depth: usize) -> Appended {
        let count = table.pairs::<Value, Value>().count();
        let has_values = kind == b'%';
        if self.is_resp3 {
            self.line(kind, count.to_string().as_bytes());
        } else {
            let words = if has_values { 2 * count } else { count };
            self.line(b'*', words.to_string().as_bytes());
        }
        for (key, value) in table.pairs::<Value, Value>().flatten() {
            self.value(&key, depth + 1)?;
            if has_values {
                self.value(&value, depth + 1)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, table: &Table, depth: usize) -> Appended {
        let value_at = |index: usize| table.raw_get::<Value>(index).unwrap_or(Value::Nil);
        let nil = (1..=table.raw_len() + 1).find(|index| value_at(*index).is_nil());
        let length = nil.map_or(table.raw_len(), |nil| nil - 1);
        self.line(b'*', length.to_string().as_bytes());
        for index in 1..=length {
            self.value(&value_at(index), depth + 1)?;
        }
        Ok(())
    }
}

fn field(table: &Table, name: &str) -> Value {
    table.raw_get(name).unwrap_or(Value::Nil)
}

/// A number without its fraction, as C cuts it; the least integer if it has more than 64 bits.
fn cut(number: f64) -> i64 {
    let is_integer = number.abs() < 9_223_372_036_854_775_808.0;
    if is_integer { number as i64 } else { i64::MIN }
}
