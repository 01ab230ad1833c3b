//! A directory of a test's own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory below the system's for temporary files; dropping it removes it and all in it.
#[derive(Debug)]
pub struct TestDirectory(PathBuf);

impl TestDirectory {
    /// An empty one. Its path is short, as those of Unix sockets must be. Panics where it cannot be
    /// made.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("slabcore-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A leftover of an ended process that had the same id.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a directory for the test");
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it, whether there is one or not.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        // It is in the directory for temporary files, whatever happens.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
