use std::collections::HashMap;
use std::time::{Duration, Instant};

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

fn check_reply(text: &str, expected: &str) {
    assert_eq!(reply(text, &["k"], &["one", "2"]), expected, "{text}");
}

/// The reply begins with `-`, and has these words.
fn check_error(text: &str, expected: &str) {
    let reply = reply(text, &["k"], &[]);
    assert!(reply.starts_with('-') && reply.contains(expected), "{text}: {reply}");
}

#[test]
fn values_become_replies() {
    check_reply("return 1", ":1|");
    check_reply("return 3.99", ":3|");
    check_reply("return -3.99", ":-3|");
    check_reply("return 'a'", "$1|a|");
    check_reply("return true", ":1|");
    check_reply("return false", "$-1|");
    check_reply("return nil", "$-1|");
    check_reply("", "$-1|");
    check_reply("return {1, 'a', nil, 2}", "*2|:1|$1|a|");
    check_reply("return {ok='fine'}", "+fine|");
    check_reply("return {err='ERR bad\\nline'}", "-ERR bad line|");
    check_reply("return {KEYS[1], ARGV[1], ARGV[2], #ARGV}", "*4|$1|k|$3|one|$1|2|:2|");
    check_reply("return redis.status_reply('X')", "+X|");
    check_reply("return redis.error_reply('MY error')", "-MY error|");
    check_reply("return redis.error_reply('word')", "-ERR word|");
    check_reply("return redis.sha1hex('')", "$40|da39a3ee5e6b4b0d3255bfef95601890afd80709|");
    let deep = "local t = {} for i = 1, 100 do t = {t} end return t";
    assert!(reply(deep, &[], &[]).ends_with("-ERR reached lua stack limit|"));
}

#[test]
fn commands_are_called() {
    check_reply("return redis.call('GET', 'lock')", "$5|token|");
    check_reply("return redis.call('get', 'none')", "$-1|");
    check_reply("return redis.call('get', 'none') == false", ":1|");
    check_reply("return redis.call('set', KEYS[1], 5) .ok", "$2|OK|");
    check_reply("redis.call('set', 'n', 10.5) return redis.call('get', 'n')", "$4|10.5|");
    check_reply("return redis.call('mget', 'a', 'b')", "*2|$1|a|$-1|");
    check_reply("return redis.pcall('nope').err", "$19|ERR unknown command|");
    check_error("return redis.call('nope')", "ERR unknown command script: ");
    check_error("redis.call()", "at least one argument");
    check_error("redis.call('get', {})", "must be strings or integers");
    check_reply("return pcall(redis.call, 'nope') and 1 or 2", ":2|");
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
    for change in [
        "string.rep = nil",
        "redis.call = nil",
        "KEYS = nil",
        "_G.x = 1",
        "rawset(_G, 'x', 1)",
        "rawset(string, 'x', 1)",
        "table.insert(string, 1)",
        "table.insert(_G, 1)",
        "setmetatable(_G, {})",
        "setmetatable(redis, nil)",
        "getmetatable('').__index = nil",
        "getmetatable(_G).__index = nil",
        "rawset(getmetatable(''), '__index', nil)",
        "rawset(getmetatable(_G), '__newindex', nil)",
        "getmetatable(getmetatable(_G)).__newindex = nil",
        "cjson.encode = nil",
        "_G._G.string.rep = 5",
        "loadstring('x = 1')()",
        "coroutine.wrap(function() x = 1 end)()",
    ] {
        check_error(change, "Attempt to modify a readonly table");
    }
    check_reply("KEYS[1] = 'x' return KEYS[1]", "$1|x|");
    check_reply("return KEYS[1]", "$1|k|");
    check_reply("for name in pairs(string) do if name == 'rep' then return 1 end end", ":1|");
    check_reply("return rawget(string, 'rep') == string.rep", ":1|");
    check_reply("return {_G._G == _G, getmetatable('').__index == string}", "*2|:1|:1|");
}

#[test]
fn the_system_is_out_of_reach() {
    for name in [
        "os", "io", "require", "dofile", "loadfile", "debug", "package", "getfenv", "setfenv",
        "newproxy", "print", "module",
    ] {
        check_error(&format!("return {name}"), "nonexistent global variable");
    }
    check_reply("return loadstring('return 5')()", ":5|");
    check_error("return loadstring('return os')()", "nonexistent global variable 'os'");
    check_reply("return loadstring('\\27Lua') == nil", ":1|");
    check_reply(
        "local n = 0 return load(function() n = n + 1 \
        if n == 1 then return '\\27Lua' end end) == nil",
        ":1|",
    );
    check_reply("return string.dump == nil", ":1|");
    check_error("return loadstring('x = 1')()", "readonly");
}

/// The script ends soon after its time is over, whatever it does.
fn check_killed(text: &str) {
    clock::set_duration(Duration::from_millis(100));
    let begin = Instant::now();
    check_error(text, "Script killed");
    let milliseconds = begin.elapsed().as_millis();
    assert!(milliseconds < 3_000, "{text}: {milliseconds} ms");
    check_reply("return 1", ":1|");
    clock::set_duration(crate::limits::SCRIPT_DURATION_MAX);
}

#[test]
fn time_has_a_limit() {
    for endless in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() end) end",
        "local function f() while true do pcall(f) end end f()",
        "coroutine.wrap(function() while true do end end)()",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do pcall(coroutine.wrap(function() while true do end end)) end",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) \
            while true do pcall(function() return t[1] end) end",
        "while true do redis.pcall('get', 'k') end",
        "while true do pcall(redis.call, 'nope') end",
    ] {
        check_killed(endless);
    }
}

