//! A file that has its name only once it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::file_name::FileName;

/// Only its owner may read what clients have stored.
const MODE: u32 = 0o600;

/// A file or a pipe that is being written.
#[derive(Debug)]
pub(super) enum DumpFile {
    /// Standard output, without a buffer of lines, or a device.
    Stream(File),
    File {
        file: File,
        path: PathBuf,
        /// Its name until it is whole.
        partial: PathBuf,
    },
}

impl DumpFile {
    /// Opens a pipe, or makes a file beside the one that is to be.
    pub(super) fn create(name: &FileName) -> io::Result<Self> {
        let FileName::Path(path) = name else {
            let stdout = io::stdout().as_fd().try_clone_to_owned()?;
            return Ok(Self::Stream(stdout.into()));
        };
        let mut options = OpenOptions::new();
        options.write(true);
        let known = fs::metadata(path);
        if known.is_ok_and(|it| !it.is_file()) {
            return Ok(Self::Stream(options.open(path)?));
        }
        // The file that a link names is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let partial = partial(&path);
        let file = options.create(true).truncate(false).mode(MODE).open(&partial)?;
        file.try_lock().map_err(|_| io::Error::other("another dump is writing it"))?;
        file.set_len(0)?;
        Ok(Self::File { file, path, partial })
    }

    /// Gives the file its name once all of it is on the disk.
    pub(super) fn finish(self) -> io::Result<()> {
        let Self::File { file, path, partial } = self else { return Ok(()) };
        file.sync_all()?;
        fs::rename(partial, &path)?;
        let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// The name of a file that is not whole.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

impl Write for DumpFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (Self::Stream(file) | Self::File { file, .. }) = self;
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
