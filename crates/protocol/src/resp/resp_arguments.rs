//! The arguments of commands: options, numbers, times.

use crate::requests::resp_request::RespRequest;
use crate::requests::string_request::{ExpireCondition, NewExpiry, SetCondition, TimeRefusal};
use crate::resp::resp_refusal::RespRefusal;
use crate::words::integers::strict_64;
use crate::words::limits::DATABASES;
use crate::words::resp_words::RespWords;

/// A request, or why there is none.
pub(super) type Parsed<'a> = Result<RespRequest<'a>, RespRefusal<'a>>;

/// The unit and the origin of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeForm {
    /// Seconds from now: `EX`.
    Seconds,
    /// Milliseconds from now: `PX`.
    Milliseconds,
    /// Unix time in seconds: `EXAT`.
    UnixSeconds,
    /// Unix time in milliseconds: `PXAT`.
    UnixMilliseconds,
}

/// Options of `SET` and `GETEX`.
#[derive(Debug)]
pub(super) struct SetOptions {
    pub(super) condition: SetCondition,
    pub(super) expiry: NewExpiry,
    /// `GET`.
    pub(super) returns_old: bool,
}

/// The next word. Commands have as many as their arity says.
pub(super) fn next<'a>(words: &mut RespWords<'a>) -> &'a [u8] {
    words.next().unwrap_or_default()
}

/// The number that a word is.
pub(super) fn integer<'a>(word: &[u8]) -> Result<i64, RespRefusal<'a>> {
    strict_64(word).ok_or(RespRefusal::NOT_AN_INTEGER)
}

/// An option: the word in any case.
pub(super) fn is_option(word: &[u8], name: &[u8]) -> bool {
    word.eq_ignore_ascii_case(name)
}

/// Which of these options a word is.
pub(super) fn one_of<'a>(word: &[u8], options: &[&[u8]]) -> Result<usize, RespRefusal<'a>> {
    options.iter().position(|name| is_option(word, name)).ok_or(RespRefusal::SYNTAX)
}

/// The number of a database.
pub(super) fn database<'a>(word: &[u8]) -> Result<u8, RespRefusal<'a>> {
    let number = i32::try_from(integer(word)?).map_err(|_| RespRefusal::NOT_32_BITS)?;
    let number = u8::try_from(number).ok().filter(|number| *number < DATABASES);
    number.ok_or(RespRefusal::DATABASE)
}

/// A flush, at once or in the background: here both are the same. `refusal`: for other options.
pub(super) fn flush<'a>(
    mut words: RespWords<'a>,
    request: RespRequest<'a>,
    refusal: RespRefusal<'a>,
) -> Parsed<'a> {
    match (words.next(), words.next()) {
        (None, _) => Ok(request),
        (Some(word), None) if one_of(word, &[b"async", b"sync"]).is_ok() => Ok(request),
        _ => Err(refusal),
    }
}

fn time_form(word: &[u8]) -> Option<TimeForm> {
    let names: [(&[u8], TimeForm); 4] = [
        (b"EX", TimeForm::Seconds),
        (b"PX", TimeForm::Milliseconds),
        (b"EXAT", TimeForm::UnixSeconds),
        (b"PXAT", TimeForm::UnixMilliseconds),
    ];
    names.iter().find(|(name, _)| is_option(word, name)).map(|(_, form)| *form)
}

/// A time that must be positive, as Unix time in milliseconds. `command` is named in the error.
pub(super) fn positive_time<'a>(
    word: &[u8],
    form: TimeForm,
    now: i64,
    command: &'static str,
) -> Result<i64, RespRefusal<'a>> {
    let number = integer(word)?;
    let wrong = RespRefusal::InvalidExpireTime(command);
    if number <= 0 { Err(wrong) } else { unix_time(number, form, now).ok_or(wrong) }
}

/// A time as Unix time in milliseconds. `None`: it is out of range.
pub(super) fn unix_time(number: i64, form: TimeForm, now: i64) -> Option<i64> {
    let (unit, origin) = match form {
        TimeForm::Seconds => (1_000, now),
        TimeForm::Milliseconds => (1, now),
        TimeForm::UnixSeconds => (1_000, 0),
        TimeForm::UnixMilliseconds => (1, 0),
    };
    number.checked_mul(unit)?.checked_add(origin)
}

