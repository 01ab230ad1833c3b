//! Decodes forwarded requests from the layout of [`crate::forwarding::forwarded_head`]. The bytes
//! come from this process, so a malformed one is a bug and panics.

use slabcore_protocol::{
    BinaryRequest, DumpFormat, ECHO_BYTES, Echo, MetaCommand, MetaFlags, StoreForm, StoreRequest,
    Streams, Verb,
};
use slabcore_storage::{HashedKey, PageWish, WalkPosition};

use crate::forwarding::forwarded_head::{
    ARITHMETIC, BINARY, BIT_BINARY, BIT_CAS, BIT_EXPTIME, BIT_GOOD, BIT_INCR, BIT_META,
    BIT_NOREPLY, BIT_TICKET, COMMAND, DELETE, DUMP, FLUSH, GET, HAS_KEY, HEAD_BYTES, Head, META,
    NO_TICK, PAGES_WANTED, PLAIN_BINARY_GET, PLAIN_GET, PLAIN_RESP_GET, QUERY, REASSIGN,
    SHORT_HEAD_BYTES, STORE, STRING, TOO_LARGE, TOUCH, UPLOAD_ABANDON, UPLOAD_BEGIN, UPLOAD_BYTES,
    UPLOAD_END, WATCH,
};
use crate::forwarding::forwarded_request::ForwardedRequest;
use crate::forwarding::forwarded_strings::{request_of, version_of};
use crate::observation::dump::DumpPart;
use crate::observation::shard_query::{ShardCommand, ShardQuery};
use crate::observation::watched_lines::Watch;
use crate::requests::flush_time::FlushTime;
use crate::requests::request::KeyRequest;
use crate::requests::shard_id::ShardId;
use crate::requests::upload_id::UploadId;

/// The requests of a batch in order, each with whether it gets a reply.
#[derive(Debug, Clone)]
pub(crate) struct ForwardedRequests<'a> {
    pub(super) rest: &'a [u8],
    pub(super) source: ShardId,
}

impl<'a> Iterator for ForwardedRequests<'a> {
    type Item = (bool, ForwardedRequest<'a>);

    #[inline]
    fn next(&mut self) -> Option<(bool, ForwardedRequest<'a>)> {
        let (short, rest) = self.rest.split_first_chunk::<SHORT_HEAD_BYTES>()?;
        if short[0] == PLAIN_GET {
            let (key, rest) = rest.split_at(usize::from(short[3]));
            self.rest = rest;
            return Some((
                short[1] & BIT_TICKET != 0,
                ForwardedRequest::PlainGet(HashedKey::rejoin(key, hash_in(short))),
            ));
        }
        self.next_other()
    }
}

/// The hash in a short head, or in the start of a long one.
fn hash_in(head: &[u8; SHORT_HEAD_BYTES]) -> u64 {
    (u128::from_le_bytes(*head) >> 64) as u64
}

impl<'a> ForwardedRequests<'a> {
    /// The hashes of the keys of the next `count` requests.
    #[inline]
    pub(crate) fn hashes(&self, mut count: usize) -> impl Iterator<Item = u64> + use<'a> {
        let mut rest = self.rest;
        core::iter::from_fn(move || {
            while count > 0 {
                count -= 1;
                let (head, _) = rest.split_first_chunk::<SHORT_HEAD_BYTES>()?;
                if head[0] >= PLAIN_GET {
                    rest = &rest[SHORT_HEAD_BYTES + usize::from(head[3])..];
                    return Some(hash_in(head));
                }
                let bytes_len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                rest = &rest[HEAD_BYTES + usize::from(head[3]) + bytes_len as usize..];
                if HAS_KEY & 1 << head[0] != 0 {
                    return Some(hash_in(head));
                }
            }
            None
        })
    }

    /// A request other than a plain get.
    fn next_other(&mut self) -> Option<(bool, ForwardedRequest<'a>)> {
        match self.rest.first() {
            Some(&PLAIN_BINARY_GET) => return self.next_binary_get(),
            Some(&PLAIN_RESP_GET) => return self.next_resp_get(),
            _ => {}
        }
        let (raw, rest) = self.rest.split_first_chunk::<HEAD_BYTES>()?;
        let bytes_len = word(raw, 4) as usize;
        let head = Head {
            kind: raw[0],
            bits: raw[1],
            verb: raw[2],
            hash: long(raw, 8),
            a: word(raw, 16),
            b: word(raw, 20),
            c: long(raw, 24),
            d: word(raw, 32),
            e: word(raw, 36),
        };
        let (key, rest) = rest.split_at(usize::from(raw[3]));
        let (bytes, rest) = rest.split_at(bytes_len);
        self.rest = rest;
        Some((head.bits & BIT_TICKET != 0, head.request(self.source, key, bytes)))
    }

    fn next_resp_get(&mut self) -> Option<(bool, ForwardedRequest<'a>)> {
        let (head, rest) = self.rest.split_first_chunk::<SHORT_HEAD_BYTES>()?;
        let [_, bits, _, key_len, database, version, ..] = *head;
        let (key, rest) = rest.split_at(usize::from(key_len));
        self.rest = rest;
        let key = HashedKey::rejoin_in(database, key, hash_in(head));
        Some((bits & BIT_TICKET != 0, ForwardedRequest::PlainRespGet(key, version_of(version))))
    }

    fn next_binary_get(&mut self) -> Option<(bool, ForwardedRequest<'a>)> {
        let (head, rest) = self.rest.split_first_chunk::<SHORT_HEAD_BYTES>()?;
        let [_, bits, opcode, key_len, o0, o1, o2, o3, ..] = *head;
        let (key, rest) = rest.split_at(usize::from(key_len));
        self.rest = rest;
        let echo = Echo::new(opcode, [o0, o1, o2, o3]);
        Some((
            bits & BIT_TICKET != 0,
            ForwardedRequest::PlainBinaryGet(HashedKey::rejoin(key, hash_in(head)), echo),
        ))
    }
}

