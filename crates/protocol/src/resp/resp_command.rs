//! The table of commands, and how a command is found in it.

use crate::resp::resp_refusal::RespRefusal;
use crate::words::resp_words::RespWords;

/// What a command is, as `COMMAND INFO` shows it, and what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u16);

pub(super) const WRITE: Flags = Flags(1);
pub(super) const READONLY: Flags = Flags(1 << 1);
pub(super) const DENYOOM: Flags = Flags(1 << 2);
pub(super) const ADMIN: Flags = Flags(1 << 3);
pub(super) const NOSCRIPT: Flags = Flags(1 << 4);
pub(super) const LOADING: Flags = Flags(1 << 5);
pub(super) const STALE: Flags = Flags(1 << 6);
pub(super) const FAST: Flags = Flags(1 << 7);
pub(super) const NO_AUTH: Flags = Flags(1 << 8);
pub(super) const MOVABLEKEYS: Flags = Flags(1 << 10);
pub(super) const PUBSUB: Flags = Flags(1 << 9);
/// It is executed between `MULTI` and `EXEC`, not queued.
pub(super) const IN_MULTI: Flags = Flags(1 << 11);
/// Its second word is a subcommand with an entry of its own.
const CONTAINER: Flags = Flags(1 << 12);
pub(super) const NONE: Flags = Flags(0);

/// The flags that clients see, with their names in Redis' order.
const FLAG_NAMES: [(Flags, &str); 11] = [
    (WRITE, "write"),
    (READONLY, "readonly"),
    (DENYOOM, "denyoom"),
    (ADMIN, "admin"),
    (PUBSUB, "pubsub"),
    (NOSCRIPT, "noscript"),
    (LOADING, "loading"),
    (STALE, "stale"),
    (FAST, "fast"),
    (NO_AUTH, "no_auth"),
    (MOVABLEKEYS, "movablekeys"),
];

impl Flags {
    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The first and the last word of a command that are keys, and their distance. Negative: counted
/// from the end. 0: it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyPlaces {
    pub(super) first: i32,
    pub(super) last: i32,
    pub(super) step: i32,
}

const fn keys(first: i32, last: i32, step: i32) -> KeyPlaces {
    KeyPlaces { first, last, step }
}

const NO_KEYS: KeyPlaces = keys(0, 0, 0);
const ONE_KEY: KeyPlaces = keys(1, 1, 1);
const ALL_KEYS: KeyPlaces = keys(1, -1, 1);
const SECOND: KeyPlaces = keys(2, 2, 1);

/// A command that this server has.
#[derive(Debug, PartialEq, Eq)]
pub struct RespCommand {
    pub(super) kind: Kind,
    name: &'static str,
    /// Number of words; negative: at least so many.
    pub(super) arity: i32,
    pub(super) flags: Flags,
    pub(super) keys: KeyPlaces,
}

macro_rules! commands {
    ($($kind:ident $name:literal $arity:literal $flags:expr, $keys:expr;)*) => {
        /// The commands by name, subcommands included.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind { $($kind),* }

        static COMMANDS: &[RespCommand] = &[$(RespCommand {
            kind: Kind::$kind,
            name: $name,
            arity: $arity,
            flags: {
                let (mut all, flags): (Flags, &[Flags]) = (NONE, &$flags);
                let mut index = 0;
                while index < flags.len() {
                    #[expect(clippy::indexing_slicing, reason = "it is a constant")]
                    { all = all.or(flags[index]); }
                    index = index.saturating_add(1);
                }
                all
            },
            keys: $keys,
        }),*];

        /// The command with this name, in lower case.
        fn named(name: &[u8]) -> Option<Kind> {
            $(if name == $name.as_bytes() { return Some(Kind::$kind); })*
            None
        }

        impl RespCommand {
            /// How many there are.
            pub const COUNT: usize = [$(Kind::$kind),*].len();
        }
    };
}

