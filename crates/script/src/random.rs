//! `math.random` as Redis has it, from `lrand48`.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};

use mlua::Value;

use crate::arguments::{Arguments, Outcome};

/// Numbers are taken modulo this.
const RANDOM_MAX: u64 = i32::MAX as u64;

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Begins a sequence that no script knows of.
pub(super) fn begin() {
    STATE.set(RandomState::new().build_hasher().finish());
}

/// `math.randomseed`.
pub(super) fn random_seed(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    let number = arguments.number(0)? as i64 as u32;
    STATE.set(u64::from(number) << 16 | 0x330e);
    Ok(Vec::new())
}

/// `math.random`.
pub(super) fn random(arguments: &Arguments<'_>) -> Outcome<Vec<Value>> {
    let state = STATE.get().wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & ((1 << 48) - 1);
    STATE.set(state);
    let number = (state >> 17) % RANDOM_MAX;
    let fraction = number as f64 / RANDOM_MAX as f64;
    let empty =
        |index: usize| Err(format!("bad argument #{index} to 'random' (interval is empty)"));
    let (low, high, index) = match arguments.values.len() {
        0 => return Ok(vec![Value::Number(fraction)]),
        1 => (1.0, arguments.number(0)?.trunc(), 1),
        2 => (arguments.number(0)?.trunc(), arguments.number(1)?.trunc(), 2),
        _ => return Err("wrong number of arguments".to_owned()),
    };
    if low > high {
        return empty(index);
    }
    Ok(vec![Value::Number((fraction * (high - low + 1.0)).floor() + low)])
}
