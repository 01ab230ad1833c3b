//! The text of `INFO`: what clients, exporters and tools look for, in Redis' words.
//!
//! What does not exist here is left out, except fields without which a client refuses to work:
//! these say that it does not exist.

use std::fmt::Write as _;

use slabcore_metrics::{Command, Counter, Gauge, Snapshot};
use slabcore_protocol::{DATABASES, RespCommand};
use slabcore_shard::{ExpirySample, ShardId};

use crate::executor::Executor;
use crate::requests::request_command::command_of_redis;
use crate::settings::limits::{INFO_SAMPLE_ITEMS, INFO_SAMPLE_LOOKS};
use crate::shared::redis_counts::RedisTotals;
use crate::shared::resource_usage::{ResourceUsage, resident_bytes};
use crate::shared::shared_state::SharedState;

/// The version of Redis whose commands this server has. Client libraries compare it.
pub(super) const REDIS_VERSION: &str = "7.4.0";

/// What the sections show.
struct Facts<'a> {
    shared: &'a SharedState,
    sum: Snapshot,
    databases: Vec<Database>,
    counts: RedisTotals,
}

/// The items of a database.
struct Database {
    items: u64,
    /// Those that expire, and the milliseconds that they have left on average: estimates.
    expiring: u64,
    left_ms: u64,
}

/// A section: its name in lower case, its head, whether it is shown without being asked for, and
/// its fields.
type Section = (&'static str, &'static str, bool, fn(&mut String, &Facts<'_>));

const SECTIONS: &[Section] = &[
    ("server", "Server", true, server),
    ("clients", "Clients", true, clients),
    ("memory", "Memory", true, memory),
    ("persistence", "Persistence", true, persistence),
    ("stats", "Stats", true, stats),
    ("replication", "Replication", true, replication),
    ("cpu", "CPU", true, cpu),
    ("modules", "Modules", true, |_, _| {}),
    ("commandstats", "Commandstats", false, command_stats),
    ("errorstats", "Errorstats", true, error_stats),
    ("cluster", "Cluster", true, cluster),
    ("keyspace", "Keyspace", true, keyspace),
];

/// The text. `asked`: names of sections. All shards are held.
pub(super) fn info(executor: &mut Executor, asked: &[&[u8]]) -> String {
    let facts = facts(executor);
    let is_asked = |name: &str| asked.iter().any(|it| it.eq_ignore_ascii_case(name.as_bytes()));
    let wants_all = is_asked("all") || is_asked("everything");
    let wants_default = asked.is_empty() || is_asked("default");
    let mut text = String::new();
    for (name, head, is_default, write) in SECTIONS {
        if wants_all || is_asked(name) || wants_default && *is_default {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            line(&mut text, format_args!("# {head}"));
            write(&mut text, &facts);
        }
    }
    text
}

fn facts(executor: &mut Executor) -> Facts<'_> {
    let now = executor.now;
    let sum = sum_of_shards(executor);
    let mut databases = Vec::new();
    for database in 0..DATABASES {
        let (mut items, mut sum) = (0, ExpirySample::default());
        for shard in ShardId::first(executor.router.shards()) {
            let shard = executor.shards.held(shard).expect("all shards are held");
            items += shard.items_in(database);
            let sample = shard.sample_expiring(now, database, INFO_SAMPLE_ITEMS, INFO_SAMPLE_LOOKS);
            sum.items += sample.items;
            sum.expiring += sample.expiring;
            sum.left_ms += sample.left_ms;
        }
        let expiring = (items * sum.expiring).checked_div(sum.items).unwrap_or(0);
        let left_ms = sum.left_ms.checked_div(sum.expiring).unwrap_or(0);
        databases.push(Database { items, expiring, left_ms });
    }
    let shared = &*executor.shared;
    let counts = shared.redis.baseline.since(&shared.redis.counts);
    Facts { shared, sum: shared.since_reset(&sum), databases, counts }
}

/// The numbers of all shards, which are held.
pub(super) fn sum_of_shards(executor: &Executor) -> Snapshot {
    let mut sum = Snapshot::new();
    for shard in ShardId::first(executor.router.shards()) {
        let shard = executor.shards.held(shard).expect("all shards are held");
        shard.publish();
        sum.merge(&shard.metrics().snapshot());
    }
    sum
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    write!(text, "{content}\r\n").expect("a string takes all");
}

macro_rules! fields {
    ($text:expr, $($name:literal: $value:expr),* $(,)?) => {
        $(line($text, format_args!("{}:{}", $name, $value));)*
    };
}

fn server(text: &mut String, facts: &Facts<'_>) {
    let shared = facts.shared;
    let uptime = shared.clock.uptime();
    let port = shared.redis_addresses.iter().chain(&shared.addresses).next();
    fields!(text,
        "redis_version": REDIS_VERSION,
        "slabcore_version": shared.settings.product.replace(' ', "-"),
        "redis_mode": "standalone",
        "os": format_args!("Linux {}", std::env::consts::ARCH),
        "arch_bits": usize::BITS,
        "multiplexing_api": shared.backend.name(),
        "process_id": std::process::id(),
        "run_id": shared.redis.run_id,
        "tcp_port": port.map_or(0, std::net::SocketAddr::port),
        "server_time_usec": crate::settings::kept_time::unix_microseconds(),
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime / 86_400,
        "io_threads_active": shared.serving.executors(),
    );
}

fn clients(text: &mut String, facts: &Facts<'_>) {
    let shared = facts.shared;
    fields!(text,
        "connected_clients": shared.admission.open_connections(),
        "maxclients": shared.settings.connections_max,
        // No command of this server waits for another client.
        "blocked_clients": 0,
        "pubsub_clients": shared.redis.subscriptions.counts().clients,
    );
}

fn memory(text: &mut String, facts: &Facts<'_>) {
    let (shared, sum) = (facts.shared, &facts.sum);
    let used = sum.gauge(Gauge::Bytes) + sum.gauge(Gauge::HashBytes);
    let resident = resident_bytes();
    let maximum = shared.memory.bytes() as u64;
    fields!(text,
        "used_memory": used,
        "used_memory_human": human(used),
        "used_memory_rss": resident,
        "used_memory_rss_human": human(resident),
        "used_memory_dataset": sum.gauge(Gauge::Bytes),
        "used_memory_overhead": sum.gauge(Gauge::HashBytes),
        "maxmemory": maximum,
        "maxmemory_human": human(maximum),
        "maxmemory_policy": policy(shared),
        "mem_allocator": "slabs",
    );
    if used > 0 {
        let ratio = resident as f64 / used as f64;
        fields!(text, "mem_fragmentation_ratio": format_args!("{ratio:.2}"));
    }
}

/// The name of the order of eviction that is nearest to ours.
pub(super) fn policy(shared: &SharedState) -> &'static str {
    if shared.settings.evict { "allkeys-lru" } else { "noeviction" }
}

