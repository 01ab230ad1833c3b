//! What a connection that speaks Redis' dialect has beside others.

use slabcore_protocol::{DATABASES, RespDecoder, RespVersion, RespWords};

use crate::connection::record_bytes::{put_bytes, take_byte, take_bytes, take_u64};
use crate::connection::subscribed_names::SubscribedNames;
use crate::settings::limits::REDIS_QUEUED_BYTES_MAX;

/// State of a connection that speaks Redis' dialect.
#[derive(Debug)]
pub(crate) struct RedisSession {
    pub(crate) decoder: RespDecoder,
    pub(crate) version: RespVersion,
    /// The chosen database.
    pub(crate) database: u8,
    /// The number of the connection, as clients see it.
    pub(crate) number: u64,
    /// Tick of its first request.
    pub(crate) begun: u32,
    /// Name of the command that was executed last.
    pub(crate) last_command: &'static str,
    /// The name that the client gave itself.
    pub(crate) name: Vec<u8>,
    /// The library that the client says it uses, and its version.
    pub(crate) library: Vec<u8>,
    pub(crate) library_version: Vec<u8>,
    pub(crate) replies: ReplyMode,
    /// The commands between `MULTI` and `EXEC`.
    pub(crate) transaction: Option<Transaction>,
    /// The keys that must not change before `EXEC`.
    pub(crate) watched: Vec<WatchedKey>,
    /// The channels and patterns whose messages the client reads.
    pub(crate) subscribed: SubscribedNames,
    /// Words of an inline command, as bulk strings. Empty between commands.
    pub(crate) inline: Vec<u8>,
}

/// Which replies a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    /// All.
    On,
    /// None.
    Off,
    /// All but that to the next command.
    SkipNext,
    /// All but that to this command.
    Skip,
}

impl ReplyMode {
    const ALL: [Self; 4] = [Self::On, Self::Off, Self::SkipNext, Self::Skip];
}

/// A key that must not change before `EXEC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchedKey {
    pub(crate) database: u8,
    pub(crate) key: Box<[u8]>,
    /// Its version when it was first watched. `None`: there was no item.
    pub(crate) version: Option<i64>,
}

/// The commands between `MULTI` and `EXEC`.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// The words of all commands, as bulk strings.
    bulks: Vec<u8>,
    /// How many words each command has.
    word_counts: Vec<u32>,
    /// A command was refused: `EXEC` refuses the others.
    pub(crate) is_broken: bool,
}

impl RedisSession {
    /// The session of a new connection.
    pub(crate) fn new(number: u64, now: u32) -> Self {
        Self {
            decoder: RespDecoder::new(),
            version: RespVersion::Two,
            database: 0,
            number,
            begun: now,
            last_command: "NULL",
            name: Vec::new(),
            library: Vec::new(),
            library_version: Vec::new(),
            replies: ReplyMode::On,
            transaction: None,
            watched: Vec::new(),
            subscribed: SubscribedNames::default(),
            inline: Vec::new(),
        }
    }

    /// Forgets what the client chose, except what it said about its library: `RESET`.
    pub(crate) fn reset(&mut self) {
        self.version = RespVersion::Two;
        self.database = 0;
        self.name.clear();
        self.replies = ReplyMode::On;
        self.end_transaction();
    }

    /// Forgets the commands between `MULTI` and `EXEC`, and the watched keys.
    pub(crate) fn end_transaction(&mut self) {
        self.transaction = None;
        self.watched.clear();
    }

    /// A command begins: whether its reply is wanted is known.
    pub(crate) fn begin_command(&mut self) {
        self.replies = match self.replies {
            ReplyMode::SkipNext => ReplyMode::Skip,
            ReplyMode::Skip => ReplyMode::On,
            mode => mode,
        };
    }

    /// True if the client wants the reply to the command.
    #[inline]
    pub(crate) fn wants_reply(&self) -> bool {
        self.replies == ReplyMode::On
    }

    /// True if commands are executed one by one, and all of them are answered.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.transaction.is_none() && self.replies == ReplyMode::On && self.subscribed.is_empty()
    }

    /// True if the client may only send commands for its subscriptions: RESP2 cannot tell messages
    /// from replies.
    pub(crate) fn only_reads_messages(&self) -> bool {
        self.version == RespVersion::Two && !self.subscribed.is_empty()
    }
}

