//! Random requests of the Redis dialect.

use slabcore_protocol::{
    ExpireCondition, ExpiryForm, NewExpiry, RespVersion, SetCondition, SetReply, StringOperation,
    StringSet,
};

use crate::random::Random;
use crate::request::{Ask, Name, value, value_bytes};

/// Databases with items. Both dialects use the first.
pub(crate) const DATABASES: [u8; 3] = [0, 1, 15];

/// Bytes of keys that memcached's protocols cannot name.
const LONG_KEYS: [usize; 3] = [251, 1_024, 16 << 10];

/// The operation with these bytes as its value, if it has one.
pub(crate) fn with_bytes<'a>(
    operation: StringOperation<'static>,
    bytes: &'a [u8],
) -> StringOperation<'a> {
    match operation {
        StringOperation::Set(set) => StringOperation::Set(StringSet { value: bytes, ..set }),
        StringOperation::Append(_) => StringOperation::Append(bytes),
        StringOperation::SetRange { offset, .. } => {
            StringOperation::SetRange { offset, value: bytes }
        }
        StringOperation::AddDecimal(_) => StringOperation::AddDecimal(bytes),
        other => other,
    }
}

/// A random key: in half of all cases one of those that the classic commands use.
pub(crate) fn string_name(random: &mut Random, keys: usize) -> Name {
    if random.chance(50) {
        return (0, format!("key{}", random.below(keys)).into_bytes());
    }
    let database = random.pick(&DATABASES);
    let key = match random.below(10) {
        0 => Vec::new(),
        1 => vec![b'k'; random.pick(&LONG_KEYS)],
        _ => format!("key{}", random.below(keys)).into_bytes(),
    };
    (database, key)
}

/// A random request for a key. `tight`: memory is short. Then an expiry that an item gets later is
/// a whole second, because without memory for the millisecond the item expires at the next second.
/// And each reply tells whether the old item was there, or nothing depends on that.
pub(crate) fn string_ask(random: &mut Random, name: &Name, unix_ms: i64, tight: bool) -> Ask {
    let version = random.pick(&[RespVersion::Two, RespVersion::Three]);
    let at = unix_ms + random.pick(&[-5, 0, 1, 350, 1_000, 3_400, 10_000]);
    let later_at = if tight { at - at % 1_000 } else { at };
    let chosen = random.below(100);
    if chosen < 12 && name.1.len() <= 250 {
        return Ask::PlainRespGet { version };
    }
    let mut bytes = Vec::new();
    let operation = match chosen {
        0..25 => StringOperation::Get,
        25..47 => {
            let length = value_bytes(random);
            bytes = value(random, length);
            StringOperation::Set(set(random, at, tight))
        }
        47..52 => {
            let length = random.pick(&[0, 1, 40, 400, 9_000]);
            bytes = value(random, length);
            StringOperation::Append(b"")
        }
        52..56 if !tight => {
            let length = random.pick(&[0, 1, 40, 9_000]);
            bytes = value(random, length);
            let offset = random.pick(&[0, 1, 10, 300, 20_000, 1 << 20, u64::MAX]);
            StringOperation::SetRange { offset, value: b"" }
        }
        52..63 => {
            let ends = [0, 1, 5, -1, -5, 300, 17_000, 40_000, i64::MAX, i64::MIN];
            StringOperation::Range { start: random.pick(&ends), end: random.pick(&ends) }
        }
        63..67 => StringOperation::GetDelete,
        67..71 => StringOperation::GetExpire(random.pick(&[
            NewExpiry::Keep,
            NewExpiry::Never,
            NewExpiry::At(later_at),
        ])),
        71..78 => StringOperation::Add(random.pick(&[1, -1, 4_000_000, i64::MAX, i64::MIN])),
        78..80 => {
            bytes = random.pick(&["0.25", "-3", "1e3"]).as_bytes().to_vec();
            StringOperation::AddDecimal(b"")
        }
        80..83 => StringOperation::Delete,
        83..88 => StringOperation::Expire { at: later_at, condition: condition(random) },
        88..90 => StringOperation::Persist,
        90..93 => StringOperation::Expiry(random.pick(&[
            ExpiryForm::SecondsLeft,
            ExpiryForm::MillisecondsLeft,
            ExpiryForm::UnixSeconds,
            ExpiryForm::UnixMilliseconds,
        ])),
        93..96 => StringOperation::Version,
        _ => random.pick(&[
            StringOperation::Length,
            StringOperation::Exists,
            StringOperation::Touch,
            StringOperation::Type,
            StringOperation::Encoding,
            StringOperation::ReferenceCount,
        ]),
    };
    Ask::String { version, operation, bytes }
}

fn set(random: &mut Random, at: i64, tight: bool) -> StringSet<'static> {
    let expiry = match random.below(10) {
        0..6 => NewExpiry::Never,
        9 if !tight => NewExpiry::Keep,
        _ => NewExpiry::At(at),
    };
    let always = SetCondition::Always;
    StringSet {
        value: b"",
        condition: random.pick(&[
            always,
            always,
            always,
            SetCondition::IfAbsent,
            SetCondition::IfPresent,
        ]),
        expiry,
        reply: random.pick(&[
            SetReply::Status,
            SetReply::Status,
            SetReply::Integer,
            SetReply::OldValue,
        ]),
    }
}

fn condition(random: &mut Random) -> ExpireCondition {
    random.pick(&[
        ExpireCondition::Always,
        ExpireCondition::Always,
        ExpireCondition::IfNone,
        ExpireCondition::IfSome,
        ExpireCondition::IfLater,
        ExpireCondition::IfEarlier,
        ExpireCondition::IfSomeAndEarlier,
    ])
}
