//! Items that clients of both dialects use.

use slabcore_protocol::{MetaCommand, StringOperation, Verb};
use slabcore_shard::KeyRequest;

use crate::fixture::{Fixture, expire_in, get_set, set, store_request};

#[test]
fn flags_go_with_a_set_and_stay_with_a_change() {
    let mut fixture = Fixture::new();
    for (operation, flags) in [
        (StringOperation::Append(b"1"), 7),
        (StringOperation::Add(1), 7),
        (StringOperation::AddDecimal(b"1"), 7),
        (StringOperation::SetRange { offset: 0, value: b"9" }, 7),
        (expire_in(9_000), 7),
        (StringOperation::Persist, 7),
        (set("5"), 0),
        (get_set("5"), 0),
    ] {
        fixture.classic_set("k", 7, "5");
        fixture.ask("k", operation);
        let head = format!("VALUE k {flags} ");
        assert!(fixture.classic_get("k", false).starts_with(&head), "{operation:?}");
    }
}

/// A memcached client must not overwrite what a Redis client has written since.
#[test]
fn each_write_renews_the_cas_unique() {
    for operation in [
        set("5"),
        get_set("5"),
        StringOperation::Append(b"1"),
        StringOperation::Add(1),
        StringOperation::AddDecimal(b"1"),
        StringOperation::SetRange { offset: 0, value: b"9" },
        expire_in(9_000),
    ] {
        let mut fixture = Fixture::new();
        fixture.classic_set("k", 0, "5");
        let line = fixture.classic_get("k", true);
        let unique = line.lines().next().and_then(|line| line.rsplit(' ').next());
        let unique = unique.and_then(|word| word.parse().ok()).expect("a unique");
        fixture.ask("k", operation);
        let store = store_request(Verb::Cas, "k", 0, "mine", unique);
        let reply = fixture.classic(&KeyRequest::Store { store, value: b"mine" });
        assert_eq!(reply, "EXISTS\r\n", "{operation:?}");
    }
}

#[test]
fn numbers_are_read_by_the_rules_of_each() {
    let mut fixture = Fixture::new();
    let decr = KeyRequest::Arithmetic { key: b"k", delta: 1, incr: false };
    fixture.set("k", "10");
    assert_eq!(fixture.classic(&decr), "9\r\n");
    assert_eq!(fixture.get("k"), "$2\r\n9 \r\n", "memcached pads with blanks");
    assert!(fixture.ask("k", StringOperation::Add(1)).starts_with("-ERR value is not an integer"));
    fixture.set("k", "-5");
    assert!(fixture.classic(&decr).starts_with("CLIENT_ERROR"));
    fixture.set("k", "18446744073709551615");
    assert_eq!(fixture.classic(&decr), "18446744073709551614\r\n");
    assert!(fixture.ask("k", StringOperation::Add(1)).starts_with("-ERR value is not an integer"));
}

#[test]
fn a_stale_item_is_a_hit_until_it_is_written() {
    let mut fixture = Fixture::new();
    fixture.set("k", "old");
    assert_eq!(fixture.meta(MetaCommand::Delete, "k", " I"), "HD\r\n");
    assert_eq!(fixture.get("k"), "$3\r\nold\r\n");
    assert_eq!(fixture.meta(MetaCommand::Get, "k", " v"), "VA 3 X W\r\nold\r\n");
    fixture.set("k", "new");
    assert_eq!(fixture.meta(MetaCommand::Get, "k", " v"), "VA 3\r\nnew\r\n");
}

#[test]
fn seconds_of_memcached_are_rounded_up() {
    let mut fixture = Fixture::new();
    fixture.set("k", "v");
    fixture.ask("k", expire_in(1_100));
    // 1.35 s after the begin of the second.
    assert_eq!(fixture.meta(MetaCommand::Get, "k", " t"), "HD t2\r\n");
    fixture.classic(&KeyRequest::Touch { key: b"k", exptime: 4 });
    let left = StringOperation::Expiry(slabcore_protocol::ExpiryForm::MillisecondsLeft);
    assert_eq!(fixture.ask("k", left), ":3750\r\n");
}
