//! A server for the commands of one page, and what the commands find in their PATH.

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::test_directory::TestDirectory;

use crate::page::root;

/// Programs that commands use beside a shell's usual ones.
const TOOLS: [&str; 2] = ["nc", "curl"];

pub(crate) struct PageServer {
    server: ServerProcess,
    metrics_port: u16,
    directory: TestDirectory,
}

impl PageServer {
    /// Starts one with these options.
    pub(crate) fn new(words: &[&str]) -> Self {
        let options = ServerOptions::new(ServerKind::Slabcore, 1).arguments(words);
        let (server, metrics) = options.start_with_metrics();
        let metrics_port = metrics.port();
        let directory = TestDirectory::new();
        symlink(binaries::slabcore(), directory.file("slabcore")).expect("a link to the server");
        for tool in TOOLS {
            symlink(path_of(tool), directory.file(tool)).expect("a link to the tool");
        }
        Self { server, metrics_port, directory }
    }

    /// Runs a command in the root of the tree, and returns what it prints.
    pub(crate) fn run(&self, command: &str) -> String {
        let port = self.server.port().to_string();
        let command = command
            .replace("127.0.0.1 11211", &format!("127.0.0.1 {port}"))
            .replace("127.0.0.1:11211", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:9150", &format!("127.0.0.1:{}", self.metrics_port));
        let path =
            format!("{}:{}", self.directory.path().display(), env::var("PATH").unwrap_or_default());
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .current_dir(root())
            .env("PATH", path)
            .output()
            .expect("bash runs");
        let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{text}{errors}", output.status);
        text
    }
}

/// The program's path; it is installed where it is missing.
fn path_of(tool: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/tools");
    let output = Command::new(tools).arg(tool).output().expect("clients/tools runs");
    assert!(output.status.success(), "clients/tools finds no {tool}");
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim_end())
}
