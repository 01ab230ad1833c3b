use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::resp::resp_command::RespCommand;
use crate::resp::resp_decoder::inline_words;

/// The Unix time of the tests, in milliseconds.
const NOW: i64 = 1_000_000;

/// What a command becomes: a request, or an error line.
fn parsed(line: &str) -> String {
    let mut bulks = Vec::new();
    let words = inline_words(line.as_bytes(), &mut bulks).unwrap().unwrap();
    let found = RespCommand::find(&words);
    match found.and_then(|command| command.parse(words, NOW)) {
        Ok(request) => alloc::format!("{request:?}"),
        Err(refusal) => {
            let mut out = Vec::new();
            refusal.encode(&mut out);
            String::from_utf8_lossy(&out).trim_end_matches("\r\n").to_string()
        }
    }
}

fn check(line: &str, expected: &str) {
    assert_eq!(parsed(line), expected, "{line}");
}

/// The request contains these words.
fn check_has(line: &str, expected: &[&str]) {
    let request = parsed(line);
    for part in expected {
        assert!(request.contains(part), "{line}: {request} has no {part}");
    }
}

#[test]
fn commands_and_their_number_of_words() {
    let unknown = "-ERR unknown command 'foo', with args beginning with: 'a' 'b' ";
    check("foo a b", unknown);
    check("foo", "-ERR unknown command 'foo', with args beginning with: ");
    check("GET", "-ERR wrong number of arguments for 'get' command");
    check("get a b", "-ERR wrong number of arguments for 'get' command");
    check("client", "-ERR wrong number of arguments for 'client' command");
    check("client setname", "-ERR wrong number of arguments for 'client|setname' command");
    check("client foo", "-ERR unknown subcommand 'foo'. Try CLIENT HELP.");
    check(
        "client|setname a",
        "-ERR unknown command 'client|setname', with args beginning with: 'a' ",
    );
    check("mset a", "-ERR wrong number of arguments for 'mset' command");
    check("mset a b c", "-ERR wrong number of arguments for 'mset' command");
    check(
        "exec a",
        "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
    );
    let long = "x".repeat(300);
    check(
        &long,
        &alloc::format!("-ERR unknown command '{}', with args beginning with: ", &long[..128]),
    );
}

#[test]
fn options_of_set() {
    check_has("set k v", &["condition: Always", "expiry: Never", "reply: Status"]);
    check_has("SET k v nx ex 10 get", &["IfAbsent", "At(1010000)", "OldValue"]);
    check_has("set k v px 5 PX 6", &["At(1000006)"]);
    check_has("set k v exat 5", &["At(5000)"]);
    check_has("set k v keepttl xx", &["Keep", "IfPresent"]);
    for wrong in ["nx xx", "ex 1 px 1", "ex 1 keepttl", "keepttl ex 1", "ex", "foo", "ex 1 exat 1"]
    {
        check(&alloc::format!("set k v {wrong}"), "-ERR syntax error");
    }
    for wrong in ["ex 0", "ex -1", "px 0", "ex 9223372036854775807", "exat 0"] {
        let line = alloc::format!("set k v {wrong}");
        check(&line, "-ERR invalid expire time in 'set' command");
    }
    check("set k v ex a", "-ERR value is not an integer or out of range");
    check("setex k 0 v", "-ERR invalid expire time in 'setex' command");
    check_has("getex k px -1", &["Refused(OutOfRange)"]);
    check_has("getex k px a", &["Refused(NotAnInteger)"]);
    check_has("getex k", &["operation: Get "]);
    check_has("getex k persist", &["GetExpire(Never)"]);
}

#[test]
fn options_of_expire() {
    check_has("expire k 10", &["at: 1010000", "Always"]);
    check_has("pexpireat k -5 lt", &["at: -5", "IfEarlier"]);
    check_has("expire k 1 xx lt", &["IfSomeAndEarlier"]);
    check_has("expire k 1 GT xx", &["IfLater"]);
    check("expire k a foo", "-ERR Unsupported option foo");
    check(
        "expire k 1 nx gt",
        "-ERR NX and XX, GT or LT options at the same time are not compatible",
    );
    check("expire k 1 gt lt", "-ERR GT and LT options at the same time are not compatible");
    check("expire k a", "-ERR value is not an integer or out of range");
    check("expire k 9223372036854775807", "-ERR invalid expire time in 'expire' command");
}

#[test]
fn numbers_and_keys() {
    check_has("decrby k 5", &["Add(-5)"]);
    check("decrby k -9223372036854775808", "-ERR decrement would overflow");
    check("incrbyfloat k abc", "-ERR value is not a valid float");
    check("setrange k -1 v", "-ERR offset is out of range");
    check("select 16", "-ERR DB index is out of range");
    let range = "-ERR value is out of range, value must between -2147483648 and 2147483647";
    check("select -2147483649", range);
    check("select a", "-ERR value is not an integer or out of range");
    check("scan x", "-ERR invalid cursor");
    check("scan 0 count 0", "-ERR syntax error");
    check("eval x 1", "-ERR Number of keys can't be greater than number of args");
    check("hello 4", "-NOPROTO unsupported protocol version");
    check("hello x", "-ERR Protocol version is not an integer or out of range");
    check("hello 3 foo", "-ERR Syntax error in HELLO option 'foo'");
    check("config set a b c", "-ERR syntax error");
    check("config set a", "-ERR wrong number of arguments for 'config|set' command");
    let long = alloc::format!("get {}", "k".repeat(16_385));
    check(&long, "-ERR key is longer than 16384 bytes");
}

#[test]
fn commands_without_keys() {
    check("client list type x", "-ERR Unknown client type 'x'");
    check("client list id a", "-ERR Invalid client ID");
    check("client tracking x", "-ERR syntax error");
    check("client tracking off", "Fixed(Ok)");
    check("client tracking on", "-ERR client side caching is not supported");
    check("client unblock a", "-ERR value is not an integer or out of range");
    check("client unblock a x", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    let arguments = "-ERR unknown subcommand or wrong number of arguments for";
    check("client unblock 1 error x", &alloc::format!("{arguments} 'unblock'. Try CLIENT HELP."));
    check("slowlog Get 1 2", &alloc::format!("{arguments} 'Get'. Try SLOWLOG HELP."));
    check("pubsub channels a b", &alloc::format!("{arguments} 'channels'. Try PUBSUB HELP."));
    check("slowlog get -2", "-ERR count should be greater than or equal to -1");
    check("slowlog get -1", "Fixed(EmptyArray)");
    check("wait a 0", "-ERR value is not an integer or out of range");
    check("wait 0 a", "-ERR timeout is not an integer or out of range");
    check("wait 0 -1", "-ERR timeout is negative");
    check("script flush x", "-ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    check("function flush x", "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    check("evalsha x 0", "-NOSCRIPT No matching script. Please use EVAL.");
    check("command list filterby foo a", "-ERR syntax error");
    check_has("command list filterby pattern a*", &["List", "pattern: [97, 42]"]);
    check_has("slowlog help", &["Help(\"slowlog\")"]);
    check_has("publish a b", &["Message(Publish", "channel: [97], message: [98]"]);
}
