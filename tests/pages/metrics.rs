//! The page of metrics and what a server shows.

use std::collections::BTreeSet;

use crate::page::Page;
use crate::page_server::PageServer;

/// Families that a server has with `io_uring` only.
const OF_THE_RING: [&str; 3] = [
    "slabcore_shard_ring_enters_total",
    "slabcore_shard_ring_completions_total",
    "slabcore_shard_receive_buffers_exhausted_total",
];

#[test]
fn the_page_lists_what_a_server_shows() {
    // Temporary items and prefixes of keys have families where there may be some.
    let server = PageServer::new(&["-o", "temporary_ttl=10", "-D", ":"]);
    // Slab classes and prefixes are shown once they are used.
    server.run("printf 'set a:b 0 0 1\\r\\nx\\r\\nget a:b\\r\\nquit\\r\\n' | nc 127.0.0.1 11211");
    let shown = server.run("curl -s 127.0.0.1:9150/metrics");
    let mut families: BTreeSet<(String, String)> = BTreeSet::new();
    for line in shown.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' ')) {
            families.insert((name.to_owned(), kind.to_owned()));
        }
    }
    let page = Page::read("docs/metrics.md");
    let rows = page.text.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
    });
    // Other tables list alerts and recorded expressions.
    let is_family =
        |(_, kind): &(String, String)| ["counter", "gauge", "histogram"].contains(&kind.as_str());
    let mut listed: BTreeSet<(String, String)> = rows.filter(is_family).collect();
    if !families.iter().any(|(name, _)| name == OF_THE_RING[0]) {
        listed.retain(|(name, _)| !OF_THE_RING.contains(&name.as_str()));
    }
    assert!(families.len() > 50, "the scrape is read");
    let only_listed: Vec<_> = listed.difference(&families).collect();
    let only_shown: Vec<_> = families.difference(&listed).collect();
    assert!(only_listed.is_empty(), "not shown by a server: {only_listed:?}");
    assert!(only_shown.is_empty(), "not in docs/metrics.md: {only_shown:?}");
}
