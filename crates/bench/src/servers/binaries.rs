//! Finds the servers that are compared.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

/// The server to compare with: what the command line names, else `$MEMCACHED`, else `memcached` in
/// the `PATH`.
pub fn memcached(named: Option<&Path>) -> io::Result<PathBuf> {
    if let Some(path) = named.map(Path::to_owned).or_else(|| variable("MEMCACHED")) {
        return executable(path);
    }
    let missing = "no memcached: install it, or name one with --against or MEMCACHED";
    in_path("memcached").ok_or_else(|| io::Error::other(missing))
}

/// Slabcore: what the command line names, else `$SLABCORE`, else `slabcore` beside the running
/// program, else in the `PATH`.
pub fn slabcore(named: Option<&Path>) -> io::Result<PathBuf> {
    if let Some(path) = named.map(Path::to_owned).or_else(|| variable("SLABCORE")) {
        return executable(path);
    }
    let beside = env::current_exe()?.with_file_name("slabcore");
    if beside.is_file() {
        return Ok(beside);
    }
    let missing = "no slabcore beside this program or in the PATH: name one with --slabcore or \
                   SLABCORE";
    in_path("slabcore").ok_or_else(|| io::Error::other(missing))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn executable(path: PathBuf) -> io::Result<PathBuf> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(io::Error::other(format!("{} is not a file", path.display())))
    }
}
