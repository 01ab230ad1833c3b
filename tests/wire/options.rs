//! Every option of memcached's command line, given to both servers. Both accept it, or refuse it
//! with the same status and message. Slabcore says in one line that an option has no effect.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::geteuid;
use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};

use crate::users_file::UsersFile;

/// An address that cannot be bound, so a server that accepts its options ends with status 71.
const UNBINDABLE: &str = "/nonexistent/slabcore.sock";
/// Status of a server that cannot bind.
const CANNOT_BIND: i32 = 71;

/// The expected outcome for a line of options.
enum Expect {
    /// Both accept it, slabcore without output.
    Taken,
    /// Both accept it. Slabcore says in one line that it has no effect.
    Warned,
    /// Both refuse it with this status and the same first line.
    Refused(i32),
    /// Both refuse it with this status and different messages.
    RefusedInOwnWords(i32),
    /// Slabcore refuses it with this status. memcached misreads it, crashes, or has another status.
    Stricter(i32),
}

use Expect::{Refused, RefusedInOwnWords, Stricter, Taken, Warned};

#[rustfmt::skip]
const OPTIONS: &[(&str, Expect)] = &[
    ("-p 0", Taken), ("--port=5", Taken), ("-p 70000", Refused(64)), ("-p x", Stricter(64)),
    ("-U 0", Taken), ("--udp-port=0", Taken), ("-U x", Warned), ("-m -1", Stricter(64)),
    ("-a 0777", Taken),
    ("--unix-mask=700", Taken), ("-a 999", Stricter(64)), ("-l 127.0.0.1", Taken),
    ("--listen=127.0.0.1", Taken), ("--enable-shutdown", Taken), ("-A", Taken), ("-F", Taken),
    ("--disable-flush-all", Taken), ("-X", Taken), ("--disable-dumping", Taken), ("-W", Taken),
    ("--disable-watch", Taken), ("-r", Taken), ("--enable-coredumps", Taken), ("-k", Taken),
    ("--lock-memory", Taken), ("--lock-memory=1", Refused(1)), ("-P /nonexistent/pid", Taken),
    ("--pidfile=/nonexistent/pid", Taken), ("-u no-such-user", Refused(67)),
    ("--user=no-such-user", Refused(67)), ("-m 64", Taken), ("--memory-limit=64", Taken),
    ("-m 1", Refused(64)), ("-m x", RefusedInOwnWords(64)), ("-M", Taken),
    ("--disable-evictions", Taken), ("-I 2m", Taken), ("--max-item-size=2m", Taken),
    ("-I 0", Refused(64)), ("-I 1g", Refused(64)), ("-I 1000000000", Refused(64)),
    ("-I 600k", Refused(64)), ("-c 100", Taken), ("--conn-limit=100", Taken), ("-c 0", Refused(1)),
    ("-c x", Refused(1)), ("-t 2", Taken), ("--threads=2", Taken), ("-t 0", Refused(1)),
    ("-t 65", Warned), ("-R 5", Taken), ("--max-reqs-per-event=5", Taken),
    ("-R 0", Refused(1)), ("-b 10", Taken), ("--listen-backlog=10", Taken), ("-b x", Warned),
    ("-B ascii", Taken), ("--protocol=binary", Taken), ("-B foo", Refused(64)), ("-C", Taken),
    ("--disable-cas", Taken), ("-D :", Taken), ("-D ::", Taken), ("-D ", Refused(1)),
    ("-f 1.1", Taken), ("--slab-growth-factor=1.5", Taken), ("-f 1", Refused(1)),
    ("-f x", Refused(1)), ("-n 8", Taken), ("--slab-min-size=8", Taken), ("-n 0", Refused(1)),
    ("-n 2000000", Stricter(1)), ("-L", Taken), ("--enable-largepages", Taken),
    ("-S", Stricter(64)), ("--enable-sasl", Stricter(64)),
    ("-S -B ascii", Refused(64)), ("-S -B auto", Refused(64)),
    ("-Y /nonexistent/users -B auto", Refused(64)),
    ("-Y /nonexistent/users -B binary", Refused(64)), ("-Z -p 0", Refused(64)),
    ("-o no_modern -I 512k", Refused(64)), ("-o no_chunked_items -I 512k", Refused(64)),
    ("-o slab_chunk_max=768 -I 1536k", Refused(64)),
    ("-Y /nonexistent/users", RefusedInOwnWords(1)),
    ("--auth-file=/nonexistent/users", RefusedInOwnWords(1)), ("-N 2 -t 2", Warned),
    ("--napi-ids=1", Warned), ("-N 0", Refused(1)), ("-N 5 -t 4", Refused(64)), ("-v", Taken),
    ("--verbose", Taken), ("-vvv", Warned), ("-d --nosuch", Refused(1)),
    ("--daemon -Q", Refused(1)),
    ("-Z", RefusedInOwnWords(64)), ("--enable-ssl", RefusedInOwnWords(64)),
    ("--nosuch", Refused(1)), ("--nosuch=3", Refused(1)), ("-Q", Refused(1)),
    ("--dis", Refused(1)), ("--mem", Refused(1)), ("--mem=3", Refused(1)), ("--l", Refused(1)),
    ("--e", Refused(1)), ("--d", Refused(1)), ("--u", Refused(1)), ("-S -U 11911", Refused(64)),
    ("--disable-f", Taken), ("--con=100", Taken), ("--lo", Taken), ("stray words", Taken),
];

