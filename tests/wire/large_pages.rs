//! Huge pages (`-L`), and the memory that a large cache uses before it is filled.

use std::fs;
use std::path::{Path, PathBuf};

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

on_both! { goes_on_where_no_huge_pages_are_reserved, a_large_cache_is_small_until_it_is_filled }

/// `-m` of the test with reserved huge pages, not a multiple of them.
const MEMORY_MIB: usize = 65;
/// Number of huge pages for this memory.
const PAGES: usize = MEMORY_MIB.div_ceil(2);

/// A number in the kernel's directory for huge pages of 2 MiB; `None` without such a directory.
fn huge_pages(name: &str) -> Option<usize> {
    fs::read_to_string(huge_pages_path(name)).ok()?.trim().parse().ok()
}

fn huge_pages_path(name: &str) -> PathBuf {
    Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB").join(name)
}

/// Huge pages that are reserved while this lives.
struct ReservedPages {
    before: usize,
}

impl ReservedPages {
    /// Returns `None` without the right to reserve them, or if memory is too fragmented.
    fn new(pages: usize) -> Option<Self> {
        let before = huge_pages("nr_hugepages")?;
        fs::write(huge_pages_path("nr_hugepages"), (before + pages).to_string()).ok()?;
        let reserved = Self { before };
        (huge_pages("nr_hugepages")? >= before + pages).then_some(reserved)
    }
}

impl Drop for ReservedPages {
    fn drop(&mut self) {
        fs::write(huge_pages_path("nr_hugepages"), self.before.to_string())
            .expect("what was raised can be lowered");
    }
}

fn start(kind: ServerKind, memory_mib: usize, words: &[&str]) -> ServerProcess {
    let memory = memory_mib.to_string();
    ServerOptions::new(kind, 2).arguments(&["-m", &memory]).arguments(words).start()
}

/// The lines of `stats settings`, without the port, which differs.
fn settings(server: &ServerProcess) -> Vec<(String, String)> {
    let mut settings = server.connect().stats("settings");
    settings.retain(|(name, _)| name != "tcpport");
    settings
}

fn goes_on_where_no_huge_pages_are_reserved(kind: ServerKind) {
    let is_slabcore = kind == ServerKind::Slabcore && binaries::slabcore_is_itself();
    let transparent = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    if !is_slabcore && transparent.is_ok_and(|modes| modes.contains("[never]")) {
        eprintln!("not tested: memcached refuses -L without transparent huge pages");
        return;
    }
    let there = ["nr_hugepages", "nr_overcommit_hugepages"].map(huge_pages);
    // More pages than the test below adds at the same time.
    let pages = there.iter().flatten().sum::<usize>() + 2 * PAGES;
    let server = start(kind, 2 * pages, &["-L"]);
    let mut client = server.connect();
    client.expect("set a 0 0 1\r\nx\r\n", "STORED\r\n");
    client.expect("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    assert_eq!(settings(&server), settings(&start(kind, 2 * pages, &[])), "-L is not shown");
    if is_slabcore {
        let log = server.log();
        let warnings: Vec<_> = log.lines().filter(|line| line.contains("-L")).collect();
        let [warning] = warnings[..] else { panic!("not one line: {log}") };
        assert!(warning.contains(&format!("sysctl vm.nr_hugepages={pages} ")), "{warning}");
    }
}

fn a_large_cache_is_small_until_it_is_filled(kind: ServerKind) {
    let server = start(kind, 8192, &[]);
    server.connect().expect("set a 0 0 1\r\nx\r\n", "STORED\r\n");
    let resident_kib = server.status_kib("VmRSS");
    assert!(resident_kib < 64 << 10, "{resident_kib} KiB resident");
}

#[test]
fn items_lie_on_reserved_huge_pages() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let Some(_reserved) = ReservedPages::new(PAGES) else {
        eprintln!("not tested: {PAGES} huge pages cannot be reserved here");
        return;
    };
    let server = start(ServerKind::Slabcore, MEMORY_MIB, &["-L"]);
    assert_eq!(server.log(), "");
    let mut client = server.connect();
    assert_eq!(client.stat("limit_maxbytes"), Some((MEMORY_MIB << 20).to_string()));
    let huge_kib = server.status_kib("HugetlbPages");
    assert!((1..8 << 10).contains(&huge_kib), "{huge_kib} KiB before the first item");
    // Twice the items that fit, so every page is used.
    let value = "x".repeat(100_000);
    for key in 0..2 * MEMORY_MIB * 10 {
        client.expect(format!("set {key} 0 0 100000\r\n{value}\r\n"), "STORED\r\n");
    }
    let huge_kib = server.status_kib("HugetlbPages") as usize;
    assert!((MEMORY_MIB * 9 / 10..=2 * PAGES).contains(&(huge_kib >> 10)), "{huge_kib} KiB filled");
    let last = 2 * MEMORY_MIB * 10 - 1;
    let reply = format!("VALUE {last} 0 100000\r\n{value}\r\nEND\r\n");
    client.expect(format!("get {last}\r\n"), reply);
    assert!(server.stop().success());
}