/// The options of `SET` that follow key and value.
pub(super) fn set_options<'a>(
    mut words: RespWords<'a>,
    now: i64,
    command: &'static str,
) -> Result<SetOptions, RespRefusal<'a>> {
    let mut options = SetOptions {
        condition: SetCondition::Always,
        expiry: NewExpiry::Never,
        returns_old: false,
    };
    let mut time: Option<(TimeForm, &[u8])> = None;
    while let Some(word) = words.next() {
        let keeps = options.expiry == NewExpiry::Keep;
        if is_option(word, b"NX") && options.condition != SetCondition::IfPresent {
            options.condition = SetCondition::IfAbsent;
        } else if is_option(word, b"XX") && options.condition != SetCondition::IfAbsent {
            options.condition = SetCondition::IfPresent;
        } else if is_option(word, b"GET") {
            options.returns_old = true;
        } else if is_option(word, b"KEEPTTL") && time.is_none() {
            options.expiry = NewExpiry::Keep;
        } else if let Some(form) = time_form(word)
            && !keeps
            && time.is_none_or(|(other, _)| other == form)
            && let Some(number) = words.next()
        {
            time = Some((form, number));
        } else {
            return Err(RespRefusal::SYNTAX);
        }
    }
    if let Some((form, word)) = time {
        options.expiry = NewExpiry::At(positive_time(word, form, now, command)?);
    }
    Ok(options)
}

/// The options of `GETEX`.
pub(super) fn getex_expiry(
    mut words: RespWords<'_>,
    now: i64,
) -> Result<NewExpiry, RespRefusal<'_>> {
    let mut expiry = NewExpiry::Keep;
    let mut time: Option<(TimeForm, &[u8])> = None;
    while let Some(word) = words.next() {
        if is_option(word, b"PERSIST") && time.is_none() {
            expiry = NewExpiry::Never;
        } else if let Some(form) = time_form(word)
            && expiry == NewExpiry::Keep
            && time.is_none_or(|(other, _)| other == form)
            && let Some(number) = words.next()
        {
            time = Some((form, number));
        } else {
            return Err(RespRefusal::SYNTAX);
        }
    }
    Ok(time.map_or(expiry, |(form, word)| match positive_time(word, form, now, "getex") {
        Ok(at) => NewExpiry::At(at),
        // Without an item there is no error.
        Err(RespRefusal::InvalidExpireTime(_)) => NewExpiry::Refused(TimeRefusal::OutOfRange),
        Err(_) => NewExpiry::Refused(TimeRefusal::NotAnInteger),
    }))
}

/// The options of `EXPIRE` and its like.
pub(super) fn expire_condition(words: RespWords<'_>) -> Result<ExpireCondition, RespRefusal<'_>> {
    let (mut none, mut some, mut later, mut earlier) = (false, false, false, false);
    for word in words {
        let flag = if is_option(word, b"NX") {
            &mut none
        } else if is_option(word, b"XX") {
            &mut some
        } else if is_option(word, b"GT") {
            &mut later
        } else if is_option(word, b"LT") {
            &mut earlier
        } else {
            return Err(RespRefusal::UnsupportedOption(word));
        };
        *flag = true;
    }
    match (none, some, later, earlier) {
        (true, true, _, _) | (true, _, true, _) | (true, _, _, true) => Err(RespRefusal::EXPIRE_NX),
        (_, _, true, true) => Err(RespRefusal::EXPIRE_GT_LT),
        (true, ..) => Ok(ExpireCondition::IfNone),
        (_, _, true, _) => Ok(ExpireCondition::IfLater),
        (_, true, _, true) => Ok(ExpireCondition::IfSomeAndEarlier),
        (_, _, _, true) => Ok(ExpireCondition::IfEarlier),
        (_, true, ..) => Ok(ExpireCondition::IfSome),
        _ => Ok(ExpireCondition::Always),
    }
}
