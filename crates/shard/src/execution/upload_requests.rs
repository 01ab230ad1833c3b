//! Uploads as the bytes that clients have sent, so that they can begin again elsewhere: the request
//! in the dialect of its client, and the part of the value that has arrived.

use alloc::format;
use alloc::vec::Vec;
use core::fmt::Display;

use slabcore_protocol::{REQUEST_MAGIC, StoreForm, StoreRequest, Verb, encode_base64};

use crate::execution::shard::Shard;
use crate::requests::upload_id::UploadId;

/// Bytes of the extras of a binary set, add or replace: flags and exptime.
const EXTRAS_BYTES: u8 = 8;

impl Shard {
    /// Ends all uploads. Returns each with the bytes of its request that have arrived; without
    /// them if its value found no memory.
    pub fn take_uploads(&mut self) -> Vec<(UploadId, Option<Vec<u8>>)> {
        let mut taken = Vec::new();
        for id in self.uploads.ids() {
            let mut upload = self.uploads.take(id);
            let request = upload.reservation.take().map(|reservation| {
                let mut bytes = Vec::new();
                encode_request(&upload.store(), &mut bytes);
                self.store.copy_written(&reservation, &mut bytes);
                self.store.abandon(reservation);
                bytes
            });
            self.uploads.recycle(upload);
            taken.push((id, request));
        }
        taken
    }
}

/// Appends a storage request up to its value. Decoding it gives the same request again, except for
/// words without effect.
fn encode_request(store: &StoreRequest<'_>, out: &mut Vec<u8>) {
    match store.form {
        StoreForm::Classic => encode_classic(store, out),
        StoreForm::Meta(flags) => encode_meta(store, flags, out),
        StoreForm::Binary(echo) => encode_binary(store, *echo.bytes(), out),
    }
}

fn encode_classic(store: &StoreRequest<'_>, out: &mut Vec<u8>) {
    let verb: &[u8] = match store.verb {
        Verb::Set => b"set ",
        Verb::Add => b"add ",
        Verb::Replace => b"replace ",
        Verb::Append => b"append ",
        Verb::Prepend => b"prepend ",
        Verb::Cas => b"cas ",
    };
    out.extend_from_slice(verb);
    out.extend_from_slice(store.key);
    put_number(out, store.flags);
    put_number(out, store.exptime);
    put_number(out, store.value_bytes);
    if store.verb == Verb::Cas {
        put_number(out, store.cas_unique);
    }
    out.extend_from_slice(if store.noreply { b" noreply\r\n" } else { b"\r\n" });
}

/// `flags` are those that were kept. The mode has lost its token.
fn encode_meta(store: &StoreRequest<'_>, flags: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"ms ");
    if store.key_is_encoded() {
        // The item's key is what the client's was decoded to.
        encode_base64(out, store.key);
    } else {
        out.extend_from_slice(store.key);
    }
    put_number(out, store.value_bytes);
    for flag in flags.split(|&byte| byte == b' ').filter(|flag| !flag.is_empty()) {
        if flag != b"M" {
            out.push(b' ');
            out.extend_from_slice(flag);
        }
    }
    let mode: &[u8] = match store.verb {
        // The cas unique among the flags makes it a cas.
        Verb::Set | Verb::Cas => b"",
        Verb::Add => b" ME",
        Verb::Replace => b" MR",
        Verb::Append => b" MA",
        Verb::Prepend => b" MP",
    };
    out.extend_from_slice(mode);
    out.extend_from_slice(b"\r\n");
}

fn encode_binary(store: &StoreRequest<'_>, echo: [u8; 5], out: &mut Vec<u8>) {
    let [opcode, opaque @ ..] = echo;
    let joins = matches!(store.verb, Verb::Append | Verb::Prepend);
    let extras_bytes = if joins { 0 } else { EXTRAS_BYTES };
    let body_bytes = u32::from(extras_bytes) + store.key.len() as u32 + store.value_bytes;
    out.extend([REQUEST_MAGIC, opcode]);
    out.extend((store.key.len() as u16).to_be_bytes());
    out.extend([extras_bytes, 0, 0, 0]);
    out.extend(body_bytes.to_be_bytes());
    out.extend(opaque);
    out.extend(store.cas_unique.to_be_bytes());
    if !joins {
        out.extend(store.flags.to_be_bytes());
        out.extend(store.exptime.to_be_bytes());
    }
    out.extend_from_slice(store.key);
}

fn put_number(out: &mut Vec<u8>, number: impl Display) {
    out.extend_from_slice(format!(" {number}").as_bytes());
}

#[cfg(test)]
mod tests {
    use slabcore_protocol::{Decoded, Decoder};

    use super::*;

    fn decoded(input: &[u8]) -> StoreRequest<'_> {
        match Decoder::new().decode(input) {
            Decoded::Store { store, consumed } => {
                assert_eq!(consumed, input.len());
                store
            }
            other => panic!("{other:?}"),
        }
    }

    /// A request that is encoded and decoded again is the same.
    fn check(line: &[u8]) {
        let store = decoded(line);
        let mut room = [0; slabcore_protocol::DECODED_KEY_BYTES_MAX];
        let mut kept = Vec::new();
        let form = match store.form {
            StoreForm::Meta(flags) => {
                slabcore_protocol::MetaFlags::from_validated(flags).append_kept(&mut kept);
                StoreForm::Meta(&kept)
            }
            form => form,
        };
        let mut encoded = Vec::new();
        let key = store.item_key(&mut room);
        encode_request(&StoreRequest { key, form, ..store }, &mut encoded);
        let again = decoded(&encoded);
        match (store.meta(), again.meta()) {
            (Some(flags), Some(others)) => {
                for letter in *b"bckqstxIEONRFDJ" {
                    assert_eq!(flags.has(letter), others.has(letter), "{letter}");
                }
                let empty = StoreForm::Meta(b"");
                let [one, other] = [store, again].map(|it| StoreRequest { form: empty, ..it });
                assert_eq!(one, other);
            }
            _ => assert_eq!(store, again),
        }
    }

    #[test]
    fn a_request_is_the_same_again() {
        for verb in ["set", "add", "replace", "append", "prepend"] {
            check(format!("{verb} k 7 -1 5\r\n").as_bytes());
            check(format!("{verb} key 4294967295 2147483647 0 noreply\r\n").as_bytes());
        }
        check(b"cas k 0 -2147483648 5 18446744073709551615\r\n");
        check(b"cas k 0 0 5 0 noreply\r\n");
        for flags in ["", " T-1 F9 c", " MA N30", " Mp q k Oxyz", " MR", " ME I", " C7 MR", " MS"] {
            let flags = flags.replace("Mp", "MP");
            check(format!("ms key 5{flags}\r\n").as_bytes());
            check(format!("ms AAECAw== 5{flags} b\r\n").as_bytes());
        }
        for (opcode, extras) in [(0x01, 8), (0x12, 8), (0x0e, 0), (0x1a, 0)] {
            for cas in [0_u8, 9] {
                let mut packet = std::vec![0x80, opcode, 0, 1, extras, 0, 0, 0];
                packet.extend([0, 0, 0, extras + 1 + 5, 9, 8, 7, 6, 0, 0, 0, 0, 0, 0, 0, cas]);
                packet.extend([1, 2, 3, 4, 255, 255, 255, 254].iter().take(extras.into()));
                packet.push(b'k');
                check(&packet);
            }
        }
    }
}
