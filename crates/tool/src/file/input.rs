//! The bytes of a dump, from one file, the files of a directory, or a pipe.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slabcore_snapshot::{MANIFEST_BYTES_MAX, MANIFEST_NAME, Manifest};

use super::file_name::FileName;

/// Files in their order, as one stream.
#[derive(Debug)]
pub(super) struct Input {
    sources: VecDeque<Source>,
    bytes_read: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Source {
    Standard(io::Stdin),
    File(File),
}

/// An input, and what is known of it.
#[derive(Debug)]
pub(super) struct OpenInput {
    pub(super) input: Input,
    /// Bytes of all files; `None` for a pipe.
    pub(super) bytes_in_all: Option<u64>,
    /// Bytes read so far.
    pub(super) bytes_read: Arc<AtomicU64>,
    /// Files of a directory that could not be opened, and why.
    pub(super) missing: Vec<String>,
}

impl OpenInput {
    /// Opens a file, all files of a snapshot in a directory, or standard input.
    pub(super) fn open(name: &FileName) -> Result<Self, String> {
        let (mut sources, mut missing, mut bytes_in_all) = (VecDeque::new(), Vec::new(), Some(0));
        match name {
            FileName::Standard => {
                sources.push_back(Source::Standard(io::stdin()));
                bytes_in_all = None;
            }
            FileName::Path(path) => {
                let said = |error: io::Error| error.to_string();
                let is_directory = path.metadata().map_err(said)?.is_dir();
                let names = if is_directory { files_of(path)? } else { vec![String::new()] };
                for name in names {
                    let path = if is_directory { path.join(&name) } else { path.clone() };
                    match open(&path) {
                        Ok((file, bytes)) => {
                            sources.push_back(Source::File(file));
                            bytes_in_all = bytes_in_all.zip(bytes).map(|(all, it)| all + it);
                        }
                        Err(error) if is_directory => missing.push(format!("{name}: {error}")),
                        Err(error) => return Err(said(error)),
                    }
                }
            }
        }
        let bytes_read = Arc::new(AtomicU64::new(0));
        let input = Input { sources, bytes_read: Arc::clone(&bytes_read) };
        Ok(Self { input, bytes_in_all, bytes_read, missing })
    }
}

/// A file, and its length if it is no pipe.
fn open(path: &Path) -> io::Result<(File, Option<u64>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata.is_file().then_some(metadata.len())))
}

/// Names of the files of the snapshot in a directory.
fn files_of(directory: &Path) -> Result<Vec<String>, String> {
    let mut text = Vec::new();
    let path = directory.join(MANIFEST_NAME);
    File::open(path)
        .and_then(|file| file.take(MANIFEST_BYTES_MAX as u64 + 1).read_to_end(&mut text))
        .map_err(|error| format!("no snapshot is in it: {MANIFEST_NAME}: {error}"))?;
    let manifest = Manifest::parse(&text).map_err(|error| format!("{MANIFEST_NAME}: {error}"))?;
    Ok(manifest.files)
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(source) = self.sources.front_mut() {
            let count = match source {
                Source::Standard(stdin) => stdin.read(into),
                Source::File(file) => file.read(into),
            }?;
            if count > 0 || into.is_empty() {
                self.bytes_read.fetch_add(count as u64, Ordering::Relaxed);
                return Ok(count);
            }
            self.sources.pop_front();
        }
        Ok(0)
    }
}
