//! The **drain** of a page, a little at a time: dead items are taken back, live ones move into
//! other pages of their class, where the class's most dispensable items make room. So a page does
//! not take the items with it that happen to lie there, and no operation works on it for long.
//!
//! One page is drained at a time, for the first who wanted it, or for one who needs it sooner. A
//! drain is **lossless** if the page's items fit the free chunks of their class.
//!
//! A page with pinned chunks cannot be emptied: a reader or an upload may keep them for ever. So
//! searches leave such pages out, and if a page is pinned while it is drained, another page of the
//! class takes its place.
//!
//! Allocations go on with a drain. Background work finishes one that no allocation goes on with:
//! the class that wanted the page may never allocate again.

use crate::eviction::event_log::StoreEvent;
use crate::eviction::eviction::Eviction;
use crate::eviction::victims::{Emptied, Temporary};
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::limits::{DRAIN_WORK_MAX, PREFETCH_CHUNKS};
use crate::page_moves::page_choice::PageChoice;
use crate::page_moves::page_sharing::PageSharing;
use crate::slabs::page_record::RecordId;
use crate::slabs::stats::StoreStats;

/// Who gets a page that is being drained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Recipient {
    /// A slab class that would evict otherwise.
    Class(SlabClassId),
    /// The reserve of spare pages.
    Reserve,
    /// Other shards, through the pool.
    Pool,
}

/// Why a page is drained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DrainReason {
    /// No live item is lost by it.
    Lossless,
    /// Its recipient has more use for it.
    Worth,
    /// An operator moves it. Only an allocation that finds nothing else gets it instead.
    Ordered,
}

/// The page that is being drained.
#[derive(Clone, Copy)]
struct Drain {
    page: RecordId,
    /// The next chunk to be emptied.
    chunk: usize,
    recipient: Recipient,
    /// The class that loses the page.
    from: SlabClassId,
    reason: DrainReason,
    /// No allocation has gone on with it since the last background work.
    is_stalled: bool,
}

/// The evictable items of a store, and the moves of their pages.
pub(crate) struct PageMoves {
    pub(super) eviction: Eviction,
    pub(super) sharing: PageSharing,
    pub(super) choice: PageChoice,
    drain: Option<Drain>,
    /// The recipient of the page that is being drained, or of the last one.
    pub(super) drained_for: Option<Recipient>,
    /// Pages that have left a slab class.
    pub(super) pages_moved: u64,
}

impl PageMoves {
    /// `shards`: of the server.
    pub(crate) fn new(eviction: Eviction, shards: usize) -> PageMoves {
        PageMoves {
            eviction,
            sharing: PageSharing::new(shards),
            choice: PageChoice::new(),
            drain: None,
            drained_for: None,
            pages_moved: 0,
        }
    }

    #[inline]
    pub(crate) fn eviction(&self) -> &Eviction {
        &self.eviction
    }

    #[inline]
    pub(crate) fn eviction_mut(&mut self) -> &mut Eviction {
        &mut self.eviction
    }

    /// Ends what takes several steps: the drain of a page, and the search of one for dead items.
    pub(crate) fn come_to_rest(&mut self) {
        self.cancel_drain();
        self.eviction.stop_sweep();
    }

    pub(super) fn begin_drain(
        &mut self,
        page: RecordId,
        recipient: Recipient,
        reason: DrainReason,
    ) {
        let slabs = self.eviction.items_mut().slabs_mut();
        let from = slabs.class_of_page(page);
        slabs.begin_drain(page);
        self.drained_for = Some(recipient);
        let drain = Drain { page, chunk: 0, recipient, from, reason, is_stalled: false };
        self.drain = Some(drain);
    }

    /// Gives up on the page that is being drained. It stays in its class, unless it is empty by
    /// now.
    pub(super) fn cancel_drain(&mut self) {
        match self.drain.take() {
            Some(drain) if !self.is_left(&drain) => self.end_drain(drain),
            _ => self.eviction.items_mut().slabs_mut().cancel_drain(),
        }
    }

    /// Whether a drained page has used chunks left.
    fn is_left(&self, drain: &Drain) -> bool {
        self.eviction.items().slabs().is_draining(drain.page)
    }

    /// Gives the drained page, which is empty now, to its recipient, or another page that became
    /// empty in its place.
    fn end_drain(&mut self, drain: Drain) {
        self.drain = None;
        self.eviction.items_mut().slabs_mut().cancel_drain();
        self.drained_for = Some(drain.recipient);
        self.pages_moved += 1;
        self.note_move(drain);
        let slabs = self.eviction.items_mut().slabs_mut();
        match drain.recipient {
            Recipient::Class(class) if drain.reason == DrainReason::Ordered => {
                if let Some(page) = slabs.stock.take_page() {
                    slabs.join_class(page, class);
                }
            }
            Recipient::Pool => {
                self.sharing.give_granted_page(&mut slabs.stock);
            }
            // The page is spare, and its recipient takes it.
            Recipient::Class(_) | Recipient::Reserve => {}
        }
    }