/// The session as a value that goes to another process, see `connection_record.rs`.
impl RedisSession {
    /// Appends the session to `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.version.number(), self.database, self.replies as u8]);
        let (words, bytes) = self.decoder.dropped().unwrap_or_default();
        out.push(u8::from(self.decoder.dropped().is_some()));
        out.extend((words as u64).to_le_bytes());
        out.extend((bytes as u64).to_le_bytes());
        for text in [&self.name, &self.library, &self.library_version] {
            put_bytes(out, text);
        }
        out.push(u8::from(self.transaction.is_some()));
        if let Some(transaction) = &self.transaction {
            out.push(u8::from(transaction.is_broken));
            put_bytes(out, &transaction.bulks);
            let counts: Vec<u8> =
                transaction.word_counts.iter().flat_map(|count| count.to_le_bytes()).collect();
            put_bytes(out, &counts);
        }
        for key in &self.watched {
            out.extend([1, key.database]);
            put_bytes(out, &key.key);
            out.push(u8::from(key.version.is_some()));
            out.extend(key.version.unwrap_or_default().to_le_bytes());
        }
        out.push(0);
        self.subscribed.encode(out);
    }

    /// Takes a session from the start of `bytes`. `number` and `now` are those of this process.
    /// `None` if there is none that this version knows.
    pub(crate) fn decode(bytes: &mut &[u8], number: u64, now: u32) -> Option<Self> {
        let mut session = Self::new(number, now);
        session.version = match take_byte(bytes)? {
            2 => RespVersion::Two,
            3 => RespVersion::Three,
            _ => return None,
        };
        session.database = take_byte(bytes).filter(|number| *number < DATABASES)?;
        let mode = take_byte(bytes)?;
        session.replies = *ReplyMode::ALL.iter().find(|it| **it as u8 == mode)?;
        let is_dropping = take_byte(bytes)? != 0;
        let words = usize::try_from(take_u64(bytes)?).ok()?;
        let unread = usize::try_from(take_u64(bytes)?).ok()?;
        if is_dropping {
            session.decoder = RespDecoder::dropping(words, unread);
        }
        for text in [&mut session.name, &mut session.library, &mut session.library_version] {
            *text = take_bytes(bytes)?;
        }
        if take_byte(bytes)? != 0 {
            session.transaction = Some(Transaction::decode(bytes)?);
        }
        while take_byte(bytes)? != 0 {
            let database = take_byte(bytes).filter(|number| *number < DATABASES)?;
            let key = take_bytes(bytes)?.into();
            let has_version = take_byte(bytes)? != 0;
            let version = has_version.then_some(take_u64(bytes)?.cast_signed());
            session.watched.push(WatchedKey { database, key, version });
        }
        session.subscribed = SubscribedNames::decode(bytes)?;
        Some(session)
    }
}

impl Transaction {
    /// Takes a transaction from the start of `bytes`. All words are there.
    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let is_broken = take_byte(bytes)? != 0;
        let bulks = take_bytes(bytes)?;
        let counts = take_bytes(bytes)?;
        let (counts, []) = counts.as_chunks() else { return None };
        let word_counts = counts.iter().map(|count| u32::from_le_bytes(*count)).collect();
        let transaction = Self { bulks, word_counts, is_broken };
        let words = || transaction.commands().map(Iterator::count);
        let are_whole = words().eq(transaction.word_counts.iter().map(|count| *count as usize));
        are_whole.then_some(transaction)
    }

    /// Adds a command. False if there is no room for it.
    pub(crate) fn push(&mut self, words: &RespWords<'_>) -> bool {
        let bytes = words.bulks().len() + size_of::<u32>();
        let used = self.bulks.len() + self.word_counts.len() * size_of::<u32>();
        if used + bytes > REDIS_QUEUED_BYTES_MAX {
            return false;
        }
        self.bulks.extend_from_slice(words.bulks());
        self.word_counts.push(words.len() as u32);
        true
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bulks.capacity() + self.word_counts.capacity() * size_of::<u32>()
    }

    /// Number of commands.
    pub(crate) fn len(&self) -> usize {
        self.word_counts.len()
    }

    /// The commands in their order.
    pub(crate) fn commands(&self) -> impl Iterator<Item = RespWords<'_>> {
        let mut rest = &self.bulks[..];
        self.word_counts.iter().map(move |&count| {
            let words = RespWords::of_bulks(rest, count as usize);
            let mut after = words.clone();
            after.by_ref().for_each(drop);
            rest = after.bulks();
            let bytes = words.bulks().len() - rest.len();
            RespWords::of_bulks(&words.bulks()[..bytes], count as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use slabcore_protocol::{RespDecoded, RespLimits};

    use super::*;

    #[test]
    fn queued_commands_come_back_in_order() {
        let limits = RespLimits { word_bytes_max: 1 << 20, is_logged_in: true };
        let inputs = [
            &b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"[..],
            b"*1\r\n$4\r\nPING\r\n",
            b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n",
        ];
        let mut transaction = Transaction::default();
        for input in inputs {
            let mut decoder = RespDecoder::new();
            let RespDecoded::Command { words, .. } = decoder.decode(input, limits) else {
                panic!("it is a command");
            };
            assert!(transaction.push(&words));
        }
        let queued: Vec<Vec<&[u8]>> = transaction.commands().map(Iterator::collect).collect();
        let expected: [&[&[u8]]; 3] = [&[b"GET", b"k"], &[b"PING"], &[b"SET", b"", b"a\r\nb"]];
        assert_eq!(queued, expected);
    }
}
