//! Scripts on slabcore and on redis-server: the same replies and errors, in both versions of RESP.

use slabcore_testkit::redis_process::RedisProcess;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};

// A function that is not C's is in parentheses where it fails: after a tail call, the line of the
// script is not known any more.

/// Values as replies, and replies as values.
const CONVERSIONS: &[&str] = &[
    "return 3.99",
    "return -3.99",
    "return 1e300",
    "return 0/0",
    "return true",
    "return false",
    "return nil",
    "return",
    "return {}",
    "return {1,2,nil,3}",
    "return {1,{2,'x',true,false},3.3}",
    "return redis",
    "return function() end",
    "return {{err='x'},2,{ok='y'}}",
    "return {err='MY x'}",
    "return {err='a\\r\\nb'}",
    "return {ok='a\\r\\nb'}",
    "return {double=3.5}",
    "return {double='x'}",
    "return {map={a=1}}",
    "return {set={a=true}}",
    "return {big_number='12'}",
    "return {verbatim_string={format='txt',string='ab'}}",
    "redis.setresp(3) return {true,false}",
    "redis.setresp(3) return true",
    "return {1,redis.call('get','none'),3}",
    "redis.call('set','k',1.5) return redis.call('get','k')",
    "redis.call('set','k',3.0000000000000001) return redis.call('get','k')",
    "redis.call('set','k',1e20) return redis.call('get','k')",
    "redis.call('set','k',-12) return redis.call('get','k')",
    "return redis.call('set','a','b').ok",
    "return redis.call('mget','a','none')",
    "return type(redis.call('strlen','a'))",
    "return {KEYS[1],ARGV[1],#KEYS,#ARGV}",
    "KEYS[1]=5 return KEYS",
];

/// Functions of `redis`.
const FUNCTIONS: &[&str] = &[
    "return redis.error_reply('x')",
    "return redis.error_reply('-X y')",
    "return redis.error_reply('-X')",
    "return redis.error_reply('My Err')",
    "return redis.error_reply('')",
    "return redis.error_reply(1)",
    "return redis.error_reply()",
    "return redis.status_reply('fine')",
    "return redis.status_reply()",
    "return (redis.call())",
    "return redis.pcall()",
    "return (redis.call({}))",
    "return redis.pcall('set','k',true)",
    "return redis.sha1hex('')",
    "return redis.sha1hex(12)",
    "return (redis.sha1hex())",
    "return (redis.setresp(4))",
    "return (redis.setresp())",
    "return redis.setresp(3)",
    "return (redis.log(1))",
    "return redis.log(redis.LOG_WARNING,'x')",
    "return (redis.log(9,'x'))",
    "return (redis.log('x','x'))",
    "return redis.set_repl(redis.REPL_ALL)",
    "return redis.replicate_commands()",
    "return redis.breakpoint()",
    "return redis.debug('x')",
    "return redis.LOG_DEBUG..redis.LOG_WARNING..redis.REPL_AOF..redis.REPL_SLAVE..redis.REPL_ALL",
    "math.randomseed(7) return tostring(math.random())",
    "math.randomseed(7) return {math.random(10,20),math.random(5)}",
    "return (math.random(0))",
    "redis.call('set','n','x') return (redis.call('incr','n'))",
    "redis.call('set','n','x') return redis.pcall('incr','n')",
    "redis.call('set','n','x') return {pcall(redis.call,'incr','n')}",
    "redis.call('set','n','x') local ok,e=pcall(redis.call,'incr','n') return {type(e),e}",
    "redis.call('set','n','x') local ok,e=pcall(redis.call,'incr','n') error(e)",
    "redis.call('set','n','x') local e=redis.pcall('incr','n') error(e)",
];

/// Errors of the language, and what scripts may not do.
const ERRORS: &[&str] = &[
    "return foo",
    "foo=1",
    "rawset(_G,'x',1)",
    "redis.call=1",
    "setmetatable(_G,{})",
    "table.insert(string,1)",
    "KEYS=1",
    "return print",
    "return getfenv",
    "return os",
    "local x = ",
    "return 'a",
    "error('x')",
    "error('x', 0)",
    "error({err='MY x'})",
    "error({err='a\\r\\nb'})",
    "return {pcall(error,'x')}",
    "return select('#', pcall(error,'x'))",
    "return select(2, pcall(error,'x'))",
    "return select(2, pcall(function() error('x') end))",
    "local x = nil\nlocal function f() return x.y end\nlocal a = f()\nreturn a",
    "return tostring(nil)..nil",
    "return ('x'):bad()",
    "return (nil)()",
    "return {} < {}",
    "return (string.rep())",
    "return (string.rep({},1))",
    "return (string.find('a','[a'))",
    "return (string.gsub('abc','%w','%2'))",
    "return (string.gsub('abc','%w',true))",
    "return (string.gmatch('abc'))",
    "return string.format('%d','x')",
    "return table.concat({1,{}})",
    "table.sort({1,'x'})",
    "return loadstring('return 1')()",
    "return select(2, loadstring('x x'))",
    "return tostring(loadstring('\\27Lua'))",
    "local n = 0 return load(function() n = n + 1 return ({'return ', '7'})[n] end)()",
    "return getmetatable('').__index==string",
    "local co = coroutine.wrap(function(a) local b = coroutine.yield(a+1) error(b) end) \
        co(1) co('end')",
];

