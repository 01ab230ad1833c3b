//! The commands of Redis' dialect as types.

use crate::requests::string_request::StringOperation;
use crate::words::resp_version::RespVersion;
use crate::words::resp_words::RespWords;

/// A command of Redis' dialect with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RespRequest<'a> {
    /// Any command for one key.
    String {
        /// The key.
        key: &'a [u8],
        /// What is done.
        operation: StringOperation<'a>,
    },
    /// `DEL`, `UNLINK`, `EXISTS`, `TOUCH` of several keys: the sum of the replies.
    Count {
        /// The keys.
        keys: RespWords<'a>,
        /// What is done with each.
        operation: StringOperation<'a>,
    },
    /// `MGET`.
    GetMany(RespWords<'a>),
    /// `MSET`: keys and values in turn.
    SetMany(RespWords<'a>),
    /// `MSETNX`: keys and values in turn.
    SetManyIfAbsent(RespWords<'a>),
    /// `RENAME` and `RENAMENX`.
    Rename {
        /// The old key.
        from: &'a [u8],
        /// The new key.
        to: &'a [u8],
        /// Only if the new key has no item.
        if_absent: bool,
    },
    /// `COPY`.
    Copy {
        /// The key that is copied.
        from: &'a [u8],
        /// The new key.
        to: &'a [u8],
        /// The database of the new key. `None`: the same.
        database: Option<u8>,
        /// Also if the new key has an item.
        replaces: bool,
    },
    /// `KEYS`.
    Keys {
        /// The glob that keys must match.
        pattern: &'a [u8],
    },
    /// `SCAN`.
    Scan {
        /// Where the last call has stopped; 0: the begin.
        cursor: u64,
        /// The glob that keys must match.
        pattern: Option<&'a [u8]>,
        /// How many items are looked at, roughly. At least 1.
        count: u64,
        /// Whether strings are listed; there is nothing else.
        lists_strings: bool,
    },
    /// `RANDOMKEY`.
    RandomKey,
    /// `DBSIZE`.
    DatabaseSize,
    /// `FLUSHDB`.
    FlushDatabase,
    /// `FLUSHALL`.
    FlushAll,
    /// `MULTI`.
    Multi,
    /// `EXEC`.
    Exec,
    /// `DISCARD`.
    Discard,
    /// `WATCH`.
    Watch(RespWords<'a>),
    /// `UNWATCH`.
    Unwatch,
    /// `HELLO`.
    Hello {
        /// The version that the client wants to speak. `None`: it keeps its version.
        version: Option<RespVersion>,
        /// User and password.
        login: Option<(&'a [u8], &'a [u8])>,
        /// The name that the client gives itself.
        name: Option<&'a [u8]>,
    },
    /// `AUTH`.
    Auth {
        /// The user, if it is named.
        user: Option<&'a [u8]>,
        /// The password.
        password: &'a [u8],
    },
    /// `PING`.
    Ping(Option<&'a [u8]>),
    /// `ECHO`.
    Echo(&'a [u8]),
    /// `SELECT`.
    Select(u8),
    /// `QUIT`.
    Quit,
    /// `RESET`.
    Reset,
    /// `CLIENT`.
    Client(ClientRequest<'a>),
    /// `TIME`.
    Time,
    /// `INFO`: the names of sections.
    Info(RespWords<'a>),
    /// `CONFIG GET`: globs.
    ConfigGet(RespWords<'a>),
    /// `CONFIG SET`: names and values in turn.
    ConfigSet(RespWords<'a>),
    /// `CONFIG RESETSTAT`.
    ConfigResetStat,
    /// `COMMAND`.
    Command(CommandRequest<'a>),
    /// `LASTSAVE`.
    LastSave,
    /// `EVAL` and `EVALSHA`.
    Eval {
        /// The script, or its SHA-1 in 40 hexadecimal digits.
        script: &'a [u8],
        /// Whether `script` is the SHA-1.
        is_sha: bool,
        /// The keys.
        keys: RespWords<'a>,
        /// Other arguments.
        arguments: RespWords<'a>,
    },
    /// `SCRIPT LOAD`.
    ScriptLoad(&'a [u8]),
    /// `SCRIPT EXISTS`: SHA-1s.
    ScriptExists(RespWords<'a>),
    /// `SCRIPT FLUSH`.
    ScriptFlush,
    /// `SUBSCRIBE`, `PUBLISH`, ...
    Message(MessageRequest<'a>),
    /// A command whose reply is always the same.
    Fixed(FixedReply),
}

/// What `CLIENT` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientRequest<'a> {
    /// `CLIENT ID`.
    Id,
    /// `CLIENT GETNAME`.
    GetName,
    /// `CLIENT SETNAME`.
    SetName(&'a [u8]),
    /// `CLIENT SETINFO`.
    SetInfo {
        /// `lib-name` or `lib-ver`, in any case; others are refused.
        option: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// `CLIENT INFO`.
    Info,
    /// `CLIENT LIST`, with the ids that are asked for; none: all.
    List(RespWords<'a>),
    /// `CLIENT LIST TYPE`.
    ListType(ClientType),
    /// `CLIENT REPLY ON`.
    ReplyOn,
    /// `CLIENT REPLY OFF`.
    ReplyOff,
    /// `CLIENT REPLY SKIP`.
    ReplySkip,
}

/// A type of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientType {
    /// Those that have not subscribed.
    Normal,
    /// Those that have.
    Subscriber,
    /// Other servers: there are none.
    Server,
}

/// What `COMMAND` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandRequest<'a> {
    /// `COMMAND`, and `COMMAND INFO` without names.
    All,
    /// `COMMAND COUNT`.
    Count,
    /// `COMMAND INFO`: names of commands.
    Info(RespWords<'a>),
    /// `COMMAND LIST`.
    List {
        /// The glob that names must match.
        pattern: &'a [u8],
    },
    /// `COMMAND DOCS`: there are none here.
    Docs,
    /// `COMMAND GETKEYS`: a command.
    GetKeys(RespWords<'a>),
    /// `HELP` of this command, which has subcommands.
    Help(&'static str),
}

/// What is asked of messages between clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageRequest<'a> {
    /// `SUBSCRIBE`: channels.
    Subscribe(RespWords<'a>),
    /// `PSUBSCRIBE`: globs.
    SubscribePattern(RespWords<'a>),
    /// `UNSUBSCRIBE`: channels; none: all.
    Unsubscribe(RespWords<'a>),
    /// `PUNSUBSCRIBE`: globs; none: all.
    UnsubscribePattern(RespWords<'a>),
    /// `PUBLISH`.
    Publish {
        /// The channel.
        channel: &'a [u8],
        /// The message.
        message: &'a [u8],
    },
    /// `PUBSUB CHANNELS`.
    Channels {
        /// The glob that they must match. `None`: all.
        pattern: Option<&'a [u8]>,
    },
    /// `PUBSUB NUMSUB`: channels.
    CountSubscribers(RespWords<'a>),
    /// `PUBSUB NUMPAT`.
    CountPatterns,
}

/// Replies that are always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedReply {
    /// The status `OK`.
    Ok,
    /// This number.
    Integer(i64),
    /// An empty list.
    EmptyArray,
    /// An empty map.
    EmptyMap,
    /// This string.
    Bulk(&'static str),
    /// This text.
    Text(&'static str),
    /// The role of a server without replicas.
    Role,
    /// `CLIENT TRACKINGINFO` of a client without tracking.
    TrackingInfo,
}

impl<'a> RespRequest<'a> {
    /// True if the request looks at the items of all shards.
    pub const fn needs_all_shards(&self) -> bool {
        matches!(
            self,
            Self::Keys { .. }
                | Self::Scan { .. }
                | Self::RandomKey
                | Self::DatabaseSize
                | Self::FlushDatabase
                | Self::FlushAll
                | Self::Info(_)
                | Self::ConfigResetStat
                | Self::Copy { .. }
        )
    }

    /// Calls `look` with each key that the request names, apart from those of
    /// [`Self::needs_all_shards`].
    pub fn each_key(&self, mut look: impl FnMut(&'a [u8])) {
        match self {
            Self::String { key, .. } => look(key),
            Self::Count { keys, .. } | Self::GetMany(keys) | Self::Watch(keys) => {
                keys.clone().for_each(look);
            }
            Self::Eval { keys, .. } => keys.clone().for_each(look),
            Self::SetMany(pairs) | Self::SetManyIfAbsent(pairs) => {
                pairs.clone().step_by(2).for_each(look);
            }
            Self::Rename { from, to, .. } => {
                look(from);
                look(to);
            }
            _ => {}
        }
    }
}
