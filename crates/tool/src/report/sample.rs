//! All tables of a server at one time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::statistics::{StatTable, StatsReply, Topic};

/// The tables that a server gave, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Time since any fixed moment.
    at: Duration,
    tables: BTreeMap<Topic, StatTable>,
}

impl Sample {
    /// The tables among these replies.
    pub(crate) fn new(
        at: Duration,
        replies: impl IntoIterator<Item = (Topic, StatsReply)>,
    ) -> Self {
        let tables = replies.into_iter().filter_map(|(topic, reply)| match reply {
            StatsReply::Table(table) => Some((topic, table)),
            StatsReply::Refused(_) => None,
        });
        Self { at, tables: tables.collect() }
    }

    /// When it was taken.
    pub(crate) fn at(&self) -> Duration {
        self.at
    }

    /// The table of a topic, if the server has it.
    pub(crate) fn table(&self, topic: Topic) -> Option<&StatTable> {
        self.tables.get(&topic)
    }

    /// A whole number of the general table.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.table(Topic::General)?.count(name)
    }

    /// The sum of some whole numbers of the general table; `None` if it has none of them.
    pub(super) fn sum(&self, names: &[&str]) -> Option<u64> {
        let counts = names.iter().filter_map(|name| self.count(name));
        counts.reduce(u64::saturating_add)
    }
}
