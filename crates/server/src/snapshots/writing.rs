//! How a snapshot is written: executors fill blocks, threads write them, one file for each shard.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use slabcore_snapshot::{Block, Clock, Encoder, Manifest, Start};
use tracing::{info, warn};

use crate::settings::limits::{SNAPSHOT_BLOCKS, SNAPSHOT_WRITERS_MAX};
use crate::shared::mailbox::{Mailbox, Message};
use crate::shared::shared_state::SharedState;
use crate::shared::snapshot_feed::{Fed, SnapshotFeed};
use crate::shared::snapshot_numbers::CurrentSnapshot;
use crate::snapshots::snapshot_clock;
use crate::snapshots::snapshot_directory::SnapshotDirectory;

/// Niceness of the threads that write: after a yield all others come first.
const NICENESS: i32 = 19;

/// Why there is no new snapshot.
#[derive(Debug)]
pub(crate) enum SnapshotError {
    /// The directory cannot be used.
    Directory(io::Error),
    /// A file cannot be written.
    Write(io::Error),
    /// The server stops.
    Stopped,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(error) => write!(f, "the directory cannot be used: {error}"),
            Self::Write(error) => write!(f, "a file cannot be written: {error}"),
            Self::Stopped => write!(f, "the server stops"),
        }
    }
}

/// A shard's file while it is written.
struct ShardFile {
    shard: usize,
    /// `None` once it is complete.
    encoder: Option<Encoder<File>>,
    /// Gives blocks back to the executor.
    give_back: Sender<Block>,
}

/// Writes a snapshot to the directory of the settings, or to the one of this name in it, and logs
/// how it went. Returns once it is there, or has failed: then the one before is untouched.
pub(crate) fn write(
    shared: &SharedState,
    current: CurrentSnapshot<'_>,
    name: Option<&str>,
) -> Result<(), SnapshotError> {
    let Some(path) = &shared.settings.snapshots.directory else { return Ok(()) };
    let shown = name.map_or_else(|| path.clone(), |name| path.join(name));
    let begin = Instant::now();
    let directory = SnapshotDirectory::open(path, name).map_err(SnapshotError::Directory);
    match directory.and_then(|directory| write_files(shared, &current, &directory)) {
        Ok(()) => {
            let (items, bytes) = current.complete();
            let milliseconds = begin.elapsed().as_millis();
            info!(
                "slabcore: snapshot of {items} items, {bytes} bytes, in {} after {milliseconds} ms",
                shown.display()
            );
            Ok(())
        }
        Err(error) => {
            warn!(
                "warning: no snapshot in {}: {error}; the one before is as it was",
                shown.display()
            );
            Err(error)
        }
    }
}

fn write_files(
    shared: &SharedState,
    current: &CurrentSnapshot<'_>,
    directory: &SnapshotDirectory,
) -> Result<(), SnapshotError> {
    let (now, clock) = snapshot_clock::now(&shared.clock);
    let shards = shared.settings.shards;
    let files = SnapshotDirectory::file_names(shards);
    let mut made = Vec::new();
    for name in &files {
        match directory.create(name) {
            Ok(file) => made.push(file),
            Err(error) => {
                files[..made.len()].iter().for_each(|name| directory.remove(name));
                return Err(SnapshotError::Write(error));
            }
        }
    }
    let written = write_shards(shared, current, made, (now.tick(), clock));
    let manifest = Manifest { items: current.items(), files };
    let written = written.and_then(|()| directory.commit(&manifest).map_err(SnapshotError::Write));
    match written {
        Ok(()) => directory.remove_others(&manifest),
        Err(_) => manifest.files.iter().for_each(|name| directory.remove(name)),
    }
    written
}

/// Writes the files of all shards.
fn write_shards(
    shared: &SharedState,
    current: &CurrentSnapshot<'_>,
    files: Vec<File>,
    (start_tick, clock): (u32, Clock),
) -> Result<(), SnapshotError> {
    let shards = files.len();
    let writers = shards.min(SNAPSHOT_WRITERS_MAX);
    // Room for all blocks and all ends.
    let blocks_max = shards.div_ceil(writers) * (SNAPSHOT_BLOCKS + 1);
    let (senders, mut groups): (Vec<_>, Vec<_>) = (0..writers)
        .map(|_| bounded(blocks_max))
        .map(|(full, fed)| (full, (Vec::new(), fed)))
        .unzip();
    let mut feeds = Vec::new();
    for (shard, file) in files.into_iter().enumerate() {
        let start = Start { clock, shard: shard as u32, shards: shards as u32 };
        let encoder = Encoder::new(file, &start).map_err(SnapshotError::Write)?;
        let (full, cancelled) = (senders[shard % writers].clone(), Arc::clone(current.cancelled()));
        let (feed, give_back) = SnapshotFeed::new(shard, start_tick, full, cancelled);
        feeds.push((shard, feed));
        groups[shard % writers].0.push(ShardFile { shard, encoder: Some(encoder), give_back });
    }
    // Only feeds keep the channels open now.
    drop(senders);
    for (shard, feed) in feeds {
        shared.mailboxes[shard].deliver(Message::Snapshot(feed));
    }
    thread::scope(|scope| {
        let threads: Vec<_> = groups
            .into_iter()
            .map(|(files, fed)| scope.spawn(move || write_group(shared, current, files, &fed)))
            .collect();
        let mut outcome = Ok(());
        for thread in threads {
            let written = thread.join().unwrap_or(Err(SnapshotError::Stopped));
            outcome = outcome.and(written);
        }
        outcome
    })
}

/// Writes the files of some shards. After an error the executors of all shards stop.
fn write_group(
    shared: &SharedState,
    current: &CurrentSnapshot<'_>,
    mut files: Vec<ShardFile>,
    fed: &Receiver<Fed>,
) -> Result<(), SnapshotError> {
    // If this fails, the thread only competes more.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    let written = write_blocks(shared, current, &mut files, fed);
    if written.is_err() {
        current.cancelled().store(true, Ordering::Relaxed);
        shared.mailboxes.iter().for_each(Mailbox::wake);
    }
    written
}

fn write_blocks(
    shared: &SharedState,
    current: &CurrentSnapshot<'_>,
    files: &mut [ShardFile],
    fed: &Receiver<Fed>,
) -> Result<(), SnapshotError> {
    // It ends when all feeds are gone: complete, or because their executors end.
    for fed in fed {
        let (Fed::Block(shard, _) | Fed::End(shard)) = &fed;
        let Some(file) = files.iter_mut().find(|file| file.shard == *shard) else { continue };
        match fed {
            Fed::Block(shard, mut block) => {
                let Some(encoder) = &mut file.encoder else { continue };
                current.add(block.items().into(), block.payload_bytes() as u64);
                encoder.write_block(&mut block).map_err(SnapshotError::Write)?;
                // There is room for all blocks. If the executor has ended, it needs none.
                let _ = file.give_back.try_send(block);
                shared.mailboxes[shard].wake();
                // A thread that waits for this core goes first. A low priority alone does not do
                // that: the kernel lets a thread finish its slice of up to 3 ms.
                thread::yield_now();
            }
            Fed::End(_) => {
                let Some(encoder) = file.encoder.take() else { continue };
                let written = encoder.finish().and_then(|file| file.sync_all());
                written.map_err(SnapshotError::Write)?;
            }
        }
    }
    let is_complete = files.iter().all(|file| file.encoder.is_none());
    if is_complete { Ok(()) } else { Err(SnapshotError::Stopped) }
}
