//! `--restore`: the items of a snapshot, put into the shards before executors start.
//!
//! The files of a snapshot are read by as many threads as there are cores. A thread sorts the items
//! of a block by their shards, which may be others than those of the snapshot, and locks one shard
//! after the other. Nothing that is wrong with a snapshot stops a start.

use std::fs::File;
use std::io::Read;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use slabcore_shard::{Now, Router, ShardId};
use slabcore_snapshot::{
    Attributes, Clock, Decoder, Item, MANIFEST_BYTES_MAX, MANIFEST_NAME, Manifest, Part, Records,
    Report, Segment,
};
use slabcore_storage::{
    AccessHistory, Expiry, HashedKey, ItemSizeLimit, Marks, NewItem, Reservation, RestoreOutcome,
    RestoredItem, Segment as StoreSegment,
};
use tracing::{info, warn};

use crate::executor::shards::SharedShard;
use crate::settings::limits::{RESTORE_GROUP, RESTORE_READERS_MAX};
use crate::shared::shared_state::SharedState;
use crate::shared::snapshot_numbers::Restored;
use crate::snapshots::snapshot_clock;

/// What became of the items.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    restored: u64,
    expired: u64,
    /// The key has an item. It came from another file of the snapshot.
    present: u64,
    /// Above `-I`, or without memory.
    refused: u64,
    cas_max: u64,
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.restored += other.restored;
        self.expired += other.expired;
        self.present += other.present;
        self.refused += other.refused;
        self.cas_max = self.cas_max.max(other.cas_max);
    }

    fn note(&mut self, outcome: RestoreOutcome, cas: u64) {
        match outcome {
            RestoreOutcome::Restored => {
                self.restored += 1;
                self.cas_max = self.cas_max.max(cas);
            }
            RestoreOutcome::Present => self.present += 1,
            RestoreOutcome::NoMemory => self.refused += 1,
        }
    }
}

/// Restores the snapshot in a directory, or the one in a file. `has_items`: the shards have items
/// of an earlier process; they are newer than a snapshot, so it is left alone.
pub(super) fn restore(
    shared: &SharedState,
    shards: &[SharedShard],
    router: &Router,
    path: &Path,
    has_items: bool,
) {
    if has_items {
        info!("slabcore: {} is not restored: the items in memory are newer", path.display());
        return;
    }
    let files = match files_of(path) {
        Ok(files) => files,
        Err(why) => {
            warn!("warning: nothing is restored from {}: {why}", path.display());
            return;
        }
    };
    let begin = Instant::now();
    let (now, clock) = snapshot_clock::now(&shared.clock);
    let settings = &shared.settings;
    let limit = ItemSizeLimit { item_bytes_max: settings.item_bytes_max, cas: settings.cas };
    let restore = Restore { shards, router, now, clock, limit };
    let (counts, report) = restore.read_all(&files);
    for shard in shards {
        shard.with(|shard| shard.go_on_above_unique(counts.cas_max));
    }
    let evicted = shards.iter().map(|it| it.with(|it| it.store().stats().counters.evicted));
    let evicted: u64 = evicted.sum();
    let Counts { restored, expired, refused, .. } = counts;
    let items = restored.saturating_sub(evicted);
    shared.snapshots.set_restored(Restored { items, dropped: expired + refused + evicted });
    info!(
        "slabcore: {items} items are restored from {} after {} ms; {expired} had expired, {} \
         found no room",
        path.display(),
        begin.elapsed().as_millis(),
        refused + evicted
    );
    if !report.is_complete() {
        warn!("warning: the snapshot in {} is not whole: {report}", path.display());
    }
}

/// The files of a snapshot: those that the manifest of a directory names, or the file itself.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    let is_directory = path.metadata().map_err(|error| error.to_string())?.is_dir();
    if !is_directory {
        return Ok(vec![path.to_owned()]);
    }
    let manifest = File::open(path.join(MANIFEST_NAME))
        .map_err(|error| format!("there is no snapshot ({MANIFEST_NAME}: {error})"))?;
    let mut text = Vec::new();
    // One byte more than a manifest has is seen as too long.
    let read = manifest.take(MANIFEST_BYTES_MAX as u64 + 1).read_to_end(&mut text);
    read.map_err(|error| format!("{MANIFEST_NAME} cannot be read: {error}"))?;
    let manifest =
        Manifest::parse(&text).map_err(|error| format!("{MANIFEST_NAME} is damaged: {error}"))?;
    Ok(manifest.files.iter().map(|name| path.join(name)).collect())
}

/// What the threads that restore have in common.
struct Restore<'a> {
    shards: &'a [SharedShard],
    router: &'a Router,
    now: Now,
    clock: Clock,
    limit: ItemSizeLimit,
}

/// An item with its shard.
struct Placed<'a> {
    key: HashedKey<'a>,
    item: Item<'a>,
}

/// A long item whose value is arriving.
struct Long {
    shard: ShardId,
    key: Vec<u8>,
    attributes: Attributes,
    reservation: Reservation,
}

