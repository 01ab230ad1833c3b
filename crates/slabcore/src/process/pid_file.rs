//! `-P`: the pid file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use rustix::process::{Pid, test_kill_process};
use tracing::warn;

/// A file with the id of this process.
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the file under a temporary name and renames it, so that a reader never sees half of
    /// it.
    ///
    /// If the old file names a running process, this only warns, as memcached does: the id may have
    /// been reused.
    pub(crate) fn write(path: &Path) -> io::Result<Self> {
        if let Some(pid) = running(path) {
            let pid = pid.as_raw_nonzero();
            warn!("WARNING: The pid file contained the following (running) pid: {pid}");
        }
        Self::replace(path)
    }

    /// As [`Self::write`], for a process that takes over from the one in the file.
    pub(crate) fn replace(path: &Path) -> io::Result<Self> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".tmp");
        fs::write(&unfinished, format!("{}\n", process::id()))?;
        fs::rename(&unfinished, path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Removes the file.
    pub(crate) fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            warn!("Could not remove the pid file {}: {error}", self.path.display());
        }
    }
}

/// The process that a pid file names, if it is running.
fn running(path: &Path) -> Option<Pid> {
    let text = fs::read_to_string(path).ok()?;
    let pid = Pid::from_raw(text.trim().parse().ok().filter(|&pid| pid > 0)?)?;
    test_kill_process(pid).is_ok().then_some(pid)
}
