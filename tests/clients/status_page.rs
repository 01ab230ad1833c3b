//! The status page in a real browser without a window.

use std::path::Path;
use std::process::Command;

use slabcore_testkit::test_directory::TestDirectory;

use crate::metrics_server::MetricsServer;
use crate::program::found_tool;

/// The document that a browser has made of the page after some refreshes, and what it logged.
fn rendered(chromium: &Path, url: &str) -> (String, String) {
    let profile = TestDirectory::new();
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
        .args(["--disable-sync", "--disable-extensions", "--disable-default-apps"])
        // It reaches nothing but the server.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--enable-logging=stderr", "--virtual-time-budget=9000", "--dump-dom", url])
        .output()
        .expect("chromium runs");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    (String::from_utf8(output.stdout).expect("a document in UTF-8"), log)
}

/// The text of the element with this id; it must contain no other element.
fn text_of<'a>(document: &'a str, id: &str) -> &'a str {
    let (_, after) = document.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{id}"));
    let (_, content) = after.split_once('>').expect("the tag ends");
    content.split_once('<').expect("the element ends").0
}

#[test]
fn the_page_shows_the_numbers_of_the_server() {
    let Some(chromium) = found_tool("chromium") else {
        println!("SKIPPED: there is no chromium, and it cannot be installed");
        return;
    };
    let server = MetricsServer::start(2, &[]);
    server.use_cache();
    // A hot key, which clients choose: the page must not take it for markup.
    let mut client = server.server.connect();
    client.send(format!("{}version\r\n", "get <b>bold</b>\r\n".repeat(5_000)).as_bytes());
    client.read_to_version();
    let _open = [server.server.connect(), server.server.connect()].map(|mut it| it.round_trip());
    let (document, log) = rendered(&chromium, &format!("http://{}/", server.address));
    let complaints: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let hits = server.server.stat("get_hits") as f64;
    let misses = server.server.stat("get_misses") as f64;
    let ratio = format!("since the start {:.1} %", 100.0 * hits / (hits + misses));
    for (id, expected) in [
        ("state", "serving"),
        ("items", &*server.server.stat("curr_items").to_string()),
        ("hit-more", &*ratio),
        ("connections-more", "of 1,024, none refused"),
        ("rate", "0"),
        ("evictions", "0"),
    ] {
        assert_eq!(text_of(&document, id), expected, "{id} in\n{document}");
    }
    assert!(text_of(&document, "p99").ends_with('s'), "{}", text_of(&document, "p99"));
    for part in [
        "<td>get</td>",
        "<td>set</td>",
        ">&lt;b&gt;bold&lt;/b&gt;</td>",
        &*format!("<span>{}</span>", server.address),
        "title=\"slab class ",
        "limit 64.0 MiB; process ",
    ] {
        assert!(document.contains(part), "{part} in\n{document}");
    }
    let shards = document.split_once("id=\"shards\"").expect("shards are shown").1;
    assert_eq!(shards.matches("title=\"shard ").count(), 2, "{shards}");
    // Plots are drawn once there are two samples.
    assert!(document.matches("<path ").count() >= 3, "{document}");
}
