//! The lines that watchers read. The time and number that begin each line, and the LF that ends it,
//! are added elsewhere.

use alloc::vec::Vec;
use core::fmt::Display;

use crate::Verb;
use crate::text::dump_lines::encode_uri;
use crate::text::encode::encode_text;

/// The result of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookStatus {
    /// No item.
    NotFound,
    /// Appends the line of an eviction: whether the item was read, its seconds left to live, and
    /// the seconds since its last access.
    Found,
    /// An item from before a `flush_all`.
    Flushed,
    /// An item whose exptime has passed.
    Expired,
}

/// The result of an attempt to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreStatus {
    /// The item is stored.
    Stored,
    /// The condition of the command did not hold.
    NotStored,
    /// The item has another cas unique.
    Exists,
    /// There was no item to compare with.
    NotFound,
    /// The item is over the size limit.
    TooLarge,
    /// There was no memory.
    NoMemory,
}

/// An item, or only a key: class and size are then 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchedItem<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// Slab class, from 1.
    pub class: usize,
    /// Bytes of the value.
    pub value_bytes: usize,
}

impl WatchedItem<'_> {
    fn begin(&self, out: &mut Vec<u8>, kind: &str) {
        encode_text(out, format_args!("type={kind} key="));
        encode_uri(out, self.key);
    }
}

/// Appends the line of a lookup by the client of this descriptor.
pub fn encode_look(out: &mut Vec<u8>, item: &WatchedItem<'_>, status: LookStatus, client: i32) {
    let status = match status {
        LookStatus::NotFound => "not_found",
        LookStatus::Found => "found",
        LookStatus::Flushed => "flushed",
        LookStatus::Expired => "expired",
    };
    item.begin(out, "item_get");
    let (class, size) = (item.class, item.value_bytes);
    encode_text(out, format_args!(" status={status} clsid={class} cfd={client} size={size}"));
}

/// Appends the line of an attempt to store. `ttl` is 0 for an item that never expires, and wraps
/// round for one that has expired.
pub fn encode_store(
    out: &mut Vec<u8>,
    item: &WatchedItem<'_>,
    status: StoreStatus,
    verb: Verb,
    ttl: u32,
    client: i32,
) {
    let status = match status {
        StoreStatus::Stored => "stored",
        StoreStatus::NotStored => "not_stored",
        StoreStatus::Exists => "exists",
        StoreStatus::NotFound => "not_found",
        StoreStatus::TooLarge => "too_large",
        StoreStatus::NoMemory => "no_memory",
    };
    let verb = match verb {
        Verb::Set => "set",
        Verb::Add => "add",
        Verb::Replace => "replace",
        Verb::Append => "append",
        Verb::Prepend => "prepend",
        Verb::Cas => "cas",
    };
    item.begin(out, "item_store");
    encode_text(out, format_args!(" status={status} cmd={verb} ttl={ttl}"));
    let (class, size) = (item.class, item.value_bytes);
    encode_text(out, format_args!(" clsid={class} cfd={client} size={size}"));
}

/// Appends the line of an item that a command of this name deleted.
pub fn encode_deletion(out: &mut Vec<u8>, item: &WatchedItem<'_>, command: &str) {
    item.begin(out, "deleted");
    let (class, size) = (item.class, item.value_bytes);
    encode_text(out, format_args!(" cmd={command} clsid={class} size={size}"));
}

/// Appends the line of an eviction: whether the item was read, its seconds left to live, and the
/// seconds since its last access.
pub fn encode_eviction(
    out: &mut Vec<u8>,
    item: &WatchedItem<'_>,
    fetched: bool,
    ttl: Option<u32>,
    idle: u32,
) {
    item.begin(out, "eviction");
    let fetched = if fetched { "yes" } else { "no" };
    encode_text(out, format_args!(" fetch={fetched} ttl="));
    match ttl {
        Some(ttl) => encode_text(out, format_args!("{ttl}")),
        None => out.extend_from_slice(b"-1"),
    }
    let (class, size) = (item.class, item.value_bytes);
    encode_text(out, format_args!(" la={idle} clsid={class} size={size}"));
}

/// Appends the line of a page that moved between slab classes; 0 is the pool.
pub fn encode_page_move(out: &mut Vec<u8>, from: usize, to: usize) {
    encode_text(out, format_args!("type=slab_move src={from} dst={to} state=ok"));
}

/// Appends the line of a connection that begins, or ends for `reason`. Its address and port may be
/// `unix` and 0.
pub fn encode_connection(
    out: &mut Vec<u8>,
    address: impl Display,
    port: u16,
    transport: &str,
    reason: Option<&str>,
    client: i32,
) {
    let kind = if reason.is_some() { "conn_close" } else { "conn_new" };
    encode_text(out, format_args!("type={kind} rip={address} rport={port} transport={transport}"));
    if let Some(reason) = reason {
        encode_text(out, format_args!(" reason={reason}"));
    }
    encode_text(out, format_args!(" cfd={client}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: WatchedItem<'static> = WatchedItem { key: b"a\x01", class: 3, value_bytes: 9 };

    fn check(encode: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut out = Vec::new();
        encode(&mut out);
        assert_eq!(core::str::from_utf8(&out), Ok(expected));
    }

    #[test]
    fn lines_of_items() {
        let none = WatchedItem { key: b"a", ..WatchedItem::default() };
        check(
            |out| encode_look(out, &none, LookStatus::NotFound, 28),
            "type=item_get key=a status=not_found clsid=0 cfd=28 size=0",
        );
        check(
            |out| encode_look(out, &ITEM, LookStatus::Found, 28),
            "type=item_get key=a%01 status=found clsid=3 cfd=28 size=9",
        );
        check(
            |out| encode_store(out, &ITEM, StoreStatus::Stored, Verb::Append, 7, 28),
            "type=item_store key=a%01 status=stored cmd=append ttl=7 clsid=3 cfd=28 size=9",
        );
        check(
            |out| encode_deletion(out, &ITEM, "md"),
            "type=deleted key=a%01 cmd=md clsid=3 size=9",
        );
        check(
            |out| encode_eviction(out, &ITEM, true, None, 5),
            "type=eviction key=a%01 fetch=yes ttl=-1 la=5 clsid=3 size=9",
        );
        check(
            |out| encode_eviction(out, &ITEM, false, Some(60), 5),
            "type=eviction key=a%01 fetch=no ttl=60 la=5 clsid=3 size=9",
        );
    }

    #[test]
    fn other_lines() {
        check(|out| encode_page_move(out, 1, 0), "type=slab_move src=1 dst=0 state=ok");
        check(
            |out| encode_connection(out, "::1", 7, "tcp", None, 28),
            "type=conn_new rip=::1 rport=7 transport=tcp cfd=28",
        );
        check(
            |out| encode_connection(out, "unix", 0, "local", Some("normal"), 28),
            "type=conn_close rip=unix rport=0 transport=local reason=normal cfd=28",
        );
    }
}
