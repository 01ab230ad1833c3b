//! Stores the items of a dump in a server.

use std::time::Instant;

use super::lanes::{self, of};
use super::summary::Summary;
use crate::file::{DumpReader, FileName, Record};
use crate::item::StoreMode;
use crate::link::Server;
use crate::progress::{Position, ProgressDisplay};
use crate::transfer::{ItemWriter, Outcome, Pace, RateLimits, Stop, Tally};

/// What is to be restored, and how.
#[derive(Debug)]
pub(crate) struct Restore {
    pub(crate) file: FileName,
    pub(crate) to: Server,
    pub(crate) mode: StoreMode,
    pub(crate) rates: RateLimits,
    /// Connections to the server.
    pub(crate) connections: usize,
}

impl Restore {
    /// Restores. An error means that nothing was begun.
    pub(crate) fn run(&self, stop: &Stop) -> Result<Summary, String> {
        let began = Instant::now();
        let of_file = |error: String| format!("{}: {error}", self.file);
        let (mut dump, read) = DumpReader::open(&self.file).map_err(of_file)?;
        let pace = Pace::new(self.rates, stop);
        let mut lanes = Vec::new();
        for _ in 0..self.connections {
            let mut writer = ItemWriter::connect(&self.to, self.mode).map_err(of(&self.to))?;
            let pace = &pace;
            lanes.push(move |records: Vec<Record>, tally: &mut Tally| {
                pace.wait(records.len() as u64, records.iter().map(Record::bytes).sum());
                self.restore(records, &mut writer, tally)
            });
        }
        let source =
            || dump.next_batch(pace.batch_items_max(), pace.batch_bytes_max()).map_err(of_file);
        let mut progress = ProgressDisplay::new("restoring");
        let show = |tally: &Tally| {
            let (items, bytes, part) = (tally.items(), tally.bytes(), read.part());
            progress.update(&Position { items, bytes, items_in_all: None, part });
        };
        let work = lanes::run(source, lanes, stop, show);
        progress.finish();
        let mut summary = Summary::new("restored", work, began.elapsed());
        if summary.error.is_none() {
            summary.notes = dump.damage();
            summary.is_damaged = !summary.notes.is_empty();
        } else {
            summary.notes.push("not all was restored: run it again".to_owned());
        }
        Ok(summary)
    }

    fn restore(
        &self,
        records: Vec<Record>,
        writer: &mut ItemWriter,
        tally: &mut Tally,
    ) -> Result<(), String> {
        for record in records {
            match record {
                Record::Item(item) => writer.store(*item, tally).map_err(of(&self.to))?,
                Record::Expired(key) => tally.add(Outcome::Expired, &key),
                Record::Unfinished(key) => tally.add(Outcome::Unfinished, &key),
            }
        }
        writer.finish(tally).map_err(of(&self.to))
    }
}
