//! Writes all items of a server to a file or a pipe.

use std::sync::Mutex;
use std::time::Instant;

use super::all_keys::AllKeys;
use super::lanes::{locked, of};
use super::summary::Summary;
use crate::file::{DumpFormat, DumpWriter, FileName};
use crate::item::{Item, ListedKey, Ttl};
use crate::limits::BATCH_BYTES_MAX;
use crate::link::Server;
use crate::transfer::{Found, ItemReader, Outcome, Pace, RateLimits, Stop, Tally};

/// What is to be dumped, and how.
#[derive(Debug)]
pub(crate) struct Dump {
    pub(crate) from: Server,
    pub(crate) file: FileName,
    pub(crate) format: DumpFormat,
    pub(crate) rates: RateLimits,
    /// Connections to the server.
    pub(crate) connections: usize,
}

impl Dump {
    /// Dumps. An error means that nothing was begun.
    pub(crate) fn run(&self, stop: &Stop) -> Result<Summary, String> {
        let began = Instant::now();
        let keys = AllKeys::begin(&self.from, stop)?;
        let pace = Pace::new(self.rates, stop);
        let mut readers = Vec::new();
        for _ in 0..self.connections {
            readers.push(ItemReader::connect(&self.from).map_err(of(&self.from))?);
        }
        let writer = DumpWriter::create(&self.file, self.format);
        let writer = Mutex::new(writer.map_err(|error| self.failed(&error))?);
        let lanes = readers.into_iter().map(|mut reader| {
            let (pace, writer) = (&pace, &writer);
            move |batch: Vec<ListedKey>, tally: &mut Tally| {
                pace.wait_for(&batch);
                self.dump(batch, &mut reader, writer, tally)
            }
        });
        let work = keys.run(&pace, lanes.collect(), stop, "dumping");
        let mut summary = Summary::new("dumped", work, began.elapsed());
        let writer = writer.into_inner().map_err(|_| "a thread has ended".to_owned())?;
        let written = match summary.error {
            None => writer.finish(),
            Some(_) => {
                summary.notes.extend(self.what_is_left());
                writer.leave()
            }
        };
        if let Err(error) = written {
            summary.error.get_or_insert_with(|| self.failed(&error));
        }
        Ok(summary)
    }

    /// Reads some items and writes them.
    fn dump(
        &self,
        keys: Vec<ListedKey>,
        reader: &mut ItemReader,
        writer: &Mutex<DumpWriter>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let mut items = Vec::new();
        let mut bytes = 0;
        reader.ask(keys).map_err(of(&self.from))?;
        while let Some((key, found)) = reader.next().map_err(of(&self.from))? {
            match found {
                Found::Item(item) if item.ttl == Ttl::Seconds(0) => {
                    tally.add(Outcome::Expired, &key.key);
                }
                Found::Item(item) => {
                    bytes += item.bytes();
                    items.push(*item);
                }
                Found::Nothing(outcome) => tally.add(outcome, &key.key),
            }
            // Values may be larger than their list said.
            if bytes >= BATCH_BYTES_MAX {
                self.write(std::mem::take(&mut items), writer, tally)?;
                bytes = 0;
            }
        }
        self.write(items, writer, tally)
    }

    fn write(
        &self,
        items: Vec<Item>,
        writer: &Mutex<DumpWriter>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let mut writer = locked(writer);
        for item in items {
            writer.write(&item).map_err(|error| self.failed(&error))?;
            tally.add_done(item.bytes());
        }
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> String {
        format!("{}: cannot write: {error}", self.file)
    }

    /// What there is of a dump that ended early.
    fn what_is_left(&self) -> Option<String> {
        match &self.file {
            FileName::Standard => None,
            FileName::Path(_) => {
                let file = &self.file;
                Some(format!("not all was dumped: what was is in {file}.partial, not in {file}"))
            }
        }
    }
}
