//! From the words of a command to a request. Errors are found in Redis' order. Commands without
//! keys are in `resp_server_parsing.rs`.

use crate::requests::resp_request::RespRequest;
use crate::requests::string_request::{
    ExpiryForm, NewExpiry, SetCondition, SetReply, StringOperation, StringSet,
};
use crate::resp::decimals::is_decimal;
use crate::resp::resp_arguments::{
    Parsed, TimeForm, database, expire_condition, flush, getex_expiry, integer, is_option, next,
    positive_time, set_options, unix_time,
};
use crate::resp::resp_command::{Kind, RespCommand};
use crate::resp::resp_refusal::RespRefusal;
use crate::words::limits::RESP_KEY_BYTES_MAX;
use crate::words::resp_words::RespWords;

/// Digits of a script's SHA-1.
const SHA_DIGITS: usize = 40;

impl RespCommand {
    /// Reads the arguments of this command, which [`Self::find`] has found for the same words.
    /// `now` is the Unix time in milliseconds: times become absolute.
    ///
    /// Errors: options that do not exist or exclude each other, words that are no numbers, times
    /// out of range, keys longer than [`RESP_KEY_BYTES_MAX`](crate::RESP_KEY_BYTES_MAX).
    pub fn parse<'a>(&self, words: RespWords<'a>, now: i64) -> Parsed<'a> {
        let mut words = words;
        words.next();
        let typed = if self.name().contains('|') { words.next() } else { None };
        self.parse_arguments(words, now).map_err(|refusal| match (refusal, typed) {
            (RespRefusal::SubcommandArguments { command, .. }, Some(name)) => {
                RespRefusal::SubcommandArguments { command, name }
            }
            (refusal, _) => refusal,
        })
    }

    fn parse_arguments<'a>(&self, mut words: RespWords<'a>, now: i64) -> Parsed<'a> {
        let request = match self.kind {
            Kind::Get => string(&mut words, StringOperation::Get),
            Kind::Set => self.set(words, now)?,
            Kind::Setex | Kind::Psetex | Kind::Setnx | Kind::Getset => self.old_set(words, now)?,
            Kind::Getex => {
                let key = next(&mut words);
                let operation = match getex_expiry(words, now)? {
                    NewExpiry::Keep => StringOperation::Get,
                    expiry => StringOperation::GetExpire(expiry),
                };
                RespRequest::String { key, operation }
            }
            Kind::Getdel => string(&mut words, StringOperation::GetDelete),
            Kind::Append => with_value(words, StringOperation::Append),
            Kind::Strlen => string(&mut words, StringOperation::Length),
            Kind::Type => string(&mut words, StringOperation::Type),
            Kind::Persist => string(&mut words, StringOperation::Persist),
            Kind::Getrange | Kind::Substr | Kind::Setrange => self.range(words)?,
            Kind::Incr | Kind::Decr | Kind::Incrby | Kind::Decrby | Kind::Incrbyfloat => {
                self.addition(words)?
            }
            Kind::Del | Kind::Unlink => count(words, StringOperation::Delete),
            Kind::Exists => count(words, StringOperation::Exists),
            Kind::Touch => count(words, StringOperation::Touch),
            Kind::Mget => RespRequest::GetMany(words),
            Kind::Mset | Kind::Msetnx => self.set_many(words)?,
            Kind::Expire | Kind::Pexpire | Kind::Expireat | Kind::Pexpireat => {
                self.expire(words, now)?
            }
            Kind::Ttl => string(&mut words, StringOperation::Expiry(ExpiryForm::SecondsLeft)),
            Kind::Pttl => string(&mut words, StringOperation::Expiry(ExpiryForm::MillisecondsLeft)),
            Kind::Expiretime => {
                string(&mut words, StringOperation::Expiry(ExpiryForm::UnixSeconds))
            }
            Kind::Pexpiretime => {
                string(&mut words, StringOperation::Expiry(ExpiryForm::UnixMilliseconds))
            }
            Kind::ObjectEncoding => string(&mut words, StringOperation::Encoding),
            Kind::ObjectIdletime => string(&mut words, StringOperation::IdleTime),
            Kind::ObjectRefcount => string(&mut words, StringOperation::ReferenceCount),
            Kind::ObjectFreq => string(&mut words, StringOperation::Frequency),
            Kind::MemoryUsage => memory_usage(words)?,
            _ => return self.parse_others(words),
        };
        check_keys(request)
    }

    /// As [`Self::parse`], of commands for more than one key, and for none.
    fn parse_others<'a>(&self, mut words: RespWords<'a>) -> Parsed<'a> {
        let request = match self.kind {
            Kind::Rename | Kind::Renamenx => RespRequest::Rename {
                from: next(&mut words),
                to: next(&mut words),
                if_absent: self.kind == Kind::Renamenx,
            },
            Kind::Copy => copy(words)?,
            Kind::Watch => RespRequest::Watch(words),
            Kind::Eval | Kind::Evalsha => self.eval(words)?,
            Kind::Keys => RespRequest::Keys { pattern: next(&mut words) },
            Kind::Scan => scan(words)?,
            Kind::Randomkey => RespRequest::RandomKey,
            Kind::Dbsize => RespRequest::DatabaseSize,
            Kind::Flushdb => flush(words, RespRequest::FlushDatabase, RespRefusal::SYNTAX)?,
            Kind::Flushall => flush(words, RespRequest::FlushAll, RespRefusal::SYNTAX)?,
            Kind::Multi => RespRequest::Multi,
            Kind::Exec => RespRequest::Exec,
            Kind::Discard => RespRequest::Discard,
            Kind::Unwatch => RespRequest::Unwatch,
            _ => return self.parse_connection(words),
        };
        check_keys(request)
    }

    fn set<'a>(&self, mut words: RespWords<'a>, now: i64) -> Parsed<'a> {
        let (key, value) = (next(&mut words), next(&mut words));
        let options = set_options(words, now, self.name())?;
        let reply = if options.returns_old { SetReply::OldValue } else { SetReply::Status };
        let (condition, expiry) = (options.condition, options.expiry);
        let set = StringSet { value, condition, expiry, reply };
        Ok(RespRequest::String { key, operation: StringOperation::Set(set) })
    }

    /// `SETEX`, `PSETEX`, `SETNX`, `GETSET`.
    fn old_set<'a>(&self, mut words: RespWords<'a>, now: i64) -> Parsed<'a> {
        let key = next(&mut words);
        let form = match self.kind {
            Kind::Setex => Some(TimeForm::Seconds),
            Kind::Psetex => Some(TimeForm::Milliseconds),
            _ => None,
        };
        let expiry = match form {
            Some(form) => NewExpiry::At(positive_time(next(&mut words), form, now, self.name())?),
            None => NewExpiry::Never,
        };
        let (condition, reply) = match self.kind {
            Kind::Setnx => (SetCondition::IfAbsent, SetReply::Integer),
            Kind::Getset => (SetCondition::Always, SetReply::OldValue),
            _ => (SetCondition::Always, SetReply::Status),
        };
        let set = StringSet { value: next(&mut words), condition, expiry, reply };
        Ok(RespRequest::String { key, operation: StringOperation::Set(set) })
    }

    fn range<'a>(&self, mut words: RespWords<'a>) -> Parsed<'a> {
        let key = next(&mut words);
        let first = integer(next(&mut words))?;
        let operation = if self.kind == Kind::Setrange {
            let offset = u64::try_from(first).map_err(|_| RespRefusal::OFFSET)?;
            StringOperation::SetRange { offset, value: next(&mut words) }
        } else {
            StringOperation::Range { start: first, end: integer(next(&mut words))? }
        };
        Ok(RespRequest::String { key, operation })
    }

    fn addition<'a>(&self, mut words: RespWords<'a>) -> Parsed<'a> {
        let key = next(&mut words);
        let operation = match self.kind {
            Kind::Incr => StringOperation::Add(1),
            Kind::Decr => StringOperation::Add(-1),
            Kind::Incrby => StringOperation::Add(integer(next(&mut words))?),
            Kind::Decrby => {
                let number = integer(next(&mut words))?;
                let negated = number.checked_neg().ok_or(RespRefusal::DECREMENT_OVERFLOW)?;
                StringOperation::Add(negated)
            }
            _ => {
                let word = next(&mut words);
                if !is_decimal(word) {
                    return Err(RespRefusal::NOT_A_FLOAT);
                }
                StringOperation::AddDecimal(word)
            }
        };
        Ok(RespRequest::String { key, operation })
    }

    fn set_many<'a>(&self, words: RespWords<'a>) -> Parsed<'a> {
        if words.len() % 2 == 1 {
            return Err(RespRefusal::WrongArity(self.name()));
        }
        Ok(match self.kind {
            Kind::Mset => RespRequest::SetMany(words),
            _ => RespRequest::SetManyIfAbsent(words),
        })
    }

    fn expire<'a>(&self, mut words: RespWords<'a>, now: i64) -> Parsed<'a> {
        let (key, time) = (next(&mut words), next(&mut words));
        let condition = expire_condition(words)?;
        let form = match self.kind {
            Kind::Expire => TimeForm::Seconds,
            Kind::Pexpire => TimeForm::Milliseconds,
            Kind::Expireat => TimeForm::UnixSeconds,
            _ => TimeForm::UnixMilliseconds,
        };
        let at = unix_time(integer(time)?, form, now);
        let at = at.ok_or(RespRefusal::InvalidExpireTime(self.name()))?;
        Ok(RespRequest::String { key, operation: StringOperation::Expire { at, condition } })
    }

    fn eval<'a>(&self, mut words: RespWords<'a>) -> Parsed<'a> {
        let script = next(&mut words);
        if self.kind == Kind::Evalsha && script.len() != SHA_DIGITS {
            return Err(RespRefusal::NO_SCRIPT);
        }
        let count = integer(next(&mut words))?;
        let count = usize::try_from(count).map_err(|_| RespRefusal::NEGATIVE_KEYS)?;
        let (keys, arguments) = words.split(count).ok_or(RespRefusal::TOO_FEW_KEYS)?;
        Ok(RespRequest::Eval { script, is_sha: self.kind == Kind::Evalsha, keys, arguments })
    }
}

