//! The names of Redis' commands that this server does not have.

use crate::resp::resp_command::RespCommand;

/// Bytes of the longest name.
const NAME_BYTES_MAX: usize = 20;

/// Those of Redis 8.4, sorted, in lower case.
#[rustfmt::skip]
const OTHERS: &[&str] = &[
    "bgrewriteaof", "bgsave", "bitcount", "bitfield", "bitfield_ro", "bitop", "bitpos", "blmove",
    "blmpop", "blpop", "brpop", "brpoplpush", "bzmpop", "bzpopmax", "bzpopmin", "delex", "digest",
    "dump", "eval_ro", "evalsha_ro", "failover", "fcall", "fcall_ro", "geoadd", "geodist",
    "geohash", "geopos", "georadius", "georadius_ro", "georadiusbymember", "georadiusbymember_ro",
    "geosearch", "geosearchstore", "getbit", "hdel", "hexists", "hexpire", "hexpireat",
    "hexpiretime", "hget", "hgetall", "hgetdel", "hgetex", "hincrby", "hincrbyfloat", "hkeys",
    "hlen", "hmget", "hmset", "hpersist", "hpexpire", "hpexpireat", "hpexpiretime", "hpttl",
    "hrandfield", "hscan", "hset", "hsetex", "hsetnx", "hstrlen", "httl", "hvals", "lcs", "lindex",
    "linsert", "llen", "lmove", "lmpop", "lolwut", "lpop", "lpos", "lpush", "lpushx", "lrange",
    "lrem", "lset", "ltrim", "migrate", "module", "monitor", "move", "msetex", "pfadd", "pfcount",
    "pfdebug", "pfmerge", "pfselftest", "psync", "replconf", "replicaof", "restore",
    "restore-asking", "rpop", "rpoplpush", "rpush", "rpushx", "sadd", "save", "scard", "sdiff",
    "sdiffstore", "setbit", "shutdown", "sinter", "sintercard", "sinterstore", "sismember",
    "slaveof", "smembers", "smismember", "smove", "sort", "sort_ro", "spop", "spublish",
    "srandmember", "srem", "sscan", "ssubscribe", "sunion", "sunionstore", "sunsubscribe", "swapdb",
    "sync", "waitaof", "xack", "xackdel", "xadd", "xautoclaim", "xclaim", "xdel", "xdelex",
    "xgroup", "xinfo", "xlen", "xpending", "xrange", "xread", "xreadgroup", "xrevrange", "xsetid",
    "xtrim", "zadd", "zcard", "zcount", "zdiff", "zdiffstore", "zincrby", "zinter", "zintercard",
    "zinterstore", "zlexcount", "zmpop", "zmscore", "zpopmax", "zpopmin", "zrandmember", "zrange",
    "zrangebylex", "zrangebyscore", "zrangestore", "zrank", "zrem", "zremrangebylex",
    "zremrangebyrank", "zremrangebyscore", "zrevrange", "zrevrangebylex", "zrevrangebyscore",
    "zrevrank", "zscan", "zscore", "zunion", "zunionstore",
];

/// True if Redis has a command with this name, in any case, whether or not this server has it. A
/// client that sends another one does not speak to Redis, or to a module of it.
pub fn is_redis_command(name: &[u8]) -> bool {
    let mut buffer = [0; NAME_BYTES_MAX];
    let Some(lower) = buffer.get_mut(..name.len()) else { return false };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let lower = &*lower;
    OTHERS.binary_search_by(|other| other.as_bytes().cmp(lower)).is_ok()
        || !lower.contains(&b'|') && RespCommand::named(lower).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        assert!(OTHERS.is_sorted());
        assert!(OTHERS.iter().all(|name| RespCommand::named(name.as_bytes()).is_none()));
        assert_eq!(OTHERS.iter().map(|name| name.len()).max(), Some(NAME_BYTES_MAX));
        for name in OTHERS.iter().chain(&["get", "HSet", "CLIENT"]) {
            assert!(is_redis_command(name.as_bytes()), "{name}");
        }
        for name in ["", "foo", "client|id", "geographically-far-away"] {
            assert!(!is_redis_command(name.as_bytes()), "{name}");
        }
    }
}
