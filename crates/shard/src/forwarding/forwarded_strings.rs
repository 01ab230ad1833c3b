//! Forwarded requests of the Redis dialect: how they use a head.
//!
//! `verb` is the operation. `a` is the length of the key, with which `bytes` begins: it may not fit
//! the field of the head. `b` has the database in its lowest byte, then the version of the
//! protocol, then two numbers of the operation. `c` is a number of the operation, `d` and `e` the
//! halves of another one.

use slabcore_protocol::{
    ExpireCondition, ExpiryForm, NewExpiry, RespVersion, SetCondition, SetReply, StringOperation,
    StringRequest, StringSet, TimeRefusal,
};

use crate::forwarding::forwarded_head::{Head, STRING};

const GET: u8 = 0;
const GET_DELETE: u8 = 1;
const GET_EXPIRE: u8 = 2;
const SET: u8 = 3;
const APPEND: u8 = 4;
const LENGTH: u8 = 5;
const RANGE: u8 = 6;
const SET_RANGE: u8 = 7;
const ADD: u8 = 8;
const ADD_DECIMAL: u8 = 9;
const DELETE: u8 = 10;
const EXISTS: u8 = 11;
const TOUCH: u8 = 12;
const TYPE: u8 = 13;
const EXPIRE: u8 = 14;
const PERSIST: u8 = 15;
const EXPIRY: u8 = 16;
const ENCODING: u8 = 17;
const IDLE_TIME: u8 = 18;
const REFERENCE_COUNT: u8 = 19;
const MEMORY_USAGE: u8 = 20;
const VERSION: u8 = 21;
const FREQUENCY: u8 = 22;

const CONDITIONS: [SetCondition; 3] =
    [SetCondition::Always, SetCondition::IfAbsent, SetCondition::IfPresent];
const REPLIES: [SetReply; 3] = [SetReply::Status, SetReply::Integer, SetReply::OldValue];
const EXPIRE_CONDITIONS: [ExpireCondition; 6] = [
    ExpireCondition::Always,
    ExpireCondition::IfNone,
    ExpireCondition::IfSome,
    ExpireCondition::IfLater,
    ExpireCondition::IfEarlier,
    ExpireCondition::IfSomeAndEarlier,
];
const FORMS: [ExpiryForm; 4] = [
    ExpiryForm::SecondsLeft,
    ExpiryForm::MillisecondsLeft,
    ExpiryForm::UnixSeconds,
    ExpiryForm::UnixMilliseconds,
];

/// Numbers of an operation in a head.
#[derive(Clone, Copy, Default)]
struct Numbers {
    /// Small ones.
    small: [u8; 2],
    c: u64,
    de: u64,
}

/// The head of a request, and its value.
pub(super) fn head_of<'a>(hash: u64, request: &StringRequest<'a>) -> (Head, &'a [u8]) {
    let none = Numbers::default();
    let number = |number: i64| Numbers { c: number.cast_unsigned(), ..none };
    let (verb, numbers, value): (u8, Numbers, &[u8]) = match request.operation {
        StringOperation::Get => (GET, none, b""),
        StringOperation::GetDelete => (GET_DELETE, none, b""),
        StringOperation::GetExpire(expiry) => (GET_EXPIRE, expiry_numbers(expiry), b""),
        StringOperation::Set(StringSet { value, condition, expiry, reply }) => {
            let expiry = expiry_numbers(expiry);
            let codes = code(&CONDITIONS, condition) << 4 | code(&REPLIES, reply);
            (SET, Numbers { small: [expiry.small[0], codes], ..expiry }, value)
        }
        StringOperation::Append(value) => (APPEND, none, value),
        StringOperation::Length => (LENGTH, none, b""),
        StringOperation::Range { start, end } => {
            (RANGE, Numbers { de: end.cast_unsigned(), ..number(start) }, b"")
        }
        StringOperation::SetRange { offset, value } => {
            (SET_RANGE, Numbers { c: offset, ..none }, value)
        }
        StringOperation::Add(sum) => (ADD, number(sum), b""),
        StringOperation::AddDecimal(text) => (ADD_DECIMAL, none, text),
        StringOperation::Delete => (DELETE, none, b""),
        StringOperation::Exists => (EXISTS, none, b""),
        StringOperation::Touch => (TOUCH, none, b""),
        StringOperation::Type => (TYPE, none, b""),
        StringOperation::Expire { at, condition } => {
            let small = [code(&EXPIRE_CONDITIONS, condition), 0];
            (EXPIRE, Numbers { small, ..number(at) }, b"")
        }
        StringOperation::Persist => (PERSIST, none, b""),
        StringOperation::Expiry(form) => {
            (EXPIRY, Numbers { small: [code(&FORMS, form), 0], ..none }, b"")
        }
        StringOperation::Encoding => (ENCODING, none, b""),
        StringOperation::IdleTime => (IDLE_TIME, none, b""),
        StringOperation::ReferenceCount => (REFERENCE_COUNT, none, b""),
        StringOperation::Frequency => (FREQUENCY, none, b""),
        StringOperation::MemoryUsage => (MEMORY_USAGE, none, b""),
        StringOperation::Version => (VERSION, none, b""),
    };
    let [first, second] = numbers.small;
    let head = Head {
        kind: STRING,
        verb,
        hash,
        a: u32::try_from(request.key.len()).expect("a key is shorter than 4 GiB"),
        b: u32::from_le_bytes([request.database, request.version.number(), first, second]),
        c: numbers.c,
        d: numbers.de as u32,
        e: (numbers.de >> 32) as u32,
        ..Head::default()
    };
    (head, value)
}

