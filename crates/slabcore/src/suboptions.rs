//! memcached's extended options, `-o a,b=1`: which exist, and which change anything here.

use crate::numbers::number;
use crate::refusal::Refusal;
use crate::tls::{self, TlsSuboptions};

/// How this server behaves anyway, so that nothing needs to be said.
const ALREADY_SO: &[&str] =
    &["maxconns_fast", "slab_reassign", "lru_maintainer", "lru_crawler", "modern"];

/// Those without effect so far.
const NOT_YET: &[&str] = &[
    "drop_privileges",
    "hash_algorithm",
    "hashpower",
    "hot_lru_pct",
    "hot_max_factor",
    "idle_timeout",
    "inline_ascii_resp",
    "lru_crawler_sleep",
    "lru_crawler_tocrawl",
    "no_chunked_items",
    "no_drop_privileges",
    "no_hashexpand",
    "no_inline_ascii_resp",
    "no_lru_crawler",
    "no_lru_maintainer",
    "no_maxconns_fast",
    "no_modern",
    "no_slab_automove",
    "no_slab_reassign",
    "read_buf_mem_limit",
    "resp_obj_mem_limit",
    "slab_automove",
    "slab_automove_freeratio",
    "slab_automove_ratio",
    "slab_automove_window",
    "slab_chunk_max",
    "slab_sizes",
    "sock_cookie_id",
    "tail_repair_time",
    "temporary_ttl",
    "track_sizes",
    "warm_lru_pct",
    "warm_max_factor",
    "watcher_logbuf_size",
    "worker_logbuf_size",
];

/// Beginning of the names of external storage, which this server does not have at all.
const REFUSED: &str = "ext_";

/// memcached's `slab_chunk_max` in bytes.
const SLAB_CHUNK_BYTES_MAX: usize = 512 << 10;

/// What the `-o` lists say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suboptions {
    /// Only `-I` is checked against it, so that what memcached refuses is refused here.
    pub(crate) slab_chunk_bytes_max: usize,
    pub(crate) tls: TlsSuboptions,
    pub(crate) warnings: Vec<String>,
}

/// Reads all `-o` lists.
pub(crate) fn parse<'a>(lists: impl Iterator<Item = &'a str>) -> Result<Suboptions, Refusal> {
    let mut suboptions = Suboptions {
        slab_chunk_bytes_max: SLAB_CHUNK_BYTES_MAX,
        tls: TlsSuboptions::default(),
        warnings: Vec::new(),
    };
    for entry in lists.flat_map(|list| list.split(',')).filter(|entry| !entry.is_empty()) {
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (entry, None),
        };
        if name.starts_with(REFUSED) {
            return Err(Refusal::bad_option(format!("-o {name} is not supported yet")));
        }
        if name.starts_with(tls::PREFIX) && suboptions.tls.take(name, value)? {
            continue;
        }
        if name == "slab_chunk_max" {
            suboptions.slab_chunk_bytes_max = slab_chunk_bytes_max(value)?;
        }
        if NOT_YET.contains(&name) {
            suboptions.warnings.push(format!("warning: -o {name} has no effect yet"));
        } else if !ALREADY_SO.contains(&name) {
            return Err(Refusal::bad_option(format!("Illegal suboption \"{entry}\"")));
        }
    }
    Ok(suboptions)
}

/// The value is in KiB.
fn slab_chunk_bytes_max(value: Option<&str>) -> Result<usize, Refusal> {
    let Some(word) = value else {
        return Err(Refusal::bad_option("Missing slab_chunk_max argument"));
    };
    match number::<usize>(word).and_then(|kib| kib.checked_mul(1 << 10)) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(Refusal::bad_option("slab_chunk_max must be greater than 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_silent_but_what_is_so_anyway() {
        let suboptions =
            parse(["modern,idle_timeout=5", "maxconns_fast,,slab_chunk_max=16"].into_iter());
        let suboptions = suboptions.unwrap();
        assert_eq!(suboptions.slab_chunk_bytes_max, 16 << 10);
        let expected = ["idle_timeout", "slab_chunk_max"];
        assert_eq!(
            suboptions.warnings,
            expected.map(|name| format!("warning: -o {name} has no effect yet"))
        );
    }

    #[test]
    fn refusals() {
        let check = |list: &str, message: &str| {
            let refusal = parse([list].into_iter()).unwrap_err();
            assert_eq!((refusal.exit_code, refusal.to_string()), (1, message.to_owned()), "{list}");
        };
        check("foo", "Illegal suboption \"foo\"");
        check("foo=1", "Illegal suboption \"foo=1\"");
        check("modern,foo", "Illegal suboption \"foo\"");
        check("slab_chunk_max", "Missing slab_chunk_max argument");
        check("slab_chunk_max=0", "slab_chunk_max must be greater than 0");
        check("ssl_foo", "Illegal suboption \"ssl_foo\"");
        check("ext_path=x", "-o ext_path is not supported yet");
    }
}
