//! The directory of a snapshot: its files, and the manifest that names them.
//!
//! ```text
//! snapshot.manifest             names the files of the snapshot that is complete
//! 1796083200123456-0.slab       the items of shard 0, by the time of the snapshot's start
//! 1796083200123456-1.slab
//! snapshot.manifest.new         while a snapshot is being completed
//! ```
//!
//! A snapshot is there when its manifest is renamed, after its files were synced; and the directory
//! is synced after that. So a crash at any time leaves the old one or the new one. Files that no
//! manifest names are removed by the next snapshot.
//!
//! The server opens files by the descriptor of the directory and follows no symbolic link in it.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, flock, fsync, openat, renameat, unlinkat,
};
use slabcore_snapshot::{MANIFEST_NAME, Manifest};

/// Name of a manifest that is not complete yet.
const NEW_MANIFEST_NAME: &str = "snapshot.manifest.new";

/// Bytes of the name of a directory that a client may choose.
const NAME_BYTES_MAX: usize = 60;

/// The directory of a snapshot. While this exists, no other server writes one there.
pub(crate) struct SnapshotDirectory {
    directory: OwnedFd,
}

impl SnapshotDirectory {
    /// Opens the directory, or the one of this name in it, which must be there. Fails if another
    /// process writes a snapshot there.
    pub(crate) fn open(path: &Path, name: Option<&str>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut directory = openat(CWD, path, flags, Mode::empty())?;
        if let Some(name) = name {
            directory = openat(&directory, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        }
        flock(&directory, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            let error = io::Error::from(error);
            if error.kind() != io::ErrorKind::WouldBlock {
                return error;
            }
            io::Error::other("another process writes a snapshot there")
        })?;
        Ok(Self { directory })
    }

    /// Whether a client may name such a directory: it is one path component, and not hidden.
    pub(crate) fn is_name(name: &[u8]) -> bool {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=NAME_BYTES_MAX).contains(&name.len())
            && name.iter().all(is_plain)
            && !name.starts_with(b".")
    }

    /// Names for the files of so many shards, which no other snapshot has.
    pub(super) fn file_names(shards: usize) -> Vec<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (0..shards).map(|shard| format!("{}-{shard}.slab", now.as_micros())).collect()
    }

    /// Makes a file. It is readable by the server's user only, because it has what clients store.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(File::from(file))
    }

    /// Makes the files of a manifest the snapshot of this directory. They are whole and synced.
    pub(super) fn commit(&self, manifest: &Manifest) -> io::Result<()> {
        self.remove(NEW_MANIFEST_NAME);
        let mut file = self.create(NEW_MANIFEST_NAME)?;
        file.write_all(manifest.to_string().as_bytes())?;
        file.sync_all()?;
        renameat(&self.directory, NEW_MANIFEST_NAME, &self.directory, MANIFEST_NAME)?;
        Ok(fsync(&self.directory)?)
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) {
        let _ = unlinkat(&self.directory, name, AtFlags::empty());
    }

    /// Removes the files of other snapshots.
    pub(super) fn remove_others(&self, manifest: &Manifest) {
        let Ok(entries) = Dir::read_from(&self.directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_str().unwrap_or_default();
            if is_snapshot_file(entry.file_name()) && !manifest.files.iter().any(|it| it == name) {
                self.remove(name);
            }
        }
    }
}

/// Whether a name is one that [`SnapshotDirectory::file_names`] makes.
fn is_snapshot_file(name: &CStr) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let name = name.to_str().ok().and_then(|name| name.strip_suffix(".slab"));
    let parts = name.and_then(|name| name.split_once('-'));
    parts.is_some_and(|(time, shard)| is_number(time) && is_number(shard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_name_one_component() {
        for name in [&b"a"[..], b"nightly-2.x", b"A_1"] {
            assert!(SnapshotDirectory::is_name(name), "{name:?}");
        }
        for name in [&b""[..], b"..", b".", b".a", b"a/b", b"/", b"a b", b"\xff", &[b'a'; 61]] {
            assert!(!SnapshotDirectory::is_name(name), "{name:?}");
        }
    }

    #[test]
    fn only_own_files_are_removed() {
        let check =
            |name: &CStr, expected| assert_eq!(is_snapshot_file(name), expected, "{name:?}");
        check(c"1796083200123-0.slab", true);
        check(c"1796083200123-63.slab", true);
        check(c"1796083200123.slab", false);
        check(c"mine-0.slab", false);
        check(c"1-2-3.slab", false);
        check(c"1-2.slab.old", false);
    }
}
