//! A script of binary requests, in a notation for tables.
//!
//! ```text set k=a v=1 f=7 e=100 | get k=a | replace k=a v=2 cas=@1 | noop ``` Bars separate
//! requests. A request is a name (or an opcode as `0x1b`) and words: `k` key, `v` value (`v=x*1000`
//! repeats), `f` flags, `e` exptime, `d` delta, `i` initial value. `cas` is a number or `@n`, the
//! unique in the reply to request n, counted from 0. `x` gives extras in hex, and `keylen`,
//! `extlen`, `bodylen`, `magic` put another number into the header. A script that ends in `{close}`
//! makes the server close.

use std::fmt;

use crate::scripts::binary_packet::Packet;

/// The cas unique of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cas {
    /// This number.
    Number(u64),
    /// The cas unique in the reply to the request of this number.
    OfReply(usize),
}

/// One request; its opaque number is its place in the script.
#[derive(Clone, Debug)]
pub struct Request {
    /// Without cas unique and opaque number.
    pub packet: Packet,
    /// Cas unique.
    pub cas: Cas,
    /// Bytes that replace those of the packet's header: position and value.
    pub forced: Vec<(usize, Vec<u8>)>,
}

/// Requests in order.
#[derive(Clone, Debug)]
pub struct BinaryScript {
    /// The requests.
    pub requests: Vec<Request>,
    /// Whether the server closes after the last request.
    pub closes: bool,
}

const NAMES: &[(&str, u8)] = &[
    ("get", 0x00),
    ("set", 0x01),
    ("add", 0x02),
    ("replace", 0x03),
    ("delete", 0x04),
    ("incr", 0x05),
    ("decr", 0x06),
    ("quit", 0x07),
    ("flush", 0x08),
    ("getq", 0x09),
    ("noop", 0x0a),
    ("version", 0x0b),
    ("getk", 0x0c),
    ("getkq", 0x0d),
    ("append", 0x0e),
    ("prepend", 0x0f),
    ("stat", 0x10),
    ("setq", 0x11),
    ("addq", 0x12),
    ("replaceq", 0x13),
    ("deleteq", 0x14),
    ("incrq", 0x15),
    ("decrq", 0x16),
    ("quitq", 0x17),
    ("flushq", 0x18),
    ("appendq", 0x19),
    ("prependq", 0x1a),
    ("touch", 0x1c),
    ("gat", 0x1d),
    ("gatq", 0x1e),
    ("list", 0x20),
    ("auth", 0x21),
    ("step", 0x22),
    ("gatk", 0x23),
    ("gatkq", 0x24),
];

/// The numbers of a request that become extras.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    /// Client flags.
    pub flags: u32,
    /// Exptime.
    pub exptime: u32,
    /// Delta.
    pub delta: u64,
    /// Initial value.
    pub initial: u64,
}

impl Numbers {
    /// The extras that an opcode has.
    pub fn extras(&self, opcode: u8) -> Vec<u8> {
        let (flags, exptime) = (self.flags.to_be_bytes(), self.exptime.to_be_bytes());
        match opcode {
            0x01..=0x03 | 0x11..=0x13 => [flags, exptime].concat(),
            0x05 | 0x06 | 0x15 | 0x16 => {
                let numbers = [self.delta.to_be_bytes(), self.initial.to_be_bytes()].concat();
                [&numbers, &exptime[..]].concat()
            }
            0x1c..=0x1e | 0x23 | 0x24 => exptime.to_vec(),
            _ => Vec::new(),
        }
    }
}

impl BinaryScript {
    /// Reads the notation. Panics on a mistake in it.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let stripped = text.strip_suffix("{close}");
        let requests = stripped.unwrap_or(text).split('|').map(parse_request).collect();
        Self { requests, closes: stripped.is_some() }
    }
}

impl Request {
    /// A request with an unchanged header.
    pub fn new(packet: Packet, cas: Cas) -> Self {
        Self { packet, cas, forced: Vec::new() }
    }

    /// The request's bytes at this position in a script, with this cas unique.
    pub fn bytes(&self, place: usize, cas: u64) -> Vec<u8> {
        let opaque = u32::try_from(place).expect("a short script");
        let mut bytes = self.packet.clone().opaque(opaque).cas(cas).bytes();
        for (at, forced) in &self.forced {
            bytes[*at..*at + forced.len()].copy_from_slice(forced);
        }
        bytes
    }
}

fn parse_request(text: &str) -> Request {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_else(|| panic!("no name in {text:?}"));
    let opcode = match NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, opcode)) => *opcode,
        None => u8::try_from(number(name)).expect("an opcode"),
    };
    let mut packet = Packet::request(opcode);
    let (mut cas, mut forced, mut extras) = (Cas::Number(0), Vec::new(), None);
    let mut numbers = Numbers::default();
    let word_32 = |value: &str| u32::try_from(number(value)).expect("32 bits");
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or_else(|| panic!("word {word:?}"));
        match name {
            "k" => packet.key = repeated(value),
            "v" => packet.value = repeated(value),
            "f" => numbers.flags = word_32(value),
            "e" => numbers.exptime = word_32(value),
            "d" => numbers.delta = number(value),
            "i" => numbers.initial = number(value),
            "x" => extras = Some(hex(value)),
            "cas" => {
                cas = match value.strip_prefix('@') {
                    Some(place) => Cas::OfReply(place.parse().expect("a place")),
                    None => Cas::Number(number(value)),
                };
            }
            "magic" => forced.push((0, vec![u8::try_from(number(value)).expect("8 bits")])),
            "keylen" => forced.push((2, word_32(value).to_be_bytes()[2..].to_vec())),
            "extlen" => forced.push((4, vec![u8::try_from(number(value)).expect("8 bits")])),
            "bodylen" => forced.push((8, word_32(value).to_be_bytes().to_vec())),
            _ => panic!("word {word:?}"),
        }
    }
    packet.extras = extras.unwrap_or_else(|| numbers.extras(opcode));
    Request { packet, cas, forced }
}

fn number(word: &str) -> u64 {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("number {word:?}"))
}

/// `text` or `text*count`; `%xx` is a byte, `_` a blank.
fn repeated(word: &str) -> Vec<u8> {
    let (text, count) = match word.rsplit_once('*') {
        Some((text, count)) => (text, count.parse().expect("a count")),
        None => (word, 1),
    };
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'%' => {
                let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                hex(std::str::from_utf8(&digits).expect("ASCII"))[0]
            }
            byte => byte,
        });
    }
    bytes.repeat(count)
}

fn hex(word: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&word[at..at + 2], 16).expect("hex digits");
    (0..word.len() / 2).map(|at| digit(at * 2)).collect()
}

impl fmt::Display for BinaryScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, request) in self.requests.iter().enumerate() {
            let name = NAMES.iter().find(|(_, opcode)| *opcode == request.packet.opcode);
            let name = name.map_or("?", |(name, _)| name);
            write!(f, "\n    {place} {name} {} {:?}", request.packet, request.cas)?;
        }
        Ok(())
    }
}
