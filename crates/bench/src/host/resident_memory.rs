//! The resident memory of a process.

use std::{fs, io};

/// Resident bytes of the process of this id, or of this one (`self`), counted page by page.
pub fn resident_bytes(process: &str) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
    kib.map(|kib: u64| kib << 10).ok_or_else(|| io::Error::other("smaps_rollup has no Rss"))
}
