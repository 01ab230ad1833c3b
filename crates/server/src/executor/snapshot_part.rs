//! The part of a snapshot that one executor makes: it copies the items of its shard into blocks, a
//! few each turn, and gives full blocks to a thread that writes them.
//!
//! A walk shows each item that lives throughout exactly once. A turn copies one block at most. If
//! all blocks wait to be written, the executor does nothing for the snapshot until one comes back.
//! The item of a long value is held while its value is copied, so that it stays as it is.

use std::ops::ControlFlow;

use slabcore_shard::{Now, Router, Shard};
use slabcore_snapshot::{Attributes, Block, Marks, Refusal, Segment};
use slabcore_storage::{AccessHistory, Hold, Segment as StoreSegment, WalkPosition, Walked};

use crate::settings::limits::SNAPSHOT_LOOKS;
use crate::shared::snapshot_feed::SnapshotFeed;

/// What can follow at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SnapshotPace {
    /// More items.
    More,
    /// Nothing until a block comes back.
    Waiting,
    /// Nothing: all items were shown, or the snapshot has failed.
    Over,
}

/// A snapshot of the own shard that is under way.
pub(super) struct SnapshotPart {
    feed: SnapshotFeed,
    position: WalkPosition,
    /// The block that is being filled.
    block: Option<Block>,
    /// A long value, and how many of its bytes were copied.
    long: Option<(Hold, usize)>,
}

/// An item that fits no block.
struct LongKey {
    key: Vec<u8>,
    attributes: Attributes,
}

impl SnapshotPart {
    /// A part that has shown nothing yet.
    pub(super) fn new(feed: SnapshotFeed) -> Self {
        Self { feed, position: WalkPosition::default(), block: None, long: None }
    }

    /// Whether [`Self::go_on`] has something to do.
    pub(super) fn can_go_on(&self) -> bool {
        self.block.is_some() || self.feed.has_empty() || self.feed.is_cancelled()
    }

    /// Gives back what it holds.
    pub(super) fn end(self, shard: &mut Shard) {
        if let Some((hold, _)) = self.long {
            shard.release(hold);
        }
    }

    /// Copies the next few items.
    pub(super) fn go_on(&mut self, shard: &mut Shard, router: &Router, now: Now) -> SnapshotPace {
        if self.feed.is_cancelled() {
            return SnapshotPace::Over;
        }
        let Some(mut block) = self.block.take().or_else(|| self.feed.take_empty()) else {
            return SnapshotPace::Waiting;
        };
        let is_full = if self.long.is_some() {
            self.copy_value(shard, &mut block)
        } else if self.position.is_end() {
            true
        } else {
            self.copy_items(shard, router, now, &mut block)
        };
        if !is_full {
            self.block = Some(block);
            return SnapshotPace::More;
        }
        self.feed.give(block);
        if self.position.is_end() && self.long.is_none() {
            self.feed.finish();
            return SnapshotPace::Over;
        }
        SnapshotPace::More
    }

    /// Copies items until the block is full. True: it is to be written.
    fn copy_items(
        &mut self,
        shard: &mut Shard,
        router: &Router,
        now: Now,
        block: &mut Block,
    ) -> bool {
        let (mut is_full, mut long, start) = (false, None, self.feed.start_tick());
        let take = |walked: &Walked<'_>| {
            let (item, attributes) = (walked.item, attributes_of(walked, start));
            let (key, value_bytes) = (item.key(), item.value_len());
            match block.push_parts(key, &attributes, value_bytes, item.value_parts()) {
                Ok(()) => return ControlFlow::Continue(()),
                Err(Refusal::Full) => is_full = true,
                Err(Refusal::Long) => long = Some(LongKey { key: key.to_vec(), attributes }),
                Err(Refusal::NotRecordable) => return ControlFlow::Continue(()),
            }
            ControlFlow::Break(())
        };
        self.position = shard.store().walk_while(now.moment(), self.position, SNAPSHOT_LOOKS, take);
        let Some(LongKey { key, attributes }) = long else { return is_full };
        if !block.is_empty() {
            return true;
        }
        self.position = self.position.after();
        let Some(hold) = shard.hold_unread(now, router.route_in(attributes.database, &key).key)
        else {
            return false;
        };
        let pushed = block.push_long(&key, &attributes, hold.value_bytes());
        debug_assert_eq!(pushed, Ok(()), "the block is empty");
        self.long = Some((hold, 0));
        true
    }

    /// Copies the next bytes of the long value. True: the block is full, or the value ends.
    fn copy_value(&mut self, shard: &mut Shard, block: &mut Block) -> bool {
        let Some((hold, copied)) = &mut self.long else { return false };
        let mut is_full = false;
        for part in hold.parts(*copied) {
            let taken = block.push_piece(part);
            *copied += taken;
            if taken < part.len() {
                is_full = true;
                break;
            }
        }
        if *copied == hold.value_bytes()
            && let Some((hold, _)) = self.long.take()
        {
            shard.release(hold);
            return true;
        }
        is_full
    }
}

/// What a snapshot keeps of an item beside key and value. Its ttl counts from the tick `start`.
fn attributes_of(walked: &Walked<'_>, start: u32) -> Attributes {
    let expiry = walked.item.expiry();
    let AccessHistory { age, reads, segment, marks } = walked.history;
    Attributes {
        flags: walked.item.flags(),
        ttl_seconds: (!expiry.is_never()).then(|| expiry.tick().saturating_sub(start)),
        ttl_milliseconds: expiry.millisecond(),
        database: walked.item.database(),
        cas: walked.item.cas(),
        idle_seconds: walked.idle,
        age: Some(age),
        reads,
        marks: Marks { stale: marks.stale, claimed: marks.claimed, key_encoded: marks.key_encoded },
        segment: Some(match segment {
            StoreSegment::Cold => Segment::Cold,
            StoreSegment::Hot => Segment::Hot,
            StoreSegment::Warm => Segment::Warm,
            StoreSegment::Temporary => Segment::Temporary,
        }),
    }
}
