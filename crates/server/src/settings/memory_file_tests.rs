//! A file of another size becomes one of this size, wherever a process ends meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::settings::settings::Keeping;

const KEPT: Kept = Kept { seed: 77, boot_at_zero: 5 };

/// A file in memory, removed at the end.
struct InMemory(PathBuf);

impl InMemory {
    fn new(name: &str) -> Self {
        let name = format!("slabcore-{name}-{}", std::process::id());
        Self(Path::new("/dev/shm").join(name))
    }

    fn open(&self, pages: usize) -> MemoryFile {
        let keeping = Keeping { memory_file: Some(self.0.clone()), ..Keeping::default() };
        let memory_bytes = pages * PAGE_BYTES;
        MemoryFile::open(&Settings { memory_bytes, keeping, ..Settings::default() }).unwrap()
    }

    /// Makes a file with items in this many pages.
    fn make(&self, pages: usize, used: usize) -> Vec<u8> {
        let _ = fs::remove_file(&self.0);
        self.open(pages).emptied().unwrap().keep(KEPT);
        let mut bytes = fs::read(&self.0).unwrap();
        for page in 0..used {
            bytes[pages * PAGE_BYTES + page * 4..][..4].copy_from_slice(&word_of(page));
        }
        fs::write(&self.0, &bytes).unwrap();
        bytes
    }

    /// Opens the file with settings for so many pages, and takes all steps. Returns its bytes.
    fn fitted(&self, pages: usize) -> Vec<u8> {
        let mut file = self.open(pages);
        assert_eq!(file.kept(), Ok(KEPT), "{pages} pages");
        while let Some(step) = file.next_step(true) {
            assert!(matches!(step, Step::Resize), "{step:?}");
            file = file.resize().unwrap();
        }
        drop(file);
        fs::read(&self.0).unwrap()
    }

    /// Checks that the file, whatever its size, is one with items in so many pages.
    fn check(&self, wanted: usize, used: usize) {
        let bytes = self.fitted(wanted);
        let file = self.open(wanted);
        assert_eq!((file.kept(), file.pages()), (Ok(KEPT), wanted));
        assert_eq!(bytes.len(), file_bytes(&file.file, wanted).get());
        assert!(file.next_step(false).is_none());
        for page in 0..wanted {
            let word = &bytes[wanted * PAGE_BYTES + page * 4..][..4];
            let expected = if page < used { word_of(page) } else { [0; 4] };
            assert_eq!(word, expected, "page {page} of {wanted}");
        }
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The word of a page of the first shard.
fn word_of(page: usize) -> [u8; 4] {
    ((1 << 24) | (page as u32 + 1)).to_le_bytes()
}

/// Sizes before and after. The directories of some overlap.
const SIZES: [(usize, usize); 6] = [(16, 48), (16, 17), (48, 16), (48, 47), (300, 290), (290, 300)];

#[test]
fn the_directory_follows_the_size() {
    let file = InMemory::new("resized");
    for (from, to) in SIZES {
        let used = from.min(to) - 1;
        file.make(from, used);
        file.check(to, used);
        file.check(from, used);
    }
}

/// What a process leaves that ends after it opened the file, or before it cut it.
#[test]
fn a_cut_leaves_the_old_size_or_the_new_one() {
    let file = InMemory::new("cut");
    for (from, to) in SIZES {
        let used = from.min(to) - 1;
        let old = file.make(from, used);
        // Opened, and made longer if need be.
        drop(file.open(to));
        let opened = fs::read(&file.0).unwrap();
        assert_eq!(opened.len(), old.len().max(file.fitted(to).len()));
        let new = fs::read(&file.0).unwrap();
        let mut uncut = new.clone();
        uncut.extend(&opened[new.len()..]);
        for left in [opened, uncut] {
            for wanted in [from, to, 20] {
                fs::write(&file.0, &left).unwrap();
                if wanted > used {
                    file.check(wanted, used);
                }
            }
        }
    }
}

#[test]
fn pages_beyond_the_file_are_refused() {
    let division = Division::of(&Settings::default());
    let (first, second) = Divisions::one(division).words();
    let layout = |pages: u64| {
        let mut found = [MAGIC, LAYOUT, pages, 0, 0, 0, 0, 1, 2, 3, 4, 0];
        found[FIRST_DIVISION..][..DIVISION_WORDS].copy_from_slice(&first);
        let bytes = slabcore_storage::region_bytes(700_000) + HEADER_BYTES;
        read_layout(&found, second, bytes).map(|(pages, _)| pages)
    };
    for pages in [1, 700_000] {
        assert_eq!(layout(pages), Ok(pages as usize));
    }
    for pages in [0, 700_001, u64::MAX] {
        assert_eq!(layout(pages), Err("it is damaged"), "{pages}");
    }
}

/// 32 GiB are 524,288 pages, and the most that addresses in units of 8 bytes reach.
#[test]
fn the_granule_follows_the_memory() {
    let division = |pages: usize| {
        let memory_bytes = pages * PAGE_BYTES;
        Division::of(&Settings { memory_bytes, ..Settings::default() })
    };
    assert_eq!(division(524_288), division(16));
    assert_eq!(division(524_288).pages_max(), 524_288);
    assert_eq!(division(524_289), division(1_048_576));
    assert_eq!(division(524_289).pages_max(), 1_048_576);
    assert_ne!(division(524_289), division(524_288));
}
