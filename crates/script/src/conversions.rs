//! Between replies of commands and Lua's values.

use mlua::{Lua, Result, Table, Value};

use crate::limits::REPLY_DEPTH_MAX;

/// The first reply in `bytes` (RESP2) as a value, and the bytes after it. A status is a table with
/// the field `ok`, an error one with the field `err`, nil is false.
pub(crate) fn value_of<'b>(lua: &Lua, bytes: &'b [u8]) -> Result<(Value, &'b [u8])> {
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

/// Appends a value as a reply: a number is cut to an integer, a table is a list up to its first
/// nil, or a status or an error.
pub(crate) fn append_reply(out: &mut Vec<u8>, value: &Value, nil: &str, depth: usize) {
    match value {
        Value::Integer(number) => append(out, &[":", &number.to_string()]),
        Value::Number(number) => append(out, &[":", &(*number as i64).to_string()]),
        Value::Boolean(true) => append(out, &[":1"]),
        Value::String(text) => append_bulk(out, &text.as_bytes()),
        Value::Table(table) if depth < REPLY_DEPTH_MAX => append_table(out, table, nil, depth),
        Value::Table(_) => append(out, &["-ERR reached lua stack limit"]),
        _ => append(out, &[nil]),
    }
}

fn append_table(out: &mut Vec<u8>, table: &Table, nil: &str, depth: usize) {
    for (name, kind) in [("err", b'-'), ("ok", b'+')] {
        if let Ok(Value::String(text)) = table.raw_get(name) {
            append_line(out, kind, &text.as_bytes());
            return;
        }
    }
    let values: Vec<Value> = (1_usize..)
        .map_while(|index| table.raw_get::<Value>(index).ok().filter(|value| !value.is_nil()))
        .collect();
    append(out, &["*", &values.len().to_string()]);
    for value in &values {
        append_reply(out, value, nil, depth + 1);
    }
}

/// Appends a line of this kind. Line ends in the text become blanks.
pub(crate) fn append_line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend(text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }));
    out.extend_from_slice(b"\r\n");
}

fn append(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn append_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    append(out, &["$", &bytes.len().to_string()]);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}
