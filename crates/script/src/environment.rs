//! The Lua state of a thread, and the execution of scripts in it.

use std::cell::RefCell;
use std::collections::HashMap;

use mlua::chunk::ChunkMode;
use mlua::{
    Function, HookTriggers, Lua, LuaOptions, LuaString, MultiValue, Result, StdLib, Table, Value,
    VmState,
};

use crate::clock;
use crate::conversions::{ReplyWriter, value_of};
use crate::limits::{
    COMPILED_BYTES_MAX, COMPILED_MAX, CONVERTED_BYTES_MAX, INSTRUCTIONS_PER_LOOK,
    SCRIPT_MEMORY_BYTES_MAX, SCRIPT_MEMORY_KEPT_BYTES,
};
use crate::native::{CHUNK_NAME, forget_version, has_booleans, natives};
use crate::number_text::number_text;
use crate::random;
use crate::sha1::sha1_hex;

/// The globals of scripts.
const SANDBOX: &str = include_str!("sandbox.lua");

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

/// A Lua state with the globals of scripts.
#[derive(Debug)]
struct Environment {
    lua: Lua,
    /// What the sandbox knows of the script that runs.
    current: Table,
    /// Makes the globals of one script.
    prepare: Function,
    /// Calls a function, with errors as tables.
    run: Function,
    /// Compiled scripts by their texts. Each run sets the globals.
    compiled: RefCell<HashMap<Box<[u8]>, Function>>,
}

thread_local! {
    /// The Lua state of this thread, made by its first script.
    static STATE: RefCell<Option<Environment>> = const { RefCell::new(None) };
}

/// Why a script has no value.
enum Failure {
    /// An error that the script did not catch.
    Raised(Value),
    /// Something else, as a text that does not compile.
    Other(mlua::Error),
}

impl From<mlua::Error> for Failure {
    fn from(error: mlua::Error) -> Self {
        Self::Other(error)
    }
}

/// Runs a script, and returns its reply. `call` executes the commands that it calls.
pub fn run(script: &Script<'_>, call: &mut Call<'_>) -> Vec<u8> {
    let mut reply = ReplyWriter { out: Vec::new(), is_resp3: script.is_resp3, has_booleans: false };
    let environment = match STATE.take().map_or_else(Environment::new, Ok) {
        Ok(environment) => environment,
        Err(error) => {
            reply.line(b'-', format!("ERR {error}").as_bytes());
            return reply.out;
        }
    };
    clock::begin();
    random::begin();
    forget_version();
    match environment.execute(script, call) {
        Ok(value) => {
            reply.has_booleans = has_booleans();
            if reply.value(&value, 0).is_err() {
                reply.out.clear();
                reply.line(b'-', b"ERR the reply of the script is too long");
            }
        }
        Err(failure) => reply.line(b'-', &failure_text(&failure, script)),
    }
    clock::end();
    environment.put_back();
    reply.out
}

/// Whether a text is a script. If not, the error that a client gets.
pub fn check(text: &[u8]) -> std::result::Result<(), Vec<u8>> {
    let script = Script { text, keys: &[], arguments: &[], is_resp3: false };
    let checked = STATE.take().map_or_else(Environment::new, Ok).and_then(|environment| {
        let function = environment.function(text).map(|_| ());
        environment.put_back();
        function
    });
    checked.map_err(|error| {
        let mut reply = ReplyWriter { out: Vec::new(), is_resp3: false, has_booleans: false };
        reply.line(b'-', &failure_text(&Failure::Other(error), &script));
        reply.out
    })
}

