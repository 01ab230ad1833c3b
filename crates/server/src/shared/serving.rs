//! How many executors **serve** connections.
//!
//! A thread that finds one request at a time pays more for its sleep and its wake-up than for the
//! request. A thread with many connections finds several requests each time it looks. Any executor
//! reaches the items of all shards, so connections are gathered on as few executors as the load
//! needs: the first ones serve, the others only own their shards.
//!
//! Each executor measures its load, over at least [`LOAD_WINDOW_MS`]. More executors serve if one
//! of them has nearly a whole core to do, and a core is idle for another one. Fewer serve if half
//! of them had enough to do for a while. A connection whose executor no longer serves it moves
//! after its next request (`connection/affinity.rs`).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::settings::limits::{
    IDLE_LOOK_MS, LOAD_AGE_MAX_MS, LOAD_WINDOW_MS, LOW_LOAD_MS, PERCENT_IDLE_FOR_MORE,
    PERCENT_OF_FEWER, PERCENT_OF_ONE,
};
use crate::shared::idle_cores::IdleCores;

/// How busy an executor was in a window of time that has just ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// When the window began and ended, in milliseconds of the monotonic clock.
    begun_ms: u64,
    ended_ms: u64,
    /// How long the thread ran, in percent of the window.
    ran: u64,
    /// How long it ran or waited for a core, in percent of the window.
    demanded: u64,
}

impl Load {
    /// The load of a window from `begun_ms` to `ended_ms`, in which the thread ran for `ran` and
    /// waited for a core for `waited` nanoseconds.
    pub(crate) fn new((begun_ms, ended_ms): (u64, u64), ran: u64, waited: u64) -> Self {
        let milliseconds = ended_ms.saturating_sub(begun_ms).max(1);
        let percent = |nanoseconds: u64| nanoseconds / 10_000 / milliseconds;
        Self { begun_ms, ended_ms, ran: percent(ran), demanded: percent(ran + waited) }
    }
}

/// How many executors serve connections.
pub(crate) struct Serving {
    /// The first so many of `all` executors serve.
    executors: AtomicUsize,
    all: usize,
    /// The last load of each executor, see [`packed`].
    loads: Vec<AtomicU64>,
    /// `None`: all executors serve, whatever the load.
    control: Option<Mutex<(Control, IdleCores)>>,
}

/// A load in one word: when its window ended, and its two shares in percent.
fn packed(load: &Load) -> u64 {
    load.ended_ms << 16 | load.ran.min(100) << 8 | load.demanded.min(100)
}

impl Serving {
    /// All executors serve. `gathers`: their number changes with the load.
    pub(crate) fn new(all: usize, gathers: bool) -> Self {
        let control =
            (gathers && all > 1).then(|| Mutex::new((Control::default(), IdleCores::new())));
        let loads = (0..all).map(|_| AtomicU64::new(0)).collect();
        Self { executors: AtomicUsize::new(all), all, loads, control }
    }

    /// The number of executors that serve: the first ones.
    #[inline]
    pub(crate) fn executors(&self) -> usize {
        self.executors.load(Ordering::Relaxed)
    }

    /// Whether executors measure their load.
    pub(crate) fn is_controlled(&self) -> bool {
        self.control.is_some()
    }

    /// Has another number of executors serve.
    #[cfg(test)]
    pub(crate) fn set(&self, executors: usize) {
        self.executors.store(executors, Ordering::Relaxed);
    }

    /// Notes the load of an executor, and decides how many are to serve.
    pub(crate) fn note(&self, executor: usize, load: &Load) {
        self.loads[executor].store(packed(load), Ordering::Relaxed);
        // Another executor that decides now sees about the same loads.
        let Some(mut decider) = self.control.as_ref().and_then(Mutex::try_lock) else { return };
        let (control, idle) = &mut *decider;
        let serving = self.executors();
        let loads = self.loads.iter().map(|packed| packed.load(Ordering::Relaxed));
        let recent = loads.map(|packed| {
            let is_recent = (packed >> 16) + LOAD_AGE_MAX_MS >= load.ended_ms;
            if is_recent { (packed >> 8 & 0xff, packed & 0xff) } else { (0, 0) }
        });
        let recent: Vec<(u64, u64)> = recent.collect();
        let ran = recent.iter().map(|(ran, _)| ran).sum();
        let peak = recent[..serving].iter().map(|(_, demanded)| *demanded).max().unwrap_or(0);
        let idle = |now_ms| idle.percent_since_last(now_ms);
        if let Some(executors) = control.decide(load, (serving, self.all), ran, peak, idle) {
            self.executors.store(executors, Ordering::Relaxed);
        }
    }
}

/// What decides how many executors serve.
#[derive(Default)]
struct Control {
    /// When the idle cores may be counted again, in milliseconds as all times here.
    next_look: u64,
    /// When the load was last too high for fewer executors.
    last_high: u64,
    /// Since when fewer executors would do. `None`: they would not.
    low_since: Option<u64>,
}

