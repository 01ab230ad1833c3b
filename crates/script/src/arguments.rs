//! Arguments of native functions, read as Lua's library reads them.

use mlua::{Lua, LuaString, MultiValue, Value};

/// A value, or the text of the error that Lua raises.
pub(super) type Outcome<T> = Result<T, String>;

/// What a native function returns: true and its values, or false and the text of an error.
pub(super) fn returned(lua: &Lua, outcome: Outcome<Vec<Value>>) -> mlua::Result<MultiValue> {
    Ok(match outcome {
        Ok(values) => std::iter::once(Value::Boolean(true)).chain(values).collect(),
        Err(text) => MultiValue::from_vec(vec![
            Value::Boolean(false),
            Value::String(lua.create_string(text)?),
        ]),
    })
}

/// The arguments of the function with this name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) lua: &'a Lua,
    pub(super) values: &'a MultiValue,
    pub(super) function: &'a str,
}

impl Arguments<'_> {
    pub(super) fn value(&self, index: usize) -> Value {
        self.values.get(index).cloned().unwrap_or(Value::Nil)
    }

    /// A string, or a number as its text.
    pub(super) fn text(&self, index: usize) -> Outcome<LuaString> {
        let value = self.value(index);
        match value {
            Value::String(text) => Ok(text),
            Value::Integer(_) | Value::Number(_) => match self.lua.coerce_string(value) {
                Ok(Some(text)) => Ok(text),
                _ => Err("not enough memory".to_owned()),
            },
            _ => Err(self.wrong(index, "string")),
        }
    }

    pub(super) fn number(&self, index: usize) -> Outcome<f64> {
        match self.value(index) {
            Value::Integer(number) => Ok(number as f64),
            Value::Number(number) => Ok(number),
            value @ Value::String(_) => match self.lua.coerce_number(value) {
                Ok(Some(number)) => Ok(number),
                _ => Err(self.wrong(index, "number")),
            },
            _ => Err(self.wrong(index, "number")),
        }
    }

    /// A number, cut to an integer; `absent` if there is none.
    pub(super) fn integer_or(&self, index: usize, absent: i64) -> Outcome<i64> {
        match self.value(index) {
            Value::Nil => Ok(absent),
            _ => Ok(self.number(index)? as i64),
        }
    }

    fn wrong(&self, index: usize, expected: &str) -> String {
        let found = match self.values.get(index) {
            None => "no value",
            Some(value) => type_name(value),
        };
        let (number, function) = (index + 1, self.function);
        format!("bad argument #{number} to '{function}' ({expected} expected, got {found})")
    }
}

/// The name of a value's type, as Lua has it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "number",
        Value::LightUserData(_) | Value::UserData(_) | Value::Error(_) => "userdata",
        value => value.type_name(),
    }
}
