//! The environment of a script, and its execution.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use mlua::chunk::ChunkMode;
use mlua::{
    Function, HookTriggers, Lua, LuaOptions, MultiValue, Result, StdLib, Table, Value, VmState,
};

use crate::conversions::{append_line, append_reply, value_of};
use crate::limits::{
    INSTRUCTIONS_PER_LOOK, SCRIPT_DURATION_MAX, SCRIPT_MEMORY_BYTES_MAX, SCRIPT_MEMORY_KEPT_BYTES,
};
use crate::sha1::sha1_hex;

/// Functions of Lua that scripts have. Others reach files, other environments, or bytecode.
const FUNCTIONS: [&str; 13] = [
    "assert", "error", "ipairs", "next", "pairs", "rawequal", "rawget", "rawset", "select",
    "tonumber", "tostring", "type", "unpack",
];

/// Tables of Lua that scripts have copies of.
const TABLES: [&str; 4] = ["string", "table", "math", "coroutine"];

/// Prepares a Lua state: the metatable of strings is the same for all scripts, so none may see it.
const PREPARATION: &str = "getmetatable('').__metatable = false";

/// The part of an environment that is written in Lua.
const PRELUDE: &str = r#"
local env, visible, raw_call, set_metatable, get_metatable, is_over = ...
local raise, is_table, raw_pcall, raw_resume = error, type, pcall, coroutine.resume
-- The error that ends a script for its time must not be caught.
local function caught(is_done, ...)
    if not is_done and is_over() then raise((...), 0) end
    return is_done, ...
end
visible.pcall = function(...) return caught(raw_pcall(...)) end
visible.coroutine.resume = function(...) return caught(raw_resume(...)) end
visible.setmetatable = function(table, meta)
    return set_metatable(table, meta)
end
visible.getmetatable = function(value)
    return get_metatable(value)
end
local redis = visible.redis
redis.pcall = function(...) return raw_call(...) end
redis.call = function(...)
    local reply = raw_call(...)
    if is_table(reply) == 'table' and reply.err then raise(reply, 0) end
    return reply
end
redis.error_reply = function(text)
    if is_table(text) ~= 'string' then raise('wrong number or type of arguments', 2) end
    if text:sub(1, 1) == '-' then text = text:sub(2) end
    if not text:find(' ', 1, true) then text = 'ERR ' .. text end
    return { err = text }
end
redis.status_reply = function(text)
    if is_table(text) ~= 'string' then raise('wrong number or type of arguments', 2) end
    return { ok = text }
end
redis.setresp = function(version)
    if version ~= 2 and version ~= 3 then raise('RESP version must be 2 or 3.', 2) end
end
redis.log = function() end
redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING = 0, 1, 2, 3
redis.replicate_commands = function() return true end
redis.breakpoint = function() return false end
set_metatable(visible, { __index = function(_, name)
    raise("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end })
set_metatable(env, { __index = visible, __metatable = false, __newindex = function()
    raise('Attempt to modify a readonly table', 2)
end })
"#;

/// A script to be run.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// Its text.
    pub text: &'a [u8],
    /// Its keys.
    pub keys: &'a [&'a [u8]],
    /// Its other arguments.
    pub arguments: &'a [&'a [u8]],
    /// Whether the reply is in RESP3.
    pub is_resp3: bool,
}

/// Executes one command of a script and returns its reply, in RESP2.
pub type Call<'c> = dyn FnMut(&[Vec<u8>]) -> Vec<u8> + 'c;

thread_local! {
    /// The Lua state of this thread, made by its first script.
    static STATE: RefCell<Option<Lua>> = const { RefCell::new(None) };
    /// When the script of this thread must have ended.
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs a script, and returns its reply. `call` executes the commands that it calls.
pub fn run(script: &Script<'_>, call: &mut Call<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let state = STATE.take().map_or_else(new_state, Ok);
    let lua = match state {
        Ok(lua) => lua,
        Err(error) => {
            append_line(&mut out, b'-', format!("ERR {error}").as_bytes());
            return out;
        }
    };
    END.set(Some(Instant::now() + SCRIPT_DURATION_MAX));
    let nil = if script.is_resp3 { "_" } else { "$-1" };
    match execute(&lua, script, call) {
        Ok(value) => append_reply(&mut out, &value, nil, 0),
        Err(error) => append_line(&mut out, b'-', error_text(&error, script).as_bytes()),
    }
    END.set(None);
    // A state that had little left is not used again, nor is one that grew.
    let is_sound = lua.gc_collect().is_ok() && lua.used_memory() < SCRIPT_MEMORY_KEPT_BYTES;
    STATE.set(is_sound.then_some(lua));
    out
}

fn new_state() -> Result<Lua> {
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
    let lua = Lua::new_with(libraries, LuaOptions::new())?;
    lua.load(PREPARATION).exec()?;
    lua.set_memory_limit(SCRIPT_MEMORY_BYTES_MAX)?;
    let looks = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_PER_LOOK);
    lua.set_global_hook(looks, |_, _| {
        if is_over() {
            let milliseconds = SCRIPT_DURATION_MAX.as_millis();
            let text = format!("Script killed: it ran for more than {milliseconds} ms");
            return Err(mlua::Error::runtime(text));
        }
        Ok(VmState::Continue)
    })?;
    Ok(lua)
}

/// Whether the time of the script of this thread is over.
fn is_over() -> bool {
    END.get().is_some_and(|end| Instant::now() > end)
}

