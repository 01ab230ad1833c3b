//! The functions that the sandbox takes from here.

use std::cell::Cell;

use mlua::{Lua, MultiValue, Result, Table, Value};

use crate::arguments::{Arguments, Outcome, returned};
use crate::bits::{BIT_NAMES, bit};
use crate::clock::is_over;
use crate::json_decoder::decode;
use crate::json_encoder::encode;
use crate::limits::COROUTINE_DEPTH_MAX;
use crate::random::{random, random_seed};
use crate::sha1::sha1_hex;
use crate::string_functions::{find, gsub, next_match, rep};

/// The name of scripts in Lua's messages, and in Redis' errors.
pub(super) const CHUNK_NAME: &str = "@user_script";

/// Frames that are searched for the line of the script.
const FRAMES_MAX: usize = 32;

/// The version of Redis that scripts see.
const VERSION: (u8, u8, u8) = (7, 4, 0);

type Native = fn(&Arguments<'_>) -> Outcome<Vec<Value>>;

/// Functions, and their names in Lua.
const FUNCTIONS: &[(&str, &str, Native)] = &[
    ("find", "find", |arguments| find(arguments, false)),
    ("match", "match", |arguments| find(arguments, true)),
    ("next_match", "gmatch", next_match),
    ("gsub", "gsub", gsub),
    ("rep", "rep", rep),
    ("random", "random", random),
    ("randomseed", "randomseed", random_seed),
    ("json_encode", "encode", encode),
    ("json_decode", "decode", decode),
    ("sha1hex", "sha1hex", sha1),
    ("log", "log", log),
    ("setresp", "setresp", set_version),
];

thread_local! {
    /// Whether the script of this thread has asked for RESP3.
    static HAS_BOOLEANS: Cell<bool> = const { Cell::new(false) };
}

/// Whether the script of this thread has asked for RESP3, which has booleans.
pub(super) fn has_booleans() -> bool {
    HAS_BOOLEANS.get()
}

/// Forgets what the last script has asked for.
pub(super) fn forget_version() {
    HAS_BOOLEANS.set(false);
}

/// All of them in a table.
pub(super) fn natives(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let add = |name: &str, function: &'static str, native: Native| {
        let native = lua.create_function(move |lua, values: MultiValue| {
            returned(lua, native(&Arguments { lua, values: &values, function }))
        });
        table.raw_set(name, native?)
    };
    for (name, function, native) in FUNCTIONS {
        add(name, function, *native)?;
    }
    for name in BIT_NAMES {
        add(name, name, bit)?;
    }
    table.raw_set("bit_names", lua.create_sequence_from(BIT_NAMES)?)?;
    table.raw_set("check_strings", lua.create_function(check_strings)?)?;
    table.raw_set("single_field", lua.create_function(single_field)?)?;
    table.raw_set("script_line", lua.create_function(|lua, ()| Ok(script_line(lua)))?)?;
    table.raw_set("is_over", lua.create_function(|_, ()| Ok(is_over()))?)?;
    table.raw_set("coroutine_depth_max", COROUTINE_DEPTH_MAX)?;
    table.raw_set("null", Value::NULL)?;
    let (major, minor, patch) = VERSION;
    table.raw_set("version", format!("{major}.{minor}.{patch}"))?;
    let number = u32::from(major) << 16 | u32::from(minor) << 8 | u32::from(patch);
    table.raw_set("version_number", number)?;
    Ok(table)
}

/// Whether the values after the name of a function are two strings.
fn check_strings(lua: &Lua, (function, values): (String, MultiValue)) -> Result<MultiValue> {
    let arguments = Arguments { lua, values: &values, function: &function };
    let outcome = arguments.text(0).and_then(|_| arguments.text(1));
    returned(lua, outcome.map(|_| Vec::new()))
}

/// A table with one text: `redis.status_reply`, `redis.error_reply`. An error begins with its code.
fn single_field(lua: &Lua, (field, values): (String, MultiValue)) -> Result<Table> {
    let table = lua.create_table()?;
    let text = match (values.len(), values.front()) {
        (1, Some(Value::String(text))) => text.as_bytes().to_vec(),
        _ => {
            table.raw_set("err", "ERR wrong number or type of arguments")?;
            return Ok(table);
        }
    };
    let text = if field == "err" { error_reply(&text) } else { text };
    table.raw_set(field, lua.create_string(text)?)?;
    Ok(table)
}

/// The text of an error with a code: `ERR` if it has only one word, which may be said with a `-`.
fn error_reply(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let has_code = text.contains(&b' ');
    if has_code { text.to_vec() } else { [b"ERR ", text].concat() }
}

fn sha1(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    if arguments.values.len() != 1 {
        return Err("ERR wrong number of arguments".to_owned());
    }
    // Other values count as an empty text.
    let sha = arguments.text(0).map_or_else(|_| sha1_hex(b""), |text| sha1_hex(&text.as_bytes()));
    let sha = arguments.lua.create_string(sha).map_err(|error| error.to_string())?;
    Ok(vec![Value::String(sha)])
}

/// Checks its arguments. Nothing is logged: a client would fill the log of the server.
fn log(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    if arguments.values.len() < 2 {
        return Err("ERR redis.log() requires two arguments or more.".to_owned());
    }
    match arguments.value(0) {
        Value::Integer(0..=3) => Ok(Vec::new()),
        Value::Number(level) if (0.0..4.0).contains(&level) => Ok(Vec::new()),
        Value::Integer(_) | Value::Number(_) => Err("ERR Invalid debug level.".to_owned()),
        _ => Err("ERR First argument must be a number (log level).".to_owned()),
    }
}

fn set_version(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    if arguments.values.len() != 1 {
        return Err("ERR redis.setresp() requires one argument.".to_owned());
    }
    let version = arguments.number(0).unwrap_or(0.0) as i64;
    if !matches!(version, 2 | 3) {
        return Err("ERR RESP version must be 2 or 3.".to_owned());
    }
    HAS_BOOLEANS.set(version == 3);
    Ok(Vec::new())
}

/// The line of the script that is executed.
fn script_line(lua: &Lua) -> Option<usize> {
    (1..FRAMES_MAX).find_map(|level| {
        lua.inspect_stack(level, |frame| {
            let is_script = frame.source().source.as_deref() == Some(CHUNK_NAME);
            frame.current_line().filter(|_| is_script)
        })
        .flatten()
    })
}
