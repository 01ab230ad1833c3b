//! Copies all items of a server to another one.

use std::time::Instant;

use super::all_keys::{AllKeys, stat};
use super::comparison::Comparison;
use super::lanes::of;
use super::summary::Summary;
use crate::item::{ListedKey, StoreMode};
use crate::link::Server;
use crate::transfer::{Found, ItemReader, ItemWriter, Outcome, Pace, RateLimits, Stop, Tally};

/// What is to be copied, and how.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) from: Server,
    pub(crate) to: Server,
    pub(crate) mode: StoreMode,
    /// Whether values are left unread whose keys `to` has.
    pub(crate) resume: bool,
    pub(crate) verify: Verify,
    pub(crate) rates: RateLimits,
    /// Connections to each server.
    pub(crate) connections: usize,
}

/// Whether the servers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verify {
    No,
    AfterCopy,
    /// Nothing is copied.
    Only,
}

impl Copy {
    /// Copies, and compares if it is asked for. An error means that nothing was begun.
    pub(crate) fn run(&self, stop: &Stop) -> Result<Summary, String> {
        let Self { from, to, rates, connections, .. } = self;
        let compare =
            || Comparison { from, to, rates: *rates, connections: *connections }.run(stop);
        if self.verify == Verify::Only {
            return compare();
        }
        let mut summary = self.copy(stop)?;
        if self.verify == Verify::AfterCopy && summary.error.is_none() {
            summary.verified = Some(Box::new(compare()?));
        }
        Ok(summary)
    }

    fn copy(&self, stop: &Stop) -> Result<Summary, String> {
        let began = Instant::now();
        let evicted_before = stat(&self.to, "evictions")?;
        let keys = AllKeys::begin(&self.from, stop)?;
        let pace = Pace::new(self.rates, stop);
        let mut lanes = Vec::new();
        for _ in 0..self.connections {
            lanes.push(self.lane(&pace)?);
        }
        let work = keys.run(&pace, lanes, stop, "copying");
        let mut summary = Summary::new("copied", work, began.elapsed());
        let evicted = stat(&self.to, "evictions").unwrap_or(0).saturating_sub(evicted_before);
        if evicted > 0 {
            let text = format!("{} has evicted {evicted} items meanwhile", self.to.address());
            summary.notes.push(text);
        }
        if summary.error.is_some() {
            summary.notes.push("not all was copied: run it again with --resume".to_owned());
        }
        Ok(summary)
    }

    /// A connection to each server, and what is done with a batch of keys.
    fn lane<'c>(
        &'c self,
        pace: &'c Pace,
    ) -> Result<impl FnMut(Vec<ListedKey>, &mut Tally) -> Result<(), String> + use<'c>, String>
    {
        let of_from = of(&self.from);
        let of_to = of(&self.to);
        let mut reader = ItemReader::connect(&self.from).map_err(&of_from)?;
        let mut writer = ItemWriter::connect(&self.to, self.mode).map_err(&of_to)?;
        let mut probe = None;
        if self.resume {
            probe = Some(ItemReader::connect(&self.to).map_err(&of_to)?);
        }
        Ok(move |mut keys: Vec<ListedKey>, tally: &mut Tally| {
            pace.wait_for(&keys);
            if let Some(probe) = &mut probe {
                let listed = keys.len();
                keys = probe.absent(keys).map_err(&of_to)?;
                for _ in keys.len()..listed {
                    tally.add(Outcome::AlreadyThere, b"");
                }
            }
            reader.ask(keys).map_err(&of_from)?;
            while let Some((key, found)) = reader.next().map_err(&of_from)? {
                match found {
                    Found::Item(item) => writer.store(*item, tally).map_err(&of_to)?,
                    Found::Nothing(outcome) => tally.add(outcome, &key.key),
                }
            }
            writer.finish(tally).map_err(&of_to)
        })
    }
}
