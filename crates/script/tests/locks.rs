//! The scripts by which client libraries lock and count, over a store in memory.

use std::collections::HashMap;

use slabcore_script::{Script, run, sha1_hex};

/// redis-py's `Lock.release`, byte for byte.
const REDIS_PY_RELEASE: &str = "
        local token = redis.call('get', KEYS[1])
        if not token or token ~= ARGV[1] then
            return 0
        end
        redis.call('del', KEYS[1])
        return 1
    ";

/// redis-py's `Lock.extend`.
const REDIS_PY_EXTEND: &str = "
        local token = redis.call('get', KEYS[1])
        if not token or token ~= ARGV[1] then
            return 0
        end
        local expiration = redis.call('pttl', KEYS[1])
        if not expiration then
            expiration = 0
        end
        if expiration < 0 then
            return 0
        end

        local newttl = ARGV[2]
        if ARGV[3] == \"0\" then
            newttl = ARGV[2] + expiration
        end
        redis.call('pexpire', KEYS[1], newttl)
        return 1
    ";

/// redis-py's `Lock.reacquire`.
const REDIS_PY_REACQUIRE: &str = "
        local token = redis.call('get', KEYS[1])
        if not token or token ~= ARGV[1] then
            return 0
        end
        redis.call('pexpire', KEYS[1], ARGV[2])
        return 1
    ";

/// Laravel's `RedisStore::add`.
const LARAVEL_ADD: &str = "return redis.call('exists',KEYS[1])<1 and \
    redis.call('setex',KEYS[1],ARGV[2],ARGV[1])";

/// Laravel's `RedisLock::release`.
const LARAVEL_RELEASE: &str = r#"if redis.call("get",KEYS[1]) == ARGV[1] then
    return redis.call("del",KEYS[1])
else
    return 0
end"#;

/// Laravel's `RedisLock::refresh`.
const LARAVEL_REFRESH: &str = r#"if redis.call("get",KEYS[1]) == ARGV[1] then
    return redis.call("expire",KEYS[1],ARGV[2])
else
    return 0
end"#;

/// django-redis' `incr` of a key that must exist.
const DJANGO_INCR: &str = "
local exists = redis.call('EXISTS', KEYS[1])
if (exists == 1) then
    return redis.call('INCRBY', KEYS[1], ARGV[1])
else return false end
";

/// Redlock's release.
const REDLOCK_RELEASE: &str = r#"if redis.call("get",KEYS[1]) == ARGV[1] then
    return redis.call("del",KEYS[1])
else
    return 0
end"#;

/// Redlock's extend.
const REDLOCK_EXTEND: &str = r#"if redis.call("get", KEYS[1]) == ARGV[1] then
    return redis.call("pexpire", KEYS[1], ARGV[2])
else
    return 0
end"#;

/// Values, and milliseconds until they expire.
#[derive(Default)]
struct Items(HashMap<Vec<u8>, (Vec<u8>, i64)>);

impl Items {
    fn execute(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        let key = words[1].clone();
        let number = |index: usize| -> i64 {
            std::str::from_utf8(&words[index]).expect("a text").parse().expect("a number")
        };
        let reply = match words[0].to_ascii_lowercase().as_slice() {
            b"get" => match self.0.get(&key) {
                None => "$-1\r\n".to_owned(),
                Some((value, _)) => {
                    format!("${}\r\n{}\r\n", value.len(), String::from_utf8_lossy(value))
                }
            },
            b"setex" => {
                self.0.insert(key, (words[3].clone(), number(2) * 1_000));
                "+OK\r\n".to_owned()
            }
            b"del" => format!(":{}\r\n", i32::from(self.0.remove(&key).is_some())),
            b"exists" => format!(":{}\r\n", i32::from(self.0.contains_key(&key))),
            b"pttl" => format!(":{}\r\n", self.0.get(&key).map_or(-2, |it| it.1)),
            name @ (b"expire" | b"pexpire") => {
                let unit = if name == b"expire" { 1_000 } else { 1 };
                let item = self.0.get_mut(&key);
                let reply = format!(":{}\r\n", i32::from(item.is_some()));
                if let Some(item) = item {
                    item.1 = number(2) * unit;
                }
                reply
            }
            b"incrby" => {
                let item = self.0.get_mut(&key).expect("the scripts look first");
                let old: i64 = String::from_utf8_lossy(&item.0).parse().expect("a number");
                item.0 = (old + number(2)).to_string().into_bytes();
                format!(":{}\r\n", old + number(2))
            }
            other => panic!("{}", String::from_utf8_lossy(other)),
        };
        reply.into_bytes()
    }

