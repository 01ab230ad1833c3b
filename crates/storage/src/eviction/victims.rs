//! The search for the item of a slab class that is evicted.

use crate::eviction::eviction::Eviction;
use crate::item::access::AccessWord;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::eviction_order::Judge;
use crate::item::expiry::Moment;
use crate::item::segment::Segment;
use crate::limits::{
    AHEAD_CHUNK_BYTES_MAX, CACHE_LINE_BYTES, EVICT_LOOKS, EVICT_WALK_MAX, VICTIMS_MAX,
};
use crate::memory::region::Location;
use crate::slabs::candidates::Candidate;

/// How many samples are drawn for how many victims. With 32 candidates, 12 looks a victim have as
/// few misses on the recorded traces as 16 looks with 16 candidates.
const SAMPLES_PER_VICTIMS: (usize, usize) = (3, 4);

/// Whether temporary items stay where they are, or go like others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Temporary {
    Stay,
    Go,
}

/// What came of an attempt to empty a chunk of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Emptied {
    /// The chunk is free.
    Chunk,
    /// Another page of the class became empty instead and has left the class: the item that made
    /// room was long.
    OtherPage,
    /// The item found no other chunk.
    Nothing,
}

impl Eviction {
    /// How many items of a class an allocation evicts at once. Those beyond the first are ahead of
    /// need, so large ones are evicted one by one.
    pub(crate) fn victims_at_once(&self, class: SlabClassId) -> usize {
        let class = self.items().slabs().class(class);
        if !self.evicts() || class.chunk_bytes() > AHEAD_CHUNK_BYTES_MAX {
            return 1;
        }
        (class.pages() / 2).clamp(1, VICTIMS_MAX)
    }

    /// Frees at least one chunk of the class: takes back dead items, or evicts up to `victims` live
    /// ones, those that cost most to keep. False: the bounded search found no item that may go.
    pub(crate) fn evict_from_class(
        &mut self,
        now: Moment,
        class: SlabClassId,
        victims: usize,
    ) -> bool {
        // Expired items were swept before, so only flushed ones could be left.
        if !self.evicts() && !self.items().has_flushed_items() {
            return false;
        }
        let judge = self.judge();
        self.prefetch_candidates_buckets(class, victims);
        let mut bar = self.price_candidates(judge, class);
        let mut reclaimed = self.look_and_count(now, judge, class, &mut bar);
        for _ in 1..samples_for(victims) {
            reclaimed |= self.look(now, judge, class, &mut bar, |_, _| {});
        }
        self.control_segments(samples_for(victims) * EVICT_LOOKS);
        if reclaimed {
            return true;
        }
        let mut last = None;
        for _ in 0..victims {
            let Some(item) = self.first_candidate(class, last.is_none()) else { break };
            let is_long = self.items().view(item).is_chained();
            if victims > 1 {
                self.prefetch_rest(item);
            }
            last = self.evict_untimed(now, item);
            if is_long {
                break;
            }
        }
        if last.is_none() {
            return self.evict_first(now, class, Temporary::Stay);
        }
        self.note_evicted_time(now, last);
        self.prefetch_next(class, victims);
        true
    }

    /// Begins the samples of the next evictions of a class. Asks the processor for their victims.
    fn prefetch_next(&mut self, class: SlabClassId, victims: usize) {
        self.items_mut().slabs_mut().begin_samples(class, samples_for(victims));
        let slabs = self.items().slabs();
        for candidate in slabs.class(class).candidates.by_rank().take(victims) {
            slabs.pages().prefetch(slabs.pages().at(candidate.chunk));
        }
    }

    /// Asks the processor for the rest of an item, where a new one is written soon.
    fn prefetch_rest(&self, item: Location) {
        let pages = self.items().pages();
        let at = pages.at(item);
        let end = at + self.items().view(item).head_bytes();
        (at..end).step_by(CACHE_LINE_BYTES).skip(1).for_each(|line| pages.prefetch(line));
    }

    /// Asks the processor for the buckets of a class's costliest candidates.
    fn prefetch_candidates_buckets(&self, class: SlabClassId, victims: usize) {
        let items = self.items();
        for candidate in items.slabs().class(class).candidates.by_rank().take(victims) {
            if let Some(item) = items.evictable_item(candidate.chunk) {
                items.prefetch_bucket(items.hash_of(item));
            }
        }
    }

    /// Frees an item of the first page with one that may go, if a sample found none: most of the
    /// class is free or pinned, or alive while evictions are off.
    pub(crate) fn evict_first(
        &mut self,
        now: Moment,
        class: SlabClassId,
        temporary: Temporary,
    ) -> bool {
        let found = self.first_evictable(now, class, temporary);
        if let Some(item) = found {
            self.evict(now, item);
        }
        found.is_some()
    }

