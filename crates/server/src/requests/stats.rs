//! The text of `stats`, with memcached's names in memcached's order.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;

use slabcore_metrics::{Counter, Gauge, Snapshot};
use slabcore_protocol::{END, MEMCACHED_VERSION, Protocol, encode_stat};
use slabcore_shard::{ClassTable, Router};

use crate::settings::Listen;
use crate::settings::limits::{RECEIVE_BUFFER_BYTES, RECEIVE_BUFFERS};
use crate::settings::users::Users;
use crate::shared::resource_usage::ResourceUsage;
use crate::shared::shared_state::{Backend, SharedCounts, SharedState, SharedTls};

/// One STAT line of `stats`.
enum Source {
    Counter(Counter),
    Gauge(Gauge),
    /// 0: it does not exist here, and clients may look for it.
    Zero,
    /// A value that is not a sum over shards.
    Own(fn(&SharedState) -> String),
    /// A count for the whole server since the last `stats reset`.
    Shared(fn(&SharedState) -> u64),
    /// A value that is shown only if a listener uses TLS.
    UnderTls(fn(&SharedTls) -> u64),
    /// A count that is shown only if a listener uses TLS, since the last `stats reset`.
    SharedTlsCounter(fn(&SharedTls) -> u64),
}

use Source::{
    Counter as C, Gauge as G, Own, Shared, SharedTlsCounter as TlsCounter, UnderTls, Zero,
};