fn persistence(text: &mut String, facts: &Facts<'_>) {
    let is_saving = u8::from(facts.shared.snapshots.state() == "writing");
    fields!(text, "loading": 0, "rdb_bgsave_in_progress": is_saving, "aof_enabled": 0);
}

fn stats(text: &mut String, facts: &Facts<'_>) {
    let (shared, sum) = (facts.shared, &facts.sum);
    let times = shared.request_times_since_reset();
    let subscriptions = shared.redis.subscriptions.counts();
    let commands: u64 = Command::ALL.iter().map(|command| times.of(*command).count()).sum();
    let expired = sum.get(Counter::Reclaimed)
        + sum.get(Counter::CrawlerReclaimed)
        + sum.get(Counter::GetExpired);
    fields!(text,
        "total_connections_received": sum.get(Counter::TotalConnections),
        "total_commands_processed": commands,
        "total_net_input_bytes": sum.get(Counter::BytesRead),
        "total_net_output_bytes": sum.get(Counter::BytesWritten),
        "rejected_connections": shared.admission.rejected_connections(),
        "expired_keys": expired,
        "evicted_keys": sum.get(Counter::Evictions),
        "keyspace_hits": sum.get(Counter::GetHits),
        "keyspace_misses": sum.get(Counter::GetMisses),
        "pubsub_channels": subscriptions.channels,
        "pubsub_patterns": subscriptions.patterns,
        "total_error_replies": facts.counts.errors(),
    );
}

fn replication(text: &mut String, facts: &Facts<'_>) {
    fields!(text,
        "role": "master",
        "connected_slaves": 0,
        "master_replid": facts.shared.redis.run_id,
        "master_repl_offset": 0,
    );
}

fn cpu(text: &mut String, _: &Facts<'_>) {
    let usage = ResourceUsage::now();
    fields!(text, "used_cpu_sys": usage.system, "used_cpu_user": usage.user);
}

/// How long a command took is known by kinds of commands only: all of a kind have its mean.
fn command_stats(text: &mut String, facts: &Facts<'_>) {
    let times = facts.shared.request_times_since_reset();
    for command in RespCommand::all() {
        let calls = facts.counts.calls(command);
        if calls > 0 {
            let kind = times.of(command_of_redis(command));
            let mean = kind.sum() as f64 / 1_000.0 / kind.count().max(1) as f64;
            let name = command.name();
            let all = (calls as f64 * mean) as u64;
            let content =
                format_args!("cmdstat_{name}:calls={calls},usec={all},usec_per_call={mean:.2}");
            line(text, content);
        }
    }
}

fn error_stats(text: &mut String, facts: &Facts<'_>) {
    if facts.counts.errors() > 0 {
        line(text, format_args!("errorstat_ERR:count={}", facts.counts.errors()));
    }
}

fn cluster(text: &mut String, _: &Facts<'_>) {
    fields!(text, "cluster_enabled": 0);
}

fn keyspace(text: &mut String, facts: &Facts<'_>) {
    for (database, it) in facts.databases.iter().enumerate().filter(|(_, it)| it.items > 0) {
        let Database { items, expiring, left_ms } = it;
        let content =
            format_args!("db{database}:keys={items},expires={expiring},avg_ttl={left_ms}");
        line(text, content);
    }
}

/// Bytes as Redis shows them to people.
fn human(bytes: u64) -> String {
    const UNITS: [(u64, char); 3] = [(1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, letter)) => format!("{:.2}{letter}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}
