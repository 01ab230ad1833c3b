//! The text of `/metrics`: all families with their current values.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use slabcore_metrics::Counter;
use slabcore_metrics::prometheus_names::{FAMILIES, Family, Kind, SHARD_FAMILIES, Source};
use slabcore_protocol::MEMCACHED_VERSION;

use crate::admin::class_exposition::class_families;
use crate::admin::curve_exposition::curve_families;
use crate::admin::histogram_exposition::histogram_families;
use crate::admin::prefix_exposition::prefix_families;
use crate::admin::published_numbers::PublishedNumbers;
use crate::admin::state_families::STATE_FAMILIES;
use crate::settings::kept_settings::KeptSettings;
use crate::settings::limits::PREFIXES_SHOWN_MAX;
use crate::shared::resource_usage::{ResourceUsage, resident_bytes};
use crate::shared::shared_state::{Backend, SharedState, SharedTls};

/// A family of the server as a whole, with one series.
pub(super) struct ServerFamily {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    /// Names of the labels that `labels` gives.
    pub(super) label_names: &'static [&'static str],
    labels: fn(&SharedState) -> Vec<Label>,
    value: fn(&SharedState) -> u64,
}

const fn counter(
    name: &'static str,
    help: &'static str,
    value: fn(&SharedState) -> u64,
) -> ServerFamily {
    ServerFamily {
        name,
        kind: Kind::Counter,
        help,
        label_names: &[],
        labels: |_| Vec::new(),
        value,
    }
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    value: fn(&SharedState) -> u64,
) -> ServerFamily {
    ServerFamily { name, kind: Kind::Gauge, help, label_names: &[], labels: |_| Vec::new(), value }
}

/// A gauge that is always 1. Its labels carry the information.
const fn labelled(
    name: &'static str,
    help: &'static str,
    label_names: &'static [&'static str],
    labels: fn(&SharedState) -> Vec<Label>,
) -> ServerFamily {
    ServerFamily { name, kind: Kind::Gauge, help, label_names, labels, value: |_| 1 }
}

