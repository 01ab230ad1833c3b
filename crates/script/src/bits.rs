//! The functions of the library `bit`, as `LuaJIT` has it: integers of 32 bits.

use crate::arguments::{Arguments, Outcome};
use mlua::Value;

/// A number as its lowest 32 bits.
fn bits_of(number: f64) -> u32 {
    // 2^52 + 2^51: the integer part is then in the lowest bits of the fraction.
    (number + 6_755_399_441_055_744.0).to_bits() as u32
}

/// The functions of the library.
pub(super) const BIT_NAMES: [&str; 12] = [
    "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift", "tobit",
    "tohex",
];

/// The function with this name.
pub(super) fn bit(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    let bits = bits_of(arguments.number(0)?);
    let shift = || Ok::<u32, String>(bits_of(arguments.number(1)?) & 31);
    let all = |operation: fn(u32, u32) -> u32| -> Outcome<u32> {
        (1..arguments.values.len()).try_fold(bits, |result, index| {
            Ok(operation(result, bits_of(arguments.number(index)?)))
        })
    };
    let result = match arguments.function {
        "band" => all(|a, b| a & b)?,
        "bor" => all(|a, b| a | b)?,
        "bxor" => all(|a, b| a ^ b)?,
        "bnot" => !bits,
        "bswap" => bits.swap_bytes(),
        "lshift" => bits << shift()?,
        "rshift" => bits >> shift()?,
        "arshift" => (bits as i32 >> shift()?) as u32,
        "rol" => bits.rotate_left(shift()?),
        "ror" => bits.rotate_right(shift()?),
        "tohex" => return hexadecimal(arguments, bits),
        _ => bits,
    };
    Ok(vec![Value::Number(f64::from(result as i32))])
}

/// Digits of the number: 8, or as many as the second argument says, in capitals if negative.
fn hexadecimal(arguments: &Arguments<'_>, bits: u32) -> Outcome<Vec<Value>> {
    let count = if arguments.values.len() < 2 { 8 } else { bits_of(arguments.number(1)?) as i32 };
    let digits = count.unsigned_abs().min(8) as usize;
    let text = if count < 0 { format!("{bits:08X}") } else { format!("{bits:08x}") };
    let text = arguments.lua.create_string(&text[8 - digits..]);
    Ok(vec![Value::String(text.map_err(|_| "not enough memory".to_owned())?)])
}