// The most frequent ones come first: that is the order of the search.
commands! {
    Get "get" 2 [READONLY, FAST], ONE_KEY;
    Set "set" -3 [WRITE, DENYOOM], ONE_KEY;
    Del "del" -2 [WRITE], ALL_KEYS;
    Mget "mget" -2 [READONLY, FAST], ALL_KEYS;
    Incr "incr" 2 [WRITE, DENYOOM, FAST], ONE_KEY;
    Incrby "incrby" 3 [WRITE, DENYOOM, FAST], ONE_KEY;
    Exists "exists" -2 [READONLY, FAST], ALL_KEYS;
    Expire "expire" -3 [WRITE, FAST], ONE_KEY;
    Pexpire "pexpire" -3 [WRITE, FAST], ONE_KEY;
    Setex "setex" 4 [WRITE, DENYOOM], ONE_KEY;
    Ttl "ttl" 2 [READONLY, FAST], ONE_KEY;
    Pttl "pttl" 2 [READONLY, FAST], ONE_KEY;
    Mset "mset" -3 [WRITE, DENYOOM], keys(1, -1, 2);
    Setnx "setnx" 3 [WRITE, DENYOOM, FAST], ONE_KEY;
    Multi "multi" 1 [NOSCRIPT, LOADING, STALE, FAST, IN_MULTI], NO_KEYS;
    Exec "exec" 1 [NOSCRIPT, LOADING, STALE, IN_MULTI], NO_KEYS;
    Getex "getex" -2 [WRITE, FAST], ONE_KEY;
    Getdel "getdel" 2 [WRITE, FAST], ONE_KEY;
    Getset "getset" 3 [WRITE, DENYOOM, FAST], ONE_KEY;
    Psetex "psetex" 4 [WRITE, DENYOOM], ONE_KEY;
    Msetnx "msetnx" -3 [WRITE, DENYOOM], keys(1, -1, 2);
    Append "append" 3 [WRITE, DENYOOM, FAST], ONE_KEY;
    Strlen "strlen" 2 [READONLY, FAST], ONE_KEY;
    Getrange "getrange" 4 [READONLY], ONE_KEY;
    Substr "substr" 4 [READONLY], ONE_KEY;
    Setrange "setrange" 4 [WRITE, DENYOOM], ONE_KEY;
    Decr "decr" 2 [WRITE, DENYOOM, FAST], ONE_KEY;
    Decrby "decrby" 3 [WRITE, DENYOOM, FAST], ONE_KEY;
    Incrbyfloat "incrbyfloat" 3 [WRITE, DENYOOM, FAST], ONE_KEY;
    Unlink "unlink" -2 [WRITE, FAST], ALL_KEYS;
    Touch "touch" -2 [READONLY, FAST], ALL_KEYS;
    Type "type" 2 [READONLY, FAST], ONE_KEY;
    Expireat "expireat" -3 [WRITE, FAST], ONE_KEY;
    Pexpireat "pexpireat" -3 [WRITE, FAST], ONE_KEY;
    Expiretime "expiretime" 2 [READONLY, FAST], ONE_KEY;
    Pexpiretime "pexpiretime" 2 [READONLY, FAST], ONE_KEY;
    Persist "persist" 2 [WRITE, FAST], ONE_KEY;
    Rename "rename" 3 [WRITE], keys(1, 2, 1);
    Renamenx "renamenx" 3 [WRITE, FAST], keys(1, 2, 1);
    Copy "copy" -3 [WRITE, DENYOOM], keys(1, 2, 1);
    Keys "keys" 2 [READONLY], NO_KEYS;
    Scan "scan" -2 [READONLY], NO_KEYS;
    Randomkey "randomkey" 1 [READONLY], NO_KEYS;
    Dbsize "dbsize" 1 [READONLY, FAST], NO_KEYS;
    Flushdb "flushdb" -1 [WRITE], NO_KEYS;
    Flushall "flushall" -1 [WRITE], NO_KEYS;
    Discard "discard" 1 [NOSCRIPT, LOADING, STALE, FAST, IN_MULTI], NO_KEYS;
    Watch "watch" -2 [NOSCRIPT, LOADING, STALE, FAST, IN_MULTI], ALL_KEYS;
    Unwatch "unwatch" 1 [NOSCRIPT, LOADING, STALE, FAST], NO_KEYS;
    Hello "hello" -1 [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH], NO_KEYS;
    Auth "auth" -2 [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH], NO_KEYS;
    Ping "ping" -1 [FAST], NO_KEYS;
    Echo "echo" 2 [LOADING, STALE, FAST], NO_KEYS;
    Select "select" 2 [LOADING, STALE, FAST], NO_KEYS;
    Quit "quit" -1 [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, IN_MULTI], NO_KEYS;
    Reset "reset" 1 [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, IN_MULTI], NO_KEYS;
    Time "time" 1 [LOADING, STALE, FAST], NO_KEYS;
    Role "role" 1 [NOSCRIPT, LOADING, STALE, FAST], NO_KEYS;
    Wait "wait" 3 [NOSCRIPT], NO_KEYS;
    Lastsave "lastsave" 1 [LOADING, STALE, FAST], NO_KEYS;
    Info "info" -1 [LOADING, STALE], NO_KEYS;
    Eval "eval" -3 [NOSCRIPT, STALE, MOVABLEKEYS], NO_KEYS;
    Evalsha "evalsha" -3 [NOSCRIPT, STALE, MOVABLEKEYS], NO_KEYS;
    Readonly "readonly" 1 [LOADING, STALE, FAST], NO_KEYS;
    Readwrite "readwrite" 1 [LOADING, STALE, FAST], NO_KEYS;
    Asking "asking" 1 [FAST], NO_KEYS;
    Debug "debug" -2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    Cluster "cluster" -2 [NONE], NO_KEYS;
    Client "client" -2 [CONTAINER], NO_KEYS;
    ClientId "client|id" 2 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientGetname "client|getname" 2 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientSetname "client|setname" 3 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientSetinfo "client|setinfo" 4 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientInfo "client|info" 2 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientList "client|list" -2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientReply "client|reply" 3 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientNoEvict "client|no-evict" 3 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientNoTouch "client|no-touch" 3 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientTracking "client|tracking" -3 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientGetredir "client|getredir" 2 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientCaching "client|caching" 3 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientTrackinginfo "client|trackinginfo" 2 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientUnblock "client|unblock" -3 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientUnpause "client|unpause" 2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    ClientHelp "client|help" 2 [LOADING, STALE], NO_KEYS;
    Config "config" -2 [CONTAINER], NO_KEYS;
    ConfigGet "config|get" -3 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    ConfigSet "config|set" -4 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    ConfigResetstat "config|resetstat" 2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    ConfigRewrite "config|rewrite" 2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    ConfigHelp "config|help" 2 [LOADING, STALE], NO_KEYS;
    Command "command" -1 [LOADING, STALE, CONTAINER], NO_KEYS;
    CommandCount "command|count" 2 [LOADING, STALE], NO_KEYS;
    CommandInfo "command|info" -2 [LOADING, STALE], NO_KEYS;
    CommandList "command|list" -2 [LOADING, STALE], NO_KEYS;
    CommandDocs "command|docs" -2 [LOADING, STALE], NO_KEYS;
    CommandGetkeys "command|getkeys" -3 [LOADING, STALE], NO_KEYS;
    CommandHelp "command|help" 2 [LOADING, STALE], NO_KEYS;
    Object "object" -2 [CONTAINER], NO_KEYS;
    ObjectEncoding "object|encoding" 3 [READONLY], SECOND;
    ObjectIdletime "object|idletime" 3 [READONLY], SECOND;
    ObjectRefcount "object|refcount" 3 [READONLY], SECOND;
    ObjectFreq "object|freq" 3 [READONLY], SECOND;
    ObjectHelp "object|help" 2 [LOADING, STALE], NO_KEYS;
    Memory "memory" -2 [CONTAINER], NO_KEYS;
    MemoryUsage "memory|usage" -3 [READONLY], SECOND;
    MemoryDoctor "memory|doctor" 2 [NONE], NO_KEYS;
    MemoryPurge "memory|purge" 2 [NONE], NO_KEYS;
    MemoryHelp "memory|help" 2 [LOADING, STALE], NO_KEYS;
    Script "script" -2 [CONTAINER], NO_KEYS;
    ScriptLoad "script|load" 3 [NOSCRIPT, STALE], NO_KEYS;
    ScriptExists "script|exists" -3 [NOSCRIPT], NO_KEYS;
    ScriptFlush "script|flush" -2 [NOSCRIPT], NO_KEYS;
    ScriptKill "script|kill" 2 [NOSCRIPT], NO_KEYS;
    ScriptHelp "script|help" 2 [LOADING, STALE], NO_KEYS;
    Slowlog "slowlog" -2 [CONTAINER], NO_KEYS;
    SlowlogGet "slowlog|get" -2 [ADMIN, LOADING, STALE], NO_KEYS;
    SlowlogLen "slowlog|len" 2 [ADMIN, LOADING, STALE], NO_KEYS;
    SlowlogReset "slowlog|reset" 2 [ADMIN, LOADING, STALE], NO_KEYS;
    SlowlogHelp "slowlog|help" 2 [LOADING, STALE], NO_KEYS;
    Latency "latency" -2 [CONTAINER], NO_KEYS;
    LatencyLatest "latency|latest" 2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    LatencyHistory "latency|history" 3 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    LatencyReset "latency|reset" -2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    LatencyDoctor "latency|doctor" 2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    LatencyHistogram "latency|histogram" -2 [ADMIN, NOSCRIPT, LOADING, STALE], NO_KEYS;
    LatencyHelp "latency|help" 2 [LOADING, STALE], NO_KEYS;
    Acl "acl" -2 [CONTAINER], NO_KEYS;
    AclWhoami "acl|whoami" 2 [NOSCRIPT, LOADING, STALE], NO_KEYS;
    AclHelp "acl|help" 2 [LOADING, STALE], NO_KEYS;
    Function "function" -2 [CONTAINER], NO_KEYS;
    FunctionFlush "function|flush" -2 [WRITE, NOSCRIPT], NO_KEYS;
    FunctionHelp "function|help" 2 [LOADING, STALE], NO_KEYS;
    Subscribe "subscribe" -2 [PUBSUB, NOSCRIPT, LOADING, STALE], NO_KEYS;
    Psubscribe "psubscribe" -2 [PUBSUB, NOSCRIPT, LOADING, STALE], NO_KEYS;
    Unsubscribe "unsubscribe" -1 [PUBSUB, NOSCRIPT, LOADING, STALE], NO_KEYS;
    Punsubscribe "punsubscribe" -1 [PUBSUB, NOSCRIPT, LOADING, STALE], NO_KEYS;
    Publish "publish" 3 [PUBSUB, LOADING, STALE, FAST], NO_KEYS;
    Pubsub "pubsub" -2 [CONTAINER], NO_KEYS;
    PubsubChannels "pubsub|channels" -2 [PUBSUB, LOADING, STALE], NO_KEYS;
    PubsubNumsub "pubsub|numsub" -2 [PUBSUB, LOADING, STALE], NO_KEYS;
    PubsubNumpat "pubsub|numpat" 2 [PUBSUB, LOADING, STALE], NO_KEYS;
    PubsubHelp "pubsub|help" 2 [LOADING, STALE], NO_KEYS;
}