/// Those of `memcached_exporter` first; its uptime is a counter without `_total`, so it is here.
#[rustfmt::skip]
pub(super) static SERVER_FAMILIES: &[ServerFamily] = &[
    gauge("memcached_up", "Whether the server answers: always 1 here.", |_| 1),
    labelled("memcached_version", "The memcached version that the server reports.",
        &["version"], |_| vec![Label::new("version", MEMCACHED_VERSION)]),
    counter("memcached_uptime_seconds", "Seconds since the start.",
        |shared| shared.clock.uptime()),
    gauge("memcached_time_seconds", "The server's clock, in seconds since 1970.",
        |shared| shared.clock.now().unix()),
    gauge("memcached_max_connections", "Client connections at most.",
        |shared| shared.settings.connections_max as u64),
    gauge("memcached_accepting_connections", "Whether connections are accepted.",
        |shared| shared.admission.is_accepting().into()),
    counter("memcached_connections_rejected_total",
        "Connections turned away because there were too many.",
        |shared| shared.admission.rejected_connections()),
    counter("memcached_connections_listener_disabled_total",
        "Times that accepting stopped because there were too many connections.",
        |shared| shared.admission.pauses()),
    gauge("memcached_limit_bytes", "Memory for items and index.",
        |shared| shared.memory.bytes() as u64),
    gauge("memcached_malloced_bytes", "Memory that chunks have had.", SharedState::malloced_bytes),
    gauge("memcached_lru_crawler_enabled", "Whether dead items are looked for in the background.",
        |shared| shared.run_time.crawls().into()),
    gauge("memcached_lru_crawler_sleep",
        "lru_crawler_sleep in microseconds: kept without effect.",
        |shared| shared.run_time.get().crawler_sleep.into()),
    gauge("memcached_lru_crawler_to_crawl", "lru_crawler_tocrawl: kept without effect.",
        |shared| shared.run_time.get().crawler_items_max.into()),
    gauge("memcached_lru_crawler_maintainer_thread",
        "Whether there are the stats of memcached's LRU maintainer.",
        |shared| shared.settings.lru_maintainer.into()),
    gauge("memcached_lru_crawler_hot_percent",
        "Share of items that HOT may have in its slab class, in percent.",
        |shared| shared.run_time.get().hot_percent.into()),
    gauge("memcached_lru_crawler_warm_percent",
        "Share of items that WARM may have in its slab class, in percent.",
        |shared| shared.run_time.get().warm_percent.into()),
    labelled("slabcore_build_info", "Name and version of this server.", &["product", "version"],
        |shared| {
            let product = shared.settings.product;
            let (name, version) = product.split_once(' ').unwrap_or((product, ""));
            vec![Label::new("product", name), Label::new("version", version)]
        }),
    labelled("slabcore_backend_info", "How the sockets are driven.",
        &["backend"], |shared| vec![Label::new("backend", shared.backend.name())]),
    labelled("slabcore_recovery_info", "What became of the items of an earlier process (-e).",
        &["kind"], |shared| {
            let kind = shared.recovery.get().map_or("none", |recovery| recovery.kind.name());
            vec![Label::new("kind", kind)]
        }),
    gauge("slabcore_recovered_items", "Items of an earlier process that the start found.",
        |shared| shared.recovery.get().map_or(0, |recovery| recovery.found.items)),
    gauge("slabcore_recovered_dropped_items",
        "Items of an earlier process that were not whole or found no room.",
        |shared| shared.recovery.get().map_or(0, |recovery| recovery.found.dropped)),
    gauge("slabcore_absence_seconds", "Seconds without a server before this one (-e).",
        |shared| shared.recovery.get().map_or(0, |recovery| recovery.absence_seconds)),
    gauge("slabcore_shards", "Shards, one executor each.",
        |shared| shared.settings.shards as u64),
    gauge("slabcore_serving_executors", "Executors that connections are gathered on.",
        |shared| shared.serving.executors() as u64),
    gauge("slabcore_pages", "Pages of the item memory.",
        |shared| shared.pages.pages_total() as u64),
    gauge("slabcore_pages_free", "Pages that no shard owns.",
        |shared| shared.pages.pages_free() as u64),
    counter("slabcore_tls_sessions_total", "TLS handshakes that resumed no session.",
        |shared| tls_count(shared, |tls| &tls.new_sessions)),
    counter("slabcore_tls_handshakes_failed_total", "TLS handshakes that failed.",
        |shared| tls_count(shared, |tls| &tls.handshake_errors)),
    counter("slabcore_tls_protocol_errors_total",
        "Connections that sent invalid TLS after their handshake.",
        |shared| tls_count(shared, |tls| &tls.protocol_errors)),
    gauge("slabcore_snapshot_running", "Whether a snapshot is being written.",
        |shared| shared.snapshots.is_under_way().into()),
    gauge("slabcore_snapshot_items", "Items of the snapshot under way so far, or of the last one.",
        |shared| shared.snapshots.items_and_bytes().0),
    gauge("slabcore_snapshot_bytes", "Bytes of the snapshot under way so far, or of the last one.",
        |shared| shared.snapshots.items_and_bytes().1),
    gauge("slabcore_snapshot_last_seconds",
        "Seconds since the last snapshot was complete; 0 if there is none.",
        |shared| shared.snapshots.seconds_since_last()),
    counter("slabcore_snapshot_errors_total", "Snapshots that failed.",
        |shared| shared.snapshots.errors()),
    gauge("slabcore_restored_items", "Items restored from a snapshot at the start.",
        |shared| shared.snapshots.restored().items),
    gauge("slabcore_restored_dropped",
        "Items of that snapshot that had expired or found no room.",
        |shared| shared.snapshots.restored().dropped),
    gauge("slabcore_watchers", "Clients that read the log with `watch`.",
        |shared| shared.watchers.counts().watchers),
    gauge("slabcore_subscribers", "Clients that read messages of others (`SUBSCRIBE`).",
        |shared| shared.redis.subscriptions.counts().clients as u64),
    gauge("slabcore_resident_memory_bytes", "Memory of the process that is in RAM.",
        |_| resident_bytes()),
    gauge("slabcore_page_bytes", "Bytes of a page.", |_| slabcore_storage::PAGE_BYTES as u64),
];

/// A counter of TLS; 0 without it.
fn tls_count(shared: &SharedState, counter: fn(&SharedTls) -> &AtomicU64) -> u64 {
    shared.tls.as_ref().map_or(0, |tls| counter(tls).load(Ordering::Relaxed))
}

/// Why no table of series has one.
const HISTOGRAMS: &str = "histograms have a table of their own";

enum Handle {
    Counter(metrics::Counter),
    Gauge(metrics::Gauge),
}

