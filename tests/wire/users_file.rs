//! User files for servers that require a login.

use std::path::PathBuf;

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

/// A user file. Dropping it removes the file.
pub(crate) struct UsersFile(PathBuf);

impl UsersFile {
    /// Creates a file with this text. Each test uses its own `name`.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let file = format!("slabcore-test-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).expect("a file of users");
        Self(path)
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }

    /// A server that requires a login of these users, with further options.
    pub(crate) fn start(&self, kind: ServerKind, words: &[&str]) -> ServerProcess {
        ServerOptions::new(kind, 2).arguments(&["-Y", self.path()]).arguments(words).start()
    }

    /// Replaces the file's text.
    pub(crate) fn rewrite(&self, text: &str) {
        std::fs::write(&self.0, text).expect("a file of users");
    }
}

impl Drop for UsersFile {
    fn drop(&mut self) {
        // If this fails, the system removes temporary files at some time.
        let _ = std::fs::remove_file(&self.0);
    }
}