impl Environment {
    fn new() -> Result<Self> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        let current = lua.create_table()?;
        let sandbox = lua.load(SANDBOX).set_name("=sandbox").into_function()?;
        let (prepare, run) = sandbox.call((natives(&lua)?, &current))?;
        lua.set_memory_limit(SCRIPT_MEMORY_BYTES_MAX)?;
        let looks = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_PER_LOOK);
        // Coroutines inherit it.
        lua.set_global_hook(looks, |_, _| {
            if clock::is_over() {
                return Err(mlua::Error::runtime("script ended"));
            }
            Ok(VmState::Continue)
        })?;
        Ok(Self { lua, current, prepare, run, compiled: RefCell::default() })
    }

    /// Keeps the state for the next script, unless it grew: then little may be left in it.
    fn put_back(self) {
        let lua = &self.lua;
        let is_small = || lua.used_memory() < SCRIPT_MEMORY_KEPT_BYTES;
        let is_sound = is_small() || lua.gc_collect().is_ok() && is_small();
        STATE.set(is_sound.then_some(self));
    }

    fn execute(
        &self,
        script: &Script<'_>,
        call: &mut Call<'_>,
    ) -> std::result::Result<Value, Failure> {
        let lua = &self.lua;
        let returned = lua.scope(|scope| {
            let call = scope
                .create_function_mut(|lua, words: MultiValue| called(lua, &words, &mut *call))?;
            self.current.raw_set("call", call)?;
            let lists = (texts(lua, script.keys)?, texts(lua, script.arguments)?);
            let globals: Table = self.prepare.call(lists)?;
            let function = self.function(script.text)?;
            function.set_environment(globals)?;
            self.run.call::<(bool, Value)>(function)
        });
        match returned? {
            (true, value) => Ok(value),
            (false, error) => Err(Failure::Raised(error)),
        }
    }
}

impl Environment {
    /// The compiled script.
    fn function(&self, text: &[u8]) -> Result<Function> {
        let mut compiled = self.compiled.borrow_mut();
        if let Some(function) = compiled.get(text) {
            return Ok(function.clone());
        }
        let chunk = self.lua.load(text).set_name(CHUNK_NAME).set_mode(ChunkMode::Text);
        let function = chunk.into_function()?;
        if text.len() <= COMPILED_BYTES_MAX {
            if compiled.len() == COMPILED_MAX {
                compiled.clear();
            }
            compiled.insert(text.into(), function.clone());
        }
        Ok(function)
    }
}

/// `redis.pcall`: whether it succeeded, and the reply. An error is a table with the field `err`.
fn called(lua: &Lua, words: &MultiValue, call: &mut Call<'_>) -> Result<(bool, Value)> {
    let refusal = |text: &str| -> Result<(bool, Value)> {
        let table = lua.create_table()?;
        table.raw_set("err", text)?;
        Ok((false, Value::Table(table)))
    };
    if words.is_empty() {
        return refusal("ERR Please specify at least one argument for this redis lib call");
    }
    let mut texts = Vec::with_capacity(words.len());
    let mut bytes = 0;
    for word in words {
        let text = match word {
            Value::String(text) => text.as_bytes().to_vec(),
            Value::Integer(number) => number_text(*number as f64).into_bytes(),
            Value::Number(number) => number_text(*number).into_bytes(),
            _ => {
                return refusal("ERR Lua redis lib command arguments must be strings or integers");
            }
        };
        bytes += text.len();
        if bytes > CONVERTED_BYTES_MAX {
            return refusal("ERR the command of the script is too long");
        }
        texts.push(text);
    }
    let reply = call(&texts);
    let (value, _) = value_of(lua, &reply)?;
    Ok((reply.first() != Some(&b'-'), value))
}

fn texts(lua: &Lua, words: &[&[u8]]) -> Result<Table> {
    let table = lua.create_table()?;
    for (index, word) in words.iter().enumerate() {
        table.raw_set(index + 1, lua.create_string(word)?)?;
    }
    Ok(table)
}

/// The text of the error that a client gets.
fn failure_text(failure: &Failure, script: &Script<'_>) -> Vec<u8> {
    let mut line = Value::Nil;
    let mut text = match failure {
        Failure::Other(mlua::Error::SyntaxError { message, .. }) => {
            return format!("ERR Error compiling script (new function): {message}").into_bytes();
        }
        _ if clock::is_over() => {
            let milliseconds = clock::duration().as_millis();
            format!("ERR Script killed: it ran for more than {milliseconds} ms").into_bytes()
        }
        Failure::Other(error) => format!("ERR {error}").into_bytes(),
        Failure::Raised(Value::Table(error)) => {
            line = error.raw_get("line").unwrap_or(Value::Nil);
            match error.raw_get::<LuaString>("err") {
                Ok(text) => text.as_bytes().to_vec(),
                Err(_) => b"ERR the script raised an error without a text".to_vec(),
            }
        }
        Failure::Raised(Value::String(error)) => [b"ERR ", &*error.as_bytes()].concat(),
        Failure::Raised(other) => format!("ERR {}", other.type_name()).into_bytes(),
    };
    text.extend(format!(" script: {}, on {CHUNK_NAME}", sha1_hex(script.text)).bytes());
    if let Some(line) = line.as_usize() {
        text.extend(format!(":{line}").bytes());
    }
    text.push(b'.');
    text
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;