impl Restore<'_> {
    /// Reads all files, several at a time.
    fn read_all(&self, files: &[PathBuf]) -> (Counts, Report) {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = files.len().min(cores).min(RESTORE_READERS_MAX);
        let next = AtomicUsize::new(0);
        let (mut counts, mut report) = (Counts::default(), Report::default());
        thread::scope(|scope| {
            let read_some = || {
                let (mut counts, mut report) = (Counts::default(), Report::default());
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    report.add(&self.read_file(path, &mut counts));
                }
                (counts, report)
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(read_some)).collect();
            for thread in threads {
                let part = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
                counts.add(&part.0);
                report.add(&part.1);
            }
        });
        (counts, report)
    }

    /// Reads a file as far as it can be read.
    fn read_file(&self, path: &Path, counts: &mut Counts) -> Report {
        // A file that cannot be read counts as one stream that was cut.
        let unread = Report { streams: 1, ..Report::default() };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                warn!("warning: {} cannot be read: {error}", path.display());
                return unread;
            }
        };
        let mut decoder = Decoder::new(file);
        if let Err(error) = self.read_parts(&mut decoder, counts) {
            warn!("warning: {} cannot be read to its end: {error}", path.display());
        }
        let report = *decoder.report();
        if report.streams == 0 { unread } else { report }
    }

    fn read_parts(
        &self,
        decoder: &mut Decoder<File>,
        counts: &mut Counts,
    ) -> Result<(), slabcore_snapshot::DecodeError> {
        let mut long: Option<Long> = None;
        while let Some((then, part)) = decoder.next_timed_part()? {
            let seconds = then.seconds_until(&self.clock);
            match part {
                Part::Items(items) => self.store_items(items, seconds, counts),
                Part::Long(item) => {
                    long = item.attributes.after(seconds).map_or_else(
                        || {
                            counts.expired += 1;
                            None
                        },
                        |attributes| {
                            let begun = self.begin_long(item.key, item.value_bytes, attributes);
                            counts.refused += u64::from(begun.is_none());
                            begun
                        },
                    );
                }
                Part::Piece { bytes, is_last } => {
                    let Some(mut item) = long.take() else { continue };
                    let shard = &self.shards[item.shard.index()];
                    let added = shard
                        .with(|it| it.add_restored(self.now, &mut item.reservation, bytes).is_ok());
                    if added && !is_last {
                        long = Some(item);
                    } else {
                        let cas = item.attributes.cas;
                        counts.note(self.end_long(item), cas);
                    }
                }
                Part::LongCut => {
                    if let Some(item) = long.take() {
                        let _ = self.end_long(item);
                    }
                }
            }
        }
        Ok(())
    }

    /// Stores the items of a block, which was recorded so many seconds ago.
    fn store_items(&self, items: Records<'_>, seconds: u64, counts: &mut Counts) {
        let mut by_shard: Vec<Vec<Placed<'_>>> = self.shards.iter().map(|_| Vec::new()).collect();
        for mut item in items {
            let Some(attributes) = item.attributes.after(seconds) else {
                counts.expired += 1;
                continue;
            };
            item.attributes = attributes;
            if self.limit.is_exceeded(item.key.len(), attributes.flags, item.value.len()) {
                counts.refused += 1;
                continue;
            }
            let route = self.router.route_in(attributes.database, item.key);
            by_shard[route.shard.index()].push(Placed { key: route.key, item });
        }
        for (shard, placed) in self.shards.iter().zip(by_shard) {
            if !placed.is_empty() {
                shard.with(|shard| {
                    for group in placed.chunks(RESTORE_GROUP) {
                        for it in group {
                            shard.prefetch_bucket(it.key.hash());
                        }
                        for it in group {
                            let item = self.restored(it.key, it.item.value, &it.item.attributes);
                            counts.note(shard.restore(self.now, &item), item.cas);
                        }
                    }
                });
            }
        }
    }

    fn restored<'a>(
        &self,
        key: HashedKey<'a>,
        value: &'a [u8],
        attributes: &Attributes,
    ) -> RestoredItem<'a> {
        let expiry = attributes.ttl_seconds.map_or(Expiry::NEVER, |ttl| {
            let tick = self.now.tick().saturating_add(ttl);
            Expiry::at_millisecond(tick, attributes.ttl_milliseconds)
        });
        let item = NewItem { key, value, flags: attributes.flags, expiry };
        RestoredItem { item, cas: attributes.cas, history: history_of(attributes) }
    }

    /// Reserves memory for a long item. `None`: it has no room.
    fn begin_long(&self, key: &[u8], value_bytes: u32, attributes: Attributes) -> Option<Long> {
        let value_bytes = value_bytes as usize;
        if self.limit.is_exceeded(key.len(), attributes.flags, value_bytes) {
            return None;
        }
        let route = self.router.route_in(attributes.database, key);
        let item = self.restored(route.key, b"", &attributes).item;
        let begin = |shard: &mut slabcore_shard::Shard| {
            shard.begin_restore(self.now, &item, value_bytes).ok()
        };
        let reservation = self.shards[route.shard.index()].with(begin)?;
        Some(Long { shard: route.shard, key: key.to_vec(), attributes, reservation })
    }

    /// Stores a long item if all of its value has come.
    fn end_long(&self, long: Long) -> RestoreOutcome {
        let Long { shard, key, attributes, reservation } = long;
        let item =
            self.restored(self.router.route_in(attributes.database, &key).key, b"", &attributes);
        self.shards[shard.index()].with(|it| it.end_restore(self.now, reservation, &item))
    }
}

/// How an item was accessed. Another server's items have no age: it is taken from the seconds, one
/// tick for each, so that their order is right.
fn history_of(attributes: &Attributes) -> AccessHistory {
    let Attributes { age, idle_seconds, reads, marks, segment, .. } = *attributes;
    let of_reads = if reads > 1 { StoreSegment::Warm } else { StoreSegment::Hot };
    AccessHistory {
        age: age.unwrap_or(idle_seconds),
        reads,
        segment: match segment {
            Some(Segment::Cold) => StoreSegment::Cold,
            Some(Segment::Hot) => StoreSegment::Hot,
            Some(Segment::Warm) => StoreSegment::Warm,
            Some(Segment::Temporary) => StoreSegment::Temporary,
            None => of_reads,
        },
        marks: Marks { stale: marks.stale, claimed: marks.claimed, key_encoded: marks.key_encoded },
    }
}
