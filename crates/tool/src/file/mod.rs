//! Files and pipes with items: snapshots, and text that any memcached takes.
//!
//! May use: `limits`, `item`. Must not come in: servers, and what becomes of an item.
//!
//! Start reading at `dump_reader.rs`.

mod dump_clock;
mod dump_file;
mod dump_reader;
mod dump_writer;
mod file_name;
mod input;
mod record;
mod snapshot_reader;
mod text_reader;

pub(crate) use self::dump_reader::DumpReader;
pub(crate) use self::dump_writer::{DumpFormat, DumpWriter};
pub(crate) use self::file_name::FileName;
pub(crate) use self::record::Record;