fn string<'a>(words: &mut RespWords<'a>, operation: StringOperation<'a>) -> RespRequest<'a> {
    RespRequest::String { key: next(words), operation }
}

fn with_value<'a>(
    mut words: RespWords<'a>,
    operation: impl Fn(&'a [u8]) -> StringOperation<'a>,
) -> RespRequest<'a> {
    let (key, value) = (next(&mut words), next(&mut words));
    RespRequest::String { key, operation: operation(value) }
}

fn count<'a>(mut keys: RespWords<'a>, operation: StringOperation<'a>) -> RespRequest<'a> {
    if keys.len() == 1 {
        return string(&mut keys, operation);
    }
    RespRequest::Count { keys, operation }
}

/// Refuses keys that are too long.
fn check_keys(request: RespRequest<'_>) -> Parsed<'_> {
    let mut is_long = false;
    request.each_key(|key| is_long |= key.len() > RESP_KEY_BYTES_MAX);
    if let RespRequest::Copy { from, to, .. } = request {
        is_long = from.len().max(to.len()) > RESP_KEY_BYTES_MAX;
    }
    if is_long { Err(RespRefusal::KEY_TOO_LONG) } else { Ok(request) }
}

fn memory_usage(mut words: RespWords<'_>) -> Parsed<'_> {
    let key = next(&mut words);
    while let Some(word) = words.next() {
        let (true, Some(number)) = (is_option(word, b"SAMPLES"), words.next()) else {
            return Err(RespRefusal::SYNTAX);
        };
        if integer(number)? < 0 {
            return Err(RespRefusal::SYNTAX);
        }
    }
    Ok(RespRequest::String { key, operation: StringOperation::MemoryUsage })
}

fn copy(mut words: RespWords<'_>) -> Parsed<'_> {
    let (from, to) = (next(&mut words), next(&mut words));
    let (mut target, mut replaces) = (None, false);
    while let Some(word) = words.next() {
        if is_option(word, b"REPLACE") {
            replaces = true;
        } else if is_option(word, b"DB")
            && let Some(number) = words.next()
        {
            target = Some(database(number)?);
        } else {
            return Err(RespRefusal::SYNTAX);
        }
    }
    Ok(RespRequest::Copy { from, to, database: target, replaces })
}

fn scan(mut words: RespWords<'_>) -> Parsed<'_> {
    let cursor = cursor(next(&mut words)).ok_or(RespRefusal::CURSOR)?;
    let (mut pattern, mut count, mut lists_strings) = (None, 10, true);
    while let Some(word) = words.next() {
        let Some(value) = words.next() else { return Err(RespRefusal::SYNTAX) };
        if is_option(word, b"MATCH") {
            pattern = Some(value);
        } else if is_option(word, b"COUNT") {
            let number = integer(value)?;
            count = u64::try_from(number).ok().filter(|it| *it > 0).ok_or(RespRefusal::SYNTAX)?;
        } else if is_option(word, b"TYPE") {
            lists_strings = is_option(value, b"string");
        } else {
            return Err(RespRefusal::SYNTAX);
        }
    }
    // Everything matches it.
    let pattern = pattern.filter(|pattern: &&[u8]| *pattern != b"*");
    Ok(RespRequest::Scan { cursor, pattern, count, lists_strings })
}

/// A cursor, read as C's `strtoul` does.
fn cursor(word: &[u8]) -> Option<u64> {
    let (is_negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let text = core::str::from_utf8(digits).ok()?;
    let number = match text {
        "" if word.is_empty() => 0,
        _ if !text.bytes().all(|byte| byte.is_ascii_digit()) => return None,
        _ => text.parse::<u64>().ok()?,
    };
    Some(if is_negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
#[path = "resp_parsing_tests.rs"]
mod tests;
