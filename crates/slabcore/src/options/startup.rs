//! The given options, checked: settings of the server, and the life of the process. Defaults,
//! ranges and messages are memcached's.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use slabcore_server::settings::{BackendChoice, Keeping, Placement, Settings, SnapshotSettings};
use slabcore_server::{KeptSettings, Tls};

use super::access::Access;
use super::command_line::{GivenOptions, IgnoredOption};
use super::lifecycle::Lifecycle;
use super::option_table::DELIMITER;
use super::option_values::{item_bytes, leading_number, memory_bytes, number};
use super::sockets::{
    Port, interfaces, listen_backlog, listening, shard_ports, tcp_port, udp, udp_port, unix_mask,
};
use super::suboptions::{self, SLAB_PAGE_BYTES, SlabChunks, Suboptions};
use super::tls_suboptions::TlsSuboptions;
use crate::process::Cores;
use crate::refusal::Refusal;

/// Name and version of this server.
pub(crate) const PRODUCT: &str = concat!("slabcore ", env!("CARGO_PKG_VERSION"));

/// The largest number of shards: there are tables by pairs of shards. memcached warns above it.
const SHARDS_MAX: usize = 64;
/// The most `-v` that change what is logged: `-vv`.
const VERBOSITY_LOGGED_MAX: u8 = 2;
/// The most `-v` that `stats settings` shows.
const VERBOSITY_MAX: u8 = 3;
/// The range of `-I` in bytes.
const ITEM_BYTES: std::ops::RangeInclusive<usize> = 1 << 10..=1 << 30;

/// The largest `--snapshot-every`: a month.
const SNAPSHOT_SECONDS_MAX: u32 = 31 * 24 * 60 * 60;

/// What the program starts: the server's settings, the life of the process, and its user.
#[derive(Debug)]
pub(crate) struct Startup {
    pub(crate) settings: Settings,
    pub(crate) lifecycle: Lifecycle,
    /// `-u`.
    pub(crate) user: Option<String>,
    /// Warnings, one line each.
    pub(crate) warnings: Vec<String>,
}

impl Startup {
    /// Checks all options. `port_file` is `MEMCACHED_PORT_FILENAME`.
    pub(crate) fn of(
        given: &GivenOptions,
        cores: &Cores,
        port_file: Option<PathBuf>,
        access: Access,
    ) -> Result<Self, Refusal> {
        let mut warnings = warnings_of_options(given);
        let mut suboptions = suboptions::parse(given.all("extended"))?;
        warnings.append(&mut suboptions.warnings);
        let defaults = Settings::default();
        let connections_max = connections_max(given, &defaults)?;
        let requests_per_event_max = requests_per_event_max(given, &defaults)?;
        let chunk_bytes_min = chunk_bytes_min(given, &defaults)?;
        let (shards, placement) = shards(given, cores, &mut warnings)?;
        let memory_bytes = memory(given, &defaults)?;
        let item_bytes_max =
            largest_item(given, &defaults, memory_bytes, &mut suboptions.slab_chunks)?;
        check_chunk_bytes(chunk_bytes_min, item_bytes_max)?;
        let kept = kept_settings(given, &suboptions)?;
        let tls = tls(given, suboptions.tls, &mut warnings)?;
        let listen = listening(given, tls.as_ref(), access.login_protocol(), &mut warnings)?;
        let settings = Settings {
            udp: udp(given, &listen, tls.as_ref(), &mut warnings)?,
            shard_ports: shard_ports(given, &listen, shards)?,
            moving: defaults.moving,
            gathers_connections: !given.flag("spread-connections"),
            interfaces: interfaces(given),
            listen,
            memory_bytes,
            keeping: keeping(given)?,
            snapshots: snapshots(given)?,
            shards,
            placement,
            connections_max,
            item_bytes_max,
            growth_factor: growth_factor(given, &defaults)?,
            chunk_bytes_min,
            evict: !given.flag("disable-evictions"),
            cas: !given.flag("disable-cas"),
            prefix_delimiter: prefix_delimiter(given)?,
            track_sizes: suboptions.track_sizes,
            hot_keys: !given.flag("disable-hot-keys"),
            miss_ratio_curve: !given.flag("disable-miss-ratio-curve"),
            requests_per_event_max,
            flush_all: !given.flag("disable-flush-all"),
            dump: !given.flag("disable-dumping"),
            watch: !given.flag("disable-watch"),
            shutdown: given.flag("enable-shutdown"),
            protocol: access.protocol,
            sasl: access.sasl,
            users: access.users,
            tls,
            listen_backlog: listen_backlog(given, &defaults),
            lock_memory: given.flag("lock-memory"),
            huge_pages: given.flag("enable-largepages"),
            verbosity: given.verbosity().min(VERBOSITY_MAX),
            backend: backend(given)?,
            metrics_listen: metrics_listen(given, &defaults)?,
            port_file,
            product: PRODUCT,
            idle_timeout: NonZeroU32::new(suboptions.idle_timeout),
            maxconns_fast: suboptions.maxconns_fast,
            lru_crawler: suboptions.lru_crawler,
            lru_maintainer: suboptions.lru_maintainer,
            slab_reassign: suboptions.slab_reassign,
            kept,
        };
        let user = given.last("user").map(str::to_owned);
        Ok(Self { settings, lifecycle: Lifecycle::of(given)?, user, warnings })
    }
}

