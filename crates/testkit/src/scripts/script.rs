//! What a client sends, as a value and as readable text.
//!
//! In the text, `↵` means CR LF, `␊` a lone LF, `␍` a lone CR. Braces have these meanings:
//!
//! ```text
//! {x*250}   the text x 250 times            {\00}     the byte with this hex code
//!                                           {\00*9}   that byte 9 times
//! {cas a}   the cas unique last seen with a  {now+60}  this Unix time plus 60 (or -60)
//! {read}    read all replies before going on {close}   the server closes now (last part only)
//! ```

use std::fmt;
use std::time::SystemTime;

/// The cas unique that `{cas k}` sends if no reply has shown one for that key. No server assigns
/// it.
pub const CAS_NEVER_GIVEN: u64 = 0xffff_ffff_ffff_fff0;

/// One action of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Sends these bytes.
    Bytes(Vec<u8>),
    /// Sends the cas unique that was last seen with this key, in decimal.
    CasOf(Vec<u8>),
    /// Reads all outstanding replies. The stream must be between two commands here.
    Read,
}

/// Everything that a client does on one connection.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The actions, in order.
    pub parts: Vec<Part>,
    /// Whether the server closes at the end. Otherwise the stream ends between two commands.
    pub closes: bool,
}

impl Script {
    /// Reads the notation. Panics on an unknown brace, since scripts are part of the tests.
    pub fn parse(text: &str) -> Self {
        let mut script = Self::default();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let after = &rest[character.len_utf8()..];
            assert!(!script.closes, "text behind {{close}} in {text:?}");
            rest = match character {
                '↵' => script.add_bytes(b"\r\n", after),
                '␊' => script.add_bytes(b"\n", after),
                '␍' => script.add_bytes(b"\r", after),
                '{' => {
                    let (inside, after) = after.split_once('}').expect("a brace is closed");
                    script.add_brace(inside);
                    after
                }
                _ => script.add_bytes(&rest.as_bytes()[..character.len_utf8()], after),
            };
        }
        script
    }

    /// Appends a part, joined to the last one if both are bytes.
    pub fn push(&mut self, part: Part) {
        match (self.parts.last_mut(), part) {
            (Some(Part::Bytes(last)), Part::Bytes(bytes)) => last.extend_from_slice(&bytes),
            (_, part) => self.parts.push(part),
        }
    }

    fn add_bytes<'t>(&mut self, bytes: &[u8], after: &'t str) -> &'t str {
        self.push(Part::Bytes(bytes.to_vec()));
        after
    }

    fn add_brace(&mut self, inside: &str) {
        let part = if inside == "read" {
            Part::Read
        } else if inside == "close" {
            self.closes = true;
            return;
        } else if let Some(key) = inside.strip_prefix("cas ") {
            Part::CasOf(key.as_bytes().to_vec())
        } else if let Some(code) = inside.strip_prefix('\\') {
            let (code, times) = code.split_once('*').unwrap_or((code, "1"));
            let byte = u8::from_str_radix(code, 16).expect("two hex digits");
            Part::Bytes(vec![byte; times.parse().expect("a number of repeats")])
        } else if let Some(seconds) = inside.strip_prefix("now") {
            let seconds: i64 = seconds.parse().expect("a signed number of seconds");
            Part::Bytes((unix_seconds() + seconds).to_string().into_bytes())
        } else if let Some((repeated, times)) = inside.rsplit_once('*') {
            let times = times.parse().expect("a number of repeats");
            Part::Bytes(repeated.replace('↵', "\r\n").repeat(times).into_bytes())
        } else {
            panic!("unknown brace {{{inside}}}");
        };
        self.push(part);
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => write_bytes(f, bytes)?,
                Part::CasOf(key) => {
                    write!(f, "{{cas {}}}", String::from_utf8_lossy(key))?;
                }
                Part::Read => f.write_str("{read}")?,
            }
        }
        f.write_str(if self.closes { "{close}" } else { "" })
    }
}

/// The notation again, so that a shrunk script can be pasted into a table.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn write_bytes(f: &mut fmt::Formatter<'_>, mut bytes: &[u8]) -> fmt::Result {
    const RUN_BYTES_MIN: usize = 12;
    while let Some(&byte) = bytes.first() {
        let run = bytes.iter().take_while(|&&other| other == byte).count();
        if run >= RUN_BYTES_MIN {
            match byte {
                b' '..=b'z' if byte != b'\\' => write!(f, "{{{}*{run}}}", byte as char)?,
                _ => write!(f, "{{\\{byte:02x}*{run}}}")?,
            }
            bytes = &bytes[run..];
            continue;
        }
        if bytes.starts_with(b"\r\n") {
            f.write_str("↵")?;
            bytes = &bytes[2..];
            continue;
        }
        match byte {
            b'\n' => f.write_str("␊")?,
            b'\r' => f.write_str("␍")?,
            b'{' | b'}' => write!(f, "{{\\{byte:02x}}}")?,
            b' '..=b'~' => write!(f, "{}", byte as char)?,
            _ => write!(f, "{{\\{byte:02x}}}")?,
        }
        bytes = &bytes[1..];
    }
    Ok(())
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("the clock is past 1970").as_secs() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, parts: &[Part], closes: bool) {
        assert_eq!(Script::parse(text), Script { parts: parts.to_vec(), closes });
    }

    fn bytes(bytes: impl AsRef<[u8]>) -> Part {
        Part::Bytes(bytes.as_ref().to_vec())
    }

    #[test]
    fn notation() {
        check("get a↵", &[bytes("get a\r\n")], false);
        check("a␊b␍c{\\00}{\\7b*2}", &[bytes("a\nb\rc\0{{")], false);
        check("set a 0 0 {1*3}↵", &[bytes("set a 0 0 111\r\n")], false);
        check("{get a↵*2}", &[bytes("get a\r\nget a\r\n")], false);
        check("cas {cas a}x", &[bytes("cas "), Part::CasOf(b"a".to_vec()), bytes("x")], false);
        check("a↵{read}b↵", &[bytes("a\r\n"), Part::Read, bytes("b\r\n")], false);
        check("quit↵{close}", &[bytes("quit\r\n")], true);
    }

    #[test]
    fn what_is_shown_reads_back() {
        let text = "set {k*250} 0 0 4↵{\\00*40}{\\ff}␊␍{**20}{\\5c*13}↵\
                    {read}gets a{ *20}b↵cas a {cas a}↵{close}";
        let script = Script::parse(text);
        assert_eq!(Script::parse(&script.to_string()), script);
    }
}
