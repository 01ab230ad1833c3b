//! Writes items in one of the formats.

use std::io::{self, BufWriter, Write};
use std::time::Instant;

use slabcore_snapshot::{Attributes, Block, Clock, Encoder, Marks, Start};

use super::dump_clock;
use super::dump_file::DumpFile;
use super::file_name::FileName;
use crate::item::{Item, Ttl, encode_store};
use crate::limits::SENT_BYTES;

/// How items are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DumpFormat {
    /// Blocks with checksums.
    Snapshot,
    /// `ms` commands, and `mn` at the end.
    Text,
}

/// A dump that is being written.
#[derive(Debug)]
pub(crate) struct DumpWriter {
    output: Output,
    began: Instant,
    clock: Clock,
}

#[derive(Debug)]
enum Output {
    Snapshot(Box<Encoder<DumpFile>>),
    Text(BufWriter<DumpFile>),
}

impl DumpWriter {
    /// Begins a dump.
    pub(crate) fn create(name: &FileName, format: DumpFormat) -> io::Result<Self> {
        let file = DumpFile::create(name)?;
        let (began, clock) = (Instant::now(), dump_clock::now());
        let output = match format {
            DumpFormat::Text => Output::Text(BufWriter::with_capacity(SENT_BYTES, file)),
            DumpFormat::Snapshot => {
                let start = Start { clock, shard: 0, shards: 1 };
                Output::Snapshot(Box::new(Encoder::new(file, &start)?))
            }
        };
        Ok(Self { output, began, clock })
    }

    /// Writes an item. Its ttl is not over.
    pub(crate) fn write(&mut self, item: &Item) -> io::Result<()> {
        let since_begin = self.began.elapsed().as_secs();
        match &mut self.output {
            Output::Snapshot(encoder) => encoder.item(&slabcore_snapshot::Item {
                key: &item.key,
                value: &item.value,
                attributes: attributes(item, since_begin),
            }),
            Output::Text(file) => {
                let now = self.clock.unix_milliseconds / 1000 + since_begin;
                let exptime = match item.ttl_now() {
                    Ttl::Never => 0,
                    Ttl::Seconds(left) => now.saturating_add(left),
                };
                let mut line = Vec::with_capacity(item.bytes() as usize + LINE_BYTES);
                encode_store(&mut line, item, exptime, " q")
                    .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
                file.write_all(&line)
            }
        }
    }

    /// Ends the dump, and gives the file its name.
    pub(crate) fn finish(self) -> io::Result<()> {
        let file = match self.output {
            Output::Snapshot(encoder) => encoder.finish()?,
            Output::Text(mut file) => {
                file.write_all(END)?;
                file.into_inner().map_err(io::IntoInnerError::into_error)?
            }
        };
        file.finish()
    }

    /// Writes out what was gathered, of a dump that ended early. A file keeps its other name.
    pub(crate) fn leave(self) -> io::Result<()> {
        match self.output {
            // This writes the block before it, too.
            Output::Snapshot(mut encoder) => encoder.write_block(&mut Block::new()),
            Output::Text(mut file) => file.flush(),
        }
    }
}

/// The last line of text: its answer, `MN`, says that all before it was executed.
const END: &[u8] = b"mn\r\n";

/// About what a line has beside key and value.
const LINE_BYTES: usize = 64;

fn attributes(item: &Item, since_begin: u64) -> Attributes {
    let ttl_seconds = match item.ttl_now() {
        Ttl::Never => None,
        Ttl::Seconds(left) => {
            Some(u32::try_from(left.saturating_add(since_begin)).unwrap_or(u32::MAX - 1))
        }
    };
    Attributes {
        flags: item.flags,
        ttl_seconds,
        cas: item.cas,
        idle_seconds: u32::try_from(item.idle_seconds).unwrap_or(u32::MAX),
        reads: item.was_read.into(),
        marks: Marks { key_encoded: item.key_in_base64, ..Marks::default() },
        ..Attributes::default()
    }
}