#[rustfmt::skip]
const SUBOPTIONS: &[(&str, Expect)] = &[
    ("maxconns_fast", Taken), ("no_maxconns_fast", Taken), ("modern", Taken), ("modern=1", Taken),
    ("no_modern", Warned), ("idle_timeout", Refused(1)), ("idle_timeout=3", Taken),
    ("idle_timeout=0", Taken), ("idle_timeout=x", Warned), ("idle_timeout=-1", Stricter(1)),
    ("hashpower", Refused(1)), ("hashpower=16", Warned), ("hashpower=11", Refused(1)),
    ("hashpower=33", Refused(1)), ("hashpower=x", Refused(1)), ("no_hashexpand", Warned),
    ("hash_algorithm", Refused(1)), ("hash_algorithm=foo", Refused(1)),
    ("hash_algorithm=jenkins", Warned), ("hash_algorithm=xxh3", Warned),
    ("tail_repair_time", Refused(1)), ("tail_repair_time=9", Refused(1)),
    ("tail_repair_time=10", Warned), ("slab_reassign", Taken), ("no_slab_reassign", Warned),
    ("slab_automove", Warned), ("slab_automove=2", Warned), ("slab_automove=3", Refused(1)),
    ("slab_automove=x", Warned), ("slab_automove=-1", Refused(1)),
    ("no_slab_automove", Warned), ("slab_automove_ratio", Refused(1)),
    ("slab_automove_ratio=0.5", Warned), ("slab_automove_ratio=1", Warned),
    ("slab_automove_ratio=0", Refused(1)), ("slab_automove_ratio=2", Refused(1)),
    ("slab_automove_window", Refused(1)), ("slab_automove_window=3", Warned),
    ("slab_automove_window=2", Refused(1)),
    ("slab_automove_window=1801", Refused(1)), ("slab_automove_freeratio", Refused(1)),
    ("slab_automove_freeratio=0.5", Warned), ("slab_automove_freeratio=x", Refused(1)),
    ("slab_sizes", Stricter(1)), ("slab_sizes=100-200", Warned), ("slab_sizes=x", Refused(64)),
    ("slab_sizes=200-100", Refused(64)), ("slab_sizes=100-108", Refused(64)),
    ("slab_sizes=100-524289", Refused(64)), ("slab_chunk_max", Refused(1)),
    ("slab_chunk_max=512", Warned), ("slab_chunk_max=0", Refused(1)),
    ("slab_chunk_max=x", Refused(1)), ("slab_chunk_max=1025", Refused(1)),
    ("slab_chunk_max=300", Refused(64)), ("no_chunked_items", Warned), ("lru_maintainer", Taken),
    ("no_lru_maintainer", Taken), ("lru_crawler", Taken), ("no_lru_crawler", Taken),
    ("lru_crawler_sleep", Refused(1)), ("lru_crawler_sleep=5", Warned),
    ("lru_crawler_sleep=1000001", Refused(1)), ("lru_crawler_tocrawl", Refused(1)),
    ("lru_crawler_tocrawl=5", Warned), ("lru_crawler_tocrawl=x", Refused(1)),
    ("hot_lru_pct", Refused(1)), ("hot_lru_pct=30", Taken), ("hot_lru_pct=80", Refused(1)),
    ("hot_lru_pct=41", Refused(64)), ("warm_lru_pct", Refused(1)), ("warm_lru_pct=30", Taken),
    ("warm_lru_pct=0", Refused(1)), ("hot_max_factor", Refused(1)), ("hot_max_factor=0.5", Taken),
    ("hot_max_factor=0", Refused(1)), ("warm_max_factor", Refused(1)),
    ("warm_max_factor=3", Taken), ("warm_max_factor=0", Refused(1)), ("temporary_ttl", Refused(1)),
    ("temporary_ttl=61", Warned), ("temporary_ttl=x", Warned), ("temporary_ttl=-1", Warned),
    ("temporary_ttl=5,no_lru_maintainer", Refused(64)), ("no_modern,temporary_ttl=5", Refused(64)),
    ("no_modern,lru_maintainer", Warned), ("lru_maintainer,no_modern", Warned),
    ("no_modern,lru_crawler,slab_reassign", Warned), ("no_lru_crawler,lru_crawler", Taken),
    ("hot_lru_pct=1.5", Taken),
    ("track_sizes", Taken),
    ("watcher_logbuf_size", Refused(1)), ("watcher_logbuf_size=64", Warned),
    ("watcher_logbuf_size=x", Refused(1)), ("worker_logbuf_size", Refused(1)),
    ("worker_logbuf_size=100", Warned), ("worker_logbuf_size=1.5", Refused(1)),
    ("worker_logbuf_size=x", Refused(1)),
    ("read_buf_mem_limit", Refused(1)), ("read_buf_mem_limit=5", Warned),
    ("read_buf_mem_limit=x", Refused(1)), ("resp_obj_mem_limit=5", Warned),
    ("inline_ascii_resp", Warned), ("no_inline_ascii_resp", Warned), ("drop_privileges", Warned),
    ("no_drop_privileges", Taken), ("sock_cookie_id", Stricter(1)), ("sock_cookie_id=5", Warned),
    ("ext_path", Refused(1)), ("ext_path=/x", Refused(1)), ("ext_path=/x:0m", Refused(64)),
    ("ext_path=/x:5", Refused(1)), ("ext_path=/x:5x", Refused(1)),
    ("ext_path=/x:64m:foo", Refused(1)),
    ("ext_page_size", Refused(1)), ("ext_page_size=64", Warned), ("ext_page_size=x", Refused(1)),
    ("ext_wbuf_size=6", Warned), ("ext_wbuf_size=-1", Refused(1)), ("ext_threads=1", Warned),
    ("ext_threads=x", Refused(1)), ("ext_item_size=1024", Warned), ("ext_item_age=9", Warned),
    ("ext_low_ttl=8", Warned), ("ext_drop_unread", Warned), ("ext_recache_rate=7", Warned),
    ("ext_compact_under=4", Warned), ("ext_drop_under=4", Warned), ("ext_max_frag", Refused(1)),
    ("ext_max_frag=0.5", Warned), ("ext_max_sleep=10", Warned), ("ext_foo", Refused(1)),
    ("proxy_config=x", Refused(1)), ("proxy_uring", Refused(1)), ("ssl_key", Refused(1)),
    ("ssl_key=x", Warned),
    ("ssl_chain_cert", Refused(1)), ("ssl_ca_cert", Refused(1)), ("ssl_ciphers", Refused(1)),
    ("ssl_session_cache", Warned),
    ("ssl_kernel_tls", Warned), ("ssl_wbuf_size=8", Warned), ("ssl_wbuf_size=x", Refused(1)),
    ("ssl_verify_mode=1", Warned),
    ("ssl_verify_mode=2", Warned), ("ssl_verify_mode=3", Warned), ("ssl_keyformat=2", Warned),
    ("ssl_min_version=0", Warned), ("ssl_min_version=1", Warned), ("ssl_min_version=3", Warned),
    ("ssl_chain_cert=x", Warned), ("ssl_ca_cert=x", Warned), ("ssl_ciphers=x", Warned),
    ("ssl_verify_mode=5", Refused(1)), ("ssl_keyformat=x", Refused(1)),
    ("ssl_min_version=7", Refused(1)), ("ssl_foo", Refused(1)), ("foo", Refused(1)),
    ("foo=1", Refused(1)), ("=", Refused(1)), ("MODERN", Refused(1)), ("modern,foo", Refused(1)),
    ("modern,no_hashexpand", Warned), ("ssl_min_version=2", Warned), (",,", Refused(1)),
    (",modern", Refused(1)), ("modern,", Taken), ("ext_io_depth", Refused(1)),
    ("ext_io_depth=1", Warned), ("ext_io_depth=x", Refused(1)),
];

