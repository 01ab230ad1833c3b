//! One command of the text protocol as a value, and its bytes on the wire.

use std::fmt::Write;

use crate::scripts::script::CAS_NEVER_GIVEN;

/// Which storage command; the numbers carry no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Stores always.
    Set,
    /// Stores when the key is absent.
    Add,
    /// Stores when the key is present.
    Replace,
    /// Appends the bytes to the present value.
    Append,
    /// Prepends the bytes to the present value.
    Prepend,
    /// Stores when the cas unique is still the item's.
    Cas,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 6] =
        [Self::Set, Self::Add, Self::Replace, Self::Append, Self::Prepend, Self::Cas];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Append => "append",
            Self::Prepend => "prepend",
            Self::Cas => "cas",
        }
    }
}

/// A well-formed classic command on items. Keys are 1..=250 bytes without blank and LF.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the words of the command line")]
pub enum Command {
    /// get or gets.
    Get { keys: Vec<Vec<u8>>, with_cas: bool },
    /// gat or gats.
    GetAndTouch { keys: Vec<Vec<u8>>, with_cas: bool, exptime: i32 },
    /// The six storage commands; `cas_unique` counts for cas only.
    Store {
        verb: Verb,
        key: Vec<u8>,
        flags: u32,
        exptime: i32,
        value: Vec<u8>,
        cas_unique: u64,
        noreply: bool,
    },
    /// touch.
    Touch { key: Vec<u8>, exptime: i32, noreply: bool },
    /// delete.
    Delete { key: Vec<u8>, noreply: bool },
    /// incr, or decr.
    Arithmetic { key: Vec<u8>, delta: u64, incr: bool, noreply: bool },
    /// `flush_all`; `None` means without a delay.
    FlushAll { delay: Option<i32>, noreply: bool },
}

/// A command of the text protocol: a classic one, or the bytes of a meta one with its data block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "said above")]
pub enum TextCommand {
    Classic(Command),
    Meta(Vec<u8>),
}

impl TextCommand {
    /// The command's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Classic(command) => command.bytes(),
            Self::Meta(bytes) => bytes.clone(),
        }
    }
}

impl Command {
    /// The same with a cas unique that no item has. Two servers have different uniques, so a number
    /// that matches on one of them would draw different replies.
    #[must_use]
    pub fn without_lucky_cas(mut self) -> Self {
        if let Self::Store { cas_unique, .. } = &mut self {
            *cas_unique = CAS_NEVER_GIVEN;
        }
        self
    }

    /// Appends the command's bytes, data block included.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Get { keys, with_cas } => {
                out.extend_from_slice(if *with_cas { b"gets" } else { b"get" });
                write_keys(out, keys);
            }
            Self::GetAndTouch { keys, with_cas, exptime } => {
                let word = if *with_cas { "gats" } else { "gat" };
                out.extend_from_slice(format!("{word} {exptime}").as_bytes());
                write_keys(out, keys);
            }
            Self::Store { verb, key, flags, exptime, value, cas_unique, noreply } => {
                let mut tail = format!(" {flags} {exptime} {}", value.len());
                if *verb == Verb::Cas {
                    write!(tail, " {cas_unique}").expect("a String takes text");
                }
                write_line(out, verb.word(), key, &tail, *noreply);
                out.extend_from_slice(value);
                out.extend_from_slice(b"\r\n");
            }
            Self::Touch { key, exptime, noreply } => {
                write_line(out, "touch", key, &format!(" {exptime}"), *noreply);
            }
            Self::Delete { key, noreply } => write_line(out, "delete", key, "", *noreply),
            Self::Arithmetic { key, delta, incr, noreply } => {
                let word = if *incr { "incr" } else { "decr" };
                write_line(out, word, key, &format!(" {delta}"), *noreply);
            }
            Self::FlushAll { delay, noreply } => {
                out.extend_from_slice(b"flush_all");
                if let Some(delay) = delay {
                    out.extend_from_slice(format!(" {delay}").as_bytes());
                }
                out.extend_from_slice(if *noreply { b" noreply\r\n" } else { b"\r\n" });
            }
        }
    }

    /// The command's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

fn write_keys(out: &mut Vec<u8>, keys: &[Vec<u8>]) {
    for key in keys {
        out.push(b' ');
        out.extend_from_slice(key);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_line(out: &mut Vec<u8>, word: &str, key: &[u8], tail: &str, noreply: bool) {
    out.extend_from_slice(word.as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.extend_from_slice(tail.as_bytes());
    out.extend_from_slice(if noreply { b" noreply\r\n" } else { b"\r\n" });
}
