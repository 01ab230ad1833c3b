//! Two samples of one server, and the rates between them.

use super::sample::Sample;

/// The newest sample, and an earlier one if there is one of the same process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'s> {
    pub(super) now: &'s Sample,
    before: Option<&'s Sample>,
    seconds: f64,
}

impl<'s> Span<'s> {
    /// The span from `before` to `now`. Without rates if the server started again in between.
    pub(super) fn new(now: &'s Sample, before: Option<&'s Sample>) -> Self {
        let same = |before: &&Sample| {
            before.count("pid") == now.count("pid") && before.count("uptime") <= now.count("uptime")
        };
        let before = before.filter(same).filter(|before| before.at() < now.at());
        let seconds =
            before.map_or(0.0, |before| now.at().saturating_sub(before.at()).as_secs_f64());
        Self { now, before, seconds }
    }

    /// Length of the span. `None` with one sample.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.before.map(|_| rounded(self.seconds))
    }

    /// The earlier sample.
    pub(super) fn before(&self) -> Option<&'s Sample> {
        self.before
    }

    /// By how much a count has grown. `None` if it fell, as after `stats reset`.
    pub(super) fn growth(&self, count: impl Fn(&Sample) -> Option<u64>) -> Option<u64> {
        // A count that was not there before began at 0.
        let before = count(self.before?).unwrap_or(0);
        count(self.now)?.checked_sub(before)
    }

    /// How fast a count grows.
    pub(super) fn per_second(&self, count: impl Fn(&Sample) -> Option<u64>) -> Option<f64> {
        self.rate_between(self.before.and_then(&count), count(self.now))
    }

    /// How fast a count grows that was `before` at the begin of the span and is `now` at its end.
    /// `None` if it fell.
    pub(super) fn rate_between(&self, before: Option<u64>, now: Option<u64>) -> Option<f64> {
        self.before?;
        let growth = now?.checked_sub(before.unwrap_or(0))? as f64;
        Some(rounded(growth / self.seconds)).filter(|rate| rate.is_finite())
    }

    /// Hits among hits and misses in the span.
    pub(super) fn ratio(
        &self,
        hits: impl Fn(&Sample) -> Option<u64>,
        misses: impl Fn(&Sample) -> Option<u64>,
    ) -> Option<f64> {
        ratio(self.growth(hits), self.growth(misses))
    }
}

/// Hits among hits and misses; `None` without requests.
pub(super) fn ratio(hits: Option<u64>, misses: Option<u64>) -> Option<f64> {
    let (hits, misses) = (hits? as f64, misses? as f64);
    let all = hits + misses;
    (all > 0.0).then(|| (hits / all * 1e6).round() / 1e6)
}

/// To thousandths, so that output is readable.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