/// `-e` or `--keep-memory`, and `--restart-within`.
fn keeping(given: &GivenOptions) -> Result<Keeping, Refusal> {
    let memory_file = given.last("memory-file").map(PathBuf::from);
    let keep_memory = given.flag("keep-memory");
    if keep_memory && memory_file.is_some() {
        return Err(Refusal::usage("ERROR: --keep-memory and -e are two places for the items."));
    }
    let is_kept = keep_memory || memory_file.is_some();
    let restart_within = restart_within(given, is_kept)?;
    Ok(Keeping { memory_file, keep_memory, inherited: None, restart_within })
}

/// `--restart-within`.
fn restart_within(given: &GivenOptions, is_kept: bool) -> Result<Option<u64>, Refusal> {
    let Some(word) = given.last("restart-within") else { return Ok(None) };
    let seconds = number(word).map(Some).ok_or_else(|| {
        Refusal::usage(format!("Invalid time to restart within: {word}\n -- should be seconds"))
    });
    if !is_kept {
        return Err(Refusal::usage("ERROR: --restart-within needs -e or --keep-memory."));
    }
    seconds
}

/// The values without effect, for `stats settings`.
fn kept_settings(given: &GivenOptions, suboptions: &Suboptions) -> Result<KeptSettings, Refusal> {
    let kept = suboptions.kept.clone();
    Ok(KeptSettings {
        tcp_port: tcp_port(given)?.as_written(),
        udp_port: udp_port(given)?.unwrap_or(Port::None).as_written(),
        unix_mask: unix_mask(given)?,
        napi_ids: given.last("napi-ids").and_then(number).unwrap_or(0),
        memory_file: given.last("memory-file").map(str::to_owned),
        slab_chunk_bytes_max: kept.slab_chunk_bytes_max.map(|_| suboptions.slab_chunks.bytes_max),
        tls: suboptions.tls.words().clone(),
        ..kept
    })
}

/// `-Z`.
fn tls(
    given: &GivenOptions,
    suboptions: TlsSuboptions,
    warnings: &mut Vec<String>,
) -> Result<Option<Tls>, Refusal> {
    let is_enabled = given.flag("enable-ssl");
    if is_enabled && tcp_port(given)? == Port::None {
        return Err(Refusal::usage("ERROR: You cannot enable SSL without a TCP port."));
    }
    suboptions.load(is_enabled, warnings)
}

/// Warnings about the file of options, about options without effect, and about words that are read
/// as another number.
fn warnings_of_options(given: &GivenOptions) -> Vec<String> {
    let mut warnings = given.warnings.clone();
    for IgnoredOption { short, why } in given.ignored() {
        warnings.push(format!("warning: -{short} has no effect: {why}"));
    }
    if given.flag("enable-largepages") && given.last("memory-file").is_some() {
        let warning = "warning: -L has no effect with -e: mount a hugetlbfs for the file instead";
        warnings.push(warning.to_owned());
    }
    for (option, id) in [("-U", "udp-port"), ("-b", "listen-backlog")] {
        if let Some(word) = given.last(id).filter(|word| number::<i32>(word).is_none()) {
            let n = leading_number(word);
            warnings.push(format!("warning: {option} {word} is read as {option} {n}"));
        }
    }
    if given.verbosity() > VERBOSITY_LOGGED_MAX {
        let warning = "warning: -vvv logs no more than -vv";
        warnings.push(warning.to_owned());
    }
    warnings
}

