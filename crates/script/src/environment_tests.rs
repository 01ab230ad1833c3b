use std::collections::HashMap;

use super::*;

/// The strings of a store in memory.
type Strings = HashMap<Vec<u8>, Vec<u8>>;

/// A few commands over it.
fn execute_command(strings: &mut Strings, words: &[Vec<u8>]) -> Vec<u8> {
    let word = |index: usize| words.get(index).cloned().unwrap_or_default();
    let bulk = |value: Option<&Vec<u8>>| match value {
        None => b"$-1\r\n".to_vec(),
        Some(value) => [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat(),
    };
    match word(0).to_ascii_lowercase().as_slice() {
        b"get" => bulk(strings.get(&word(1))),
        b"set" => {
            strings.insert(word(1), word(2));
            b"+OK\r\n".to_vec()
        }
        b"del" => format!(":{}\r\n", u8::from(strings.remove(&word(1)).is_some())).into_bytes(),
        b"pexpire" => b":1\r\n".to_vec(),
        b"mget" => b"*2\r\n$1\r\na\r\n$-1\r\n".to_vec(),
        _ => b"-ERR unknown command\r\n".to_vec(),
    }
}

fn reply(text: &str, keys: &[&str], arguments: &[&str]) -> String {
    let mut strings = Strings::from([(b"lock".to_vec(), b"token".to_vec())]);
    let keys: Vec<&[u8]> = keys.iter().map(|it| it.as_bytes()).collect();
    let arguments: Vec<&[u8]> = arguments.iter().map(|it| it.as_bytes()).collect();
    let script =
        Script { text: text.as_bytes(), keys: &keys, arguments: &arguments, is_resp3: false };
    let out = run(&script, &mut |words| execute_command(&mut strings, words));
    String::from_utf8_lossy(&out).replace("\r\n", "|")
}

fn check(text: &str, expected: &str) {
    assert_eq!(reply(text, &["k"], &["one", "2"]), expected, "{text}");
}

/// The reply begins with `-`, and has these words.
fn check_error(text: &str, expected: &str) {
    let reply = reply(text, &["k"], &[]);
    assert!(reply.starts_with('-') && reply.contains(expected), "{text}: {reply}");
}

#[test]
fn values_become_replies() {
    check("return 1", ":1|");
    check("return 3.99", ":3|");
    check("return -3.99", ":-3|");
    check("return 'a'", "$1|a|");
    check("return true", ":1|");
    check("return false", "$-1|");
    check("return nil", "$-1|");
    check("", "$-1|");
    check("return {1, 'a', nil, 2}", "*2|:1|$1|a|");
    check("return {ok='fine'}", "+fine|");
    check("return {err='ERR bad\\nline'}", "-ERR bad line|");
    check("return {KEYS[1], ARGV[1], ARGV[2], #ARGV}", "*4|$1|k|$3|one|$1|2|:2|");
    check("return redis.status_reply('X')", "+X|");
    check("return redis.error_reply('MY error')", "-MY error|");
    check("return redis.error_reply('word')", "-ERR word|");
    check("return redis.sha1hex('')", "$40|da39a3ee5e6b4b0d3255bfef95601890afd80709|");
    let deep = "local t = {} for i = 1, 100 do t = {t} end return t";
    assert!(reply(deep, &[], &[]).ends_with("-ERR reached lua stack limit|"));
}

#[test]
fn commands_are_called() {
    check("return redis.call('GET', 'lock')", "$5|token|");
    check("return redis.call('get', 'none')", "$-1|");
    check("return redis.call('get', 'none') == false", ":1|");
    check("return redis.call('set', KEYS[1], 5) .ok", "$2|OK|");
    check("redis.call('set', 'n', 10.5) return redis.call('get', 'n')", "$4|10.5|");
    check("return redis.call('mget', 'a', 'b')", "*2|$1|a|$-1|");
    check("return redis.pcall('nope').err", "$19|ERR unknown command|");
    check_error("return redis.call('nope')", "ERR unknown command script: ");
    check_error("redis.call()", "at least one argument");
    check_error("redis.call('get', {})", "must be strings or integers");
    check("return pcall(redis.call, 'nope') and 1 or 2", ":2|");
}

/// The scripts by which locks are released and extended: redis-py's, Laravel's.
#[test]
fn locks() {
    let release = "local token = redis.call('get', KEYS[1])\n\
        if not token or token ~= ARGV[1] then return 0 end\nredis.call('del', KEYS[1])\nreturn 1";
    assert_eq!(reply(release, &["lock"], &["token"]), ":1|");
    assert_eq!(reply(release, &["lock"], &["other"]), ":0|");
    assert_eq!(reply(release, &["none"], &["token"]), ":0|");
    let extend = "if redis.call('get',KEYS[1]) == ARGV[1] then \
        return redis.call('pexpire',KEYS[1],ARGV[2]) else return 0 end";
    assert_eq!(reply(extend, &["lock"], &["token", "100"]), ":1|");
}

#[test]
fn nothing_of_a_script_stays() {
    check_error("x = 1", "Attempt to modify a readonly table");
    check_error("return x", "nonexistent global variable 'x'");
    check("string.rep = nil table.insert = nil return 1", ":1|");
    check("return string.rep('a', 3)", "$3|aaa|");
    check("rawset(_G, 'y', 5) return y", ":5|");
    check_error("return y", "nonexistent global variable 'y'");
    check("rawset(redis, 'call', nil) return 1", ":1|");
    check("return redis.call('get', 'lock')", "$5|token|");
    check("return getmetatable('') == false", ":1|");
    check("return getmetatable(_G) == false", ":1|");
}

#[test]
fn the_system_is_out_of_reach() {
    for name in [
        "os",
        "io",
        "require",
        "dofile",
        "loadfile",
        "load",
        "debug",
        "package",
        "getfenv",
        "setfenv",
        "collectgarbage",
        "newproxy",
        "print",
        "module",
    ] {
        check_error(&format!("return {name}"), "nonexistent global variable");
    }
    check("return loadstring('return 5')()", ":5|");
    check_error("return loadstring('return os')()", "nonexistent global variable 'os'");
    check("return loadstring(string.dump(function() end)) == nil", ":1|");
    check_error("return loadstring('x = 1')()", "readonly");
}

#[test]
fn memory_and_time_have_limits() {
    check_error(
        "local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end",
        "memory",
    );
    check_error("return string.rep('x', 1000000000)", "memory");
    check("return 1", ":1|");
    check_error("local function f() return f() + 1 end return f()", "stack overflow");
    for endless in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    ] {
        check_error(endless, "Script killed");
    }
    check("return 1", ":1|");
}

#[test]
fn errors_name_the_script() {
    check_error("return (", "ERR Error compiling script (new function): ");
    check_error("error('boom')", "ERR user_script:1: boom script: ");
    check_error("error({err='MY own'})", "MY own script: ");
    check_error("error({})", "ERR ");
    check_error("local a = nil return a.b", "attempt to index");
}