/// memcached 1.6.45's `stats` in its order, with its default options.
///
/// The zeros are true. Replies are not objects of a pool (`response_obj_*`). All receive buffers
/// exist from the start (`read_buf_oom`). A failed allocation ends the process (`malloc_fails`). A
/// page with items that are read is never moved, so a move finds nothing busy (`slab_reassign_*`).
/// Segments are marks, not lists, and no thread maintains them (`lru_maintainer_juggles`,
/// `lrutail_reflocked`, `lru_bumps_dropped`). Connections are dealt out in turn, whatever queue
/// they came by (`unexpected_napi_ids`, `round_robin_fallback`).
#[rustfmt::skip]
static GENERAL: &[(&str, Source)] = &[
    ("pid", Own(|_| std::process::id().to_string())),
    ("uptime", Own(|shared| shared.clock.uptime().to_string())),
    ("time", Own(|shared| shared.clock.now().unix().to_string())),
    ("version", Own(|_| MEMCACHED_VERSION.to_owned())),
    ("libevent", Own(|shared| shared.backend.name().to_owned())),
    ("pointer_size", Own(|_| usize::BITS.to_string())),
    ("rusage_user", Own(|_| ResourceUsage::now().user)),
    ("rusage_system", Own(|_| ResourceUsage::now().system)),
    ("max_connections", Own(|shared| shared.settings.connections_max.to_string())),
    ("curr_connections", Own(|shared| shared.admission.open_connections().to_string())),
    ("total_connections", C(Counter::TotalConnections)),
    ("rejected_connections",
        Shared(|shared| shared.admission.rejected_connections())),
    ("connection_structures", G(Gauge::CurrConnections)),
    ("response_obj_oom", Zero),
    ("response_obj_count", Zero),
    ("response_obj_bytes", Zero),
    ("read_buf_count", Own(|shared| receive_buffers(shared).to_string())),
    ("read_buf_bytes",
        Own(|shared| (receive_buffers(shared) * RECEIVE_BUFFER_BYTES).to_string())),
    ("read_buf_bytes_free",
        Own(|shared| (receive_buffers(shared) * RECEIVE_BUFFER_BYTES).to_string())),
    ("read_buf_oom", Zero),
    ("reserved_fds", Own(|shared| (shared.settings.shards * FDS_PER_SHARD).to_string())),
    ("cmd_get", C(Counter::CmdGet)),
    ("cmd_set", C(Counter::CmdSet)),
    ("cmd_flush", C(Counter::CmdFlush)),
    ("cmd_touch", C(Counter::CmdTouch)),
    ("cmd_meta", C(Counter::CmdMeta)),
    ("get_hits", C(Counter::GetHits)),
    ("get_misses", C(Counter::GetMisses)),
    ("get_expired", C(Counter::GetExpired)),
    ("get_flushed", C(Counter::GetFlushed)),
    ("delete_misses", C(Counter::DeleteMisses)),
    ("delete_hits", C(Counter::DeleteHits)),
    ("incr_misses", C(Counter::IncrMisses)),
    ("incr_hits", C(Counter::IncrHits)),
    ("decr_misses", C(Counter::DecrMisses)),
    ("decr_hits", C(Counter::DecrHits)),
    ("cas_misses", C(Counter::CasMisses)),
    ("cas_hits", C(Counter::CasHits)),
    ("cas_badval", C(Counter::CasBadval)),
    ("touch_hits", C(Counter::TouchHits)),
    ("touch_misses", C(Counter::TouchMisses)),
    ("store_too_large", C(Counter::StoreTooLarge)),
    ("store_no_memory", C(Counter::StoreNoMemory)),
    ("auth_cmds", C(Counter::AuthCmds)),
    ("auth_errors", C(Counter::AuthErrors)),
    ("idle_kicks", C(Counter::IdleKicks)),
    ("bytes_read", C(Counter::BytesRead)),
    ("bytes_written", C(Counter::BytesWritten)),
    ("limit_maxbytes", Own(|shared| shared.memory.bytes().to_string())),
    ("accepting_conns",
        Own(|shared| u8::from(shared.admission.is_accepting()).to_string())),
    ("listen_disabled_num",
        Shared(|shared| shared.admission.pauses())),
    ("time_in_listen_disabled_us",
        Shared(|shared| shared.admission.paused_us())),
    ("threads", Own(|shared| shared.settings.shards.to_string())),
    ("conn_yields", C(Counter::ConnYields)),
    ("hash_power_level", G(Gauge::HashPowerLevel)),
    ("hash_bytes", G(Gauge::HashBytes)),
    ("hash_is_expanding", G(Gauge::HashIsExpanding)),
    ("slab_reassign_rescues", C(Counter::SlabReassignRescues)),
    ("slab_reassign_chunk_rescues", Zero),
    ("slab_reassign_inline_reclaim", Zero),
    ("slab_reassign_busy_items", Zero),
    ("slab_reassign_busy_deletes", Zero),
    ("slab_reassign_busy_nomem", Zero),
    ("slab_reassign_last_busy_status", Own(|_| "none".to_owned())),
    ("slab_reassign_running", G(Gauge::SlabReassignRunning)),
    ("slabs_moved", C(Counter::SlabsMoved)),
    ("lru_crawler_running", G(Gauge::LruCrawlerRunning)),
    ("lru_crawler_starts", C(Counter::LruCrawlerStarts)),
    ("lru_maintainer_juggles", Zero),
    ("malloc_fails", Zero),
    ("log_worker_dropped", Shared(|shared| shared.watchers.counts().dropped)),
    ("log_worker_written", Shared(|shared| shared.watchers.counts().written)),
    ("log_watcher_skipped", Shared(|shared| shared.watchers.counts().skipped)),
    ("log_watcher_sent", Shared(|shared| shared.watchers.counts().sent)),
    ("log_watchers", Own(|shared| shared.watchers.counts().watchers.to_string())),
    ("ssl_new_sessions", TlsCounter(|tls| tls.new_sessions.load(Ordering::Relaxed))),
    ("ssl_handshake_errors", TlsCounter(|tls| tls.handshake_errors.load(Ordering::Relaxed))),
    ("ssl_proto_errors", TlsCounter(|tls| tls.protocol_errors.load(Ordering::Relaxed))),
    ("time_since_server_cert_refresh", UnderTls(SharedTls::seconds_since_load)),
    ("unexpected_napi_ids", Zero),
    ("round_robin_fallback", Zero),
    ("bytes", G(Gauge::Bytes)),
    ("curr_items", G(Gauge::CurrItems)),
    ("total_items", C(Counter::TotalItems)),
    ("slab_global_page_pool", Own(|shared| shared.pages.pages_free().to_string())),
    ("expired_unfetched", C(Counter::ExpiredUnfetched)),
    ("evicted_unfetched", C(Counter::EvictedUnfetched)),
    ("evicted_active", C(Counter::EvictedActive)),
    ("evictions", C(Counter::Evictions)),
    ("reclaimed", C(Counter::Reclaimed)),
    ("crawler_reclaimed", C(Counter::CrawlerReclaimed)),
    ("crawler_items_checked", C(Counter::CrawlerItemsChecked)),
    ("lrutail_reflocked", Zero),
    ("moves_to_cold", C(Counter::MovesToCold)),
    ("moves_to_warm", C(Counter::MovesToWarm)),
    ("moves_within_lru", C(Counter::MovesWithinLru)),
    ("direct_reclaims", C(Counter::DirectReclaims)),
    ("lru_bumps_dropped", Zero),
];