/// Functions of the string library that are not Lua's own here.
const STRINGS: &[&str] = &[
    "return {string.find('a.b','.',1,true)}",
    "return {string.find('hello world','o w')}",
    "return {string.find('hello','l',-2)}",
    "return {string.find('hello','',10)}",
    "return {string.find('hello','()ll()')}",
    "return {string.find('a\\0b','b')}",
    "return {string.find('key=value','(%w+)=(%w+)')}",
    "return select('#', string.find('a','b'))",
    "return {string.match('2026-12-01','(%d+)-(%d+)-(%d+)')}",
    "return {string.match('  trim  ','^%s*(.-)%s*$')}",
    "return {string.match('f(a(b)c)d','%b()')}",
    "return {string.match('THE (quick) fox','%f[%a]%a+%f[%A]')}",
    "return {string.match('abab','(ab)%1')}",
    "return {string.match('x','(')}",
    "return {string.match('x','%')}",
    "return {string.match('x',')')}",
    "return {string.match('x','%1')}",
    "return {string.match('a-b]c','[]-]+')}",
    "return {string.match('az-','[a-c%-]+')}",
    "return {string.match('ABCdef','[^%l]+')}",
    "return {string.match('a+b','a+b?')}",
    "return {string.gsub('abc','%w','%%%0')}",
    "return {string.gsub('hello world','o','0',1)}",
    "return {string.gsub('abc','','-')}",
    "return {string.gsub('abc','%w*','x')}",
    "return {string.gsub('abc','^a','x')}",
    "return {string.gsub('abc abc','^(%w)',function(a) return a:upper() end)}",
    "return {string.gsub('$name is $age','%$(%w+)',{name='x',age=7})}",
    "return {string.gsub('abc','',function() return '-' end)}",
    "return {string.gsub('abc','b',function() return {} end)}",
    "return {string.gsub('abc','b',function() end)}",
    "return {string.gsub('abc def','(%w)(%w)','%2%1')}",
    "return {string.gsub('x',  'x', '%')}",
    "local t={} for a,b in string.gmatch('a=1, b=2','(%w+)=(%w+)') do t[#t+1]=a..b end return t",
    "local t={} for a in string.gmatch('abc','') do t[#t+1]='['..a..']' end return t",
    "local t={} for a in string.gmatch('abc','()') do t[#t+1]=a end return t",
    "return {string.rep('ab',3), string.rep('x',-1), string.rep(5,2)}",
    "return {('x'):rep(3), ('%d'):format(7), #('abc')}",
];

/// `cjson` and `bit`.
const LIBRARIES: &[&str] = &[
    "return (cjson.encode({1,2,{a='x/\"\\\\u'},cjson.null,1.5,1e20,true}))",
    "return (cjson.encode({}))",
    "return (cjson.encode({[1]=1,[5]=2}))",
    "return (cjson.encode({[100]=2}))",
    "return (cjson.encode({[1.5]=2}))",
    "return (cjson.encode({[true]=1}))",
    "return (cjson.encode(0/0))",
    "return (cjson.encode(function() end))",
    "return (cjson.encode('\\0\\1\\127\\n'))",
    "return (cjson.encode(12345678901234567))",
    "return (cjson.encode())",
    "return (cjson.encode(1,2))",
    "return cjson.decode('[1,2,{\"a\":null}]')[3].a==cjson.null",
    "return cjson.decode('{\"a\":1,\"b\":[]}').a",
    "return (cjson.decode('\"\\\\ud83d\\\\ude00\\\\u00e9\\\\n\"'))",
    "return type(cjson.decode('null'))",
    "return (cjson.decode(1))",
    "return (cjson.decode(''))",
    "return (cjson.decode('{'))",
    "return (cjson.decode('[1 2]'))",
    "return (cjson.decode('[1,]'))",
    "return (cjson.decode('nul'))",
    "return (cjson.decode('{\"a\" 1}'))",
    "return (cjson.decode('{\"a\":1,}'))",
    "return (cjson.decode('\"abc'))",
    "return (cjson.decode('\"\\\\x\"'))",
    "return (cjson.decode('\"\\\\u12\"'))",
    "return (cjson.decode('[1] x'))",
    "return (cjson.decode('[1e2,-5,0.5]'))",
    "return {bit.tohex(255),bit.tohex(-1,-4),bit.tohex(5,2)}",
    "return {bit.band(-1,0xff),bit.tobit(2^32+5),bit.bswap(1),bit.bor(1,2,4)}",
    "return {bit.rol(1,33),bit.arshift(-8,1),bit.rshift(-8,1),bit.lshift(1,31)}",
    "return {bit.bnot(0),bit.bxor(5,3),bit.ror(1,1)}",
    "return (bit.band())",
    "return (bit.band('x'))",
];

#[test]
fn scripts_reply_as_on_redis() {
    let redis = RedisProcess::start();
    let options = ServerOptions::new(ServerKind::Slabcore, 2);
    let server = options.arguments(&["--redis-port", "-1"]).start();
    let mut differences = Vec::new();
    for version in ["2", "3"] {
        let (mut ours, mut theirs) = (server.connect_redis(), redis.connect());
        ours.command(&["HELLO", version]);
        theirs.command(&["HELLO", version]);
        for text in [CONVERSIONS, FUNCTIONS, ERRORS, STRINGS, LIBRARIES].concat() {
            let words = ["EVAL", text, "6", "k", "a", "none", "n", "m", "o", "argument"];
            let (ours, theirs) = (ours.command(&words), theirs.command(&words));
            if ours != theirs {
                differences.push(format!("RESP{version} {text}\n  {ours:?}\n  {theirs:?}"));
            }
        }
        for text in ["return 1", "return (", "return 'a"] {
            let words = ["SCRIPT", "LOAD", text];
            assert_eq!(ours.command(&words), theirs.command(&words), "{text}");
        }
    }
    assert!(differences.is_empty(), "ours and Redis' replies:\n{}", differences.join("\n"));
}
