//! Error replies.

use alloc::vec::Vec;

use crate::words::resp_words::RespWords;

/// Most bytes of a name or of all arguments that an error repeats.
const REPEATED_BYTES_MAX: usize = 128;

/// Why a command is not executed. Its first word is the class, by which clients tell errors apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RespRefusal<'a> {
    /// This text.
    Text(&'static str),
    /// There is no such command. The words of the whole command.
    UnknownCommand(RespWords<'a>),
    /// There is no such subcommand of a command.
    UnknownSubcommand {
        /// The command, in lower case.
        command: &'static str,
        /// The subcommand.
        name: &'a [u8],
    },
    /// The subcommand takes fewer arguments.
    SubcommandArguments {
        /// The command, in lower case.
        command: &'static str,
        /// The subcommand, as the client wrote it.
        name: &'a [u8],
    },
    /// The command has another number of arguments.
    WrongArity(&'static str),
    /// The time is not positive, or too large, for this command.
    InvalidExpireTime(&'static str),
    /// The client speaks RESP2 and has subscribed: it may not send this command.
    OnlyReadsMessages(&'static str),
    /// This option does not exist, of `EXPIRE`, ...
    UnsupportedOption(&'a [u8]),
    /// This option of `HELLO` does not exist.
    HelloOption(&'a [u8]),
    /// This option of `CLIENT SETINFO` does not exist.
    ClientOption(&'a [u8]),
    /// The value of this option of `CLIENT SETINFO` has other characters than visible ones.
    ClientValue(&'static str),
    /// This type of client does not exist.
    ClientType(&'a [u8]),
    /// This setting does not exist, or cannot be changed.
    UnknownSetting(&'a [u8]),
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl RespRefusal<'_> {
            $($(#[$doc])* pub const $name: Self = Self::Text($text);)*
        }
    };
}

texts! {
    /// Options that do not exist, or exclude each other.
    SYNTAX = "ERR syntax error";
    /// A word that must be a number.
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    /// A number that must have 32 bits.
    NOT_32_BITS = "ERR value is out of range, value must between -2147483648 and 2147483647";
    /// A word that must be a decimal number.
    NOT_A_FLOAT = "ERR value is not a valid float";
    /// A sum that is not finite.
    NOT_FINITE = "ERR increment would produce NaN or Infinity";
    /// A sum beyond 64 bits.
    OVERFLOW = "ERR increment or decrement would overflow";
    /// `DECRBY` of the least number.
    DECREMENT_OVERFLOW = "ERR decrement would overflow";
    /// A negative offset.
    OFFSET = "ERR offset is out of range";
    /// A value over the largest item (`-I`).
    TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    /// A key that is longer than keys can be.
    KEY_TOO_LONG = "ERR key is longer than 16384 bytes";
    /// No memory, and nothing may be evicted.
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    /// `RENAME` of a missing key.
    NO_SUCH_KEY = "ERR no such key";
    /// `COPY` of a key to itself.
    SAME_OBJECTS = "ERR source and destination objects are the same";
    /// A number of no database.
    DATABASE = "ERR DB index is out of range";
    /// A cursor that is no number.
    CURSOR = "ERR invalid cursor";
    /// `NX` with `XX`, `GT` or `LT`.
    EXPIRE_NX = "ERR NX and XX, GT or LT options at the same time are not compatible";
    /// `GT` with `LT`.
    EXPIRE_GT_LT = "ERR GT and LT options at the same time are not compatible";
    /// The client must log in.
    NO_AUTH = "NOAUTH Authentication required.";
    /// `HELLO` before the login.
    HELLO_BEFORE_LOGIN = "NOAUTH HELLO must be called with the client already authenticated, \
        otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the \
        client and select the RESP protocol version at the same time";
    /// A wrong login.
    WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled.";
    /// `AUTH` with a password alone, and no login is needed.
    NO_PASSWORD_SET = "ERR AUTH <password> called without any password configured for the \
        default user. Are you sure your configuration is correct?";
    /// A version of the protocol that does not exist.
    NO_PROTO = "NOPROTO unsupported protocol version";
    /// A version of the protocol that is no number.
    PROTO_NUMBER = "ERR Protocol version is not an integer or out of range";
    /// A name of a client with other characters than visible ones.
    CLIENT_NAME =
        "ERR Client names cannot contain spaces, newlines or special characters.";
    /// A number of a client that is none.
    CLIENT_ID = "ERR Invalid client ID";
    /// `CLIENT CACHING` without tracking.
    CACHING_WITHOUT_TRACKING = "ERR CLIENT CACHING can be called only when the client is in \
        tracking mode with OPTIN or OPTOUT mode enabled";
    /// A reason of `CLIENT UNBLOCK` that does not exist.
    UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    /// A time to wait that is no number.
    TIMEOUT = "ERR timeout is not an integer or out of range";
    /// A time to wait below 0.
    NEGATIVE_TIMEOUT = "ERR timeout is negative";
    /// `CONFIG REWRITE`.
    NO_CONFIG_FILE = "ERR The server is running without a config file";
    /// A number of entries of `SLOWLOG GET`.
    SLOWLOG_COUNT = "ERR count should be greater than or equal to -1";
    /// An option of `FUNCTION FLUSH` that does not exist.
    FUNCTION_FLUSH = "ERR FUNCTION FLUSH only supports SYNC|ASYNC option";
    /// An option of `SCRIPT FLUSH` that does not exist.
    SCRIPT_FLUSH = "ERR SCRIPT FLUSH only support SYNC|ASYNC option";
    /// `SCRIPT KILL`, and no script runs.
    NOT_BUSY = "NOTBUSY No scripts in execution right now.";
    /// More channels and patterns than a client may subscribe to.
    TOO_MANY_SUBSCRIPTIONS = "ERR too many subscriptions";
    /// `MULTI` after `MULTI`.
    NESTED_MULTI = "ERR MULTI calls can not be nested";
    /// `WATCH` after `MULTI`.
    WATCH_IN_MULTI = "ERR WATCH inside MULTI is not allowed";
    /// `EXEC` without `MULTI`.
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    /// `DISCARD` without `MULTI`.
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    /// `EXEC` after a command that was refused.
    EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
    /// A command that cannot be executed in a transaction.
    NOT_IN_MULTI = "ERR Command not allowed inside a transaction";
    /// More commands between `MULTI` and `EXEC` than are kept.
    TOO_MUCH_QUEUED = "ERR too many commands are queued for EXEC";
    /// More keys than a client may watch.
    TOO_MANY_WATCHED = "ERR too many keys are watched";
    /// More keys than a reply to `KEYS` may have.
    TOO_MANY_KEYS = "ERR the reply to KEYS is too long: use SCAN";
    /// Flushes are switched off (`-F`).
    FLUSH_NOT_ALLOWED = "ERR flush not allowed";
    /// There is no cluster.
    NO_CLUSTER = "ERR This instance has cluster support disabled";
    /// There is no LFU policy.
    NO_LFU = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
        note that when switching between policies at runtime LRU and LFU data will take some \
        time to adjust.";
    /// There is no such script.
    NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
    /// A command that scripts may not call.
    NOT_IN_SCRIPTS = "ERR This Redis command is not allowed from script";
    /// A script calls a command that does not exist.
    UNKNOWN_IN_SCRIPTS = "ERR Unknown Redis command called from script";
    /// A script calls a command with too few or too many arguments.
    ARITY_IN_SCRIPTS = "ERR Wrong number of args calling Redis command from script";
    /// A key of a shard that the script has not named.
    UNDECLARED_KEY = "ERR Script attempted to access a key that is not among its KEYS";
    /// There is no room for another script.
    SCRIPTS_FULL = "ERR no room for another script";
    /// More keys than words.
    TOO_FEW_KEYS = "ERR Number of keys can't be greater than number of args";
    /// A negative number of keys.
    NEGATIVE_KEYS = "ERR Number of keys can't be negative";
    /// There is no debugging.
    NO_DEBUG = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \
        \"local\", you can run it from a local connection, otherwise you need to set this option \
        in the configuration file, and then restart the server.";
    /// There are no invalidations.
    NO_TRACKING = "ERR client side caching is not supported";
    /// There is no type of this name.
    UNKNOWN_TYPE = "ERR unknown type name";
    /// `COMMAND GETKEYS` of a command without keys.
    NO_KEYS = "ERR The command has no key arguments";
    /// `COMMAND GETKEYS` of an unknown command.
    NO_COMMAND = "ERR Invalid command specified";
    /// `COMMAND GETKEYS` of a command with a wrong number of arguments.
    NO_COMMAND_ARGUMENTS = "ERR Invalid number of arguments specified for command";
    /// There is no memory for the input.
    NO_INPUT_MEMORY = "ERR out of memory reading request";
}

impl RespRefusal<'_> {
    /// Appends the reply.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'-');
        let start = out.len();
        self.append_text(out);
        for byte in out.iter_mut().skip(start) {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    fn append_text(&self, out: &mut Vec<u8>) {
        let mut parts = |parts: &[&[u8]]| parts.iter().for_each(|it| out.extend_from_slice(it));
        match self {
            Self::Text(text) => parts(&[text.as_bytes()]),
            Self::UnknownCommand(words) => append_unknown(words.clone(), out),
            Self::UnknownSubcommand { command, name } => {
                parts(&[b"ERR unknown subcommand '", shortened(name), b"'. Try "]);
                out.extend(command.bytes().map(|byte| byte.to_ascii_uppercase()));
                out.extend_from_slice(b" HELP.");
            }
            Self::SubcommandArguments { command, name } => {
                let text = b"ERR unknown subcommand or wrong number of arguments for '";
                parts(&[text, name, b"'. Try "]);
                out.extend(command.bytes().map(|byte| byte.to_ascii_uppercase()));
                out.extend_from_slice(b" HELP.");
            }
            Self::ClientType(name) => parts(&[b"ERR Unknown client type '", name, b"'"]),
            // The transaction ends.
            Self::WrongArity(name @ "exec") => {
                let text = b"EXECABORT Transaction discarded because of: wrong number of arguments";
                parts(&[text, b" for '", name.as_bytes(), b"' command"]);
            }
            Self::WrongArity(name) => {
                parts(&[b"ERR wrong number of arguments for '", name.as_bytes(), b"' command"]);
            }
            Self::OnlyReadsMessages(name) => {
                let text = b"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
                    allowed in this context";
                parts(&[b"ERR Can't execute '", name.as_bytes(), text]);
            }
            Self::InvalidExpireTime(name) => {
                parts(&[b"ERR invalid expire time in '", name.as_bytes(), b"' command"]);
            }
            Self::UnsupportedOption(option) => parts(&[b"ERR Unsupported option ", option]),
            Self::HelloOption(option) => {
                parts(&[b"ERR Syntax error in HELLO option '", option, b"'"]);
            }
            Self::ClientOption(option) => parts(&[b"ERR Unrecognized option '", option, b"'"]),
            Self::ClientValue(name) => {
                let end = b" cannot contain spaces, newlines or special characters.";
                parts(&[b"ERR ", name.as_bytes(), end]);
            }
            Self::UnknownSetting(name) => {
                let begin = b"ERR Unknown option or number of arguments for CONFIG SET - '";
                parts(&[begin, name, b"'"]);
            }
        }
    }
}

fn shortened(name: &[u8]) -> &[u8] {
    name.get(..REPEATED_BYTES_MAX).unwrap_or(name)
}

/// An unknown command, with the begin of its arguments.
fn append_unknown(mut words: RespWords<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"ERR unknown command '");
    out.extend_from_slice(shortened(words.next().unwrap_or_default()));
    out.extend_from_slice(b"', with args beginning with: ");
    let start = out.len();
    for word in words {
        let used = out.len().saturating_sub(start);
        let Some(room) = REPEATED_BYTES_MAX.checked_sub(used).filter(|room| *room > 0) else {
            return;
        };
        out.push(b'\'');
        out.extend_from_slice(word.get(..room).unwrap_or(word));
        out.extend_from_slice(b"' ");
    }
}