    /// Runs a script with the key `lock`.
    fn run(&mut self, text: &str, arguments: &[&str]) -> String {
        let arguments: Vec<&[u8]> = arguments.iter().map(|it| it.as_bytes()).collect();
        let script = Script {
            text: text.as_bytes(),
            keys: &[b"lock"],
            arguments: &arguments,
            is_resp3: false,
        };
        let reply = run(&script, &mut |words| self.execute(words));
        String::from_utf8_lossy(&reply).replace("\r\n", "|")
    }

    fn lock(&mut self) {
        self.0.insert(b"lock".to_vec(), (b"mine".to_vec(), 500));
    }

    fn milliseconds_left(&self) -> i64 {
        self.0[&b"lock"[..]].1
    }
}

/// Clients send these by their SHA-1.
#[test]
fn texts_are_those_of_redis_py() {
    for (text, sha) in [
        (REDIS_PY_RELEASE, "c3f8721cbb97f72bc19e972846bd7aaf91901658"),
        (REDIS_PY_EXTEND, "a4e8783852e6b949f9ef3a97212805108459a890"),
        (REDIS_PY_REACQUIRE, "1cac51482acf5858da00f6d685d68f886cd6b6b2"),
    ] {
        assert_eq!(sha1_hex(text.as_bytes()), sha, "{text}");
    }
}

#[test]
fn locks_are_released_by_their_owner() {
    for text in [REDIS_PY_RELEASE, LARAVEL_RELEASE, REDLOCK_RELEASE] {
        let mut items = Items::default();
        assert_eq!(items.run(text, &["mine"]), ":0|", "{text}");
        items.lock();
        assert_eq!(items.run(text, &["other"]), ":0|", "{text}");
        assert_eq!(items.run(text, &["mine"]), ":1|", "{text}");
        assert_eq!(items.run(text, &["mine"]), ":0|", "{text}");
    }
}

#[test]
fn locks_are_extended_by_their_owner() {
    for (text, arguments, milliseconds) in [
        (REDIS_PY_EXTEND, &["mine", "2000", "0"][..], 2_500),
        (REDIS_PY_EXTEND, &["mine", "2000", "1"], 2_000),
        (REDIS_PY_REACQUIRE, &["mine", "2000"], 2_000),
        (LARAVEL_REFRESH, &["mine", "2"], 2_000),
        (REDLOCK_EXTEND, &["mine", "2000"], 2_000),
    ] {
        let mut items = Items::default();
        assert_eq!(items.run(text, arguments), ":0|", "{text}");
        items.lock();
        let foreign = [&["other"], &arguments[1..]].concat();
        assert_eq!(items.run(text, &foreign), ":0|", "{text}");
        assert_eq!(items.milliseconds_left(), 500);
        assert_eq!(items.run(text, arguments), ":1|", "{text}");
        assert_eq!(items.milliseconds_left(), milliseconds, "{text}");
    }
}

#[test]
fn values_are_added_and_counted() {
    let mut items = Items::default();
    assert_eq!(items.run(DJANGO_INCR, &["5"]), "$-1|");
    assert_eq!(items.run(LARAVEL_ADD, &["37", "60"]), "+OK|");
    assert_eq!(items.run(LARAVEL_ADD, &["38", "60"]), "$-1|");
    assert_eq!(items.milliseconds_left(), 60_000);
    assert_eq!(items.run(DJANGO_INCR, &["5"]), ":42|");
}
