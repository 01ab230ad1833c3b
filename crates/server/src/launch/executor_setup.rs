//! What executors start from: the shared, which all share, and a setup for each.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Instant;

use crossbeam_channel::Receiver;
use slabcore_metrics::{ShardMetrics, ShardTimings};
use slabcore_shard::{Router, Shard, ShardId};
use slabcore_storage::{Config, NoMemory, Recovered};
use tracing::info;

use crate::drivers::udp_port::UdpPort;
use crate::executor::Executor;
use crate::executor::page_demand;
use crate::executor::shards::SharedShard;
use crate::hub::Hub;
use crate::launch::item_pages::ItemPages;
use crate::launch::restoring;
use crate::settings::Settings;
use crate::settings::address::Transport;
use crate::settings::listener::{DatagramSocket, Listener};
use crate::settings::log;
use crate::settings::port_socket::PortSocket;
use crate::settings::start_error::StartError;
use crate::shared::admission::Admission;
use crate::shared::due_ticks::DueTicks;
use crate::shared::hand_over::HandOver;
use crate::shared::item_memory_limit::ItemMemoryLimit;
use crate::shared::mailbox::{Mailbox, Message};
use crate::shared::publication::Publications;
use crate::shared::publish_signal::PublishSignal;
use crate::shared::run_time_settings::RunTimeSettings;
use crate::shared::serving::Serving;
use crate::shared::shared_redis::SharedRedis;
use crate::shared::shared_state::{Backend, Recovery, RecoveryKind, SharedState, SharedTls};
use crate::shared::snapshot_numbers::SnapshotNumbers;
use crate::shared::watchers::Watchers;

/// What one executor is made from.
pub(crate) struct ExecutorSetup {
    index: usize,
    shards: Arc<[SharedShard]>,
    router: Router,
    receiver: Receiver<Message>,
    udp_sockets: Vec<OwnedFd>,
}

impl ExecutorSetup {
    /// Makes the executor's hub and UDP port, on the thread that is to serve them.
    pub(crate) fn make_hub(self, shared: Arc<SharedState>) -> (Hub, UdpPort) {
        let executor = Executor::new(ShardId::new(self.index), self.shards, self.router, shared);
        (Hub::new(executor, self.receiver), UdpPort::new(self.udp_sockets))
    }

    /// All shards.
    pub(crate) fn shards(&self) -> Arc<[SharedShard]> {
        Arc::clone(&self.shards)
    }
}