    /// Of the first few items in that page, the one that goes first.
    fn first_evictable(
        &self,
        now: Moment,
        class: SlabClassId,
        temporary: Temporary,
    ) -> Option<Location> {
        let (slabs, judge) = (self.items().slabs(), self.judge());
        let mut looks = 0;
        for page in slabs.pages_from_random(class) {
            looks += slabs.carved_chunks(page);
            let has_others = !slabs.is_pinned_entirely(page);
            let ranked = slabs.chunks_of_page(page).filter(|_| has_others).filter_map(|chunk| {
                let item = self.items().evictable_item(chunk)?;
                if self.items().death_of(now, item).is_some() {
                    return Some((u64::MAX, item));
                }
                let may_go = temporary == Temporary::Go || !self.is_temporary(item);
                let access = self.items().view(item).access();
                let candidate = Candidate { chunk, access, size_weight: 1 };
                (self.evicts() && may_go).then(|| (candidate.rank(candidate.cost(judge)), item))
            });
            let found = ranked.take(EVICT_LOOKS).max_by_key(|(rank, _)| *rank);
            if found.is_some() || looks >= EVICT_WALK_MAX {
                return found.map(|(_, item)| item);
            }
        }
        None
    }

    /// Looks at a sample of a class for candidates, and adds it to the class's costs. True: it
    /// found a dead item and took it back.
    pub(crate) fn look_for_candidates(
        &mut self,
        now: Moment,
        judge: Judge,
        class: SlabClassId,
    ) -> bool {
        let mut bar = self.price_candidates(judge, class);
        self.control_segments(EVICT_LOOKS);
        self.look_and_count(now, judge, class, &mut bar)
    }

    /// Ranks the known candidates. Returns the rank of which a new one needs more.
    fn price_candidates(&mut self, judge: Judge, class: SlabClassId) -> u64 {
        let bar = self.items_mut().slabs_mut().class_mut(class).candidates.price(judge);
        if self.evicts() { bar } else { u64::MAX }
    }

    /// As [`Self::look`], and adds the sample to the class's costs.
    fn look_and_count(
        &mut self,
        now: Moment,
        judge: Judge,
        class: SlabClassId,
        bar: &mut u64,
    ) -> bool {
        let slab_class = self.items_mut().slabs_mut().class_mut(class);
        let chunk_weight = judge.size_weight(slab_class.chunk_bytes());
        slab_class.costs.set_chunk_weight(chunk_weight);
        let (mut costs, mut seen, mut expected_hits) = ([0; EVICT_LOOKS], 0, 0);
        let reclaimed = self.look(now, judge, class, bar, |cost, access| {
            costs[seen] = cost;
            seen += 1;
            if access.segment() != Segment::Temporary {
                expected_hits += judge.expected_hits(access);
            }
        });
        let class = self.items_mut().slabs_mut().class_mut(class);
        class.note_sample(&mut costs[..seen], expected_hits);
        reclaimed
    }

    /// Looks at the next sample of a class for candidates, whose rank must be above the bar. Shows
    /// each live item's access word, and its cost, which is 0 unless it is in COLD: what HOT and
    /// WARM protect makes no class dispensable. True: it found a dead item, took it back and went
    /// no further.
    #[inline]
    fn look(
        &mut self,
        now: Moment,
        judge: Judge,
        class: SlabClassId,
        bar: &mut u64,
        mut show: impl FnMut(u64, AccessWord),
    ) -> bool {
        let sample = self.items_mut().slabs_mut().next_sample(class);
        let chunk_weight = self.items().slabs().class(class).costs.chunk_weight();
        let mut oldest_cold = None;
        for chunk in sample.into_iter().filter_map(Location::some) {
            let items = self.items();
            let Some(item) = items.evictable_item(chunk) else { continue };
            let head = items.head(item);
            if items.judge(now, head).is_some() {
                self.evict(now, item);
                return true;
            }
            let chained_len = head.chained_len(items.pages());
            let size_weight = chained_len.map_or(chunk_weight, |bytes| judge.size_weight(bytes));
            let mut access = head.access();
            if access.segment() == Segment::Temporary {
                show(0, access);
                continue;
            }
            if !access.is_cold() {
                access = self.move_to_its_segment(judge, item, access);
            }
            if access.is_cold() {
                oldest_cold = oldest_cold.max(Some(judge.age(access)));
            }
            let candidate = Candidate { chunk, access, size_weight };
            let cost = candidate.cost(judge);
            show(if access.is_cold() { cost } else { 0 }, access);
            let rank = candidate.rank(cost);
            if rank > *bar {
                *bar = self.offer(class, rank, candidate, item);
            }
        }
        if let Some(age) = oldest_cold {
            self.note_cold(age);
        }
        false
    }

    /// Keeps an item as a candidate of a class. Its bucket is needed soon. Returns the new bar.
    #[inline(never)]
    fn offer(
        &mut self,
        class: SlabClassId,
        rank: u64,
        candidate: Candidate,
        item: Location,
    ) -> u64 {
        self.items().prefetch_bucket(self.items().hash_of(item));
        self.items_mut().slabs_mut().class_mut(class).candidates.offer(rank, candidate)
    }

    /// Takes the first candidate of a class whose item has not changed since, and returns the item.
    /// `from_all`: also one that is not in COLD.
    fn first_candidate(&mut self, class: SlabClassId, from_all: bool) -> Option<Location> {
        loop {
            let class = self.items_mut().slabs_mut().class_mut(class);
            let first = class.candidates.by_rank().next()?;
            if !from_all && !first.access.is_cold() {
                return None;
            }
            let candidate = class.candidates.take_first()?;
            if let Some(item) = self.items().evictable_item(candidate.chunk)
                && self.items().view(item).access() == candidate.access
            {
                return Some(item);
            }
        }
    }
}

fn samples_for(victims: usize) -> usize {
    let (samples, of_victims) = SAMPLES_PER_VICTIMS;
    (samples * victims).div_ceil(of_victims)
}
