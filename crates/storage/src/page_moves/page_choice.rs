//! The choice of a page that leaves its slab class.

use crate::eviction::eviction::Eviction;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::limits::{FRESH_LOOKS, PAGE_MOVE_RATIO, PROBE_EVICTIONS};
use crate::slabs::candidates::Candidate;
use crate::slabs::page_record::RecordId;

/// The state of the searches.
pub(super) struct PageChoice {
    /// Evictions so far, modulo 2^32. They set the pace of probes.
    evictions: u32,
    /// The class that was probed last.
    probed: SlabClassId,
}

impl PageChoice {
    pub(super) fn new() -> PageChoice {
        PageChoice { evictions: 0, probed: SlabClassId::new(0) }
    }

    /// Before evictions in class `wanted`: the class that should give it a page, if a page is
    /// due. It is the class that keeps its last page of items at the highest cost, if this is much
    /// higher than what `wanted` keeps its own at.
    ///
    /// For each page, `wanted` first evicts a number of its own items: as many as lie in four pages
    /// if the costs differ by a quarter, none if they differ by far. `evictions` come next.
    pub(super) fn donor(
        &mut self,
        eviction: &mut Eviction,
        now: Moment,
        wanted: SlabClassId,
        evictions: u32,
    ) -> Option<SlabClassId> {
        let before = self.evictions;
        self.evictions = self.evictions.wrapping_add(evictions);
        if self.evictions / PROBE_EVICTIONS != before / PROBE_EVICTIONS {
            self.probe(eviction, now);
        }
        eviction.judge_classes();
        let slabs = eviction.items_mut().slabs_mut();
        let evictions = slabs.class_mut(wanted).costs.count_unbalanced(evictions);
        let (highest, donor) = slabs.costliest_class(Some(wanted))?;
        let chunks_per_page = slabs.class(wanted).chunks_per_page() as u64;
        let costs = &mut slabs.class_mut(wanted).costs;
        let own = costs.keeping_cost_if_stored();
        let lost = (highest.saturating_sub(own)).saturating_mul(evictions);
        let is_clear = highest / PAGE_MOVE_RATIO.0 > own / PAGE_MOVE_RATIO.1;
        if !is_clear || lost < own.saturating_mul(chunks_per_page) {
            return None;
        }
        costs.reset_unbalanced();
        Some(donor)
    }

    /// Looks at a sample of the next class that has pages, whether or not it evicts.
    pub(super) fn probe(&mut self, eviction: &mut Eviction, now: Moment) {
        let populated = || eviction.items().slabs().populated_classes().map(|(id, _)| id);
        let next = populated().find(|id| *id > self.probed).or_else(|| populated().next());
        if let Some(class) = next {
            self.probed = class;
            let judge = eviction.judge();
            eviction.look_for_candidates(now, judge, class);
        }
    }
}

/// A page without pinned chunks, of the class that keeps its last page of items at the highest
/// cost. The only page of a class only if no class has two: its items could not move to another
/// page. A page of `wanted` only if all others are pinned. `None`: every page is pinned.
pub(super) fn dispensable_page(
    eviction: &mut Eviction,
    now: Moment,
    wanted: Option<SlabClassId>,
) -> Option<RecordId> {
    let judge = eviction.judge();
    for class in eviction.items().slabs().class_ids() {
        if eviction.items().slabs().class(class).candidates.by_rank().next().is_none() {
            eviction.look_for_candidates(now, judge, class);
        }
    }
    // The costs of the costliest class may be those of items that have gone since.
    for _ in 0..FRESH_LOOKS {
        if let Some((_, class)) = eviction.items().slabs().costliest_class(wanted) {
            eviction.look_for_candidates(now, judge, class);
        }
    }
    let slabs = eviction.items().slabs();
    let of_several = slabs.costliest_class(wanted).map(|(_, class)| class);
    let of_any = || {
        let movable = slabs.populated_classes().filter(|(_, class)| class.movable_pages() > 0);
        let costliest = movable.max_by_key(|(id, class)| {
            let candidate = class.candidates.by_rank().next();
            let rank = |candidate: &Candidate| candidate.rank(candidate.cost(judge));
            (Some(*id) != wanted, candidate.map_or(0, rank))
        });
        costliest.map(|(class, _)| class)
    };
    of_several.or_else(of_any).and_then(|class| slabs.emptiest_page(class))
}
