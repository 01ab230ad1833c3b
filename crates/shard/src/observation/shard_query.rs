//! Questions about a shard, and commands that change what it counts.

/// A question about a shard. Each has an answer and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardQuery {
    /// The counters and gauges, as words of a [`slabcore_metrics::Snapshot`].
    Metrics,
    /// The slab classes, a [`crate::ClassTable`].
    Classes,
    /// The number of items of each size: pairs of words.
    Sizes,
    /// Requests by prefix, a [`crate::PrefixCounts`].
    Prefixes,
    /// The hottest keys, a [`crate::HotKeyList`]; nothing if they are not looked for.
    HotKeys,
    /// A [`crate::MissRatioCurve`]; nothing if there is none.
    MissRatioCurve,
}

/// A command for a shard as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardCommand {
    /// Resets what is counted for `stats`, except the metrics; answered as [`ShardQuery::Metrics`].
    ResetStats,
    /// Starts or stops to count requests by prefix; without an answer.
    CountPrefixes(bool),
    /// Gives the shard's executor a turn, in which it reads the settings that all threads share;
    /// without an answer.
    TakeTurn,
}

impl ShardQuery {
    /// All questions; the code of each is its index.
    const ALL: [Self; 6] = [
        Self::Metrics,
        Self::Classes,
        Self::Sizes,
        Self::Prefixes,
        Self::HotKeys,
        Self::MissRatioCurve,
    ];

    pub(crate) fn code(self) -> u8 {
        code_in(&Self::ALL, &self)
    }

    pub(crate) fn of_code(code: u8) -> Self {
        Self::ALL[usize::from(code)]
    }
}

impl ShardCommand {
    /// All commands; the code of each is its index.
    const ALL: [Self; 4] =
        [Self::ResetStats, Self::CountPrefixes(false), Self::CountPrefixes(true), Self::TakeTurn];

    pub(crate) fn code(self) -> u8 {
        code_in(&Self::ALL, &self)
    }

    pub(crate) fn of_code(code: u8) -> Self {
        Self::ALL[usize::from(code)]
    }
}

fn code_in<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|it| it == one).expect("the list has all of them") as u8
}