impl Head {
    fn request<'a>(self, source: ShardId, key: &'a [u8], bytes: &'a [u8]) -> ForwardedRequest<'a> {
        let upload = UploadId { source, number: self.e };
        match self.kind {
            UPLOAD_BEGIN => ForwardedRequest::UploadBegin(
                HashedKey::rejoin(key, self.hash),
                upload,
                self.store(key, bytes),
            ),
            UPLOAD_BYTES => ForwardedRequest::UploadBytes(upload, bytes),
            UPLOAD_END => ForwardedRequest::UploadEnd(upload, self.bits & BIT_GOOD != 0),
            UPLOAD_ABANDON => ForwardedRequest::UploadAbandon(upload),
            FLUSH => ForwardedRequest::Flush(self.flush_time()),
            QUERY => ForwardedRequest::Query(ShardQuery::of_code(self.verb)),
            COMMAND => ForwardedRequest::Command(ShardCommand::of_code(self.verb)),
            PAGES_WANTED => {
                ForwardedRequest::PagesWanted(PageWish { pages: self.a, worth: self.c })
            }
            DUMP => ForwardedRequest::Dump(self.dump_part()),
            REASSIGN => ForwardedRequest::Reassign(self.a.cast_signed(), self.b.cast_signed()),
            WATCH => ForwardedRequest::Watch(Watch {
                streams: Streams::from_bits(self.verb),
                client: self.a.cast_signed(),
            }),
            STRING => {
                let request = request_of(self, bytes);
                let key = HashedKey::rejoin_in(request.database, request.key, self.hash);
                ForwardedRequest::Key(key, KeyRequest::String(request))
            }
            _ => {
                let request = self.key_request(key, bytes);
                ForwardedRequest::Key(HashedKey::rejoin(request.key(), self.hash), request)
            }
        }
    }

    fn key_request<'a>(self, key: &'a [u8], bytes: &'a [u8]) -> KeyRequest<'a> {
        match self.kind {
            GET => KeyRequest::Get {
                key,
                with_cas: self.bits & BIT_CAS != 0,
                exptime: (self.bits & BIT_EXPTIME != 0).then_some(self.b.cast_signed()),
            },
            STORE => {
                let (form, value) = bytes.split_at(self.e as usize);
                KeyRequest::Store { store: self.store(key, form), value }
            }
            TOO_LARGE => KeyRequest::TooLarge { store: self.store(key, bytes) },
            ARITHMETIC => {
                KeyRequest::Arithmetic { key, delta: self.c, incr: self.bits & BIT_INCR != 0 }
            }
            TOUCH => KeyRequest::Touch { key, exptime: self.b.cast_signed() },
            DELETE => KeyRequest::Delete { key },
            META => KeyRequest::Meta {
                command: self.meta_command(),
                key,
                flags: MetaFlags::from_validated(bytes),
            },
            BINARY => {
                let (echo, extras_and_key) = echo(bytes);
                let (extras_bytes, cas) = (self.verb, self.c);
                KeyRequest::Binary(BinaryRequest { echo, extras_bytes, cas, extras_and_key })
            }
            kind => unreachable!("forwarded request of kind {kind}"),
        }
    }

    fn flush_time(self) -> FlushTime {
        match (self.bits & BIT_EXPTIME != 0, self.a) {
            (false, _) => FlushTime::Immediately,
            (true, NO_TICK) => FlushTime::Never,
            (true, tick) => FlushTime::Tick(tick),
        }
    }

    fn dump_part(self) -> DumpPart {
        let format = match self.verb {
            0 => DumpFormat::Meta,
            1 => DumpFormat::Requests,
            2 => DumpFormat::Cache,
            verb => unreachable!("dump format {verb}"),
        };
        DumpPart { format, classes: self.c, position: WalkPosition::from_bits(self.hash) }
    }

    fn meta_command(self) -> MetaCommand {
        match self.verb {
            0 => MetaCommand::Get,
            1 => MetaCommand::Delete,
            2 => MetaCommand::Incr,
            3 => MetaCommand::Decr,
            4 => MetaCommand::Debug,
            verb => unreachable!("meta command {verb}"),
        }
    }

    fn store<'a>(self, key: &'a [u8], form: &'a [u8]) -> StoreRequest<'a> {
        let verb = match self.verb {
            0 => Verb::Set,
            1 => Verb::Add,
            2 => Verb::Replace,
            3 => Verb::Append,
            4 => Verb::Prepend,
            5 => Verb::Cas,
            verb => unreachable!("storage verb {verb}"),
        };
        StoreRequest {
            verb,
            key,
            flags: self.a,
            exptime: self.b.cast_signed(),
            value_bytes: self.d,
            cas_unique: self.c,
            noreply: self.bits & BIT_NOREPLY != 0,
            form: match self.bits & (BIT_META | BIT_BINARY) {
                0 => StoreForm::Classic,
                BIT_META => StoreForm::Meta(form),
                _ => StoreForm::Binary(echo(form).0),
            },
        }
    }
}

fn echo(bytes: &[u8]) -> (Echo, &[u8]) {
    let (echo, rest) = bytes.split_first_chunk::<ECHO_BYTES>().expect("a binary request has one");
    (Echo::from_bytes(*echo), rest)
}

fn word(raw: &[u8; HEAD_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]])
}

fn long(raw: &[u8; HEAD_BYTES], at: usize) -> u64 {
    u64::from(word(raw, at)) | u64::from(word(raw, at + 4)) << 32
}
