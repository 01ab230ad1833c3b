//! Requests that arrived together, and are timed together.

use slabcore_metrics::CommandCounts;

/// Requests with the same time of receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RequestGroup {
    /// When they were received, in nanoseconds of the clock. 0: there are no requests.
    pub(crate) received: u64,
    pub(crate) counts: CommandCounts,
}

impl RequestGroup {
    /// True if there are no requests.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.received == 0
    }

    /// Adds requests that are answered with these. All of them have the earlier time of receipt
    /// then.
    #[inline]
    pub(super) fn merge(&mut self, other: &Self) {
        if self.is_empty() {
            *self = *other;
        } else if !other.is_empty() {
            self.received = self.received.min(other.received);
            self.counts.merge(&other.counts);
        }
    }

    /// Takes the requests out, if there are any.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Self> {
        if self.is_empty() {
            return None;
        }
        let taken = *self;
        self.received = 0;
        Some(taken)
    }
}

/// Requests with two times of receipt. If there are more, the later ones share the second.
#[derive(Debug, Default)]
pub(super) struct RequestGroups {
    first: RequestGroup,
    others: RequestGroup,
}

impl RequestGroups {
    /// True if there are no requests.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Adds requests.
    #[inline]
    pub(super) fn add(&mut self, group: &RequestGroup) {
        if self.first.is_empty() || self.first.received == group.received {
            self.first.merge(group);
        } else {
            self.others.merge(group);
        }
    }

    /// Takes the groups out.
    #[inline]
    pub(super) fn take(&mut self, mut to: impl FnMut(RequestGroup)) {
        if let Some(first) = self.first.take() {
            to(first);
            if let Some(others) = self.others.take() {
                to(others);
            }
        }
    }
}
