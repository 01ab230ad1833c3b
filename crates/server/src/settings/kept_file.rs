//! The file that keeps the items: one in memory that has a path (`-e`), or none (`--keep-memory`).

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{
    AtFlags, FallocateFlags, FlockOperation, MemfdFlags, StatxAttributes, StatxFlags, fallocate,
    flock, fstatfs, memfd_create, statx,
};
use rustix::io::{Errno, retry_on_intr};
use tracing::warn;

use crate::settings::Settings;
use crate::settings::file_mapping::{FileMapping, allocate_huge};
use crate::settings::item_memory::reserved_refused;

/// Types of file systems that keep files in memory, by the magic numbers of `statfs(2)`.
/// ramfs is not among them: it allocates nothing ahead.
const TMPFS: (u32, &str) = (0x0102_1994, "tmpfs");
const HUGETLBFS: (u32, &str) = (0x9584_58f6, "hugetlbfs");

/// A file in memory that this process alone uses.
#[derive(Debug)]
pub(super) struct KeptFile {
    pub(super) file: File,
    /// Its length is a multiple of this.
    pub(super) block_bytes: usize,
    is_tmpfs: bool,
}

impl KeptFile {
    /// Opens the file that the settings name, which is made if need be, or that an earlier process
    /// left. The error is for the operator.
    pub(super) fn open(settings: &Settings) -> Result<KeptFile, String> {
        let inherited = settings.keeping.inherited.as_ref().map(|file| file.try_clone());
        let file = match (inherited, &settings.keeping.memory_file) {
            (Some(file), _) => file.map(File::from),
            (None, Some(path)) => open_path(path),
            (None, None) => make_unnamed(settings),
        };
        let kept = KeptFile::of(file.map_err(|error| error.to_string())?)?;
        flock(&kept.file, FlockOperation::NonBlockingLockExclusive).map_err(
            |error| match error {
                Errno::WOULDBLOCK => "another server uses it".to_owned(),
                error => error.to_string(),
            },
        )?;
        Ok(kept)
    }

    /// A file that is in memory.
    fn of(file: File) -> Result<KeptFile, String> {
        let system = fstatfs(&file).map_err(|error| error.to_string())?;
        // The type's width and sign differ between platforms.
        let magic = system.f_type as u32;
        let is_tmpfs = magic == TMPFS.0;
        if !is_tmpfs && magic != HUGETLBFS.0 && !is_direct(&file) {
            return Err(format!(
                "it is on a disk, which each request would write to; use a file system in memory \
                 ({}, {}) or DAX",
                TMPFS.1, HUGETLBFS.1
            ));
        }
        let block_bytes = usize::try_from(system.f_bsize).unwrap_or_default();
        Ok(KeptFile { file, block_bytes, is_tmpfs })
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> io::Result<usize> {
        usize::try_from(self.file.metadata()?.len()).map_err(io::Error::other)
    }

    /// Makes the file longer, with its last block at the end as soon as it is longer. The error is
    /// for the operator.
    pub(super) fn extend(&self, bytes: NonZeroUsize, block_bytes: usize) -> Result<(), String> {
        let said = |error: io::Error| said(&error, bytes);
        let mut last = vec![0; block_bytes];
        let found = self.bytes().map_err(said)?;
        self.file.read_exact_at(&mut last, (found - block_bytes) as u64).map_err(said)?;
        let length = bytes.get() as u64;
        let flags = FallocateFlags::KEEP_SIZE;
        let allocated = retry_on_intr(|| fallocate(&self.file, flags, 0, length));
        allocated.map_err(|error| said(error.into()))?;
        let at = length - block_bytes as u64;
        if self.file.write_all_at(&last, at).is_ok() {
            return Ok(());
        }
        // Files of reserved huge pages are written where they are mapped.
        self.file.set_len(length).map_err(said)?;
        let mut mapping = FileMapping::map(&self.file, bytes).map_err(said)?;
        mapping.as_mut()[at as usize..][..block_bytes].copy_from_slice(&last);
        Ok(())
    }

    /// Gives the file this length, and has the system set all of it aside: a page that is missing
    /// when it is touched would end the process. The error is for the operator.
    pub(super) fn allocate(&self, bytes: NonZeroUsize) -> Result<(), String> {
        self.try_allocate(bytes).map_err(|error| said(&error, bytes))
    }

    fn try_allocate(&self, bytes: NonZeroUsize) -> io::Result<()> {
        let (file, found, length) = (&self.file, self.file.metadata()?, bytes.get() as u64);
        if found.len() != length {
            file.set_len(length)?;
        }
        if self.is_tmpfs && found.blocks() == 0 {
            allocate_huge(file, bytes)?;
        }
        // A signal, or what a ring has for this thread, interrupts it.
        Ok(retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, length))?)
    }
}

/// Why a file cannot have so many bytes, for the operator.
fn said(error: &io::Error, bytes: NonZeroUsize) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::NOMEM) => {
            format!("its file system has no room for {} MiB", bytes.get().div_ceil(1 << 20))
        }
        _ => error.to_string(),
    }
}

fn open_path(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Makes a file without a name, with `-L` of reserved huge pages. It is there while some process
/// has its descriptor.
fn make_unnamed(settings: &Settings) -> io::Result<File> {
    if settings.huge_pages {
        let bytes = settings.memory_bytes;
        let flags = MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
        match unnamed(flags).and_then(|file| {
            fallocate(&file, FallocateFlags::empty(), 0, bytes as u64)?;
            Ok(file)
        }) {
            Ok(file) => return Ok(file),
            Err(error) => warn!("{}", reserved_refused(bytes, &error)),
        }
    }
    unnamed(MemfdFlags::empty())
}

fn unnamed(flags: MemfdFlags) -> io::Result<File> {
    Ok(memfd_create("slabcore-items", flags | MemfdFlags::CLOEXEC)?.into())
}

/// Whether a file's bytes are mapped from where they lie, without copies in memory (DAX).
fn is_direct(file: &File) -> bool {
    statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::TYPE)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::DAX))
}