/// Maps the item memory, and makes the shared state and the setups of all executors.
pub(crate) fn make_setups(
    settings: Settings,
    backend: Backend,
    listeners: &[Listener],
    udp_sockets: Vec<DatagramSocket>,
    seed: u64,
) -> Result<(Arc<SharedState>, Vec<ExecutorSetup>), StartError> {
    let begin = Instant::now();
    let pages = ItemPages::map(&settings, seed)?;
    let (mailboxes, receivers) = (0..settings.shards)
        .map(|_| Mailbox::new().map_err(|error| StartError::System("make a mailbox", error)))
        .collect::<Result<(Vec<_>, Vec<_>), _>>()?;
    let metrics = (0..settings.shards).map(|_| Arc::new(ShardMetrics::new())).collect();
    let timings = (0..settings.shards).map(|_| Arc::new(ShardTimings::new())).collect();
    let shared = Arc::new(SharedState {
        users: settings.users.clone().map(Mutex::new),
        tls: settings.tls.clone().map(SharedTls::new),
        memory: ItemMemoryLimit::new(settings.memory_bytes, pages.range),
        has_large_values: AtomicBool::new(false),
        watchers: Watchers::new(settings.shards),
        run_time: RunTimeSettings::new(&settings),
        verbosity: AtomicU64::new(u64::from(settings.verbosity)),
        clock: pages.clock,
        serving: Serving::new(settings.shards, settings.gathers_connections),
        backend,
        mailboxes,
        metrics,
        timings,
        due_ticks: DueTicks::new(settings.shards),
        publish_signals: (0..settings.shards).map(|_| PublishSignal::default()).collect(),
        publications: Publications::new(settings.shards),
        class_tables: (0..settings.shards).map(|_| Mutex::default()).collect(),
        pages: Arc::clone(&pages.pool),
        memory_file: pages.file.clone(),
        recovery: OnceLock::new(),
        snapshots: SnapshotNumbers::default(),
        baseline: Mutex::default(),
        hand_over: HandOver::default(),
        admission: Admission::new(settings.connections_max),
        counts_prefixes: AtomicBool::new(settings.prefix_delimiter.is_some()),
        addresses: addresses_of(listeners, |it| it.shard.is_none() && !it.speaks_redis()),
        redis_addresses: addresses_of(listeners, Listener::speaks_redis),
        udp_addresses: udp_sockets.iter().map(|it| it.address).collect(),
        port_sockets: port_sockets(listeners, &udp_sockets),
        shard_ports: (0..settings.shards)
            .filter_map(|index| addresses_of(listeners, |it| it.shard == Some(index)).pop())
            .map(|address| address.port())
            .collect(),
        redis: SharedRedis::new(settings.shards),
        settings,
    });
    let shards = make_shards(&shared, &pages, begin)?;
    page_demand::connect(&shards);
    if let Some(path) = &shared.settings.snapshots.restore {
        let router = Router::new(pages.hasher.clone(), shards.len());
        restoring::restore(&shared, &shards, &router, path, pages.is_kept);
    }
    let setups = receivers.into_iter().enumerate().map(|(index, receiver)| ExecutorSetup {
        index,
        shards: Arc::clone(&shards),
        router: Router::new(pages.hasher.clone(), shards.len()),
        receiver,
        udp_sockets: Vec::new(),
    });
    let mut setups: Vec<ExecutorSetup> = setups.collect();
    for (number, it) in udp_sockets.into_iter().enumerate() {
        setups[number % shared.settings.shards].udp_sockets.push(it.socket);
    }
    Ok((shared, setups))
}

/// All listening sockets, then those for datagrams.
fn port_sockets(listeners: &[Listener], udp_sockets: &[DatagramSocket]) -> Vec<PortSocket> {
    let listening = listeners.iter().map(|it| PortSocket::new(&it.socket, Transport::Stream));
    let datagrams = udp_sockets.iter().map(|it| PortSocket::new(&it.socket, Transport::Udp));
    listening.chain(datagrams).collect()
}

/// The addresses of the chosen listeners.
fn addresses_of(listeners: &[Listener], chosen: impl Fn(&Listener) -> bool) -> Vec<SocketAddr> {
    listeners.iter().filter(|it| chosen(it)).filter_map(|it| it.address).collect()
}

/// How a shard is made.
type MakeShard<'a> = dyn Fn(&Config, Arc<ShardMetrics>) -> Result<Shard, NoMemory> + 'a;

/// Makes all shards. If there are items of an earlier process, the shards are attached by the
/// records that it left. Without records each shard searches its own pages for items, on a thread
/// of its own.
fn make_shards(
    shared: &SharedState,
    pages: &ItemPages,
    begin: Instant,
) -> Result<Arc<[SharedShard]>, StartError> {
    let all = |make: &MakeShard<'_>| {
        let shards = (0..shared.settings.shards).map(|index| make_shard(shared, index, make));
        shards.collect::<Result<Arc<[SharedShard]>, _>>()
    };
    let (pool, hasher) = (|| Arc::clone(&shared.pages), || pages.hasher.clone());
    if !pages.is_kept {
        let shards = all(&|config, metrics| Shard::new(config, pool(), hasher(), metrics))?;
        pages.keep();
        if pages.file.is_some() {
            let is_first = pages.reason.is_empty();
            let kind = if is_first { RecoveryKind::None } else { RecoveryKind::Empty };
            note_recovery(shared, pages, kind, Recovered::default(), begin);
        }
        return Ok(shards);
    }
    let attach =
        |config: &Config, metrics| Shard::attach(config, pool(), hasher(), metrics).ok_or(NoMemory);
    let attached = if shared.pages.has_records() { all(&attach).ok() } else { None };
    let (kind, found, shards) = if let Some(shards) = attached {
        let items = shards.iter().map(SharedShard::items).sum();
        (RecoveryKind::Attached, Recovered { items, ..Recovered::default() }, shards)
    } else {
        shared.pages.recover_instead(shared.settings.shards as u32);
        let make =
            |config: &Config, metrics| Shard::for_recovery(config, pool(), hasher(), metrics);
        let shards = all(&make)?;
        (RecoveryKind::Scanned, search(shared, &shards), shards)
    };
    shards.iter().for_each(|shard| shard.resume_flush(shared.clock.now()));
    pages.keep_over_reboot();
    let (kind, found) = match pages.lost {
        Some(lost) => (RecoveryKind::Rehomed, found.and(lost)),
        None => (kind, found),
    };
    note_recovery(shared, pages, kind, found, begin);
    Ok(shards)
}

