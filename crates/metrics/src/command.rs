//! The commands by which requests are timed.

crate::stat_names! {
    /// A kind of request. All dialects have the same kinds.
    Command {
        /// `get`, `gets`, `mg`, binary gets: one request, however many keys it has.
        Get = "get",
        /// All storage commands: `set`, `add`, `cas`, `append`, `ms`, ...
        Set = "set",
        /// `delete`, `md`, binary deletes.
        Delete = "delete",
        /// `incr`, `decr`, `ma`.
        Arithmetic = "arithmetic",
        /// `touch`, `gat`, `gats`, their binary forms.
        Touch = "touch",
        /// All other requests, and those that the server did not understand.
        Other = "other",
    }
}

/// Numbers of requests by command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommandCounts {
    counts: [u32; Command::COUNT],
}

impl CommandCounts {
    /// No requests.
    pub const NONE: Self = Self { counts: [0; Command::COUNT] };

    /// Counts one request.
    #[expect(clippy::inline_always, reason = "called for each request, it is one instruction")]
    #[inline(always)]
    pub fn count(&mut self, command: Command) {
        let count = &mut self.counts[command as usize];
        *count = count.wrapping_add(1);
    }

    /// How many requests of a command were counted.
    pub const fn of(&self, command: Command) -> u32 {
        self.counts[command as usize]
    }

    /// Adds other counts.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.wrapping_add(more);
        }
    }

    /// These counts without those of `earlier`, which they once were.
    #[inline]
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (count, before) in since.counts.iter_mut().zip(earlier.counts) {
            *count = count.wrapping_sub(before);
        }
        since
    }

    /// True if nothing was counted.
    #[inline]
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Requests of all commands.
    #[inline]
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_since_an_earlier_time() {
        let mut counts = CommandCounts::NONE;
        counts.count(Command::Get);
        let earlier = counts;
        assert!(counts.since(&earlier).is_empty());
        counts.count(Command::Get);
        counts.count(Command::Other);
        let since = counts.since(&earlier);
        assert_eq!((since.of(Command::Get), since.of(Command::Other), since.total()), (1, 1, 2));
        let mut sum = earlier;
        sum.merge(&since);
        assert_eq!(sum, counts);
    }
}