/// The request with this head.
pub(super) fn request_of(head: Head, bytes: &[u8]) -> StringRequest<'_> {
    let (key, value) = bytes.split_at(head.a as usize);
    let [database, version, first, second] = head.b.to_le_bytes();
    let number = head.c.cast_signed();
    let operation = match head.verb {
        GET => StringOperation::Get,
        GET_DELETE => StringOperation::GetDelete,
        GET_EXPIRE => StringOperation::GetExpire(expiry_of(first, number)),
        SET => StringOperation::Set(StringSet {
            value,
            condition: CONDITIONS[usize::from(second >> 4)],
            expiry: expiry_of(first, number),
            reply: REPLIES[usize::from(second & 0xf)],
        }),
        APPEND => StringOperation::Append(value),
        LENGTH => StringOperation::Length,
        RANGE => {
            let end = u64::from(head.d) | u64::from(head.e) << 32;
            StringOperation::Range { start: number, end: end.cast_signed() }
        }
        SET_RANGE => StringOperation::SetRange { offset: head.c, value },
        ADD => StringOperation::Add(number),
        ADD_DECIMAL => StringOperation::AddDecimal(value),
        DELETE => StringOperation::Delete,
        EXISTS => StringOperation::Exists,
        TOUCH => StringOperation::Touch,
        TYPE => StringOperation::Type,
        EXPIRE => {
            StringOperation::Expire { at: number, condition: EXPIRE_CONDITIONS[usize::from(first)] }
        }
        PERSIST => StringOperation::Persist,
        EXPIRY => StringOperation::Expiry(FORMS[usize::from(first)]),
        ENCODING => StringOperation::Encoding,
        IDLE_TIME => StringOperation::IdleTime,
        REFERENCE_COUNT => StringOperation::ReferenceCount,
        FREQUENCY => StringOperation::Frequency,
        MEMORY_USAGE => StringOperation::MemoryUsage,
        VERSION => StringOperation::Version,
        verb => unreachable!("operation {verb} on a string"),
    };
    StringRequest { key, database, version: version_of(version), operation }
}

/// The version with this number.
pub(super) fn version_of(number: u8) -> RespVersion {
    if number == RespVersion::Three.number() { RespVersion::Three } else { RespVersion::Two }
}

fn expiry_numbers(expiry: NewExpiry) -> Numbers {
    let (kind, at) = match expiry {
        NewExpiry::Keep => (0, 0),
        NewExpiry::Never => (1, 0),
        NewExpiry::At(at) => (2, at),
        NewExpiry::Refused(TimeRefusal::NotAnInteger) => (3, 0),
        NewExpiry::Refused(TimeRefusal::OutOfRange) => (4, 0),
    };
    Numbers { small: [kind, 0], c: at.cast_unsigned(), de: 0 }
}

fn expiry_of(kind: u8, at: i64) -> NewExpiry {
    match kind {
        0 => NewExpiry::Keep,
        1 => NewExpiry::Never,
        3 => NewExpiry::Refused(TimeRefusal::NotAnInteger),
        4 => NewExpiry::Refused(TimeRefusal::OutOfRange),
        _ => NewExpiry::At(at),
    }
}

fn code<T: PartialEq + Copy>(all: &[T], one: T) -> u8 {
    all.iter().position(|it| *it == one).expect("all are listed") as u8
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn requests_come_back_as_they_went() {
        let set = |condition, expiry, reply| {
            StringOperation::Set(StringSet { value: b"value", condition, expiry, reply })
        };
        let mut operations = vec![
            StringOperation::Get,
            StringOperation::GetDelete,
            StringOperation::GetExpire(NewExpiry::At(i64::MIN)),
            StringOperation::GetExpire(NewExpiry::Never),
            StringOperation::GetExpire(NewExpiry::Refused(TimeRefusal::NotAnInteger)),
            StringOperation::GetExpire(NewExpiry::Refused(TimeRefusal::OutOfRange)),
            StringOperation::Append(b"abc"),
            StringOperation::Length,
            StringOperation::Range { start: -5, end: i64::MIN },
            StringOperation::SetRange { offset: u64::MAX, value: b"x" },
            StringOperation::Add(-1),
            StringOperation::AddDecimal(b"1.5"),
            StringOperation::Delete,
            StringOperation::Exists,
            StringOperation::Touch,
            StringOperation::Type,
            StringOperation::Persist,
            StringOperation::Encoding,
            StringOperation::IdleTime,
            StringOperation::ReferenceCount,
            StringOperation::Frequency,
            StringOperation::MemoryUsage,
            StringOperation::Version,
        ];
        for condition in CONDITIONS {
            for reply in REPLIES {
                operations.push(set(condition, NewExpiry::Keep, reply));
                operations.push(set(condition, NewExpiry::At(i64::MAX), reply));
            }
        }
        operations.extend(
            EXPIRE_CONDITIONS.map(|condition| StringOperation::Expire { at: -7, condition }),
        );
        operations.extend(FORMS.map(StringOperation::Expiry));
        let long = vec![b'k'; 16 << 10];
        for operation in operations {
            for (key, database) in [(&b"key"[..], 0), (&long, 15), (b"", 1)] {
                for version in [RespVersion::Two, RespVersion::Three] {
                    let request = StringRequest { key, database, version, operation };
                    let (head, value) = head_of(5, &request);
                    let bytes = [key, value].concat();
                    assert_eq!(request_of(head, &bytes), request);
                }
            }
        }
    }
}