/// The source of a series' value.
enum Origin {
    Sum(Source),
    Shard(usize, Source),
    Server(fn(&SharedState) -> u64),
}

/// All series. They are registered once.
pub(super) struct Exposition {
    exporter: PrometheusHandle,
    series: Vec<(Handle, Origin)>,
}

impl Exposition {
    /// Registers the series of `shared`.
    pub(super) fn new(shared: &SharedState) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let mut series = Vec::new();
        for family in SERVER_FAMILIES {
            describe(&recorder, family.name, family.kind, family.help);
            let labels = (family.labels)(shared);
            let handle = register(&recorder, family.name, family.kind, labels);
            series.push((handle, Origin::Server(family.value)));
        }
        for family in FAMILIES {
            describe(&recorder, family.name, family.kind, family.help);
            for one in family.series {
                let handle = register(&recorder, family.name, family.kind, labels(one.labels));
                series.push((handle, Origin::Sum(one.source)));
            }
        }
        for family in SHARD_FAMILIES.iter().filter(|family| exists(family, &shared.backend)) {
            describe(&recorder, family.name, family.kind, family.help);
            for shard in 0..shared.metrics.len() {
                for one in family.series {
                    let mut labels = labels(one.labels);
                    labels.push(Label::new("shard", shard.to_string()));
                    let handle = register(&recorder, family.name, family.kind, labels);
                    series.push((handle, Origin::Shard(shard, one.source)));
                }
            }
        }
        Self { exporter: recorder.handle(), series }
    }

    /// Renders the exposition with these numbers.
    pub(super) fn render(&self, shared: &SharedState, numbers: &PublishedNumbers) -> String {
        for (handle, origin) in &self.series {
            let value = match origin {
                Origin::Sum(source) => source.value(&numbers.sum),
                Origin::Shard(shard, source) => source.value(&numbers.shards[*shard]),
                Origin::Server(value) => value(shared),
            };
            match handle {
                Handle::Counter(counter) => counter.absolute(value),
                Handle::Gauge(gauge) => gauge.set(value as f64),
            }
        }
        let rendered = self.exporter.render();
        let mut families: Vec<String> =
            rendered.split("\n\n").filter(|it| !it.is_empty()).map(in_order).collect();
        families.extend(cpu_seconds(&ResourceUsage::now()));
        families.extend(lru_factors(&shared.run_time.get()));
        families.extend(STATE_FAMILIES.iter().map(|family| family.text(shared, numbers)));
        families.extend(class_families(numbers, shared.item_columns()));
        families.extend(histogram_families(shared.timings.iter().map(Arc::as_ref)));
        if shared.counts_prefixes.load(Ordering::Relaxed) {
            let counts = shared.publications.prefixes(PREFIXES_SHOWN_MAX);
            families.extend(prefix_families(&counts));
        }
        families.extend(shared.publications.curve().iter().flat_map(curve_families));
        families.sort_unstable();
        families.concat()
    }
}

/// Counters that only a ring has.
const OF_THE_RING: [Source; 3] = [
    Source::Counter(Counter::RingEnters),
    Source::Counter(Counter::RingCompletions),
    Source::Counter(Counter::ReceiveBuffersExhausted),
];

/// Whether a family exists with this backend.
fn exists(family: &Family, backend: &Backend) -> bool {
    let is_of_the_ring = family.series.iter().any(|it| OF_THE_RING.contains(&it.source));
    matches!(backend, Backend::Uring(_)) || !is_of_the_ring
}

fn labels(pairs: &[(&'static str, &'static str)]) -> Vec<Label> {
    pairs.iter().map(|&(name, value)| Label::from_static_parts(name, value)).collect()
}

fn describe(recorder: &PrometheusRecorder, name: &'static str, kind: Kind, help: &'static str) {
    let name = KeyName::from_const_str(name);
    match kind {
        Kind::Counter => recorder.describe_counter(name, None, help.into()),
        Kind::Gauge => recorder.describe_gauge(name, None, help.into()),
        Kind::Histogram => unreachable!("{HISTOGRAMS}"),
    }
}

fn register(
    recorder: &PrometheusRecorder,
    name: &'static str,
    kind: Kind,
    labels: Vec<Label>,
) -> Handle {
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    let key = Key::from_parts(name, labels);
    match kind {
        Kind::Counter => Handle::Counter(recorder.register_counter(&key, &metadata)),
        Kind::Gauge => Handle::Gauge(recorder.register_gauge(&key, &metadata)),
        Kind::Histogram => unreachable!("{HISTOGRAMS}"),
    }
}