impl Control {
    /// The number of executors that are to serve from now on, if another. `ran`: the sum over all
    /// executors in percent of a core. `peak`: the highest demand of one that serves. `idle`:
    /// counts the idle time of the cores, in percent of a core.
    fn decide(
        &mut self,
        load: &Load,
        (serving, all): (usize, usize),
        ran: u64,
        peak: u64,
        idle: impl FnOnce(u64) -> Option<u64>,
    ) -> Option<usize> {
        let now = load.ended_ms;
        if serving < all && peak >= PERCENT_OF_ONE {
            (self.last_high, self.low_since) = (now, None);
            if now < self.next_look {
                return None;
            }
            self.next_look = now + IDLE_LOOK_MS;
            return (idle(now)? >= PERCENT_IDLE_FOR_MORE).then(|| (2 * serving).min(all));
        }
        let enough = (ran.div_ceil(PERCENT_OF_FEWER) as usize).max(1);
        if 2 * enough > serving {
            (self.last_high, self.low_since) = (now, None);
            return None;
        }
        let since = *self.low_since.get_or_insert(load.begun_ms.max(self.last_high));
        if now < since + LOW_LOAD_MS {
            return None;
        }
        self.low_since = None;
        Some(enough)
    }
}

const _: () = {
    // What just got more executors does not get fewer at once.
    assert!(PERCENT_OF_FEWER < PERCENT_OF_ONE && PERCENT_OF_ONE <= 100);
    assert!(LOAD_WINDOW_MS < LOAD_AGE_MAX_MS && LOAD_AGE_MAX_MS < LOW_LOAD_MS);
};

#[cfg(test)]
mod tests {
    use super::*;

    fn load(begun_ms: u64, ended_ms: u64, demanded: u64) -> Load {
        Load { begun_ms, ended_ms, ran: demanded, demanded }
    }

    fn serving(executors: usize, all: usize) -> Serving {
        let serving = Serving::new(all, true);
        serving.set(executors);
        serving
    }

    #[test]
    fn a_low_load_is_gathered_after_a_while() {
        let serving = serving(8, 8);
        for now in (1_000..1_000 + LOW_LOAD_MS).step_by(50) {
            serving.note(3, &load(now - 50, now, 90));
            serving.note(5, &load(now - 50, now, 60));
            let is_over = now - 950 >= LOW_LOAD_MS;
            assert_eq!(serving.executors(), if is_over { 3 } else { 8 }, "{now}");
        }
    }

    #[test]
    fn an_idle_time_is_a_low_load() {
        let serving = serving(8, 8);
        serving.note(3, &load(950, 1_000, 100));
        assert_eq!(serving.executors(), 8);
        serving.note(3, &load(1_000, 9_000, 1));
        assert_eq!(serving.executors(), 1);
    }

    #[test]
    fn what_was_measured_long_ago_does_not_count() {
        let serving = serving(2, 2);
        for executor in 0..2 {
            serving.note(executor, &load(950, 1_000, 90));
        }
        serving.note(0, &load(1_000, 1_000 + LOW_LOAD_MS + LOAD_AGE_MAX_MS, 50));
        assert_eq!(serving.executors(), 1);
    }

    #[test]
    fn a_load_for_more_than_half_stays_as_it_is() {
        for (executors, percents) in [(2, [35, 30]), (4, [90, 40]), (1, [70, 0])] {
            let serving = serving(executors, 4);
            for now in (1_000..9_000).step_by(50) {
                for (executor, percent) in percents.into_iter().enumerate() {
                    serving.note(executor, &load(now - 50, now, percent));
                }
            }
            assert_eq!(serving.executors(), executors);
        }
    }

    /// What each step makes of a busy executor, by the share of cores that were idle.
    #[test]
    fn a_busy_executor_gets_help_if_a_core_is_idle() {
        for (idle, wanted) in [(100, 8), (PERCENT_IDLE_FOR_MORE, 8), (0, 1)] {
            let mut control = Control::default();
            let mut executors = 1;
            for now in (1_000..9_000).step_by(50) {
                let load = load(now - 50, now, 95);
                let ran = 95 * executors as u64;
                let changed = control.decide(&load, (executors, 8), ran, 95, |_| Some(idle));
                assert!(changed.is_none_or(|it| it == 2 * executors), "{changed:?}");
                executors = changed.unwrap_or(executors);
            }
            assert_eq!(executors, wanted, "{idle} % idle");
        }
    }

    #[test]
    fn without_control_all_serve() {
        for serving in [Serving::new(4, false), Serving::new(1, true)] {
            assert!(!serving.is_controlled());
            let all = serving.executors();
            serving.note(0, &load(0, 100_000, 0));
            assert_eq!(serving.executors(), all);
        }
    }
}
