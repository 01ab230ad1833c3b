//! Settings without effect here. They are kept as the command line and commands gave them, so that
//! tools read back from `stats settings` what they set.

/// memcached's TCP port.
pub const PORT: u16 = 11_211;

/// The kept settings, by default with memcached's values.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptSettings {
    /// TCP port as written (`-p`): 0 for none, -1 for any free one.
    pub tcp_port: i32,
    /// UDP port as written (`-U`), in the same way.
    pub udp_port: i32,
    /// Mode of the Unix socket (`-a`), also if there is no such socket.
    pub unix_mask: u32,
    /// Number of NAPI ids (`-N`).
    pub napi_ids: u32,
    /// File that keeps the items over a restart (`-e`).
    pub memory_file: Option<String>,
    /// Base-2 logarithm of the initial size of the hash table (`hashpower`).
    pub hash_power: u32,
    /// Name of the hash function. `None`: the one of this server.
    pub hash_algorithm: Option<&'static str>,
    /// Largest chunk in bytes. `None`: the one of this server.
    pub slab_chunk_bytes_max: Option<usize>,
    /// `slab_automove`: 0 to 2.
    pub automove: u32,
    /// `slab_automove_ratio`.
    pub automove_ratio: f64,
    /// `slab_automove_freeratio`.
    pub automove_free_ratio: f64,
    /// `slab_automove_window` in seconds.
    pub automove_window: u32,
    /// `lru_crawler_sleep` in microseconds.
    pub crawler_sleep: u32,
    /// `lru_crawler_tocrawl`.
    pub crawler_items_max: u32,
    /// `tail_repair_time` in seconds; 0: never.
    pub tail_repair_time: u32,
    /// `lru mode`.
    pub segmented: bool,
    /// `hot_lru_pct`.
    pub hot_percent: u32,
    /// `warm_lru_pct`.
    pub warm_percent: u32,
    /// `hot_max_factor`.
    pub hot_factor: f64,
    /// `warm_max_factor`.
    pub warm_factor: f64,
    /// Whether temporary items are evicted last.
    pub temporary_items: bool,
    /// `temporary_ttl` in seconds, also kept while `temporary_items` is off.
    pub temporary_ttl: u32,
    /// `watcher_logbuf_size` in bytes.
    pub watcher_log_bytes: u64,
    /// `worker_logbuf_size` in bytes.
    pub worker_log_bytes: u64,
    /// `read_buf_mem_limit` in bytes; 0: none.
    pub read_buffer_bytes_max: u64,
    /// Settings of the external storage.
    pub external: ExternalStorage,
    /// The values of `-o ssl_*`, also without `-Z`.
    pub tls: TlsWords,
}

/// Settings of the external storage that memcached has.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalStorage {
    /// `ext_item_size` in bytes.
    pub item_size: u32,
    /// `ext_item_age` in seconds.
    pub item_age: u32,
    /// `ext_low_ttl` in seconds.
    pub low_ttl: u32,
    /// `ext_recache_rate`.
    pub recache_rate: u32,
    /// `ext_wbuf_size` in bytes.
    pub write_buffer_bytes: u64,
    /// `ext_compact_under` in pages.
    pub compact_under: u32,
    /// `ext_drop_under` in pages.
    pub drop_under: u32,
    /// `ext_max_sleep` in microseconds.
    pub max_sleep: u32,
    /// `ext_max_frag`.
    pub max_frag: f64,
    /// `ext_drop_unread`.
    pub drop_unread: bool,
}

/// The values of `-o ssl_*` as they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsWords {
    /// `ssl_chain_cert`.
    pub chain_file: Option<String>,
    /// `ssl_key`.
    pub key_file: Option<String>,
    /// `ssl_verify_mode`: 0 to 3.
    pub verify_mode: u8,
    /// `ssl_keyformat` in OpenSSL's numbers: 1 for PEM, 2 for DER.
    pub key_format: u8,
    /// `ssl_ciphers`.
    pub ciphers: Option<String>,
    /// `ssl_ca_cert`.
    pub ca_file: Option<String>,
    /// `ssl_wbuf_size` in bytes.
    pub write_buffer_bytes: u64,
    /// `ssl_session_cache`.
    pub session_cache: bool,
    /// `ssl_kernel_tls`.
    pub kernel_tls: bool,
    /// `ssl_min_version`: 0 for TLS 1.0, up to 3 for TLS 1.3.
    pub min_version: u8,
}

impl Default for KeptSettings {
    fn default() -> Self {
        Self {
            tcp_port: PORT.into(),
            udp_port: 0,
            unix_mask: 0o700,
            napi_ids: 0,
            memory_file: None,
            hash_power: 0,
            hash_algorithm: None,
            slab_chunk_bytes_max: None,
            automove: 1,
            automove_ratio: 0.8,
            automove_free_ratio: 0.01,
            automove_window: 10,
            crawler_sleep: 100,
            crawler_items_max: 0,
            tail_repair_time: 0,
            segmented: true,
            hot_percent: 20,
            warm_percent: 40,
            hot_factor: 0.2,
            warm_factor: 2.0,
            temporary_items: false,
            temporary_ttl: 61,
            watcher_log_bytes: 256 << 10,
            worker_log_bytes: 64 << 10,
            read_buffer_bytes_max: 0,
            external: ExternalStorage::default(),
            tls: TlsWords::default(),
        }
    }
}

impl Default for ExternalStorage {
    fn default() -> Self {
        Self {
            item_size: 512,
            item_age: u32::MAX,
            low_ttl: 0,
            recache_rate: 2000,
            write_buffer_bytes: 4 << 20,
            compact_under: 0,
            drop_under: 0,
            max_sleep: 1_000_000,
            max_frag: 0.8,
            drop_unread: false,
        }
    }
}

