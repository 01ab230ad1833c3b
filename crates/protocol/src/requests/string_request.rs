//! Requests for one string value, in the words of the Redis dialect.
//!
//! Times are absolute: milliseconds of Unix time.

use crate::words::resp_version::RespVersion;

/// A request for one key of a database, as the Redis dialect knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringRequest<'a> {
    /// Key, 0 to [`RESP_KEY_BYTES_MAX`](crate::RESP_KEY_BYTES_MAX) bytes.
    pub key: &'a [u8],
    /// Number of the database, below [`DATABASES`](crate::DATABASES). memcached's keys are in 0.
    pub database: u8,
    /// The version of the protocol of the reply: a missing value has another form in RESP3.
    pub version: RespVersion,
    /// What is done.
    pub operation: StringOperation<'a>,
}

/// What a request does with a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringOperation<'a> {
    /// The value, or nil.
    Get,
    /// As [`Self::Get`], and deletes the item: `GETDEL`.
    GetDelete,
    /// As [`Self::Get`], with a new expiry: `GETEX`.
    GetExpire(NewExpiry),
    /// Stores a value.
    Set(StringSet<'a>),
    /// Appends to a value, or stores it. The new length.
    Append(&'a [u8]),
    /// The length of the value, or 0.
    Length,
    /// Part of a value, both ends included; negative: counted from the end.
    Range {
        /// First byte.
        start: i64,
        /// Last byte.
        end: i64,
    },
    /// Overwrites a part of a value, after zeros if it was shorter. The new length.
    SetRange {
        /// First byte that is overwritten. Never negative.
        offset: u64,
        /// The new bytes.
        value: &'a [u8],
    },
    /// Adds to an integer, which is 0 if it is missing. The sum.
    Add(i64),
    /// Adds a decimal number, whose text was checked, to a decimal number. The sum as text.
    AddDecimal(&'a [u8]),
    /// Deletes the item. 1, or 0 without one.
    Delete,
    /// 1 if the key has an item, or 0.
    Exists,
    /// As [`Self::Exists`], and counts as an access: `TOUCH`.
    Touch,
    /// `string` or `none`.
    Type,
    /// Sets the expiry. 1, or 0 without an item or if the condition does not hold. A past time
    /// deletes the item.
    Expire {
        /// Unix time in milliseconds.
        at: i64,
        /// When it is set.
        condition: ExpireCondition,
    },
    /// Removes the expiry. 1, or 0 without one.
    Persist,
    /// The expiry. -2 without an item, -1 without an expiry.
    Expiry(ExpiryForm),
    /// The name of the encoding that Redis would use, or nil: `OBJECT ENCODING`.
    Encoding,
    /// Seconds since the last access, or nil: `OBJECT IDLETIME`.
    IdleTime,
    /// 1, or nil: `OBJECT REFCOUNT`.
    ReferenceCount,
    /// Refused, or nil: `OBJECT FREQ` without a policy that counts.
    Frequency,
    /// Bytes of memory of the item, or nil: `MEMORY USAGE`.
    MemoryUsage,
    /// A number that changes with each change of the item, or nil: for `WATCH`.
    Version,
}

impl StringOperation<'_> {
    /// True if the reply can have the item's value.
    #[inline]
    pub const fn reads_value(&self) -> bool {
        matches!(
            self,
            Self::Get
                | Self::GetDelete
                | Self::GetExpire(_)
                | Self::Range { .. }
                | Self::Set(StringSet { reply: SetReply::OldValue, .. })
        )
    }
}

/// A value to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringSet<'a> {
    /// The value.
    pub value: &'a [u8],
    /// When it is stored.
    pub condition: SetCondition,
    /// Its expiry.
    pub expiry: NewExpiry,
    /// The reply.
    pub reply: SetReply,
}

/// When a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetCondition {
    /// Always.
    Always,
    /// If the key has no item: `NX`.
    IfAbsent,
    /// If the key has an item: `XX`.
    IfPresent,
}

/// The reply to a storage command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetReply {
    /// `OK`, or nil if it was not stored.
    Status,
    /// 1, or 0 if it was not stored: `SETNX`.
    Integer,
    /// The old value, or nil, whether or not it was stored: `SET GET`, `GETSET`.
    OldValue,
}

/// A new expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewExpiry {
    /// That of the old item, or never: `KEEPTTL`, `GETEX` without options.
    Keep,
    /// Never: `SET` without options, `PERSIST`.
    Never,
    /// Unix time in milliseconds. Past times are legal: the item is deleted.
    At(i64),
    /// A time that is refused if the key has an item: `GETEX`.
    Refused(TimeRefusal),
}

/// Why a time is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeRefusal {
    /// It is no number.
    NotAnInteger,
    /// It is not positive, or too large.
    OutOfRange,
}

/// When an expiry is set. No expiry counts as the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpireCondition {
    /// Always.
    Always,
    /// If the item has none: `NX`.
    IfNone,
    /// If the item has one: `XX`.
    IfSome,
    /// If the new one is later: `GT`, with or without `XX`.
    IfLater,
    /// If the new one is earlier: `LT`.
    IfEarlier,
    /// If the item has one, and the new one is earlier: `XX LT`.
    IfSomeAndEarlier,
}

/// How an expiry is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryForm {
    /// Seconds left, rounded to the nearest: `TTL`.
    SecondsLeft,
    /// Milliseconds left: `PTTL`.
    MillisecondsLeft,
    /// Unix time in seconds, rounded to the nearest: `EXPIRETIME`.
    UnixSeconds,
    /// Unix time in milliseconds: `PEXPIRETIME`.
    UnixMilliseconds,
}
