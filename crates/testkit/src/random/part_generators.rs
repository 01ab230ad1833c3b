//! Random keys, values, exptimes and flags for commands.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::limits::{KEY_BYTES_MAX, TTL_SECONDS_MAX};

/// Keys: mostly a few short ones that recur, some of the greatest length, some of odd bytes.
pub fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => (b'a'..=b'f').prop_map(|letter| vec![letter]),
        2 => (0..400_u32).prop_map(|number| format!("key:{number}").into_bytes()),
        1 => (b'y'..=b'z').prop_map(|letter| vec![letter; KEY_BYTES_MAX]),
        1 => (b'y'..=b'z', 2..KEY_BYTES_MAX).prop_map(|(letter, length)| vec![letter; length]),
        2 => vec(key_byte(), 1..20),
    ]
}

/// Any byte except blank, LF, NUL and CR. NUL and CR end a key at some positions of a line.
fn key_byte() -> impl Strategy<Value = u8> {
    any::<u8>().prop_map(|byte| if matches!(byte, 0 | b'\n' | b'\r' | b' ') { b'.' } else { byte })
}

/// Values: text, numbers, values with line ends or whole replies in them, any bytes, empty ones,
/// some of kilobytes.
///
/// No value consists of blanks only: memcached's incr would read on into the memory after it.
pub fn value() -> impl Strategy<Value = Vec<u8>> {
    any_value().prop_map(|mut value| {
        if value.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x0b) && !value.is_empty()
        {
            value.push(b'x');
        }
        value
    })
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => vec(b'a'..=b'z', 0..40),
        3 => any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        3 => (0..2000_u32).prop_map(|number| number.to_string().into_bytes()),
        1 => (0..2000_u32, " {1,3}|  abc").prop_map(|(number, tail)| {
            format!("{number}{tail}").into_bytes()
        }),
        2 => vec(prop::sample::select(&["\r\n", "END\r\n", "x", "get a\r\n"]), 0..9)
            .prop_map(|pieces| pieces.concat().into_bytes()),
        3 => vec(any::<u8>(), 0..300),
        1 => (any::<u8>(), 300..20_000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

/// Exptimes whose effect does not depend on the second: never, already expired, far away.
pub fn steady_exptime() -> impl Strategy<Value = i32> + Clone {
    prop_oneof![
        6 => Just(0),
        1 => Just(-1),
        1 => i32::MIN + 1..-1,
        1 => 1_000..=TTL_SECONDS_MAX,
        // A Unix time in 1970, and the last one of 31 bits.
        1 => Just(TTL_SECONDS_MAX + 1),
        1 => Just(i32::MAX),
    ]
}

/// Exptimes for tests that move the time themselves.
pub fn exptime() -> impl Strategy<Value = i32> + Clone {
    prop_oneof![2 => steady_exptime(), 3 => 1..20_i32]
}

/// Client flags.
pub fn flags() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 1 => 1..100_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

/// Whether a command has `noreply`; seldom.
pub fn noreply() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.15)
}
