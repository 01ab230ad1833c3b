//! `cjson.decode`, with the errors of lua-cjson 2.1.

use mlua::{Lua, Value};

use crate::arguments::{Arguments, Outcome};
use crate::clock::is_over;
use crate::limits::JSON_DEPTH_MAX;

/// The value of a text.
pub(super) fn decode(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    if arguments.values.len() != 1 {
        return Err("bad argument #1 to 'decode' (expected 1 argument)".to_owned());
    }
    let text = arguments.text(0)?;
    let mut decoder = JsonDecoder { lua: arguments.lua, text: &text.as_bytes(), next: 0 };
    let token = decoder.token();
    let value = decoder.value(token, 0)?;
    match decoder.token() {
        (Token::End, _) => Ok(vec![value]),
        token => Err(expected("the end", &token)),
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ListBegin,
    ListEnd,
    Colon,
    Comma,
    End,
    Null,
    Boolean(bool),
    Number(f64),
    String(Vec<u8>),
    Wrong(&'static str),
}

/// A token, and where it begins.
type Placed = (Token, usize);

struct JsonDecoder<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    next: usize,
}

impl JsonDecoder<'_> {
    fn value(&mut self, token: Placed, depth: usize) -> Outcome<Value> {
        match token {
            (Token::ObjectBegin, at) => self.object(at, depth + 1),
            (Token::ListBegin, at) => self.list(at, depth + 1),
            (Token::Null, _) => Ok(Value::NULL),
            (Token::Boolean(value), _) => Ok(Value::Boolean(value)),
            (Token::Number(number), _) => Ok(Value::Number(number)),
            (Token::String(text), _) => self.string(&text),
            token => Err(expected("value", &token)),
        }
    }

    fn string(&self, text: &[u8]) -> Outcome<Value> {
        Ok(Value::String(self.lua.create_string(text).map_err(no_memory)?))
    }

    fn list(&mut self, at: usize, depth: usize) -> Outcome<Value> {
        check_depth(at, depth)?;
        let table = self.lua.create_table().map_err(no_memory)?;
        let mut token = self.token();
        if token.0 == Token::ListEnd {
            return Ok(Value::Table(table));
        }
        for index in 1_usize.. {
            let value = self.value(token, depth)?;
            table.raw_set(index, value).map_err(no_memory)?;
            match self.token() {
                (Token::ListEnd, _) => break,
                (Token::Comma, _) => token = self.token(),
                other => return Err(expected("comma or array end", &other)),
            }
        }
        Ok(Value::Table(table))
    }

    fn object(&mut self, at: usize, depth: usize) -> Outcome<Value> {
        check_depth(at, depth)?;
        let table = self.lua.create_table().map_err(no_memory)?;
        let mut token = self.token();
        if token.0 == Token::ObjectEnd {
            return Ok(Value::Table(table));
        }
        loop {
            let (Token::String(key), _) = token else {
                return Err(expected("object key string", &token));
            };
            match self.token() {
                (Token::Colon, _) => {}
                other => return Err(expected("colon", &other)),
            }
            let token_of_value = self.token();
            let value = self.value(token_of_value, depth)?;
            let key = self.string(&key)?;
            table.raw_set(key, value).map_err(no_memory)?;
            match self.token() {
                (Token::ObjectEnd, _) => return Ok(Value::Table(table)),
                (Token::Comma, _) => token = self.token(),
                other => return Err(expected("comma or object end", &other)),
            }
        }
    }

    fn token(&mut self) -> Placed {
        let rest = &self.text[self.next..];
        let blanks = rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.next += blanks;
        let (at, rest) = (self.next, &rest[blanks..]);
        let simple = [
            (&b"{"[..], Token::ObjectBegin),
            (b"}", Token::ObjectEnd),
            (b"[", Token::ListBegin),
            (b"]", Token::ListEnd),
            (b":", Token::Colon),
            (b",", Token::Comma),
            (b"null", Token::Null),
            (b"true", Token::Boolean(true)),
            (b"false", Token::Boolean(false)),
        ];
        for (text, token) in simple {
            if rest.starts_with(text) {
                self.next += text.len();
                return (token, at);
            }
        }
        match rest.first() {
            None => (Token::End, at),
            Some(b'"') => self.quoted(),
            Some(b'-' | b'0'..=b'9') => (self.number(), at),
            Some(_) => (Token::Wrong("invalid token"), at),
        }
    }

    fn number(&mut self) -> Token {
        let rest = &self.text[self.next..];
        let length = rest.iter().take_while(|it| it.is_ascii_digit() || b"+-.eE".contains(it));
        let text = &rest[..length.count()];
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let has_leading_zero = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        match number.filter(|_| !has_leading_zero) {
            None => Token::Wrong("invalid number"),
            Some(number) => {
                self.next += text.len();
                Token::Number(number)
            }
        }
    }

    /// A string. An error is where the string cannot be read on.
    fn quoted(&mut self) -> Placed {
        let (begin, mut out) = (self.next, Vec::new());
        self.next += 1;
        loop {
            let Some(&byte) = self.text.get(self.next) else {
                return (Token::Wrong("unexpected end of string"), self.next);
            };
            match byte {
                b'"' => {
                    self.next += 1;
                    return (Token::String(out), begin);
                }
                b'\\' => {
                    let at = self.next;
                    if let Err(error) = self.escape(&mut out) {
                        return (Token::Wrong(error), at);
                    }
                }
                _ => {
                    out.push(byte);
                    self.next += 1;
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let byte = match self.text.get(self.next + 1) {
            Some(b'u') => return self.unicode(out),
            Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 0x08,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 0x0c,
            Some(b'r') => b'\r',
            _ => return Err("invalid escape code"),
        };
        out.push(byte);
        self.next += 2;
        Ok(())
    }

    /// `\u` and four digits, or two of them for a character beyond 65,535.
    fn unicode(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        const WRONG: &str = "invalid unicode escape code";
        let first = self.unit(self.next).ok_or(WRONG)?;
        let mut length = 6;
        let code = if (0xd800..0xdc00).contains(&first) {
            let second = self.unit(self.next + 6).filter(|it| (0xdc00..0xe000).contains(it));
            length = 12;
            0x1_0000 + ((first - 0xd800) << 10) + (second.ok_or(WRONG)? - 0xdc00)
        } else {
            first
        };
        let character = char::from_u32(code).ok_or(WRONG)?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.next += length;
        Ok(())
    }

    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
    }
}

fn check_depth(at: usize, depth: usize) -> Outcome<()> {
    if depth > JSON_DEPTH_MAX {
        let place = at + 1;
        return Err(format!(
            "Found too many nested data structures ({depth}) at character {place}"
        ));
    }
    if is_over() { Err("script ended".to_owned()) } else { Ok(()) }
}

fn expected(what: &str, (token, at): &Placed) -> String {
    let found = match token {
        Token::ObjectBegin => "T_OBJ_BEGIN",
        Token::ObjectEnd => "T_OBJ_END",
        Token::ListBegin => "T_ARR_BEGIN",
        Token::ListEnd => "T_ARR_END",
        Token::Colon => "T_COLON",
        Token::Comma => "T_COMMA",
        Token::End => "T_END",
        Token::Null => "T_NULL",
        Token::Boolean(_) => "T_BOOLEAN",
        Token::Number(_) => "T_NUMBER",
        Token::String(_) => "T_STRING",
        Token::Wrong(text) => text,
    };
    format!("Expected {what} but found {found} at character {}", at + 1)
}

fn no_memory(_: mlua::Error) -> String {
    "not enough memory".to_owned()
}