/// Descriptors that each executor needs for itself: rings and doorbells.
const FDS_PER_SHARD: usize = 8;

fn receive_buffers(shared: &SharedState) -> usize {
    shared.settings.shards * usize::from(RECEIVE_BUFFERS)
}

/// Appends `stats`. `sum` is over all shards.
pub(super) fn general(out: &mut Vec<u8>, shared: &SharedState, sum: &Snapshot) {
    let shown = shared.since_reset(sum);
    let before = shared.shared_before_reset();
    for (name, source) in GENERAL {
        if !is_shown(name, shared) {
            continue;
        }
        match source {
            C(counter) => encode_stat(out, name, shown.get(*counter)),
            G(gauge) => encode_stat(out, name, shown.gauge(*gauge)),
            Zero => encode_stat(out, name, 0),
            Own(value) => encode_stat(out, name, value(shared)),
            UnderTls(value) => {
                if let Some(tls) = &shared.tls {
                    encode_stat(out, name, value(tls));
                }
            }
            Shared(_) | TlsCounter(_) => {
                if let Some(count) = shared_count(source, shared) {
                    let before = before.get(name).copied().unwrap_or(0);
                    encode_stat(out, name, count.saturating_sub(before));
                }
            }
        }
    }
    out.extend_from_slice(END);
}

/// The counts for the whole server, by name, for `stats reset`.
pub(super) fn shared_counts(shared: &SharedState) -> SharedCounts {
    let counts = GENERAL.iter().map(|(name, source)| (*name, shared_count(source, shared)));
    counts.filter_map(|(name, count)| Some((name, count?))).collect()
}

fn shared_count(source: &Source, shared: &SharedState) -> Option<u64> {
    match source {
        Shared(count) => Some(count(shared)),
        TlsCounter(count) => shared.tls.as_ref().map(count),
        _ => None,
    }
}

/// Like in memcached, some numbers are shown only if they can be more than 0.
fn is_shown(name: &str, shared: &SharedState) -> bool {
    let settings = &shared.settings;
    match name {
        // memcached has no such lines without its page mover and its maintainer.
        "slabs_moved" => settings.slab_reassign,
        _ if name.starts_with("slab_reassign_") => settings.slab_reassign,
        "lru_maintainer_juggles"
        | "evicted_active"
        | "moves_to_cold"
        | "moves_to_warm"
        | "moves_within_lru"
        | "direct_reclaims"
        | "lru_bumps_dropped" => settings.lru_maintainer,
        "ssl_new_sessions" => settings.kept.tls.session_cache,
        "idle_kicks" => settings.idle_timeout.is_some(),
        "rejected_connections" => settings.maxconns_fast,
        "lru_crawler_running" | "lru_crawler_starts" => shared.run_time.crawls(),
        _ => true,
    }
}