/// A family's lines with its samples in the order of their labels. The exporter keeps families and
/// samples in hash maps: each scrape would show them in another order.
fn in_order(family: &str) -> String {
    let mut lines: Vec<&str> = family.lines().collect();
    // Comments start with '#', which sorts before any name, and HELP before TYPE.
    lines.sort_unstable();
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// A family with one value that is not a whole number: its text is written here.
pub(super) struct FractionFamily {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

impl FractionFamily {
    const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, help }
    }

    fn text(&self, value: impl Display) -> String {
        let Self { name, help, kind } = *self;
        format!("# HELP {name} {help}\n# TYPE {name} {}\n{name} {value}\n", kind.name())
    }
}

/// `hot_max_factor` and `warm_max_factor`, as the exporter would write them.
pub(super) static LRU_FACTORS: [FractionFamily; 2] = [
    FractionFamily::new(
        "memcached_lru_crawler_hot_max_factor",
        Kind::Gauge,
        "Greatest age in HOT, in terms of the age of evicted items.",
    ),
    FractionFamily::new(
        "memcached_lru_crawler_warm_max_factor",
        Kind::Gauge,
        "Greatest age in WARM, in terms of the age of evicted items.",
    ),
];

fn lru_factors(kept: &KeptSettings) -> [String; 2] {
    let [hot, warm] = &LRU_FACTORS;
    [hot.text(kept.hot_factor), warm.text(kept.warm_factor)]
}

/// Counters with fractions, which the exporter does not support.
pub(super) static CPU_SECONDS: [FractionFamily; 2] = [
    FractionFamily::new(
        "memcached_process_user_cpu_seconds_total",
        Kind::Counter,
        "CPU time of the process in user mode.",
    ),
    FractionFamily::new(
        "memcached_process_system_cpu_seconds_total",
        Kind::Counter,
        "CPU time of the process in system mode.",
    ),
];

fn cpu_seconds(usage: &ResourceUsage) -> [String; 2] {
    let [user, system] = &CPU_SECONDS;
    [user.text(&usage.user), system.text(&usage.system)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ring_size::RingSize;
    use std::collections::HashSet;

    #[test]
    fn names_are_distinct_and_follow_the_rules() {
        let mut names: HashSet<&str> =
            FAMILIES.iter().chain(SHARD_FAMILIES).map(|family| family.name).collect();
        for family in SERVER_FAMILIES {
            let name = family.name;
            assert!(names.insert(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            // The exporter's own exception, see the table.
            let is_total = family.kind == Kind::Counter && name != "memcached_uptime_seconds";
            assert_eq!(name.ends_with("_total"), is_total, "{name}");
            assert!(family.help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn samples_are_sorted_below_their_comments() {
        let text =
            "# HELP x_total X.\n# TYPE x_total counter\nx_total{a=\"2\"} 1\nx_total{a=\"1\"} 2";
        let expected =
            "# HELP x_total X.\n# TYPE x_total counter\nx_total{a=\"1\"} 2\nx_total{a=\"2\"} 1\n";
        assert_eq!(in_order(text), expected);
    }

    #[test]
    fn cpu_seconds_keep_their_fraction() {
        let usage = ResourceUsage { user: "1.250000".to_owned(), system: "0.000001".to_owned() };
        let [user, system] = cpu_seconds(&usage);
        assert!(user.ends_with("\nmemcached_process_user_cpu_seconds_total 1.250000\n"), "{user}");
        assert!(system.ends_with("_system_cpu_seconds_total 0.000001\n"), "{system}");
    }

    #[test]
    fn counters_of_the_ring_exist_with_the_ring_only() {
        let epoll = Backend::Epoll(String::new());
        let hidden = SHARD_FAMILIES.iter().filter(|family| !exists(family, &epoll));
        let names: Vec<&str> = hidden.map(|family| family.name).collect();
        assert_eq!(
            names,
            [
                "slabcore_shard_ring_enters_total",
                "slabcore_shard_ring_completions_total",
                "slabcore_shard_receive_buffers_exhausted_total"
            ]
        );
        assert!(
            SHARD_FAMILIES.iter().all(|family| exists(family, &Backend::Uring(RingSize::FULL)))
        );
    }
}