/// Lines that both servers accept, except those that exclude a Unix socket or the text protocol.
pub(crate) fn accepted() -> impl Iterator<Item = Vec<&'static str>> {
    let taken = |expect: &Expect| matches!(expect, Taken | Warned);
    let options =
        OPTIONS.iter().filter(move |(line, expect)| taken(expect) && !NOT_COMPARED.contains(line));
    let suboptions = SUBOPTIONS.iter().filter(move |(_, expect)| taken(expect));
    let options = options.map(|(line, _)| line.split(' ').collect());
    options.chain(suboptions.map(|(entry, _)| vec!["-o", *entry]))
}

/// The comparison uses the text protocol, and there are at most 64 shards.
const NOT_COMPARED: [&str; 2] = ["--protocol=binary", "-t 65"];

#[test]
fn options() {
    check_all(OPTIONS.iter().map(|(line, expect)| (line.split(' ').collect(), expect)));
}

#[test]
fn suboptions() {
    if !binaries::stock_is_current() {
        eprintln!("the memcached at hand is older than 1.6.45, which this test compares with");
        return;
    }
    check_all(SUBOPTIONS.iter().map(|(entry, expect)| (vec!["-o", entry], expect)));
}

fn check_all<'a>(lines: impl Iterator<Item = (Vec<&'a str>, &'a Expect)>) {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for (words, expect) in lines {
        check(&words, expect);
    }
}