/// Appends `stats slabcore`: statistics that memcached does not have.
pub(super) fn slabcore(out: &mut Vec<u8>, shared: &SharedState, sum: &Snapshot) {
    encode_stat(out, "product", shared.settings.product);
    encode_stat(out, "backend", shared.backend.name());
    if let Backend::Epoll(reason) = &shared.backend {
        encode_stat(out, "backend_reason", reason.replace(' ', "_"));
    }
    encode_stat(out, "shards", shared.settings.shards);
    encode_stat(out, "executor_placement", shared.settings.placement.name());
    encode_stat(out, "executor_cores", &shared.settings.placement);
    encode_stat(out, "serving_executors", shared.serving.executors());
    encode_stat(out, "shard_ports_base", shared.settings.shard_ports.unwrap_or(0));
    for (shard, port) in shared.shard_ports.iter().enumerate() {
        encode_stat(out, format_args!("shard:{shard}:port"), port);
    }
    if let Some(recovery) = shared.recovery.get() {
        encode_stat(out, "recovery_kind", recovery.kind.name());
        let reason = Some(&recovery.reason).filter(|reason| !reason.is_empty());
        let reason = reason.map_or("none".to_owned(), |reason| reason.replace(' ', "_"));
        encode_stat(out, "recovery_reason", reason);
        encode_stat(out, "absence_seconds", recovery.absence_seconds);
        encode_stat(out, "recovered_items", recovery.found.items);
        encode_stat(out, "recovered_dead", recovery.found.dead);
        encode_stat(out, "recovered_dropped", recovery.found.dropped);
        encode_stat(out, "recovery_milliseconds", recovery.milliseconds);
    }
    snapshots(out, shared);
    encode_stat(out, "pages_total", shared.pages.pages_total());
    encode_stat(out, "pages_free", shared.pages.pages_free());
    encode_stat(out, "page_bytes", slabcore_storage::PAGE_BYTES);
    // Of the orders of eviction: the number of shards that have chosen them.
    for gauge in [Gauge::PagesOwned, Gauge::OrderRecency, Gauge::OrderWorth, Gauge::OrderReadFirst]
    {
        encode_stat(out, gauge.stat_name(), sum.gauge(gauge));
    }
    let own = [
        Counter::ForeignRequests,
        Counter::ForeignBatches,
        Counter::ShardsBorrowed,
        Counter::ShardsBusy,
        Counter::Doorbells,
        Counter::ConnectionsMoved,
        Counter::Turns,
        Counter::RingEnters,
        Counter::RingCompletions,
        Counter::ReceiveBuffersExhausted,
        Counter::PrefixesNotCounted,
        Counter::DatagramsReceived,
        Counter::DatagramsSent,
        Counter::AnswersDropped,
    ];
    for counter in own {
        encode_stat(out, counter.stat_name(), sum.get(counter));
    }
    out.extend_from_slice(END);
}

/// Appends what `stats slabcore` says of snapshots, if they are configured.
fn snapshots(out: &mut Vec<u8>, shared: &SharedState) {
    let (settings, numbers) = (&shared.settings.snapshots, &shared.snapshots);
    if settings.directory.is_some() {
        let (items, bytes) = numbers.items_and_bytes();
        encode_stat(out, "snapshot_state", numbers.state());
        encode_stat(out, "snapshot_items", items);
        encode_stat(out, "snapshot_bytes", bytes);
        encode_stat(out, "snapshot_last_seconds", numbers.seconds_since_last());
        encode_stat(out, "snapshot_errors", numbers.errors());
    }
    if settings.restore.is_some() {
        encode_stat(out, "restored_items", numbers.restored().items);
        encode_stat(out, "restored_dropped", numbers.restored().dropped);
    }
}

/// Appends `stats slabcore owner KEY...`: the shard of each key.
pub(super) fn owners(out: &mut Vec<u8>, router: &Router, keys: &[u8]) {
    for key in keys.split(|&byte| byte == b' ').filter(|key| !key.is_empty()) {
        out.extend_from_slice(b"STAT ");
        out.extend_from_slice(key);
        out.extend_from_slice(format!(" {}\r\n", router.route(key).shard).as_bytes());
    }
    out.extend_from_slice(END);
}

/// Appends `stats sizes` of a server without `track_sizes`.
pub(super) fn sizes_disabled(out: &mut Vec<u8>) {
    encode_stat(out, "sizes_status", "disabled");
    out.extend_from_slice(END);
}

/// Appends `stats items`. Classes without items and counts are not shown.
pub(super) fn items(out: &mut Vec<u8>, shared: &SharedState, table: &ClassTable) {
    table.encode_items(out, shared.item_columns());
    out.extend_from_slice(END);
}

/// Appends `stats slabs`.
pub(super) fn slabs(out: &mut Vec<u8>, shared: &SharedState, table: &ClassTable) {
    table.encode_slabs(out, shared.malloced_bytes());
    out.extend_from_slice(END);
}