/// Parses a number of at least 1. `what` begins memcached's message.
fn at_least_one(
    given: &GivenOptions,
    id: &str,
    default: usize,
    what: &str,
) -> Result<usize, Refusal> {
    match given.last(id).map(number::<usize>) {
        None => Ok(default),
        Some(Some(n)) if n > 0 => Ok(n),
        Some(_) => Err(Refusal::bad_option(format!("{what} must be greater than 0"))),
    }
}

/// `-c`.
fn connections_max(given: &GivenOptions, defaults: &Settings) -> Result<usize, Refusal> {
    at_least_one(given, "conn-limit", defaults.connections_max, "Maximum connections")
}

/// `-n`.
fn chunk_bytes_min(given: &GivenOptions, defaults: &Settings) -> Result<usize, Refusal> {
    at_least_one(given, "slab-min-size", defaults.chunk_bytes_min, "Chunk size")
}

/// `-n` against `-I`.
fn check_chunk_bytes(chunk_bytes_min: usize, item_bytes_max: usize) -> Result<(), Refusal> {
    if chunk_bytes_min < item_bytes_max {
        return Ok(());
    }
    Err(Refusal::bad_option("Chunk size must be less than the item size limit (-I)"))
}

/// `-R`.
fn requests_per_event_max(given: &GivenOptions, defaults: &Settings) -> Result<usize, Refusal> {
    let what = "Number of requests per event";
    at_least_one(given, "max-reqs-per-event", defaults.requests_per_event_max, what)
}

/// `-t` and `--cores`.
fn shards(
    given: &GivenOptions,
    cores: &Cores,
    warnings: &mut Vec<String>,
) -> Result<(usize, Placement), Refusal> {
    let named = given.last("cores").map(|list| cores.parse(list)).transpose()?;
    let default = named.as_ref().map_or_else(|| cores.default_shards(), Vec::len);
    let shards = at_least_one(given, "threads", default.min(SHARDS_MAX), "Number of threads")?;
    if shards > SHARDS_MAX {
        warnings.push(format!("warning: -t {shards}: only {SHARDS_MAX} shards are started"));
    }
    let shards = shards.min(SHARDS_MAX);
    check_napi_ids(given, shards)?;
    Ok((shards, Placement::choose(shards, &cores.usable, named)))
}

/// `-N`, which has no effect, is checked with memcached's messages.
fn check_napi_ids(given: &GivenOptions, shards: usize) -> Result<(), Refusal> {
    let ids = at_least_one(given, "napi-ids", 1, "Maximum number of NAPI IDs")?;
    if ids > shards && given.last("napi-ids").is_some() {
        return Err(Refusal::usage(format!(
            "Number of napi_ids({ids}) cannot be greater than number of threads({shards})"
        )));
    }
    Ok(())
}

/// `-D`: its first byte; `None` if it is not given.
fn prefix_delimiter(given: &GivenOptions) -> Result<Option<u8>, Refusal> {
    match given.last(DELIMITER).map(str::as_bytes) {
        None => Ok(None),
        Some([]) => Err(Refusal::bad_option("No delimiter specified")),
        Some([delimiter, ..]) => Ok(Some(*delimiter)),
    }
}

/// `-m`. Its lower bound depends on `-I`, which is checked later.
fn memory(given: &GivenOptions, defaults: &Settings) -> Result<usize, Refusal> {
    let Some(word) = given.last("memory-limit") else { return Ok(defaults.memory_bytes) };
    memory_bytes(word).ok_or_else(|| Refusal::usage(format!("Invalid memory limit: {word}")))
}