impl Default for TlsWords {
    fn default() -> Self {
        Self {
            chain_file: None,
            key_file: None,
            verify_mode: 0,
            key_format: 1,
            ciphers: None,
            ca_file: None,
            write_buffer_bytes: 16 << 10,
            session_cache: false,
            kernel_tls: false,
            min_version: 2,
        }
    }
}

/// Name of the hash function of this server.
const HASH_ALGORITHM: &str = "ahash";
/// Largest chunk of this server in bytes.
const SLAB_CHUNK_BYTES_MAX: usize = 32 << 10;
/// What memcached shows of `ssl_verify_mode`: OpenSSL's flags.
const VERIFY_FLAGS: [&str; 4] = ["0", "1", "3", "7"];
/// What memcached shows of `ssl_min_version`.
const TLS_VERSIONS: [&str; 4] = ["tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3"];

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// The lines of `stats settings`, in groups that memcached shows together.
impl KeptSettings {
    pub(crate) fn show_automove(&self, stat: &mut impl FnMut(&str, &str)) {
        stat("slab_automove", &self.automove.to_string());
        stat("slab_automove_ratio", &format!("{:.2}", self.automove_ratio));
        stat("slab_automove_window", &self.automove_window.to_string());
        let chunk_bytes_max = self.slab_chunk_bytes_max.unwrap_or(SLAB_CHUNK_BYTES_MAX);
        stat("slab_chunk_max", &chunk_bytes_max.to_string());
    }

    pub(crate) fn show_crawler(&self, crawls: bool, stat: &mut impl FnMut(&str, &str)) {
        stat("lru_crawler", yes_no(crawls));
        stat("lru_crawler_sleep", &self.crawler_sleep.to_string());
        stat("lru_crawler_tocrawl", &self.crawler_items_max.to_string());
        stat("tail_repair_time", &self.tail_repair_time.to_string());
    }

    pub(crate) fn show_hash_algorithm(&self, stat: &mut impl FnMut(&str, &str)) {
        stat("hash_algorithm", self.hash_algorithm.unwrap_or(HASH_ALGORITHM));
    }

    pub(crate) fn show_segments(&self, stat: &mut impl FnMut(&str, &str)) {
        stat("lru_segmented", yes_no(self.segmented));
        stat("hot_lru_pct", &self.hot_percent.to_string());
        stat("warm_lru_pct", &self.warm_percent.to_string());
        stat("hot_max_factor", &format!("{:.2}", self.hot_factor));
        stat("warm_max_factor", &format!("{:.2}", self.warm_factor));
        stat("temp_lru", yes_no(self.temporary_items));
        stat("temporary_ttl", &self.temporary_ttl.to_string());
    }

    pub(crate) fn show_buffers(&self, stat: &mut impl FnMut(&str, &str)) {
        stat("watcher_logbuf_size", &self.watcher_log_bytes.to_string());
        stat("worker_logbuf_size", &self.worker_log_bytes.to_string());
        stat("read_buf_mem_limit", &self.read_buffer_bytes_max.to_string());
    }

    pub(crate) fn show_external_storage(&self, stat: &mut impl FnMut(&str, &str)) {
        let external = &self.external;
        stat("ext_item_size", &external.item_size.to_string());
        stat("ext_item_age", &external.item_age.to_string());
        stat("ext_low_ttl", &external.low_ttl.to_string());
        stat("ext_recache_rate", &external.recache_rate.to_string());
        stat("ext_wbuf_size", &external.write_buffer_bytes.to_string());
        stat("ext_compact_under", &external.compact_under.to_string());
        stat("ext_drop_under", &external.drop_under.to_string());
        stat("ext_max_sleep", &external.max_sleep.to_string());
        stat("ext_max_frag", &format!("{:.2}", external.max_frag));
        stat("slab_automove_freeratio", &format!("{:.3}", self.automove_free_ratio));
        stat("ext_drop_unread", yes_no(external.drop_unread));
    }

    /// The settings of TLS. `enabled`: whether a listener has TLS.
    pub(crate) fn show_tls(&self, enabled: bool, stat: &mut impl FnMut(&str, &str)) {
        let tls = &self.tls;
        stat("ssl_enabled", yes_no(enabled));
        stat("ssl_chain_cert", tls.chain_file.as_deref().unwrap_or("(null)"));
        stat("ssl_key", tls.key_file.as_deref().unwrap_or("(null)"));
        stat("ssl_verify_mode", named(&VERIFY_FLAGS, tls.verify_mode));
        stat("ssl_keyformat", &tls.key_format.to_string());
        stat("ssl_ciphers", tls.ciphers.as_deref().unwrap_or("NULL"));
        stat("ssl_ca_cert", tls.ca_file.as_deref().unwrap_or("NULL"));
        stat("ssl_wbuf_size", &tls.write_buffer_bytes.to_string());
        stat("ssl_session_cache", yes_no(tls.session_cache));
        stat("ssl_kernel_tls", yes_no(tls.kernel_tls));
        stat("ssl_min_version", named(&TLS_VERSIONS, tls.min_version));
    }

    pub(crate) fn show_last(&self, stat: &mut impl FnMut(&str, &str)) {
        stat("num_napi_ids", &self.napi_ids.to_string());
        stat("memory_file", self.memory_file.as_deref().unwrap_or("(null)"));
    }
}

/// The name of a number. The command line accepts only numbers that have one.
fn named<'a>(names: &[&'a str], number: u8) -> &'a str {
    names.get(usize::from(number)).copied().unwrap_or_default()
}