/// Appends `stats settings`.
#[rustfmt::skip]
pub(super) fn settings(out: &mut Vec<u8>, shared: &SharedState) {
    let settings = &shared.settings;
    let socket = match &settings.listen {
        Listen::Tcp(_) => None,
        Listen::Unix { path, .. } => Some(path.display().to_string()),
    };
    let kept = shared.run_time.get();
    // The port of the first address that is bound.
    let port = |bound: &[SocketAddr], asked: i32| match bound.first() {
        Some(address) => address.port().to_string(),
        None => asked.to_string(),
    };
    let on_off = |on| if on { "on" } else { "off" };
    let yes_no = |yes| if yes { "yes" } else { "no" };
    let mut stat = |name: &str, value: &str| encode_stat(out, name, value);
    stat("maxbytes", &shared.memory.bytes().to_string());
    stat("maxconns", &settings.connections_max.to_string());
    stat("tcpport", &port(&shared.addresses, kept.tcp_port));
    stat("udpport", &port(&shared.udp_addresses, kept.udp_port));
    stat("inter", settings.interfaces.as_deref().unwrap_or("NULL"));
    stat("verbosity", &shared.verbosity.load(Ordering::Relaxed).to_string());
    stat("oldest", "0");
    stat("evictions", on_off(settings.evict));
    stat("domain_socket", socket.as_deref().unwrap_or("NULL"));
    stat("umask", &format!("{:o}", kept.unix_mask));
    stat("shutdown_command", yes_no(settings.shutdown));
    stat("growth_factor", &format!("{:.2}", settings.growth_factor));
    stat("chunk_size", &settings.chunk_bytes_min.to_string());
    stat("num_threads", &settings.shards.to_string());
    // Of several addresses memcached serves each by one thread, too.
    let several = settings.interfaces.as_ref().is_some_and(|it| it.contains(','));
    let of_one = several || !shared.udp_addresses.is_empty();
    let udp_threads = if of_one { 1 } else { settings.shards };
    stat("num_threads_per_udp", &udp_threads.to_string());
    stat("stat_key_prefix", &settings.prefix_delimiter.map_or(':', char::from).to_string());
    stat("detail_enabled", yes_no(shared.counts_prefixes.load(Ordering::Relaxed)));
    stat("reqs_per_event", &settings.requests_per_event_max.to_string());
    stat("cas_enabled", yes_no(settings.cas));
    stat("tcp_backlog", &settings.listen_backlog.to_string());
    stat("binding_protocol", match settings.protocol {
        Protocol::Auto => "auto-negotiate",
        Protocol::Text => "ascii",
        Protocol::Binary => "binary",
        Protocol::Resp => "redis",
    });
    stat("auth_enabled_sasl", yes_no(settings.sasl));
    let file = settings.users.as_ref().filter(|_| !settings.sasl).map(Users::file);
    stat("auth_enabled_ascii", &file.map_or("no".into(), |file| file.display().to_string()));
    stat("item_size_max", &settings.item_bytes_max.to_string());
    stat("maxconns_fast", yes_no(settings.maxconns_fast));
    stat("hashpower_init", &kept.hash_power.to_string());
    stat("slab_reassign", yes_no(settings.slab_reassign));
    kept.show_automove(&mut stat);
    kept.show_crawler(shared.run_time.crawls(), &mut stat);
    stat("flush_enabled", yes_no(settings.flush_all));
    stat("dump_enabled", yes_no(settings.dump));
    kept.show_hash_algorithm(&mut stat);
    stat("lru_maintainer_thread", yes_no(settings.lru_maintainer));
    kept.show_segments(&mut stat);
    let idle_timeout = settings.idle_timeout.map_or(0, NonZeroU32::get);
    stat("idle_timeout", &idle_timeout.to_string());
    kept.show_buffers(&mut stat);
    stat("track_sizes", yes_no(settings.track_sizes));
    stat("inline_ascii_response", "no");
    kept.show_external_storage(&mut stat);
    kept.show_tls(settings.tls.is_some(), &mut stat);
    kept.show_last(&mut stat);
    stat("client_flags_size", "4");
    out.extend_from_slice(END);
}
