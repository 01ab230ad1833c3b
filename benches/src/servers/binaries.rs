//! Finds the servers that are compared.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Stock memcached: `$MEMCACHED`, or the path that the script `tests/stock-memcached` prints; the
/// script builds it if needed.
pub fn memcached() -> io::Result<PathBuf> {
    if let Some(path) = env::var_os("MEMCACHED") {
        return executable(PathBuf::from(path), "MEMCACHED");
    }
    let script = workspace().join("tests/stock-memcached");
    let output = Command::new(&script).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("tests/stock-memcached failed; or set MEMCACHED to a binary"));
    }
    executable(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()), "stock-memcached")
}

/// Slabcore: `$SLABCORE`, or the release build next to the running program or in the tree.
pub fn slabcore() -> io::Result<PathBuf> {
    if let Some(path) = env::var_os("SLABCORE") {
        return executable(PathBuf::from(path), "SLABCORE");
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or(workspace().join("target"), PathBuf::from);
    let built = target.join("release/slabcore");
    if built.is_file() {
        return Ok(built);
    }
    Err(io::Error::other(
        "no release build of slabcore: run `cargo build --release -p slabcore`, \
         or set SLABCORE to a binary",
    ))
}

/// The responder, which is built with the running program.
pub fn responder() -> io::Result<PathBuf> {
    executable(env::current_exe()?.with_file_name("responder"), "cargo build -p slabcore-benches")
}

/// The tree that this program was built from.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn executable(path: PathBuf, source: &str) -> io::Result<PathBuf> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(io::Error::other(format!("{source}: {} is not a file", path.display())))
    }
}
