//! The tables of memcached-tool, Debian's script, for slabcore and for stock memcached after the
//! same load.

use std::collections::{BTreeMap, BTreeSet};

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

use crate::patience::wait_for;
use crate::program::{memcached_script, run};

/// Small items, and more large items than `-m 8` holds.
const SMALL_ITEMS: usize = 300;
const LARGE_ITEMS: usize = 200;
const LARGE_BYTES: usize = 100_000;

/// Lines of 1.6.45 that 1.6.38 lacks.
const NEWER: [&str; 2] = ["slab_reassign_busy_nomem", "slab_reassign_last_busy_status"];

/// A table by the first word of each line, without the line of titles.
type Table = BTreeMap<String, Vec<String>>;

fn table(server: &ServerProcess, words: &[&str]) -> Table {
    let text = run(&mut memcached_script(server.port(), words));
    let rows = text.lines().skip(1).map(|line| {
        let mut cells = line.split_whitespace().map(ToOwned::to_owned);
        (cells.next().expect("no line is empty"), cells.collect())
    });
    rows.collect()
}

/// The same table of a loaded slabcore and of a loaded stock memcached.
fn tables(words: &[&str], options: &[&str]) -> [Table; 2] {
    [ServerKind::Slabcore, ServerKind::Stock].map(|kind| {
        let server = ServerOptions::new(kind, 2).arguments(options).start();
        load(&server, SMALL_ITEMS, 10);
        table(&server, words)
    })
}

/// Stores items, then gets one in ten of them and as many absent keys.
fn load(server: &ServerProcess, items: usize, bytes: usize) {
    let mut client = server.connect();
    let value = "x".repeat(bytes);
    for number in 0..items {
        client.expect(format!("set {bytes}:{number} 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
        if number % 10 == 0 {
            let reply = format!("VALUE {bytes}:{number} 0 {bytes}\r\n{value}\r\nEND\r\n");
            client.expect(format!("get {bytes}:{number}\r\n"), reply);
            client.expect(format!("get absent:{number}\r\n"), "END\r\n");
        }
    }
}

fn names(table: &Table) -> BTreeSet<&str> {
    table.keys().map(String::as_str).filter(|name| !NEWER.contains(name)).collect()
}

#[test]
fn stats_counts_what_stock_counts() {
    let [ours, stock] = tables(&["stats"], &[]);
    assert_eq!(names(&ours), names(&stock));
    for name in [
        "accepting_conns",
        "cmd_get",
        "cmd_set",
        "cmd_touch",
        "curr_items",
        "evictions",
        "get_hits",
        "get_misses",
        "limit_maxbytes",
        "pointer_size",
        "threads",
        "total_items",
    ] {
        assert_eq!(ours[name], stock[name], "{name}");
    }
}

#[test]
fn settings_are_those_of_stock() {
    if !binaries::stock_is_current() {
        eprintln!("the memcached at hand is older than 1.6.45, which this test compares with");
        return;
    }
    let words = ["-m", "100", "-c", "200", "-I", "2m", "-M", "-o", "idle_timeout=77"];
    let [ours, stock] = tables(&["settings"], &words);
    assert_eq!(names(&ours), names(&stock));
    let own = BTreeSet::from([
        // A time that depends on the server's start.
        "oldest",
        // memcached repeats the option for a free port.
        "tcpport",
        // How items are found and cut up is slabcore's own.
        "hash_algorithm",
        "slab_chunk_max",
    ]);
    let different = names(&ours).into_iter().filter(|&name| ours[name] != stock[name]);
    let different: BTreeSet<&str> = different.filter(|name| !own.contains(name)).collect();
    let shown: Vec<_> = different.iter().map(|&it| (it, &ours[it], &stock[it])).collect();
    assert!(shown.is_empty(), "name, ours, stock: {shown:?}");
}

#[test]
fn sizes_sum_up_to_all_items() {
    let [ours, stock] = tables(&["sizes"], &[]);
    assert_eq!(ours, stock);
    assert_eq!(ours["sizes_status"], ["disabled"]);
    for table in tables(&["sizes"], &["-o", "track_sizes"]) {
        let items: usize = table.values().map(|cells| number(&cells[0])).sum();
        assert_eq!(items, SMALL_ITEMS, "{table:?}");
    }
}

fn number(cell: &str) -> usize {
    cell.parse().unwrap_or_else(|_| panic!("{cell} is no number"))
}

on_both! {
    display_shows_each_class,
}

/// Compares each line of `display` with the server's counts of the class.
fn display_shows_each_class(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-m", "8"]).start();
    load(&server, SMALL_ITEMS, 10);
    load(&server, LARGE_ITEMS, LARGE_BYTES);
    let titles = run(&mut memcached_script(server.port(), &["display"]));
    let titles: Vec<&str> = titles.lines().next().expect("titles").split_whitespace().collect();
    let expected = "# Item_Size Max_age Pages Count Full? Evicted Evict_Time OOM";
    assert_eq!(titles, expected.split(' ').collect::<Vec<_>>());
    let mut client = server.connect();
    let mut counts = || {
        ["items", "slabs"]
            .map(|table| client.stats(table).into_iter().collect::<BTreeMap<String, String>>())
    };
    // Pages may still move, and items grow older.
    let (classes, [items, slabs]) = wait_for("counts that do not change", || {
        let before = counts();
        let classes = table(&server, &["display"]);
        (counts() == before).then_some((classes, before))
    });
    let (mut count, mut evicted) = (0, 0);
    for (class, cells) in &classes {
        let [size, age, pages, items_of_class, full, evicted_of_class, evict_time, oom] =
            &cells[..]
        else {
            panic!("{class}: {cells:?}");
        };
        let of = |name: &str| number(&slabs[&format!("{class}:{name}")]);
        // A class may hold only parts of items of other classes.
        let of_items =
            |name: &str| items.get(&format!("items:{class}:{name}")).map_or(0, |it| number(it));
        let chunk = of("chunk_size") as f64;
        let shown = match size.strip_suffix('K') {
            None => number(size.strip_suffix('B').expect("bytes")) as f64,
            Some(kib) => kib.parse::<f64>().expect("KiB") * 1024.0,
        };
        assert!((shown - chunk).abs() <= 52.0, "{size} of {chunk} bytes");
        assert!(age.strip_suffix('s').is_some_and(|age| number(age) < 1000), "{age}");
        assert_eq!(number(pages), of("total_pages"));
        assert_eq!(number(items_of_class), of_items("number"));
        assert_eq!(full == "yes", of("used_chunks") == of("total_chunks"), "{full}");
        assert_eq!(number(evicted_of_class), of_items("evicted"));
        assert_eq!(number(evict_time), of_items("evicted_time"));
        assert_eq!(number(oom), of_items("outofmemory"));
        count += number(items_of_class);
        evicted += number(evicted_of_class);
    }
    assert_eq!(count as u64, server.stat("curr_items"), "{classes:?}");
    assert_eq!(evicted as u64, server.stat("evictions"), "{classes:?}");
    assert_ne!(evicted, 0, "{classes:?}");
}
