//! `cjson.encode`, with the defaults of lua-cjson 2.1.

use mlua::{Table, Value};

use crate::arguments::{Arguments, Outcome, type_name};
use crate::clock::is_over;
use crate::limits::{CONVERTED_BYTES_MAX, JSON_DEPTH_MAX};

/// A list may have this many gaps more than items, if it is longer than `SPARSE_LENGTH_MIN`.
const SPARSE_RATIO: usize = 2;
const SPARSE_LENGTH_MIN: usize = 10;

/// The text of a value.
pub(super) fn encode(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    if arguments.values.len() != 1 {
        return Err("bad argument #1 to 'encode' (expected 1 argument)".to_owned());
    }
    let mut encoder = JsonEncoder { arguments, out: Vec::new() };
    encoder.value(&arguments.value(0), 0)?;
    let text = arguments.lua.create_string(&encoder.out);
    Ok(vec![Value::String(text.map_err(|_| no_memory())?)])
}

struct JsonEncoder<'a> {
    arguments: &'a Arguments<'a>,
    out: Vec<u8>,
}

impl JsonEncoder<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Outcome<()> {
        if self.out.len() > CONVERTED_BYTES_MAX {
            return Err(no_memory());
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::LightUserData(it) if it.0.is_null() => self.out.extend_from_slice(b"null"),
            Value::Integer(_) | Value::Number(_) => self.number(value)?,
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Table(table) => self.table(table, depth + 1)?,
            other => {
                return Err(format!("Cannot serialise {}: type not supported", type_name(other)));
            }
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) -> Outcome<()> {
        if let Value::Number(number) = value
            && !number.is_finite()
        {
            return Err("Cannot serialise number: must not be NaN or Inf".to_owned());
        }
        match self.arguments.lua.coerce_string(value.clone()) {
            Ok(Some(text)) => self.out.extend_from_slice(&text.as_bytes()),
            _ => return Err(no_memory()),
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for &byte in text {
            match byte {
                b'"' | b'\\' | b'/' => self.out.extend_from_slice(&[b'\\', byte]),
                0x08 => self.out.extend_from_slice(b"\\b"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                0x0c => self.out.extend_from_slice(b"\\f"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                0..0x20 | 0x7f => self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.out.push(byte),
            }
        }
        self.out.push(b'"');
    }

    fn table(&mut self, table: &Table, depth: usize) -> Outcome<()> {
        if depth > JSON_DEPTH_MAX {
            return Err(format!("Cannot serialise, excessive nesting ({depth})"));
        }
        if is_over() {
            return Err("script ended".to_owned());
        }
        match list_length(table)? {
            Some(length) => self.list(table, length, depth),
            None => self.object(table, depth),
        }
    }

    fn list(&mut self, table: &Table, length: usize, depth: usize) -> Outcome<()> {
        self.out.push(b'[');
        for index in 1..=length {
            if index > 1 {
                self.out.push(b',');
            }
            let value: Value = table.raw_get(index).map_err(|_| no_memory())?;
            self.value(&value, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: usize) -> Outcome<()> {
        self.out.push(b'{');
        let mut is_first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|_| no_memory())?;
            if !is_first {
                self.out.push(b',');
            }
            is_first = false;
            match &key {
                Value::String(text) => self.string(&text.as_bytes()),
                Value::Integer(_) | Value::Number(_) => {
                    self.out.push(b'"');
                    self.number(&key)?;
                    self.out.push(b'"');
                }
                other => {
                    let name = type_name(other);
                    let text = "table key must be a number or string";
                    return Err(format!("Cannot serialise {name}: {text}"));
                }
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// The length of a table that is a list, gaps included. None: it is an object.
fn list_length(table: &Table) -> Outcome<Option<usize>> {
    let (mut length, mut count) = (0, 0_usize);
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair.map_err(|_| no_memory())?;
        let index = match key {
            Value::Integer(number) => usize::try_from(number).unwrap_or(0),
            Value::Number(number) if number.fract() == 0.0 => number as usize,
            _ => 0,
        };
        if index == 0 {
            return Ok(None);
        }
        length = length.max(index);
        count += 1;
    }
    if length > count.saturating_mul(SPARSE_RATIO) && length > SPARSE_LENGTH_MIN {
        return Err("Cannot serialise table: excessively sparse array".to_owned());
    }
    Ok((length > 0).then_some(length))
}

fn no_memory() -> String {
    "not enough memory".to_owned()
}