/// `-I`, in memcached's order of checks.
fn largest_item(
    given: &GivenOptions,
    defaults: &Settings,
    memory_bytes: usize,
    chunks: &mut SlabChunks,
) -> Result<usize, Refusal> {
    let bytes = match given.last("max-item-size") {
        // As in memcached, a word that is not a number is 0, which is too small.
        Some(word) => item_bytes(word).unwrap_or(0),
        None => defaults.item_bytes_max,
    };
    let refuse = |message: String| Err(Refusal::usage(message));
    if bytes < *ITEM_BYTES.start() {
        return refuse(format!("Item max size cannot be less than {} bytes.", ITEM_BYTES.start()));
    }
    if bytes > memory_bytes / 2 {
        return refuse("Cannot set item size limit higher than 1/2 of memory max.".into());
    }
    if bytes > *ITEM_BYTES.end() {
        return refuse("Cannot set item size limit higher than a gigabyte.".into());
    }
    if bytes > defaults.item_bytes_max && !chunks.is_named {
        chunks.bytes_max = SlabChunks::default().bytes_max;
    }
    let slab_chunk_bytes_max = chunks.bytes_max;
    if slab_chunk_bytes_max > bytes {
        return refuse(format!(
            "slab_chunk_max (bytes: {slab_chunk_bytes_max}) cannot be larger than \
             -I (item_size_max {bytes})"
        ));
    }
    if !bytes.is_multiple_of(slab_chunk_bytes_max) {
        return refuse(format!(
            "-I (item_size_max: {bytes}) must be evenly divisible by \
             slab_chunk_max (bytes: {slab_chunk_bytes_max})"
        ));
    }
    if !SLAB_PAGE_BYTES.is_multiple_of(slab_chunk_bytes_max) {
        return refuse(format!(
            "slab_chunk_max (bytes: {slab_chunk_bytes_max}) must divide evenly into \
             {SLAB_PAGE_BYTES} (slab_page_size)"
        ));
    }
    Ok(bytes)
}

/// `--snapshot-dir`, `--snapshot-every`, `--snapshot-at-stop`, `--restore`.
fn snapshots(given: &GivenOptions) -> Result<SnapshotSettings, Refusal> {
    let every = given.last("snapshot-every").map(|word| {
        let seconds = number(word).filter(|seconds| *seconds <= SNAPSHOT_SECONDS_MAX);
        seconds.and_then(NonZeroU32::new).ok_or_else(|| {
            let wanted = format!("should be seconds, 1 to {SNAPSHOT_SECONDS_MAX}");
            Refusal::usage(format!("Invalid time between snapshots: {word}\n -- {wanted}"))
        })
    });
    let snapshots = SnapshotSettings {
        directory: given.last("snapshot-dir").map(PathBuf::from),
        every: every.transpose()?,
        at_stop: given.flag("snapshot-at-stop"),
        restore: given.last("restore").map(PathBuf::from),
    };
    let is_written = snapshots.every.is_some() || snapshots.at_stop;
    if is_written && snapshots.directory.is_none() {
        let wanted = "--snapshot-every and --snapshot-at-stop need --snapshot-dir";
        return Err(Refusal::usage(wanted));
    }
    Ok(snapshots)
}

/// `-f`.
fn growth_factor(given: &GivenOptions, defaults: &Settings) -> Result<f64, Refusal> {
    match given.last("slab-growth-factor").map(number::<f64>) {
        None => Ok(defaults.growth_factor),
        Some(Some(factor)) if factor > 1.0 && factor.is_finite() => Ok(factor),
        Some(_) => Err(Refusal::bad_option("Factor must be greater than 1")),
    }
}

/// `--backend`.
fn backend(given: &GivenOptions) -> Result<BackendChoice, Refusal> {
    match given.last("backend") {
        None | Some("auto") => Ok(BackendChoice::Auto),
        Some("uring") => Ok(BackendChoice::Uring),
        Some("epoll") => Ok(BackendChoice::Epoll),
        Some(name) => Err(Refusal::usage(format!(
            "Invalid value for backend: {name}\n -- should be one of auto, uring, or epoll"
        ))),
    }
}

/// `--metrics-listen`.
fn metrics_listen(
    given: &GivenOptions,
    defaults: &Settings,
) -> Result<Option<SocketAddr>, Refusal> {
    match given.last("metrics-listen") {
        None => Ok(defaults.metrics_listen),
        Some("off") => Ok(None),
        Some(word) => word.parse().map(Some).map_err(|_| {
            Refusal::usage(format!(
                "Invalid address for metrics: {word}\n -- should be off, or an address and a port"
            ))
        }),
    }
}

#[cfg(test)]
#[path = "startup_tests.rs"]
mod tests;
