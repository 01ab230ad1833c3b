//! Copies all items of a server to another one.

use std::time::Instant;

use super::lanes::{self, of};
use super::summary::Summary;
use super::verify;
use crate::item::{ListedKey, StoreMode};
use crate::link::{Connection, Server};
use crate::progress::{Position, Progress};
use crate::statistics::Topic;
use crate::transfer::{Found, ItemReader, ItemWriter, Listing, Outcome, Pace, Rates, Stop, Tally};

/// What is to be copied, and how.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) from: Server,
    pub(crate) to: Server,
    pub(crate) mode: StoreMode,
    /// Whether values are left unread whose keys `to` has.
    pub(crate) resume: bool,
    pub(crate) verify: Verify,
    pub(crate) rates: Rates,
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
        if self.verify == Verify::Only {
            return verify::run(self, stop);
        }
        let mut summary = self.copy(stop)?;
        if self.verify == Verify::AfterCopy && summary.error.is_none() {
            summary.verified = Some(Box::new(verify::run(self, stop)?));
        }
        Ok(summary)
    }

    fn copy(&self, stop: &Stop) -> Result<Summary, String> {
        let began = Instant::now();
        let evictions = evictions(&self.to)?;
        let items_in_all = items(&self.from)?;
        let pace = Pace::new(self.rates);
        let mut lanes = Vec::new();
        for _ in 0..self.connections {
            lanes.push(self.lane(&pace, stop)?);
        }
        let mut listing = Listing::begin(&self.from, stop).map_err(of(&self.from))?;
        let source = || listing.next_batch(&pace).map_err(of(&self.from));
        let mut progress = Progress::new("copying");
        let show = |tally: &Tally| progress.update(&position(tally, items_in_all));
        let work = lanes::run(source, lanes, stop, show);
        progress.finish();
        let mut summary = Summary::new("copied", work, began.elapsed());
        let evicted = self::evictions(&self.to).unwrap_or(evictions).saturating_sub(evictions);
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
        stop: &'c Stop,
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
            pace.wait(keys.len() as u64, keys.iter().map(|key| key.bytes).sum(), stop);
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

/// Where a command is that goes through a server's items.
pub(super) fn position(tally: &Tally, items_in_all: u64) -> Position {
    Position {
        items: tally.items(),
        bytes: tally.bytes(),
        items_in_all: Some(items_in_all),
        part: Some(tally.items() as f64 / items_in_all.max(1) as f64),
    }
}

/// Items that a server has.
pub(super) fn items(server: &Server) -> Result<u64, String> {
    count(server, "curr_items")
}

fn evictions(server: &Server) -> Result<u64, String> {
    count(server, "evictions")
}

fn count(server: &Server, name: &str) -> Result<u64, String> {
    let table = Connection::open(server).and_then(|mut it| it.table(Topic::General));
    Ok(table.map_err(of(server))?.count(name).unwrap_or(0))
}
