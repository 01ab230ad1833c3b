//! What an executor needs to show its items to a snapshot: empty blocks come in, full ones go out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use slabcore_snapshot::Block;

use crate::settings::limits::SNAPSHOT_BLOCKS;

/// A message of an executor to the thread that writes its blocks.
#[derive(Debug)]
pub(crate) enum Fed {
    /// A block to write, of the shard with this number.
    Block(usize, Block),
    /// All items of this shard were shown.
    End(usize),
}

/// The executor's side.
#[derive(Debug)]
pub(crate) struct SnapshotFeed {
    shard: usize,
    /// The tick from which ttls count.
    start_tick: u32,
    full: Sender<Fed>,
    empty: Receiver<Block>,
    cancelled: Arc<AtomicBool>,
}

impl SnapshotFeed {
    /// The feed of a shard, with all its blocks, and the channel by which the writer gives them
    /// back. `full` has room for all blocks and for [`Fed::End`].
    pub(crate) fn new(
        shard: usize,
        start_tick: u32,
        full: Sender<Fed>,
        cancelled: Arc<AtomicBool>,
    ) -> (Self, Sender<Block>) {
        let (give_back, empty) = bounded(SNAPSHOT_BLOCKS);
        for _ in 0..SNAPSHOT_BLOCKS {
            // There is room.
            let _ = give_back.try_send(Block::new());
        }
        (Self { shard, start_tick, full, empty, cancelled }, give_back)
    }

    /// The tick from which ttls count.
    pub(crate) fn start_tick(&self) -> u32 {
        self.start_tick
    }

    /// Whether the snapshot has failed: nothing more is wanted.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Whether there is an empty block.
    pub(crate) fn has_empty(&self) -> bool {
        !self.empty.is_empty()
    }

    /// An empty block. `None`: all wait to be written.
    pub(crate) fn take_empty(&self) -> Option<Block> {
        self.empty.try_recv().ok()
    }

    /// Has a block written.
    pub(crate) fn give(&self, block: Block) {
        self.send(Fed::Block(self.shard, block));
    }

    /// All items were shown. A feed that is dropped without it has failed.
    pub(crate) fn finish(&self) {
        self.send(Fed::End(self.shard));
    }

    fn send(&self, fed: Fed) {
        // There is room for all blocks. If the writer has ended, nobody wants them.
        let _ = self.full.try_send(fed);
    }
}