fn execute(lua: &Lua, script: &Script<'_>, call: &mut Call<'_>) -> Result<Value> {
    lua.scope(|scope| {
        let raw_call = scope
            .create_function_mut(|lua, words: MultiValue| raw_call(lua, &words, &mut *call))?;
        let env = environment(lua, script, &raw_call)?;
        let chunk = lua.load(script.text).set_name("@user_script").set_mode(ChunkMode::Text);
        let function = chunk.set_environment(env).into_function()?;
        // An error may be any value, which only Lua can hand over.
        let pcall: Function = lua.globals().raw_get("pcall")?;
        let (is_done, value): (bool, Value) = pcall.call(function)?;
        match value {
            value if is_done => Ok(value),
            Value::Table(error) if error.raw_get::<Option<mlua::LuaString>>("err")?.is_some() => {
                let text: mlua::LuaString = error.raw_get("err")?;
                Err(mlua::Error::runtime(text.to_string_lossy()))
            }
            Value::Error(error) => Err(*error),
            Value::String(text) => Err(mlua::Error::runtime(text.to_string_lossy())),
            _ => Err(mlua::Error::runtime("Error running script: an error that is no text")),
        }
    })
}

/// `redis.pcall`. An error is a table with the field `err`.
fn raw_call(lua: &Lua, words: &MultiValue, call: &mut Call<'_>) -> Result<Value> {
    let refusal = |text: &str| -> Result<Value> {
        let table = lua.create_table()?;
        table.raw_set("err", text)?;
        Ok(Value::Table(table))
    };
    if words.is_empty() {
        return refusal("ERR Please specify at least one argument for this redis.call() call");
    }
    let mut texts = Vec::with_capacity(words.len());
    for word in words {
        match word {
            Value::String(text) => texts.push(text.as_bytes().to_vec()),
            Value::Integer(number) => texts.push(number.to_string().into_bytes()),
            Value::Number(number) => texts.push(number_text(*number).into_bytes()),
            _ => {
                return refusal("ERR Lua redis lib command arguments must be strings or integers");
            }
        }
    }
    let reply = call(&texts);
    Ok(value_of(lua, &reply)?.0)
}

/// A number as a word of a command: 17 digits at most, as C's `%.17g` writes it.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e17 {
        return (number as i64).to_string();
    }
    number.to_string()
}

/// A new environment: copies of what a script may use, its keys and arguments, and `redis`.
fn environment(lua: &Lua, script: &Script<'_>, raw_call: &Function) -> Result<Table> {
    let (env, visible, globals) = (lua.create_table()?, lua.create_table()?, lua.globals());
    for name in FUNCTIONS {
        visible.raw_set(name, globals.raw_get::<Value>(name)?)?;
    }
    for name in TABLES {
        let copy = lua.create_table()?;
        for pair in globals.raw_get::<Table>(name)?.pairs::<Value, Value>() {
            let (key, value) = pair?;
            copy.raw_set(key, value)?;
        }
        visible.raw_set(name, copy)?;
    }
    visible.raw_set("_G", &env)?;
    visible.raw_set("_VERSION", "Lua 5.1")?;
    visible.raw_set("KEYS", texts(lua, script.keys)?)?;
    visible.raw_set("ARGV", texts(lua, script.arguments)?)?;
    let of_env = env.clone();
    let load = lua.create_function(move |lua, text: mlua::LuaString| {
        // Lua trusts bytecode, so only text is loaded.
        let chunk = lua.load(text.as_bytes().to_vec()).set_mode(ChunkMode::Text);
        match chunk.set_environment(of_env.clone()).into_function() {
            Ok(function) => Ok((Some(function), None)),
            Err(error) => Ok((None, Some(error.to_string()))),
        }
    })?;
    visible.raw_set("loadstring", load)?;
    let redis = lua.create_table()?;
    let sha = lua.create_function(|_, text: mlua::LuaString| Ok(sha1_hex(&text.as_bytes())))?;
    redis.raw_set("sha1hex", sha)?;
    redis.raw_set("REDIS_VERSION", "7.4.0")?;
    redis.raw_set("REDIS_VERSION_NUM", 0x0007_0400)?;
    visible.raw_set("redis", redis)?;
    let set_metatable: Function = globals.raw_get("setmetatable")?;
    let get_metatable: Function = globals.raw_get("getmetatable")?;
    let is_over = lua.create_function(|_, ()| Ok(is_over()))?;
    let prelude = lua.load(PRELUDE).set_name("=prelude").into_function()?;
    let () = prelude.call((&env, visible, raw_call, set_metatable, get_metatable, is_over))?;
    Ok(env)
}

fn texts(lua: &Lua, words: &[&[u8]]) -> Result<Table> {
    let table = lua.create_table()?;
    for (index, word) in words.iter().enumerate() {
        table.raw_set(index + 1, lua.create_string(word)?)?;
    }
    Ok(table)
}

/// The text of an error that no `pcall` has caught.
fn error_text(error: &mlua::Error, script: &Script<'_>) -> String {
    let sha = sha1_hex(script.text);
    match error {
        mlua::Error::SyntaxError { message, .. } => {
            format!("ERR Error compiling script (new function): {message}")
        }
        mlua::Error::MemoryError(_) => {
            format!("ERR not enough memory script: {sha}, on @user_script.")
        }
        mlua::Error::CallbackError { cause, .. } => error_text(cause, script),
        error => {
            let text = error.to_string();
            // Lua puts the place before the text, and a trace after it.
            let text = text.strip_prefix("runtime error: ").unwrap_or(&text);
            let text = text.split("\nstack traceback").next().unwrap_or(text);
            let has_class = text.split(' ').next().is_some_and(|word| {
                !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
            });
            let class = if has_class { "" } else { "ERR " };
            format!("{class}{text} script: {sha}, on @user_script.")
        }
    }
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;
