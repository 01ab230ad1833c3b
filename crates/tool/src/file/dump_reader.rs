//! Reads items of either format.

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::file_name::FileName;
use super::input::{Input, OpenInput};
use super::record::Record;
use super::snapshot_reader::SnapshotReader;
use super::text_reader::TextReader;
use crate::limits::READ_BYTES;

/// A dump that is being read.
#[derive(Debug)]
pub(crate) struct DumpReader {
    format: Format,
    missing: Vec<String>,
    /// A record that was too much for the last batch.
    next: Option<Record>,
}

#[derive(Debug)]
enum Format {
    Snapshot(Box<SnapshotReader<BufReader<Input>>>),
    Text(TextReader<BufReader<Input>>),
}

/// How far a dump was read.
#[derive(Debug, Clone)]
pub(crate) struct ReadPosition {
    bytes_read: Arc<AtomicU64>,
    bytes_in_all: Option<u64>,
}

impl DumpReader {
    /// Opens a file, a directory with a snapshot, or standard input, and finds out its format.
    pub(crate) fn open(name: &FileName) -> Result<(Self, ReadPosition), String> {
        let OpenInput { input, bytes_in_all, bytes_read, missing } = OpenInput::open(name)?;
        let mut read = BufReader::with_capacity(READ_BYTES, input);
        let begin = read.fill_buf().map_err(|error| error.to_string())?;
        let format = if begin.starts_with(b"ms ") || begin.starts_with(b"mn") {
            Format::Text(TextReader::new(read))
        } else {
            Format::Snapshot(Box::new(SnapshotReader::new(read)))
        };
        Ok((Self { format, missing, next: None }, ReadPosition { bytes_read, bytes_in_all }))
    }

    /// The next records: so many at most, and so many bytes if it is more than one.
    pub(crate) fn next_batch(
        &mut self,
        items_max: usize,
        bytes_max: u64,
    ) -> Result<Option<Vec<Record>>, String> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < items_max {
            let Some(record) = self.next_record()? else { break };
            bytes += record.bytes();
            if bytes > bytes_max && !batch.is_empty() {
                self.next = Some(record);
                break;
            }
            batch.push(record);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn next_record(&mut self) -> Result<Option<Record>, String> {
        if let Some(record) = self.next.take() {
            return Ok(Some(record));
        }
        match &mut self.format {
            Format::Snapshot(reader) => reader.next(),
            Format::Text(reader) => reader.next(),
        }
    }

    /// What is not whole, after the last record.
    pub(crate) fn damage(&self) -> Vec<String> {
        let mut damage: Vec<String> =
            self.missing.iter().map(|file| format!("missing: {file}")).collect();
        match &self.format {
            Format::Snapshot(reader) if reader.report().is_complete() => {}
            Format::Snapshot(reader) => damage.push(format!("the dump has {}", reader.report())),
            Format::Text(reader) => {
                damage.extend(reader.found_damage().map(|it| format!("the dump has {it}")));
            }
        }
        damage
    }
}

impl ReadPosition {
    /// The part that was read, 0 to 1; `None` for a pipe.
    pub(crate) fn part(&self) -> Option<f64> {
        let read = self.bytes_read.load(Ordering::Relaxed);
        self.bytes_in_all.map(|all| read as f64 / all.max(1) as f64)
    }
}
