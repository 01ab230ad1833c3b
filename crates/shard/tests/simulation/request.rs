//! The request of a simulated connection, kept until its shard has executed it.

use slabcore_protocol::{
    RespVersion, StoreForm, StoreRequest, StringOperation, StringRequest, Verb,
};
use slabcore_shard::{FlushTime, ForwardedRequest, KeyRequest, Ticket, UploadId};
use slabcore_storage::{HashedKey, PageWish};

use crate::random::Random;
use crate::strings::with_bytes;

/// A storage command with its value.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) verb: Verb,
    pub(crate) flags: u32,
    pub(crate) exptime: i32,
    pub(crate) cas_unique: u64,
    pub(crate) value: Vec<u8>,
}

/// The kinds of requests.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Get {
        with_cas: bool,
        exptime: Option<i32>,
    },
    Store(Storage),
    TooLarge(Storage),
    Arithmetic {
        delta: u64,
        incr: bool,
    },
    Touch {
        exptime: i32,
    },
    Delete,
    /// A `GET` of the Redis dialect, as a plain one.
    PlainRespGet {
        version: RespVersion,
    },
    /// A request of the Redis dialect; `bytes` is its value, if it has one.
    String {
        version: RespVersion,
        operation: StringOperation<'static>,
        bytes: Vec<u8>,
    },
    UploadBegin {
        id: UploadId,
        storage: Storage,
    },
    /// The next bytes of the value.
    UploadBytes {
        id: UploadId,
        bytes: Vec<u8>,
    },
    UploadEnd {
        id: UploadId,
        good: bool,
    },
    UploadAbandon {
        id: UploadId,
    },
    Flush {
        at: FlushTime,
    },
    PagesWanted {
        wish: PageWish,
    },
}

impl Ask {
    /// Whether the reply may have the item's value.
    pub(crate) fn reads_value(&self) -> bool {
        matches!(self, Self::Get { .. } | Self::PlainRespGet { .. } | Self::String { .. })
    }
}

/// A database and a key.
pub(crate) type Name = (u8, Vec<u8>);

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) database: u8,
    pub(crate) key: Vec<u8>,
    pub(crate) hash: u64,
    pub(crate) ask: Ask,
    pub(crate) ticket: Option<Ticket>,
    /// The connection and its count of requests, which order the requests for one key.
    pub(crate) connection: usize,
    pub(crate) number: u64,
}

impl Sent {
    /// What names the item: its database and its key.
    pub(crate) fn name(&self) -> Name {
        (self.database, self.key.clone())
    }

    /// The request as a batch takes it.
    pub(crate) fn forwarded(&self) -> ForwardedRequest<'_> {
        let hashed = HashedKey::rejoin_in(self.database, &self.key, self.hash);
        let key = hashed.key();
        let request = match &self.ask {
            Ask::Get { with_cas, exptime } => {
                KeyRequest::Get { key, with_cas: *with_cas, exptime: *exptime }
            }
            Ask::Store(storage) => {
                KeyRequest::Store { store: storage.line(key), value: &storage.value }
            }
            Ask::TooLarge(storage) => KeyRequest::TooLarge { store: storage.line(key) },
            Ask::Arithmetic { delta, incr } => {
                KeyRequest::Arithmetic { key, delta: *delta, incr: *incr }
            }
            Ask::Touch { exptime } => KeyRequest::Touch { key, exptime: *exptime },
            Ask::Delete => KeyRequest::Delete { key },
            Ask::PlainRespGet { version } => {
                return ForwardedRequest::PlainRespGet(hashed, *version);
            }
            Ask::String { version, operation, bytes } => KeyRequest::String(StringRequest {
                key,
                database: self.database,
                version: *version,
                operation: with_bytes(*operation, bytes),
            }),
            Ask::UploadBegin { id, storage } => {
                return ForwardedRequest::UploadBegin(hashed, *id, storage.line(key));
            }
            Ask::UploadBytes { id, bytes } => return ForwardedRequest::UploadBytes(*id, bytes),
            Ask::UploadEnd { id, good } => return ForwardedRequest::UploadEnd(*id, *good),
            Ask::UploadAbandon { id } => return ForwardedRequest::UploadAbandon(*id),
            Ask::Flush { at } => return ForwardedRequest::Flush(*at),
            Ask::PagesWanted { wish } => return ForwardedRequest::PagesWanted(*wish),
        };
        ForwardedRequest::Key(hashed, request)
    }
}

impl Storage {
    fn line<'a>(&self, key: &'a [u8]) -> StoreRequest<'a> {
        StoreRequest {
            verb: self.verb,
            key,
            flags: self.flags,
            exptime: self.exptime,
            value_bytes: self.value.len() as u32,
            cas_unique: self.cas_unique,
            noreply: false,
            form: StoreForm::Classic,
        }
    }
}

const VERBS: [Verb; 6] =
    [Verb::Set, Verb::Add, Verb::Replace, Verb::Append, Verb::Prepend, Verb::Cas];

/// A random exptime: never, dead, or a few seconds.
pub(crate) fn exptime(random: &mut Random) -> i32 {
    random.pick(&[0, 0, 0, 0, -1, 1, 3, 10])
}

/// A random value of about so many bytes, or a number.
pub(crate) fn value(random: &mut Random, value_bytes: usize) -> Vec<u8> {
    if random.chance(20) {
        return random.below(1 << 20).to_string().into_bytes();
    }
    let seed = random.below(251);
    let letter = |at: usize| b'a' + ((at ^ at >> 8 ^ seed) % 26) as u8;
    // One letter after the other takes an interpreter most of its time.
    let letters = |bytes: usize| (0..bytes).map(letter).collect();
    if cfg!(miri) { vec![letter(0); value_bytes] } else { letters(value_bytes) }
}

/// A random length of a value.
pub(crate) fn value_bytes(random: &mut Random) -> usize {
    match random.below(20) {
        0 => random.below(60_000),
        1 => random.below(20_000),
        _ => random.below(300),
    }
}

/// A random storage command of `value_bytes`; `uniques` are those that were told.
pub(crate) fn storage(random: &mut Random, value_bytes: usize, uniques: &[u64]) -> Storage {
    let verb = if random.chance(50) { Verb::Set } else { random.pick(&VERBS) };
    let value = value(random, value_bytes);
    let told = uniques.len().min(4);
    let recent = &uniques[uniques.len() - told..];
    let cas_unique = if told == 0 { 9 } else { random.pick(recent) };
    let flags = random.pick(&[0, 0, 7, u32::MAX]);
    Storage { verb, flags, exptime: exptime(random), cas_unique, value }
}

/// A random request for one key.
pub(crate) fn ask(random: &mut Random, uniques: &[u64]) -> Ask {
    let value_bytes = value_bytes(random);
    match random.below(20) {
        0..8 => {
            let exptime = random.chance(15).then(|| exptime(random));
            Ask::Get { with_cas: random.chance(40), exptime }
        }
        8..15 => Ask::Store(storage(random, value_bytes, uniques)),
        15 => Ask::TooLarge(storage(random, 8, uniques)),
        16 | 17 => Ask::Arithmetic { delta: random.below(1 << 22) as u64, incr: random.chance(50) },
        18 => Ask::Touch { exptime: exptime(random) },
        _ => Ask::Delete,
    }
}
