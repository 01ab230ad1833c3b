//! Requests of the Redis dialect are counted as memcached's, where they mean the same.

use slabcore_metrics::Counter;
use slabcore_protocol::{NewExpiry, SetCondition, SetReply, StringOperation};

use crate::fixture::{Fixture, NOW, expire_in, get_set, set, set_with};

const COUNTERS: [Counter; 12] = [
    Counter::CmdGet,
    Counter::GetHits,
    Counter::GetMisses,
    Counter::CmdSet,
    Counter::CmdTouch,
    Counter::TouchHits,
    Counter::TouchMisses,
    Counter::DeleteHits,
    Counter::DeleteMisses,
    Counter::IncrHits,
    Counter::IncrMisses,
    Counter::DecrHits,
];

/// Executes an operation on a key with the value 7 (`found`) and on a missing one. Compares what
/// was counted.
fn check(operation: StringOperation<'_>, found: &[Counter], missing: &[Counter]) {
    for (is_found, expected) in [(true, found), (false, missing)] {
        let mut fixture = Fixture::new();
        if is_found {
            fixture.set("k", "7");
        }
        let before = COUNTERS.map(|counter| fixture.count(counter));
        fixture.ask("k", operation);
        for (counter, before) in COUNTERS.into_iter().zip(before) {
            let counted = fixture.count(counter) - before;
            let expected = expected.iter().filter(|it| **it == counter).count() as u64;
            assert_eq!(counted, expected, "{counter:?} of {operation:?}, found: {is_found}");
        }
    }
}

#[test]
fn counts_are_memcacheds() {
    use Counter::{
        CmdGet, CmdSet, CmdTouch, DecrHits, DeleteHits, DeleteMisses, GetHits, GetMisses, IncrHits,
        IncrMisses, TouchHits, TouchMisses,
    };
    let (hit, miss) = ([CmdGet, GetHits], [CmdGet, GetMisses]);
    check(StringOperation::Get, &hit, &miss);
    check(StringOperation::Length, &hit, &miss);
    check(StringOperation::Range { start: 0, end: 1 }, &hit, &miss);
    check(StringOperation::GetExpire(NewExpiry::Never), &hit, &miss);
    check(StringOperation::GetExpire(NewExpiry::At(NOW.unix_ms() + 50)), &hit, &miss);
    check(StringOperation::GetDelete, &[CmdGet, GetHits, DeleteHits], &miss);
    check(get_set("x"), &[CmdGet, GetHits, CmdSet], &[CmdGet, GetMisses, CmdSet]);
    check(set("x"), &[CmdSet], &[CmdSet]);
    let set_nx = set_with("x", SetCondition::IfAbsent, NewExpiry::Never, SetReply::Integer);
    check(set_nx, &[CmdSet], &[CmdSet]);
    check(StringOperation::Append(b"x"), &[CmdSet], &[CmdSet]);
    check(StringOperation::SetRange { offset: 0, value: b"x" }, &[CmdSet], &[CmdSet]);
    check(StringOperation::Add(1), &[IncrHits], &[IncrMisses, CmdSet]);
    check(StringOperation::Add(-1), &[DecrHits], &[CmdSet]);
    check(StringOperation::AddDecimal(b"0.5"), &[IncrHits], &[IncrMisses, CmdSet]);
    check(StringOperation::Delete, &[DeleteHits], &[DeleteMisses]);
    check(expire_in(5), &[CmdTouch, TouchHits], &[CmdTouch, TouchMisses]);
    for silent in [StringOperation::Exists, StringOperation::Type, StringOperation::Version] {
        check(silent, &[], &[]);
    }
}
