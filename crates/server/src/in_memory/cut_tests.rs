//! One session of each dialect, cut in two at every byte: the replies are the same as to the whole.

use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::replies::shown;

use super::*;

/// Commands of the classic protocol, and errors.
const TEXT: &str = "set a 1 0 5\r\nhello\r\nget a b a\r\ngets a\r\nadd a 0 0 1 noreply\r\nx\r\n\
    append a 0 0 1\r\n!\r\nset n 0 0 2\r\n41\r\nincr n 1\r\ndecr n 100\r\nincr a 1\r\nincr n -1\r\n\
    cas a 0 0 2 1\r\nno\r\ncas b 0 0 2 1\r\nno\r\ntouch a 100\r\ngat 100 a b\r\nfoo\r\n\r\nab\r\n\
    set bad 0 0 3\r\nlonger\r\nset a 0 0 -1\r\nset a x 0 2\r\nhi\r\nget\r\nget a\0b\r\n\
    delete a\r\ndelete a noreply\r\nflush_all 0\r\nverbosity 0\r\nversion\r\nget n\r\nquit\r\n";

/// Meta commands, quiet ones too.
const META: &str = "ms a 5 T100 F7\r\nhello\r\nmg a s v f k Oxyz q\r\nmg b v q\r\nmg b v\r\n\
    mg a\r\nmn\r\nms YmFk 2 b c\r\nhi\r\nmg YmFk b k v\r\nma n N0 J5\r\nma n D2 v\r\nma n MD v\r\n\
    md a I T30\r\nmg a v\r\nmg a v\r\nms a 2 ME\r\nno\r\nms a 1 MA\r\n?\r\nmd a q\r\nmd a q\r\n\
    mg\r\nms a S1\r\nms a 2 T-1\r\nxx\r\nmg bad! z\r\nms a 3\r\nlonger\r\nmn\r\nquit\r\n";

/// Commands of Redis' dialect, in both forms and both versions.
const REDIS: &str = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n\
    *4\r\n$6\r\nEXISTS\r\n$1\r\na\r\n$0\r\n\r\n$1\r\na\r\n\
    set b 'x y' px 100000\r\nmget a b c d e f\r\nmset c 1 d 2 e 3 f 4\r\ndel c d g h\r\n\
    *0\r\n\r\n*1\r\n$4\r\nPING\r\nfoo bar\r\nhello 3\r\nget nokey\r\nincr e\r\n\
    append e 5\r\nmulti\r\n*3\r\n$3\r\nset\r\n$1\r\nz\r\n$1\r\n1\r\nmget z a e\r\nexec\r\n\
    watch z y\r\nset y 1\r\nmulti\r\nget z\r\nexec\r\nrename a q\r\nexists a q q\r\n\
    select 3\r\nset q 3\r\ndbsize\r\nselect 0\r\ndbsize\r\nclient reply skip\r\nget q\r\n\
    client reply off\r\nget q\r\nclient reply on\r\nget q\r\nget\r\nset q\r\n\
    msetnx q 1 w 2\r\ncopy q w\r\nget w\r\nflushall\r\ndbsize\r\n*1\r\n$4\r\nQUIT\r\n";

/// The replies of a new server of `shards` to these pieces.
fn replies(shards: usize, pieces: [&[u8]; 2]) -> Vec<u8> {
    let mut server = InMemoryServer::new(shards, 8 << 20, 1).unwrap();
    let is_redis = [pieces[0], pieces[1]].concat().starts_with(b"*3\r\n");
    let connection = if is_redis { server.connect_redis() } else { server.connect() };
    let mut output = Vec::new();
    for piece in pieces {
        server.receive(connection, piece);
        server.turn(|_, bytes| output.extend_from_slice(bytes));
    }
    output
}

fn check(session: &[u8]) {
    for shards in [1, 2] {
        let whole = replies(shards, [session, b""]);
        assert!(!whole.is_empty());
        for at in 1..session.len() {
            let (before, after) = session.split_at(at);
            let got = replies(shards, [before, after]);
            let (got, whole) = (shown(&got), shown(&whole));
            assert_eq!(got, whole, "{shards} shards, cut after {}", shown(before));
        }
    }
}

#[test]
fn text_is_cut_anywhere() {
    check(TEXT.as_bytes());
}

#[test]
fn redis_is_cut_anywhere() {
    check(REDIS.as_bytes());
}

#[test]
fn meta_is_cut_anywhere() {
    check(META.as_bytes());
}

#[test]
fn binary_is_cut_anywhere() {
    let store = |opcode, value: &str| Packet::request(opcode).key("k").value(value).extra(&[0; 8]);
    let number = [&1_u64.to_be_bytes()[..], &7_u64.to_be_bytes(), &0_u32.to_be_bytes()].concat();
    let packets = [
        store(0x01, "hello"),
        Packet::request(0x0d).key("k"),
        Packet::request(0x09).key("absent"),
        store(0x12, "again"),
        store(0x11, "quiet"),
        Packet::request(0x00).key("k"),
        Packet::request(0x0e).key("k").value("!"),
        Packet::request(0x05).key("n").extra(&number),
        Packet::request(0x1c).key("k").extra(&100_u32.to_be_bytes()),
        Packet::request(0x77),
        Packet::request(0x14).key("k"),
        Packet::request(0x04).key("k"),
        Packet::request(0x0b),
        Packet::request(0x0a),
        Packet::request(0x07),
    ];
    let session: Vec<Vec<u8>> = packets.iter().map(Packet::bytes).collect();
    check(&session.concat());
}