/// Has the shards search for their items.
fn search(shared: &SharedState, shards: &[SharedShard]) -> Recovered {
    let now = shared.clock.now();
    let mut found = Recovered::default();
    thread::scope(|scope| {
        let threads: Vec<_> =
            shards.iter().map(|shard| scope.spawn(move || shard.recover(now))).collect();
        for thread in threads {
            found.add(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
    });
    found
}

/// Notes what became of the items of an earlier process, for the log and statistics.
fn note_recovery(
    shared: &SharedState,
    pages: &ItemPages,
    kind: RecoveryKind,
    found: Recovered,
    begin: Instant,
) {
    let Recovered { items, dead, dropped } = found;
    let milliseconds = begin.elapsed().as_millis() as u64;
    let absence_seconds = pages.file.as_ref().map_or(0, |file| file.absence_seconds());
    match kind {
        RecoveryKind::None | RecoveryKind::Empty => {}
        RecoveryKind::Attached => info!(
            "slabcore: {items} items are there again after {absence_seconds} s, attached in \
             {milliseconds} ms"
        ),
        RecoveryKind::Scanned => info!(
            "slabcore: {items} items are there again after {absence_seconds} s, {dead} were dead, \
             {dropped} not whole; searched for {milliseconds} ms: {}",
            pages.reason
        ),
        RecoveryKind::Rehomed => info!(
            "slabcore: {items} items are there again after {absence_seconds} s, {dead} were dead, \
             {dropped} not whole or without room; moved in {milliseconds} ms: {}",
            pages.reason
        ),
    }
    let reason = pages.reason.clone();
    let recovery = Recovery { kind, reason, absence_seconds, found, milliseconds };
    let _ = shared.recovery.set(recovery);
}

fn make_shard(
    shared: &SharedState,
    index: usize,
    make: &MakeShard<'_>,
) -> Result<SharedShard, StartError> {
    let settings = &shared.settings;
    let config = Config {
        shards: settings.shards as u32,
        shard: index as u32,
        item_bytes_max: settings.item_bytes_max,
        growth_factor: settings.growth_factor,
        chunk_bytes_min: settings.chunk_bytes_min,
        evict: settings.evict,
        cas: settings.cas,
        fair_share_pages: shared.pages.pages_total() / settings.shards,
        track_sizes: settings.track_sizes,
        miss_curve: settings.has_miss_ratio_curve(),
    };
    let metrics = Arc::clone(&shared.metrics[index]);
    let mut shard = make(&config, metrics).map_err(|_| StartError::TooLittleMemory)?;
    if let Some(delimiter) = settings.prefix_delimiter {
        shard.begin_detail(delimiter);
    }
    if !settings.hot_keys {
        shard.ignore_hot_keys();
    }
    if index == 0 && u64::from(settings.verbosity) >= log::COMMANDS {
        log::slab_classes(shard.store());
    }
    Ok(SharedShard::new(shard))
}
