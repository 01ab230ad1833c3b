//! Files of users for servers that demand a login.

use std::path::PathBuf;

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

/// A file of users that is gone with it.
pub(crate) struct UsersFile(PathBuf);

impl UsersFile {
    /// A file with this text; `name` is the test's own.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let file = format!("slabcore-test-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).expect("a file of users");
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }

    /// A server that demands a login of these users, with further words of its command line.
    pub(crate) fn start(&self, kind: ServerKind, words: &[&str]) -> ServerProcess {
        ServerOptions::new(kind, 2).arguments(&["-Y", self.path()]).arguments(words).start()
    }

    /// Puts another text into the file.
    pub(crate) fn rewrite(&self, text: &str) {
        std::fs::write(&self.0, text).expect("a file of users");
    }
}

impl Drop for UsersFile {
    fn drop(&mut self) {
        // It is in the directory for temporary files, whatever happens.
        let _ = std::fs::remove_file(&self.0);
    }
}