/// Bytes of the longest name, with a subcommand.
const NAME_BYTES_MAX: usize = 24;

impl RespCommand {
    /// The command that these words are. Its arguments are not checked, only their number.
    ///
    /// Errors: there is no such command or subcommand, or it has another number of arguments.
    pub fn find<'a>(words: &RespWords<'a>) -> Result<&'static Self, RespRefusal<'a>> {
        let count = i32::try_from(words.len()).unwrap_or(i32::MAX);
        let mut arguments = words.clone();
        let name = arguments.next().unwrap_or_default();
        let mut buffer = [0; NAME_BYTES_MAX];
        let found = lower_case(name, b"", &mut buffer).and_then(Self::named);
        let Some(mut command) = found else {
            return Err(RespRefusal::UnknownCommand(words.clone()));
        };
        if command.flags.has(CONTAINER)
            && let Some(name) = arguments.next()
        {
            let mut buffer = [0; NAME_BYTES_MAX];
            let whole = lower_case(name, command.name.as_bytes(), &mut buffer);
            let Some(subcommand) = whole.and_then(Self::named) else {
                return Err(RespRefusal::UnknownSubcommand { command: command.name, name });
            };
            command = subcommand;
        }
        let is_right = if command.arity < 0 {
            count >= command.arity.saturating_neg()
        } else {
            count == command.arity
        };
        if is_right && command.kind == Kind::Debug {
            return Err(RespRefusal::NO_DEBUG);
        }
        if is_right { Ok(command) } else { Err(RespRefusal::WrongArity(command.name)) }
    }

    /// The command with this name in lower case, `client|setname` for a subcommand.
    pub fn named(name: &[u8]) -> Option<&'static Self> {
        named(name).and_then(|kind| COMMANDS.get(kind as usize))
    }

    /// `GET`, the most frequent one.
    #[inline]
    pub fn get() -> &'static Self {
        #[expect(clippy::indexing_slicing, reason = "the table has it")]
        &COMMANDS[Kind::Get as usize]
    }

    /// All commands and subcommands.
    pub fn all() -> &'static [Self] {
        COMMANDS
    }

    /// Its number, below [`Self::COUNT`].
    #[inline]
    pub const fn index(&self) -> usize {
        self.kind as usize
    }

    /// The name in lower case, `client|setname` for a subcommand.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The number of its words, of which the name is one, and a subcommand another. Negative: at
    /// least so many.
    pub const fn arity(&self) -> i32 {
        self.arity
    }

    /// True if a client may send it before its login.
    pub const fn is_allowed_before_login(&self) -> bool {
        self.flags.has(NO_AUTH)
    }

    /// True if it is executed between `MULTI` and `EXEC`, not queued.
    pub const fn runs_in_multi(&self) -> bool {
        self.flags.has(IN_MULTI)
    }

    /// True if a script may call it.
    pub const fn is_allowed_in_scripts(&self) -> bool {
        !self.flags.has(NOSCRIPT)
    }

    /// True if a client that has subscribed may send it with RESP2.
    pub const fn is_allowed_to_subscribers(&self) -> bool {
        matches!(
            self.kind,
            Kind::Subscribe
                | Kind::Psubscribe
                | Kind::Unsubscribe
                | Kind::Punsubscribe
                | Kind::Ping
                | Kind::Quit
                | Kind::Reset
        )
    }

    /// True if it changes items.
    pub const fn writes(&self) -> bool {
        self.flags.has(WRITE)
    }

    /// Whether it reads a value, for times and counts.
    pub const fn is_get(&self) -> bool {
        matches!(self.kind, Kind::Get | Kind::Mget | Kind::Getrange | Kind::Substr | Kind::Strlen)
    }

    /// The names of its flags, in Redis' order.
    pub(super) fn flag_names(&self) -> impl Iterator<Item = &'static str> + Clone {
        let flags = self.flags;
        FLAG_NAMES.iter().filter(move |(flag, _)| flags.has(*flag)).map(|(_, name)| *name)
    }
}

/// Writes a name in lower case to the buffer, after a container and a bar if there is one. `None`:
/// no command has so long a name.
fn lower_case<'b>(
    name: &[u8],
    container: &[u8],
    buffer: &'b mut [u8; NAME_BYTES_MAX],
) -> Option<&'b [u8]> {
    let mut used = 0_usize;
    let bar: &[u8] = if container.is_empty() { b"" } else { b"|" };
    for part in [container, bar, name] {
        let end = used.checked_add(part.len())?;
        let place = buffer.get_mut(used..end)?;
        place.copy_from_slice(part);
        used = end;
    }
    let whole = buffer.get_mut(..used)?;
    whole.make_ascii_lowercase();
    // A name cannot have a bar of its own.
    (!name.contains(&b'|')).then_some(whole)
}
