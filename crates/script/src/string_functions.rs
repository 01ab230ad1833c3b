//! The functions of Lua's string library that take long for some arguments.

use memchr::memmem;
use mlua::Value;

use crate::arguments::{Arguments, Outcome};
use crate::limits::CONVERTED_BYTES_MAX;
use crate::pattern::{Capture, Pattern, PatternError, is_plain};

const NO_MEMORY: &str = "not enough memory";

impl From<PatternError> for String {
    fn from(error: PatternError) -> Self {
        error.0.to_owned()
    }
}

/// `string.find`, or `string.match`.
pub(super) fn find(arguments: &Arguments<'_>, is_match: bool) -> Outcome<Vec<Value>> {
    let (subject, pattern) = (arguments.text(0)?, arguments.text(1)?);
    let (subject, pattern) = (&*subject.as_bytes(), &*pattern.as_bytes());
    let init = arguments.integer_or(2, 1)?;
    let length = subject.len() as i64;
    let init = if init < 0 { init.saturating_add(length) } else { init.saturating_sub(1) };
    let from = init.clamp(0, length) as usize;
    let says_plain = !matches!(arguments.value(3), Value::Nil | Value::Boolean(false));
    if !is_match && (says_plain || is_plain(pattern)) {
        let place = memmem::find(&subject[from..], pattern);
        return Ok(place.map_or_else(Vec::new, |place| {
            vec![position(from + place + 1), position(from + place + pattern.len())]
        }));
    }
    let mut search = Pattern::new(subject, pattern);
    let Some(found) = search.search(from, true)? else { return Ok(Vec::new()) };
    let mut values = Vec::new();
    if !is_match {
        values.extend([position(found.0 + 1), position(found.1)]);
    }
    if is_match || search.level() > 0 {
        push_captures(arguments, &search, subject, found, &mut values)?;
    }
    Ok(values)
}

/// One step of `string.gmatch` and `string.gsub`: the next match that begins at the position of
/// the third argument or later. Returns where to search next, with a fourth argument also where the
/// match begins and ends, and the captures; nothing if there is no match.
pub(super) fn next_match(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    let (subject, pattern) = (arguments.text(0)?, arguments.text(1)?);
    let (subject, pattern) = (&*subject.as_bytes(), &*pattern.as_bytes());
    let from = arguments.integer_or(2, 1)?.max(1) as usize - 1;
    let is_gsub = arguments.value(3) == Value::Boolean(true);
    let mut search = Pattern::new(subject, pattern);
    let Some(found) = search.search(from, is_gsub)? else { return Ok(Vec::new()) };
    let next = if found.1 > found.0 { found.1 } else { found.1 + 1 };
    let mut values = vec![position(next + 1)];
    if is_gsub {
        values.extend([position(found.0 + 1), position(found.1 + 1)]);
    }
    push_captures(arguments, &search, subject, found, &mut values)?;
    Ok(values)
}

/// `string.gsub` with a text as the replacement.
pub(super) fn gsub(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    let (subject, pattern) = (arguments.text(0)?, arguments.text(1)?);
    let replacement = arguments.text(2)?;
    let (subject, pattern) = (&*subject.as_bytes(), &*pattern.as_bytes());
    let max = arguments.integer_or(3, i64::MAX)?;
    let is_tied = pattern.first() == Some(&b'^');
    let mut search = Pattern::new(subject, pattern);
    let (mut out, mut count, mut copied, mut from) = (Vec::new(), 0, 0, 0);
    while count < max {
        let Some(found) = search.search(from, true)? else { break };
        out.extend_from_slice(&subject[copied..found.0]);
        append_replacement(&mut out, &replacement.as_bytes(), &search, subject, found)?;
        if out.len() > CONVERTED_BYTES_MAX {
            return Err(NO_MEMORY.to_owned());
        }
        (count, copied) = (count + 1, found.1);
        from = if found.1 > found.0 { found.1 } else { found.1 + 1 };
        if is_tied {
            break;
        }
    }
    out.extend_from_slice(&subject[copied..]);
    Ok(vec![text(arguments, &out)?, Value::Number(count as f64)])
}

fn append_replacement(
    out: &mut Vec<u8>,
    replacement: &[u8],
    search: &Pattern<'_>,
    subject: &[u8],
    found: (usize, usize),
) -> Outcome<()> {
    let mut bytes = replacement.iter();
    while let Some(&byte) = bytes.next() {
        // A text cannot grow without a bound between two looks of the caller.
        if out.len() > CONVERTED_BYTES_MAX {
            return Err(NO_MEMORY.to_owned());
        }
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        match bytes.next().copied().unwrap_or(0) {
            b'0' => out.extend_from_slice(&subject[found.0..found.1]),
            digit @ b'1'..=b'9' => match search.capture(usize::from(digit - b'1'), found)? {
                Capture::Bytes(start, end) => out.extend_from_slice(&subject[start..end]),
                Capture::Position(place) => out.extend(place.to_string().bytes()),
            },
            other => out.push(other),
        }
    }
    Ok(())
}

/// `string.rep`.
pub(super) fn rep(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    let part = arguments.text(0)?;
    let count = usize::try_from(arguments.number(1)? as i64).unwrap_or(0);
    let part = part.as_bytes();
    match part.len().checked_mul(count) {
        Some(0) => Ok(vec![text(arguments, b"")?]),
        Some(bytes) if bytes <= CONVERTED_BYTES_MAX => {
            Ok(vec![text(arguments, &part.repeat(count))?])
        }
        _ => Err(NO_MEMORY.to_owned()),
    }
}

fn push_captures(
    arguments: &Arguments<'_>,
    search: &Pattern<'_>,
    subject: &[u8],
    found: (usize, usize),
    values: &mut Vec<Value>,
) -> Outcome<()> {
    for capture in search.captures(found)? {
        values.push(match capture {
            Capture::Bytes(start, end) => text(arguments, &subject[start..end])?,
            Capture::Position(place) => position(place),
        });
    }
    Ok(())
}

fn position(position: usize) -> Value {
    Value::Number(position as f64)
}

fn text(arguments: &Arguments<'_>, bytes: &[u8]) -> Outcome<Value> {
    let text = arguments.lua.create_string(bytes).map_err(|_| NO_MEMORY.to_owned())?;
    Ok(Value::String(text))
}
