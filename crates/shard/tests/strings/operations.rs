//! What each operation replies.

use slabcore_protocol::{
    ExpireCondition, ExpiryForm, NewExpiry, SetCondition, SetReply, StringOperation, TimeRefusal,
};
use slabcore_shard::Now;

use crate::fixture::{Fixture, NOW, expire_in, expire_in_if, get_set, set, set_with};

const NIL: &str = "$-1\r\n";
const OK: &str = "+OK\r\n";
const NO: &str = ":0\r\n";
const YES: &str = ":1\r\n";
const PTTL: StringOperation<'_> = StringOperation::Expiry(ExpiryForm::MillisecondsLeft);

/// Each session begins with an empty shard, and asks for one key.
fn check(session: &[(StringOperation<'_>, &str)]) {
    let mut fixture = Fixture::new();
    for (number, (operation, expected)) in session.iter().enumerate() {
        assert_eq!(fixture.ask("k", *operation), *expected, "{number}: {operation:?}");
    }
    fixture.shard.store().check().unwrap();
}

#[test]
fn a_missing_key_has_no_value_and_no_facts() {
    for (operation, expected) in [
        (StringOperation::Get, NIL),
        (StringOperation::GetDelete, NIL),
        (StringOperation::GetExpire(NewExpiry::Never), NIL),
        (StringOperation::GetExpire(NewExpiry::Refused(TimeRefusal::OutOfRange)), NIL),
        (StringOperation::Range { start: 0, end: -1 }, "$0\r\n\r\n"),
        (StringOperation::SetRange { offset: 3, value: b"" }, NO),
        (StringOperation::Length, NO),
        (StringOperation::Delete, NO),
        (StringOperation::Exists, NO),
        (StringOperation::Touch, NO),
        (StringOperation::Type, "+none\r\n"),
        (expire_in(1_000), NO),
        (StringOperation::Persist, NO),
        (PTTL, ":-2\r\n"),
        (StringOperation::Encoding, NIL),
        (StringOperation::IdleTime, NIL),
        (StringOperation::ReferenceCount, NIL),
        (StringOperation::Frequency, NIL),
        (StringOperation::MemoryUsage, NIL),
        (StringOperation::Version, NIL),
        (set_with("v", SetCondition::IfPresent, NewExpiry::Never, SetReply::Status), NIL),
    ] {
        check(&[(operation, expected), (StringOperation::Exists, NO)]);
    }
}

#[test]
fn sets_have_conditions_and_replies() {
    let set_nx = |reply| set_with("new", SetCondition::IfAbsent, NewExpiry::Never, reply);
    check(&[
        (set_nx(SetReply::Integer), YES),
        (set_nx(SetReply::Integer), NO),
        (set_nx(SetReply::Status), NIL),
        (set_nx(SetReply::OldValue), "$3\r\nnew\r\n"),
        (set_with("x", SetCondition::IfPresent, NewExpiry::Never, SetReply::Status), OK),
        (get_set("y"), "$1\r\nx\r\n"),
        (StringOperation::Get, "$1\r\ny\r\n"),
        (StringOperation::GetDelete, "$1\r\ny\r\n"),
        (get_set("z"), NIL),
        (StringOperation::Delete, YES),
        (StringOperation::Delete, NO),
    ]);
}

#[test]
fn a_set_drops_the_expiry_unless_it_keeps_it() {
    let keep = set_with("b", SetCondition::Always, NewExpiry::Keep, SetReply::Status);
    let at = |ms| {
        let expiry = NewExpiry::At(NOW.unix_ms() + ms);
        set_with("c", SetCondition::Always, expiry, SetReply::Status)
    };
    check(&[
        (at(1_234), OK),
        (PTTL, ":1234\r\n"),
        (StringOperation::Expiry(ExpiryForm::SecondsLeft), ":1\r\n"),
        (StringOperation::Expiry(ExpiryForm::UnixMilliseconds), ":1700000006484\r\n"),
        (StringOperation::Expiry(ExpiryForm::UnixSeconds), ":1700000006\r\n"),
        (keep, OK),
        (PTTL, ":1234\r\n"),
        (StringOperation::Append(b"d"), ":2\r\n"),
        (StringOperation::SetRange { offset: 0, value: b"5" }, ":2\r\n"),
        (PTTL, ":1234\r\n"),
        (set("e"), OK),
        (PTTL, ":-1\r\n"),
        (keep, OK),
        (PTTL, ":-1\r\n"),
        // A past time: stored, and gone.
        (at(0), OK),
        (StringOperation::Get, NIL),
        (StringOperation::Exists, NO),
    ]);
}

#[test]
fn values_grow_and_are_cut() {
    check(&[
        (StringOperation::Append(b""), NO),
        (StringOperation::Type, "+string\r\n"),
        (StringOperation::Append(b"Hello"), ":5\r\n"),
        (StringOperation::Append(b""), ":5\r\n"),
        (StringOperation::SetRange { offset: 7, value: b"World" }, ":12\r\n"),
        (StringOperation::Get, "$12\r\nHello\0\0World\r\n"),
        (StringOperation::SetRange { offset: 5, value: b", " }, ":12\r\n"),
        (StringOperation::SetRange { offset: 100, value: b"" }, ":12\r\n"),
        (StringOperation::Range { start: 0, end: -1 }, "$12\r\nHello, World\r\n"),
        (StringOperation::Range { start: -5, end: -2 }, "$4\r\nWorl\r\n"),
        (StringOperation::Range { start: 5, end: 2 }, "$0\r\n\r\n"),
        (StringOperation::Length, ":12\r\n"),
    ]);
}

#[test]
fn integers_are_those_that_redis_writes() {
    let error = "-ERR value is not an integer or out of range\r\n";
    check(&[
        (StringOperation::Add(-1), ":-1\r\n"),
        (StringOperation::Add(i64::MIN + 1), ":-9223372036854775808\r\n"),
        (StringOperation::Add(-1), "-ERR increment or decrement would overflow\r\n"),
        (StringOperation::Get, "$20\r\n-9223372036854775808\r\n"),
        (StringOperation::Add(i64::MAX), ":-1\r\n"),
        (expire_in(9_000), YES),
        (StringOperation::Add(11), ":10\r\n"),
        (PTTL, ":9000\r\n"),
        (StringOperation::AddDecimal(b"0.1"), "$4\r\n10.1\r\n"),
        (PTTL, ":9000\r\n"),
        (StringOperation::Add(1), error),
        (StringOperation::AddDecimal(b"inf"), "-ERR increment would produce NaN or Infinity\r\n"),
    ]);
    for value in ["", " 11", "11 ", "+1", "01", "-0", "9223372036854775808", "1.0", "0x1"] {
        check(&[
            (set(value), OK),
            (StringOperation::Add(1), error),
            (StringOperation::Length, &format!(":{}\r\n", value.len())),
        ]);
    }
    check(&[
        (set("abc"), OK),
        (StringOperation::AddDecimal(b"1"), "-ERR value is not a valid float\r\n"),
    ]);
}

#[test]
fn expiries_have_conditions() {
    let if_none = ExpireCondition::IfNone;
    check(&[
        (set("v"), OK),
        (expire_in_if(500, ExpireCondition::IfSome), NO),
        (expire_in_if(500, ExpireCondition::IfLater), NO),
        (expire_in_if(500, ExpireCondition::IfSomeAndEarlier), NO),
        (expire_in_if(500, if_none), YES),
        (expire_in_if(600, if_none), NO),
        (expire_in_if(500, ExpireCondition::IfLater), NO),
        (expire_in_if(501, ExpireCondition::IfLater), YES),
        (expire_in_if(501, ExpireCondition::IfEarlier), NO),
        (expire_in_if(400, ExpireCondition::IfEarlier), YES),
        (expire_in_if(300, ExpireCondition::IfSomeAndEarlier), YES),
        (PTTL, ":300\r\n"),
        (StringOperation::Persist, YES),
        (StringOperation::Persist, NO),
        (expire_in_if(300, ExpireCondition::IfEarlier), YES),
        (expire_in(0), YES),
        (StringOperation::Exists, NO),
    ]);
}

#[test]
fn a_get_may_change_the_expiry() {
    let refused = |refusal| StringOperation::GetExpire(NewExpiry::Refused(refusal));
    let at = |ms| StringOperation::GetExpire(NewExpiry::At(NOW.unix_ms() + ms));
    check(&[
        (set("v"), OK),
        (StringOperation::GetExpire(NewExpiry::Keep), "$1\r\nv\r\n"),
        (refused(TimeRefusal::NotAnInteger), "-ERR value is not an integer or out of range\r\n"),
        (refused(TimeRefusal::OutOfRange), "-ERR invalid expire time in 'getex' command\r\n"),
        (at(77), "$1\r\nv\r\n"),
        (PTTL, ":77\r\n"),
        (StringOperation::GetExpire(NewExpiry::Keep), "$1\r\nv\r\n"),
        (PTTL, ":77\r\n"),
        (StringOperation::GetExpire(NewExpiry::Never), "$1\r\nv\r\n"),
        (PTTL, ":-1\r\n"),
        (at(0), "$1\r\nv\r\n"),
        (StringOperation::Get, NIL),
    ]);
}

#[test]
fn an_item_lives_to_its_millisecond() {
    let mut fixture = Fixture::new();
    fixture.set("k", "v");
    assert_eq!(fixture.ask("k", expire_in(1)), YES);
    assert_eq!(fixture.get("k"), "$1\r\nv\r\n");
    fixture.now = fixture.now.with_milliseconds(251, 0);
    assert_eq!(fixture.get("k"), NIL);
}

#[test]
fn objects_are_described() {
    let encoding = |value: &str, expected| {
        check(&[(set(value), OK), (StringOperation::Encoding, expected)]);
    };
    encoding("-12", "$3\r\nint\r\n");
    encoding("9223372036854775808", "$6\r\nembstr\r\n");
    encoding("", "$6\r\nembstr\r\n");
    encoding(&"a".repeat(44), "$6\r\nembstr\r\n");
    encoding(&"a".repeat(45), "$3\r\nraw\r\n");
    encoding(&"a".repeat(40_000), "$3\r\nraw\r\n");
    let mut fixture = Fixture::new();
    fixture.set("k", "v");
    let now = fixture.now;
    fixture.now = Now::at(now.tick() + 7, now.unix_at_zero());
    assert_eq!(fixture.ask("k", StringOperation::IdleTime), ":7\r\n");
    assert_eq!(fixture.ask("k", StringOperation::Exists), YES);
    assert_eq!(fixture.ask("k", StringOperation::IdleTime), ":7\r\n", "EXISTS is no access");
    assert_eq!(fixture.ask("k", StringOperation::ReferenceCount), YES);
    assert!(fixture.ask("k", StringOperation::Frequency).starts_with("-ERR An LFU"));
}

#[test]
fn a_version_changes_with_each_change_and_with_nothing_else() {
    let mut fixture = Fixture::new();
    fixture.set("k", "5");
    let mut version = fixture.ask("k", StringOperation::Version);
    for operation in [
        StringOperation::Get,
        StringOperation::Touch,
        StringOperation::GetExpire(NewExpiry::Keep),
        StringOperation::Range { start: 0, end: 9 },
        PTTL,
        expire_in_if(10_000, ExpireCondition::IfSome),
        set_with("no", SetCondition::IfAbsent, NewExpiry::Never, SetReply::Status),
    ] {
        fixture.ask("k", operation);
        assert_eq!(fixture.ask("k", StringOperation::Version), version, "{operation:?}");
    }
    for operation in [
        set("5"),
        get_set("5"),
        StringOperation::Add(0),
        StringOperation::AddDecimal(b"0"),
        StringOperation::Append(b"1"),
        StringOperation::SetRange { offset: 0, value: b"5" },
        expire_in(10_000),
        StringOperation::GetExpire(NewExpiry::At(NOW.unix_ms() + 9_000)),
        StringOperation::Persist,
    ] {
        fixture.ask("k", operation);
        let new = fixture.ask("k", StringOperation::Version);
        assert_ne!(new, version, "{operation:?}");
        version = new;
    }
    fixture.ask("k", StringOperation::Delete);
    assert_eq!(fixture.ask("k", StringOperation::Version), NIL);
    fixture.set("k", "5");
    assert_ne!(fixture.ask("k", StringOperation::Version), version);
}