    /// Drains another page of the class instead of the present one, which was pinned meanwhile.
    /// False: all are pinned, and the drain is given up.
    fn go_round_pins(&mut self) -> bool {
        let Some(drain) = self.drain else { return false };
        self.cancel_drain();
        let page = self.eviction.items().slabs().emptiest_page(drain.from);
        let Some(page) = page else { return false };
        self.begin_drain(page, drain.recipient, drain.reason);
        true
    }

    fn note_move(&mut self, drain: Drain) {
        if self.eviction.events().is_on() {
            let to = match drain.recipient {
                Recipient::Class(class) => Some(class),
                Recipient::Reserve | Recipient::Pool => None,
            };
            let event = StoreEvent::PageMoved { from: drain.from, to };
            self.eviction.events_mut().add(event);
        }
    }

    /// The page that is being drained. `None`: no page is, or it is empty by now.
    pub(super) fn drained_page(&self) -> Option<RecordId> {
        self.drain.filter(|drain| self.is_left(drain)).map(|drain| drain.page)
    }

    /// The class of that page.
    pub(super) fn drained_class(&self) -> Option<SlabClassId> {
        self.drained_page().map(|page| self.eviction.items().slabs().class_of_page(page))
    }

    /// Whether the page is being drained for this recipient.
    pub(super) fn is_draining_for(&self, recipient: Recipient) -> bool {
        self.drain.is_some_and(|drain| drain.recipient == recipient)
    }

    /// Whether a page is being drained for this reason.
    pub(super) fn is_draining_as(&self, reason: DrainReason) -> bool {
        self.drain.is_some_and(|drain| drain.reason == reason)
    }

    /// Gives the page that is being drained to this recipient instead. False: no page is.
    pub(super) fn redirect_drain(&mut self, recipient: Recipient) -> bool {
        let Some(drain) = &mut self.drain else { return false };
        drain.recipient = recipient;
        true
    }

    /// Goes on with the drain until so much work is done. True: its page is free now.
    pub(super) fn go_on_draining(&mut self, now: Moment, work: usize) -> bool {
        let mut left = work.cast_signed();
        while left > 0 {
            let Some(mut drain) = self.drain else { return false };
            if !self.is_left(&drain) {
                // Its last item was freed, perhaps by a request.
                self.end_drain(drain);
                return true;
            }
            let slabs = self.eviction.items().slabs();
            if slabs.is_pinned(drain.page) {
                if !self.go_round_pins() {
                    return false;
                }
                continue;
            }
            let Some(chunk) = slabs.chunk_in_page(drain.page, drain.chunk) else {
                self.cancel_drain();
                return false;
            };
            if drain.chunk.is_multiple_of(PREFETCH_CHUNKS) {
                self.eviction.prefetch_buckets_of(drain.page, drain.chunk);
            }
            drain.chunk += 1;
            drain.is_stalled = false;
            self.drain = Some(drain);
            let may_stay =
                drain.reason != DrainReason::Ordered && drain.recipient != Recipient::Pool;
            let temporary = if may_stay { Temporary::Stay } else { Temporary::Go };
            let mut work = 0;
            let emptied = self.eviction.empty_chunk(now, chunk, temporary, &mut work);
            left -= work.cast_signed();
            match emptied {
                Emptied::Chunk => {}
                Emptied::OtherPage => {
                    self.end_drain(drain);
                    return true;
                }
                Emptied::Nothing => {
                    // Its class has only temporary items.
                    self.cancel_drain();
                    return false;
                }
            }
        }
        false
    }

    /// Goes on with a drain that an operator ordered, or that no allocation has gone on with since
    /// the last call. True: there is more to do.
    pub(crate) fn go_on_draining_in_background(&mut self, now: Moment) -> bool {
        let Some(drain) = &mut self.drain else { return false };
        let was_stalled = core::mem::replace(&mut drain.is_stalled, true);
        if was_stalled || drain.reason == DrainReason::Ordered {
            if drain.reason == DrainReason::Lossless && !self.is_still_lossless() {
                self.cancel_drain();
            }
            self.go_on_draining(now, DRAIN_WORK_MAX);
            if let Some(drain) = &mut self.drain {
                drain.is_stalled = true;
            }
        }
        self.drain.is_some()
    }

    /// Whether the items of the drained page still fit the free chunks of their class.
    pub(super) fn is_still_lossless(&self) -> bool {
        let slabs = self.eviction.items().slabs();
        self.drained_class().is_none_or(|class| slabs.class(class).fits_fewer_pages())
    }

    /// Whether a page is being drained.
    pub(crate) fn is_moving_page(&self) -> bool {
        self.drain.is_some()
    }

    /// Fills in what page moves and the layers below know of a store's stats.
    pub(crate) fn add_stats(&self, stats: &mut StoreStats) {
        self.eviction.add_stats(stats);
        stats.slabs_moved = self.pages_moved;
        stats.is_moving_page = self.is_moving_page();
    }

    /// Sets counters to 0. Gauges stay.
    pub(crate) fn reset_stats(&mut self) {
        self.eviction.items_mut().reset_stats();
        self.pages_moved = 0;
    }
}
