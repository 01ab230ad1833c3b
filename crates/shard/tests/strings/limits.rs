//! A value that cannot be stored is refused, and the old one stays.

use slabcore_metrics::Counter;
use slabcore_protocol::{NewExpiry, SetCondition, SetReply, StringOperation};
use slabcore_storage::Config;

use crate::fixture::{Fixture, get_set, set, set_with};

const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
const OUT_OF_MEMORY: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

#[test]
fn a_value_over_the_limit_leaves_the_old_one() {
    let config = Config { item_bytes_max: 2_000, ..Config::default() };
    let mut fixture = Fixture::with(&config, 30);
    // What memcached counts beside key and value are 59 bytes.
    let longest = "v".repeat(2_000 - 59 - 1);
    let too_long = format!("{longest}v");
    fixture.set("k", &longest);
    let old = fixture.get("k");
    for operation in [
        set(&too_long),
        get_set(&too_long),
        StringOperation::Append(b"v"),
        StringOperation::SetRange { offset: longest.len() as u64, value: b"v" },
        StringOperation::SetRange { offset: u64::MAX, value: b"v" },
    ] {
        let before = fixture.count(Counter::StoreTooLarge);
        assert_eq!(fixture.ask("k", operation), TOO_LONG, "{operation:?}");
        assert_eq!(fixture.count(Counter::StoreTooLarge), before + 1);
        assert!(fixture.get("k") == old, "{operation:?}");
    }
    assert_eq!(fixture.ask("none", StringOperation::Append(too_long.as_bytes())), TOO_LONG);
    assert_eq!(fixture.ask("none", StringOperation::Exists), ":0\r\n");
}

#[test]
fn without_memory_the_old_value_stays() {
    let mut fixture = Fixture::with(&Config { evict: false, ..Config::default() }, 40);
    fixture.set("k", "7");
    let fill = "f".repeat(30_000);
    let keys: Vec<&'static str> = (0..200).map(|number| &*format!("fill{number}").leak()).collect();
    let refused = keys.iter().filter(|key| fixture.ask(key, set(&fill)) == OUT_OF_MEMORY).count();
    assert!((1..200).contains(&refused), "{refused} were refused");
    let longer = "l".repeat(200_000);
    for operation in [
        set(&longer),
        get_set(&longer),
        set_with(&longer, SetCondition::IfPresent, NewExpiry::Keep, SetReply::Status),
        StringOperation::Append(longer.as_bytes()),
        StringOperation::SetRange { offset: 300_000, value: b"v" },
    ] {
        let before = fixture.count(Counter::StoreNoMemory);
        assert_eq!(fixture.ask("k", operation), OUT_OF_MEMORY, "{operation:?}");
        assert_eq!(fixture.count(Counter::StoreNoMemory), before + 1);
        assert_eq!(fixture.get("k"), "$1\r\n7\r\n", "{operation:?}");
    }
    // What needs no memory works.
    assert_eq!(fixture.ask("k", StringOperation::Add(1)), ":8\r\n");
    assert_eq!(fixture.ask("k", StringOperation::GetDelete), "$1\r\n8\r\n");
    fixture.shard.store().check().unwrap();
}
