//! Gauges that no shard counts: they are computed at each scrape.

use std::fmt::Write;

use slabcore_metrics::prometheus_names::Kind;

use crate::admin::published_numbers::{PURPOSES, PublishedNumbers};
use crate::shared::shared_state::SharedState;

/// A gauge with one series for each value of a label.
pub(super) struct StateFamily {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) label: Label,
    /// The values of its series, in order.
    values: fn(&SharedState, &PublishedNumbers) -> Vec<u64>,
}

/// The label of such a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// The number of a shard.
    Shard,
    /// One of [`PURPOSES`].
    Purpose,
}

impl Label {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Shard => "shard",
            Self::Purpose => "purpose",
        }
    }

    fn value(self, index: usize) -> String {
        match self {
            Self::Shard => index.to_string(),
            Self::Purpose => PURPOSES[index].to_owned(),
        }
    }
}

impl StateFamily {
    /// Its kind: they all go up and down.
    pub(super) const KIND: Kind = Kind::Gauge;

    /// The family as it is shown.
    pub(super) fn text(&self, shared: &SharedState, numbers: &PublishedNumbers) -> String {
        let Self { name, help, label, values } = self;
        let mut text = format!("# HELP {name} {help}\n# TYPE {name} {}\n", Self::KIND.name());
        for (index, value) in values(shared, numbers).into_iter().enumerate() {
            // Writing to memory never fails.
            let _ = writeln!(text, "{name}{{{}=\"{}\"}} {value}", label.name(), label.value(index));
        }
        text
    }
}

/// All such gauges.
pub(super) static STATE_FAMILIES: &[StateFamily] = &[
    StateFamily {
        name: "slabcore_memory_bytes",
        help: "Memory by purpose: within the limit of items and index, and buffers beside it.",
        label: Label::Purpose,
        values: |shared, numbers| numbers.memory(shared).to_vec(),
    },
    StateFamily {
        name: "slabcore_shard_eviction_age_seconds",
        help: "Seconds that the item evicted last had been idle, in the class that evicts most.",
        label: Label::Shard,
        values: |_, numbers| {
            (0..numbers.shards.len()).map(|shard| numbers.eviction_age_seconds(shard)).collect()
        },
    },
    StateFamily {
        name: "slabcore_shard_mailbox_messages",
        help: "Messages that wait for the shard's executor.",
        label: Label::Shard,
        values: |shared, _| shared.mailboxes.iter().map(|it| it.waiting() as u64).collect(),
    },
    StateFamily {
        name: "slabcore_shard_serving",
        help: "Whether connections are gathered on the shard's executor.",
        label: Label::Shard,
        values: |shared, numbers| {
            let serving = shared.serving.executors();
            (0..numbers.shards.len()).map(|shard| u64::from(shard < serving)).collect()
        },
    },
    StateFamily {
        name: "slabcore_shard_silent_seconds",
        help: "Seconds for which the shard has not answered a scrape: 0 unless it is stuck.",
        label: Label::Shard,
        values: |_, numbers| numbers.silent_seconds.clone(),
    },
];