fn check(words: &[&str], expect: &Expect) {
    let (ours, stock) = (run(binaries::slabcore(), words), run(binaries::stock(), words));
    let (our_status, stock_status) = (ours.status.code(), stock.status.code());
    let (ours, stock) = (text(&ours.stderr), text(&stock.stderr));
    let said = format!("{words:?}: {our_status:?} {ours}\nstock: {stock_status:?} {stock}");
    let warnings = ours.lines().filter(|line| line.starts_with("warning: -")).count();
    let same = complaint(&ours) == complaint(&stock);
    let expected = match *expect {
        Taken | Warned => Some(CANNOT_BIND),
        Refused(status) | RefusedInOwnWords(status) | Stricter(status) => Some(status),
    };
    assert_eq!(our_status, expected, "{said}");
    assert_eq!(warnings, usize::from(matches!(expect, Warned)), "{said}");
    match expect {
        Stricter(_) => assert_ne!(stock_status, expected, "{said}"),
        _ => assert_eq!(stock_status, expected, "{said}"),
    }
    assert!(!matches!(expect, Refused(_)) || same, "{said}");
}

/// The first line, without the program's name that getopt puts before it.
fn complaint(stderr: &str) -> Option<&str> {
    let line = stderr.lines().next()?;
    Some(line.split_once(": ").filter(|_| line.starts_with('/')).map_or(line, |(_, rest)| rest))
}