/// Each of these takes very long in one call of Lua's own library.
#[test]
fn functions_of_the_library_are_interrupted() {
    for endless in [
        "return string.find(string.rep('a', 1000000), '.-.-.-.-.-.-b')",
        "return string.match(string.rep('a', 1000000), string.rep('a*', 20) .. 'b')",
        "return string.gsub(string.rep('a', 1000000), '.-.-.-.-b', 'x')",
        "return string.gsub(string.rep('a', 1000000), '.-.-.-.-b', {})",
        "for _ in string.gmatch(string.rep('a', 1000000), '.-.-.-.-b') do end",
        "return string.find(string.rep('(', 1000000), '%b()')",
        "while true do pcall(string.find, string.rep('a', 1000000), '.-.-.-.-b') end",
        "local t = {} for i = 1, 200000 do t[i] = i % 7 end \
            while true do table.sort(t, function(a, b) return a < b end) end",
        "local t = {} for i = 1, 100000 do t[i] = i end while true do table.sort(t) end",
        "local s = string.rep('x', 1000000) while true do s = s:sub(1, 999999) .. 'y' end",
    ] {
        check_killed(endless);
    }
    check_reply("return string.rep('', 1e15)", "$0||");
}

#[test]
fn memory_has_a_limit() {
    for greedy in [
        "local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end",
        "return string.rep('x', 1000000000)",
        "local s = string.rep('x', 1000000) while true do s = s .. s end",
        "return string.gsub(string.rep('x', 100000), 'x', string.rep('y', 10000))",
        "return string.gsub('x', 'x', string.rep('%0', 100000000))",
        "local s = string.rep('x', 30000000) return string.format('%s%s%s', s, s, s)",
        "local s, t = string.rep('x', 1000000), {} for i = 1, 100 do t[i] = s end \
            return table.concat(t)",
        "local s, t = string.rep('x', 1000000), {} for i = 1, 100 do t[i] = s end \
            return cjson.encode(t)",
        "local f = 'return ' .. string.rep('{', 100) return loadstring(string.rep(f, 1000000))",
    ] {
        check_error(greedy, "memory");
    }
    check_error(
        "local s, t = string.rep('x', 1000000), {} for i = 1, 100 do t[i] = s end return t",
        "the reply of the script is too long",
    );
    check_error(
        "local t = {} for i = 1, 100 do t = {t, t, t, t, t, t, t, t} end return t",
        "the reply of the script is too long",
    );
    check_error(
        "local s, t = string.rep('x', 1000000), {} for i = 1, 100 do t[i] = s end \
            return redis.call(unpack(t))",
        "the command of the script is too long",
    );
    check_reply(
        "local t = {} for i = 1, 7000 do t[i] = 'x' end return redis.pcall(unpack(t)).err",
        "$19|ERR unknown command|",
    );
    check_reply("return 1", ":1|");
}

/// The stack of the thread is 2 MiB, as that of executors.
#[test]
fn recursion_has_limits() {
    let nested = "local function nest(level, f) \
        if level == 0 then return f() end \
        local ok, value = pcall(nest, level - 1, f) return value end ";
    let nested_gsub = "local function nest(level, f) if level == 0 then return f() end \
        local value string.gsub('x', 'x', function() value = nest(level - 1, f) end) \
        return value end ";
    for (text, expected) in [
        ("local function f() return f() + 1 end return f()", "stack overflow"),
        ("local f f = function(...) f(1, ...) return 1 end return f()", "memory"),
        ("local function f() pcall(f) return 1 end f() error('end')", "end"),
        ("return string.find(string.rep('a', 1000000), string.rep('a?', 100000))", "too complex"),
        ("return string.find(string.rep('a', 1000), string.rep('(', 1000))", "too many captures"),
        ("return loadstring(string.rep('(', 100000))()", "call a nil value"),
        ("local t = {} t[1] = t return cjson.encode(t)", "excessive nesting"),
        ("return cjson.decode(string.rep('[', 100000))", "too many nested data structures"),
        ("local function f() coroutine.wrap(f)() end f()", "C stack overflow"),
        (
            "local t = setmetatable({}, {__tostring = function(t) return tostring(t) end}) \
                return tostring(t)",
            "C stack overflow",
        ),
        ("return xpcall(function() error('x') end, error)", "x"),
    ] {
        let reply = reply(text, &["k"], &[]);
        assert!(reply.contains(expected) || expected == "x", "{text}: {reply}");
    }
    // The deepest stacks of C that a script can have.
    for nested in [nested, nested_gsub] {
        let text = format!(
            "{nested} local function go() \
                local co = coroutine.wrap(function() return nest(180, go_on) end) \
                return nest(180, co) end \
            return go()"
        );
        let text = text.replace("local function go()", "local go_on local function go()");
        let text = text.replace("return go()", "go_on = go return go()");
        reply(&text, &["k"], &[]);
        check_reply("return 1", ":1|");
    }
}

#[test]
fn texts_are_checked() {
    assert_eq!(check(b"return 1"), Ok(()));
    let error = check(b"return (").expect_err("it is cut");
    assert!(error.starts_with(b"-ERR Error compiling script (new function): user_script:1: "));
    assert!(check(b"\x1bLua").is_err());
}

#[test]
fn errors_name_the_script() {
    check_error("return (", "ERR Error compiling script (new function): user_script:1: ");
    check_error("error('boom')", "ERR user_script:1: boom script: ");
    check_error("\n\nerror('boom')", ", on @user_script:3.|");
    check_error("error({err='MY own'})", "MY own script: ");
    check_error("error({})", "ERR ");
    check_error("error()", "ERR nil script: ");
    check_error("local a = nil return a.b", "attempt to index");
}
