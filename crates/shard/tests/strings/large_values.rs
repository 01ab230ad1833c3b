//! Values that are not copied into the reply: the item may be gone, or only a part of it is sent.

use slabcore_protocol::{NewExpiry, RespVersion, StringOperation, StringRequest};
use slabcore_shard::limits::{BATCH_REPLY_BYTES_SOFT_MAX, VALUE_INLINE_BYTES_MAX};
use slabcore_shard::{
    Batch, ForwardedRequest, KeyRequest, ReplyPart, Response, ShardId, Ticket, ValueEnd,
};
use slabcore_storage::Config;

use crate::fixture::{Fixture, NOW, get_set};

const LARGE: usize = VALUE_INLINE_BYTES_MAX * 5;

fn large() -> String {
    (0..LARGE).map(|at| char::from(b'a' + (at ^ at >> 8) as u8 % 26)).collect()
}

/// Operations on a large value whose replies have all of it or a part.
fn reads(value: &str) -> Vec<(StringOperation<'static>, String)> {
    let whole = value.to_owned();
    let past = NewExpiry::At(NOW.unix_ms());
    vec![
        (StringOperation::GetDelete, whole.clone()),
        (StringOperation::GetExpire(past), whole.clone()),
        (get_set("short"), whole.clone()),
        (StringOperation::Range { start: 0, end: -1 }, whole),
        (StringOperation::Range { start: 9, end: 40_000 }, value[9..=40_000].to_owned()),
        (StringOperation::Range { start: 20_000, end: 20_004 }, value[20_000..=20_004].to_owned()),
    ]
}

#[test]
fn a_held_value_is_whole_while_its_item_is_gone() {
    let value = large();
    for (operation, expected) in reads(&value) {
        let mut fixture = Fixture::new();
        fixture.set("k", &value);
        let (key, version) = (fixture.key("k"), RespVersion::Two);
        let request = StringRequest { key: b"k", database: 0, version, operation };
        let response = fixture.shard.execute(NOW, key, &KeyRequest::String(request));
        let mut copied = Vec::new();
        response.encode(&mut copied);
        assert!(copied == format!("${}\r\n{expected}\r\n", expected.len()).into_bytes());
        let Response::HeldWithHead { head, end, .. } = response else {
            assert!(expected.len() <= VALUE_INLINE_BYTES_MAX, "{operation:?}");
            continue;
        };
        assert_eq!((head, end), (format!("${}\r\n", expected.len()).into(), ValueEnd::LineEnd));
        let hold = fixture.shard.take_held();
        fixture.set("other", &value);
        assert_eq!(hold.value_bytes(), expected.len());
        assert!(hold.parts(0).flatten().eq(expected.as_bytes()), "{operation:?}");
        assert!(hold.parts(7_000).flatten().eq(&expected.as_bytes()[7_000..]), "{operation:?}");
        fixture.shard.release(hold);
        assert_eq!(fixture.shard.store().stats().holds, 0);
        fixture.shard.store().check().unwrap();
    }
}

/// `CLIENT REPLY OFF`: nobody takes the value.
#[test]
fn a_hold_that_is_not_taken_ends_with_the_next_request() {
    let mut fixture = Fixture::new();
    fixture.set("k", &large());
    fixture.ask("k", StringOperation::GetDelete);
    assert_eq!(fixture.shard.store().stats().holds, 1);
    assert_eq!(fixture.get("k"), "$-1\r\n");
    assert_eq!(fixture.shard.store().stats().holds, 0);
}

/// One batch asked 4,000 times for 16 KiB of a value, and its replies were 64 MiB of copies.
#[test]
fn the_replies_of_a_batch_are_bounded() {
    let value = large();
    let short = &value[..VALUE_INLINE_BYTES_MAX];
    let mut fixture = Fixture::with(&Config::default(), 200);
    fixture.set("k", &value);
    fixture.set("short", short);
    let mut batch = Batch::new(ShardId::new(1));
    let ticket = Some(Ticket { connection: 0, generation: 0, slot: 0 });
    let last = VALUE_INLINE_BYTES_MAX as i64 - 1;
    let mut expected = Vec::new();
    for number in 0..400 {
        let (name, operation, value) = match number % 4 {
            0 => ("k", StringOperation::Range { start: 1, end: last }, &value[1..=last as usize]),
            1 => ("short", StringOperation::Get, short),
            2 => ("k", StringOperation::Length, ""),
            _ => ("short", StringOperation::Range { start: 0, end: 3 }, &short[..4]),
        };
        let (key, version) = (fixture.key(name), RespVersion::Three);
        let request = StringRequest { key: name.as_bytes(), database: 0, version, operation };
        batch.push(&ForwardedRequest::Key(key, KeyRequest::String(request)), ticket);
        expected.push(if value.is_empty() {
            format!(":{LARGE}\r\n")
        } else {
            format!("${}\r\n{value}\r\n", value.len())
        });
    }
    // The last one deletes a value of which the others have parts.
    let (key, operation) = (fixture.key("k"), StringOperation::GetDelete);
    let request = StringRequest { key: b"k", database: 0, version: RespVersion::Two, operation };
    batch.push(&ForwardedRequest::Key(key, KeyRequest::String(request)), ticket);
    expected.push(format!("${LARGE}\r\n{value}\r\n"));

    fixture.shard.execute_batch(NOW, &mut batch);
    let (mut copied, mut holds) = (0, Vec::new());
    for ((_, reply), expected) in batch.take_replies().zip(expected) {
        match reply {
            ReplyPart::Bytes(bytes) => {
                assert!(bytes == expected.as_bytes());
                copied += bytes.len();
            }
            ReplyPart::Held { hold, head, end } => {
                let sent = head.iter().chain(hold.parts(0).flatten()).chain(end.bytes());
                assert!(sent.eq(expected.as_bytes()));
                copied += head.len();
                holds.push(hold);
            }
        }
    }
    assert!(copied < BATCH_REPLY_BYTES_SOFT_MAX + 2 * VALUE_INLINE_BYTES_MAX, "{copied} bytes");
    assert!(holds.len() > 100);
    for hold in holds {
        fixture.shard.release(hold);
    }
    fixture.shard.store().check().unwrap();
}