/// A server with these options that cannot bind.
fn run(binary: &Path, words: &[&str]) -> Output {
    let mut command = command(binary);
    command.args(words).args(["-s", UNBINDABLE]);
    command.output().unwrap_or_else(|error| panic!("{} does not run: {error}", binary.display()))
}

fn command(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    if geteuid().is_root() {
        command.args(["-u", "root"]);
    }
    if binary == binaries::slabcore() {
        command.args(["--metrics-listen", "off"]);
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A port with a protocol that the login does not cover would serve everybody or nobody.
#[test]
fn ports_speak_the_protocol_of_the_login() {
    if !binaries::slabcore_is_itself() || !binaries::stock_is_current() {
        eprintln!("this test compares slabcore with memcached 1.6.45");
        return;
    }
    let users = UsersFile::new("options-login", "ann:secret\n");
    // No server may start: the last address is reserved for documentation, so no machine has it.
    for name in ["binary", "b"] {
        let listen = format!("proto[{name}]:127.0.0.1,192.0.2.1");
        let words = ["-Y", users.path(), "-p", "-1", "-l", &listen];
        let ends = [binaries::slabcore(), binaries::stock()].map(|binary| {
            let mut command = command(binary);
            command.args(words).output().expect("it runs")
        });
        let [ours, stock] = ends.map(|end| (end.status.code(), text(&end.stderr)));
        assert_eq!((ours.0, stock.0), (Some(71), Some(71)), "{listen}: {ours:?} {stock:?}");
        assert_eq!(complaint(&ours.1), complaint(&stock.1), "{listen}");
    }
    for kind in [ServerKind::Slabcore, ServerKind::Stock] {
        let words = ["-Y", users.path()];
        let options = ServerOptions::new(kind, 1).arguments(&words);
        let server = options.address_prefix("proto[negotiating]:").start();
        let mut client = server.connect();
        client.expect(b"\x80 is no word\r\n", "CLIENT_ERROR unauthenticated\r\n");
        let log = server.log();
        let message = "negotiating ports are ascii only when ascii authentication enabled";
        assert!(log.lines().any(|line| line == format!("WARNING: {message}")), "{log}");
    }
}

/// Every option in memcached's help is in the tables above, and in slabcore's help.
#[test]
fn the_tables_name_all_that_memcached_has() {
    let help = |binary| text(&Command::new(binary).arg("-h").output().expect("-h runs").stdout);
    let (stock, ours) = (help(binaries::stock()), help(binaries::slabcore()));
    let tried: BTreeSet<&str> =
        OPTIONS.iter().flat_map(|(line, _)| line.split([' ', '=', ','])).collect();
    // These are tested elsewhere, end the program at once, or cannot be combined with a Unix
    // socket.
    let elsewhere = ["--unix-socket", "--help", "--license", "--version", "--memory-file"];
    for line in stock.lines() {
        let Some((_, rest)) = line.split_once("--").filter(|(short, _)| short.starts_with('-'))
        else {
            continue;
        };
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let end = rest[..end].find('[').unwrap_or(end);
        // The help names --napi_ids and --extended; the program accepts the first as --napi-ids.
        let name = format!("--{}", rest[..end].replace('_', "-"));
        assert!(ours.contains(&name), "help names no {name}");
        let known = tried.contains(name.as_str()) || name == "--extended";
        assert!(known || elsewhere.contains(&name.as_str()), "nobody tries {name}");
    }
    let tried: BTreeSet<&str> =
        SUBOPTIONS.iter().filter_map(|(entry, _)| entry.split(['=', ',']).next()).collect();
    for line in stock.lines().filter_map(|line| line.trim_start().strip_prefix("- ")) {
        let Some((name, _)) = line.split_once(':').filter(|(name, _)| !name.contains(' ')) else {
            continue;
        };
        // These need certificate files and are tested with TLS.
        let elsewhere = ["ssl_session_cache", "ssl_ca_cert", "ssl_ciphers", "ext_path"];
        assert!(elsewhere.contains(&name) || tried.contains(name), "nobody tries -o {name}");
    }
}
