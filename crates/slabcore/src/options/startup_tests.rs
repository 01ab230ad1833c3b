//! Tables of command lines with their settings or messages. Messages that memcached has too are
//! those of 1.6.45.

use std::ffi::OsString;

use slabcore_server::settings::{Listen, PORT, Protocol, TcpListen};

use super::super::access::access;
use super::super::command_line::{self, Invocation};
use super::super::option_table::described;
use super::*;

fn machine() -> Cores {
    Cores { usable: vec![0, 1, 2, 3], quota: Some(3) }
}

fn startup(line: &str) -> Result<Startup, Refusal> {
    let words = std::iter::once("memcached").chain(line.split(' ').filter(|word| !word.is_empty()));
    let words: Vec<_> = words.map(OsString::from).collect();
    match command_line::parse(&words)? {
        Invocation::Serve(given) => Startup::of(&given, &machine(), None, access(&given, None)?),
        other => panic!("{line}: {other:?}"),
    }
}

fn settings(line: &str) -> Settings {
    let startup = startup(line).unwrap_or_else(|refusal| panic!("{line}: {refusal}"));
    assert_eq!(startup.warnings, [""; 0], "{line}");
    startup.settings
}

fn all_at(port: u16) -> Listen {
    Listen::Tcp(vec![TcpListen::new(None, port)])
}

#[test]
fn defaults_are_memcacheds() {
    let defaults = settings("");
    assert_eq!(defaults.listen, all_at(11211));
    assert_eq!(defaults.memory_bytes, 64 << 20);
    assert_eq!(defaults.connections_max, 1024);
    assert_eq!(defaults.item_bytes_max, 1 << 20);
    assert!((defaults.growth_factor - 1.25).abs() < f64::EPSILON);
    assert_eq!(defaults.chunk_bytes_min, 48);
    assert!(defaults.evict && defaults.cas && !defaults.lock_memory && !defaults.huge_pages);
    assert_eq!(defaults.requests_per_event_max, 20);
    assert_eq!(defaults.listen_backlog, 1024);
    assert_eq!(defaults.verbosity, 0);
    assert_eq!(defaults.backend, BackendChoice::Auto);
    assert_eq!(defaults.metrics_listen, Some("127.0.0.1:9150".parse().unwrap()));
    let all_cores = Placement::Shared(vec![0, 1, 2, 3]);
    assert_eq!((defaults.shards, defaults.placement), (3, all_cores));
}

/// Help texts name the defaults, which are elsewhere.
#[test]
fn help_names_the_defaults() {
    let defaults = Settings::default();
    let metrics = defaults.metrics_listen.expect("served by default").to_string();
    let help = described().render_help().to_string();
    let words: Vec<&str> = help.split_whitespace().collect();
    let help = words.join(" ");
    for (what, default) in [
        ("TCP port", PORT.to_string()),
        ("permissions of the Unix socket, octal", format!("{:o}", defaults.kept.unix_mask)),
        (
            "memory for items in megabytes, or with m or g",
            (defaults.memory_bytes >> 20).to_string(),
        ),
        ("maximum number of client connections", defaults.connections_max.to_string()),
        ("growth factor of chunk sizes", defaults.growth_factor.to_string()),
        ("smallest space for key, value and flags", defaults.chunk_bytes_min.to_string()),
        ("requests of one connection before others", defaults.requests_per_event_max.to_string()),
        ("backlog of listening sockets", defaults.listen_backlog.to_string()),
        ("largest item in bytes, or with k or m", format!("{}m", defaults.item_bytes_max >> 20)),
        ("address of /metrics, or off", metrics),
    ] {
        let text = format!("{what} (default: {default}");
        assert!(help.contains(&text), "{text} in {help}");
    }
}

#[test]
fn values() {
    macro_rules! check {
        ($($line:literal => $field:ident $expected:expr;)+) => {
            $(assert_eq!(settings($line).$field, $expected, $line);)+
        };
    }
    check! {
        "-p 11300" => listen all_at(11300);
        "-p -1" => listen all_at(0);
        "-p 0" => listen Listen::Tcp(vec![]);
        "-p 0 -l 127.0.0.1" => listen Listen::Tcp(vec![]);
        "-U 0" => listen all_at(11211);
        "-p 11300 -U 0" => listen all_at(11300);
        "-s /tmp/s" => listen Listen::Unix { path: "/tmp/s".into(), mask: 0o700 };
        "-s /tmp/s -a 0755 -p 5" => listen Listen::Unix { path: "/tmp/s".into(), mask: 0o755 };
        "-m 128" => memory_bytes 128 << 20;
        "-m 1g" => memory_bytes 1 << 30;
        "-m 2" => memory_bytes 2 << 20;
        "-c 10" => connections_max 10;
        "-t 1" => shards 1;
        "-t 64" => shards 64;
        "--cores 1,3" => shards 2;
        "--cores 1,3" => placement Placement::Pinned(vec![1, 3]);
        "--cores 1,3 -t 4" => placement Placement::Shared(vec![1, 3]);
        "-t 4" => placement Placement::Shared(vec![0, 1, 2, 3]);
        "-R 1" => requests_per_event_max 1;
        "-n 8" => chunk_bytes_min 8;
        "-I 2m" => item_bytes_max 2 << 20;
        "-I 512k" => item_bytes_max 512 << 10;
        "-I 1024m -m 2048" => item_bytes_max 1 << 30;
        "-M" => evict false;
        "-C" => cas false;
        "-k" => lock_memory true;
        "-L" => huge_pages true;
        "-b 5" => listen_backlog 5;
        "-vv" => verbosity 2;
        "-B auto" => protocol Protocol::Auto;
        "-B ascii" => protocol Protocol::Text;
        "-B binary" => protocol Protocol::Binary;
        "--backend epoll" => backend BackendChoice::Epoll;
        "--backend=uring" => backend BackendChoice::Uring;
        "--metrics-listen off" => metrics_listen None;
        "--metrics-listen [::1]:1" => metrics_listen Some("[::1]:1".parse().unwrap());
        "--shard-ports 0" => shard_ports None;
        "--shard-ports 0 -s /tmp/s" => shard_ports None;
        "--shard-ports -1" => shard_ports Some(0);
        "--shard-ports -1 -p -1" => shard_ports Some(0);
        "--shard-ports 11212" => shard_ports Some(11212);
        "--shard-ports 11208 -t 3" => shard_ports Some(11208);
        "--shard-ports 65472 -t 64" => shard_ports Some(65472);
        "-o modern,maxconns_fast" => maxconns_fast true;
        "-o maxconns_fast,no_maxconns_fast" => maxconns_fast false;
        "-o idle_timeout=3" => idle_timeout NonZeroU32::new(3);
    }
    assert_eq!(startup("-u cache").unwrap().user.as_deref(), Some("cache"));
    assert_eq!(startup("-D /x").unwrap().settings.prefix_delimiter, Some(b'/'));
}

#[test]
fn the_process() {
    let lifecycle = startup("-d -P /run/pid -r --drain 5").unwrap().lifecycle;
    let expected = Lifecycle {
        daemon: true,
        pid_file: Some("/run/pid".into()),
        core_dumps: true,
        takes_over: false,
        drain: std::time::Duration::from_secs(5),
    };
    assert_eq!(lifecycle, expected);
}

fn check_refusal(line: &str, exit_code: u8, message: &str) {
    let refusal = startup(line).map(|it| it.settings).unwrap_err();
    assert_eq!((refusal.exit_code, refusal.to_string()), (exit_code, message.into()), "{line}");
}

/// Without items that outlive the process the option has no meaning.
#[test]
fn a_time_to_restart_within_is_for_kept_items() {
    for line in ["-e /x --restart-within 60", "--keep-memory --restart-within 60"] {
        assert_eq!(settings(line).keeping.restart_within, Some(60), "{line}");
    }
    assert_eq!(settings("-e /x").keeping.restart_within, None);
    let refusal = "ERROR: --restart-within needs -e or --keep-memory.";
    check_refusal("--restart-within 60", 64, refusal);
    let refusal = "Invalid time to restart within: soon\n -- should be seconds";
    check_refusal("-e /x --restart-within soon", 64, refusal);
}

#[test]
fn an_address_given_twice_is_bound_once() {
    let settings = settings("-l a:5 -l b -l a:5");
    let addresses = [("a", 5), ("b", 11211)];
    let addresses = addresses.map(|(host, port)| TcpListen::new(Some(host.to_owned()), port));
    assert_eq!(settings.listen, Listen::Tcp(addresses.to_vec()));
    assert_eq!(settings.interfaces.as_deref(), Some("a:5,b"));
}

#[test]
fn udp() {
    let check = |line: &str, tcp: &[(&str, u16)], udp: &[(&str, u16)]| {
        let Settings { listen: Listen::Tcp(listen), udp: sockets, .. } = settings(line) else {
            panic!("{line}: a Unix socket");
        };
        for (expected, got) in [(tcp, listen), (udp, sockets)] {
            let got = got.iter().map(|it| (it.host.as_deref().unwrap_or("*"), it.port));
            assert_eq!(got.collect::<Vec<_>>(), expected, "{line}");
        }
    };
    check("", &[("*", 11211)], &[]);
    check("-U 0", &[("*", 11211)], &[]);
    check("-p 5 -U 0", &[("*", 5)], &[]);
    // A lone -U names the TCP port too.
    check("-U 5", &[("*", 5)], &[("*", 5)]);
    check("-U -1", &[("*", 0)], &[("*", 0)]);
    check("-U 5 -p 6", &[("*", 6)], &[("*", 5)]);
    check("-U 5 -p 0", &[], &[("*", 5)]);
    check("-U 5 -p 6 -l a,[::1]:7", &[("a", 6), ("::1", 7)], &[("a", 5), ("::1", 7)]);
    assert_eq!(settings("-U 5 -s /tmp/s").udp, []);
}

#[test]
fn refusals_of_access() {
    check_refusal(
        "-B foo",
        64,
        "Invalid value for binding protocol: foo\n -- should be one of auto, binary, or ascii",
    );
    check_refusal("-S", 64, "-S needs a file of users: name it with -Y or MEMCACHED_SASL_PWDB");
    check_refusal(
        "-S -B ascii",
        64,
        "ERROR: You cannot allow the ASCII protocol while using SASL.",
    );
    let sasl = "ERROR: Cannot enable UDP while using binary SASL authentication.";
    check_refusal("-S -U 11911", 64, sasl);
    let text = "Cannot use UDP with ascii authentication enabled (-U 0 to disable)";
    check_refusal("-Y /none -U -1", 64, text);
    check_refusal(
        "-S -Y /none",
        1,
        "Could not open authfile [/none] for reading, \
         error No such file or directory (os error 2)",
    );
    check_refusal(
        "-Y /x -B binary",
        64,
        "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.",
    );
    check_refusal(
        "-Y /x -B auto",
        64,
        "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.",
    );
    check_refusal("-S -B auto", 64, "ERROR: You cannot allow the ASCII protocol while using SASL.");
}

#[test]
fn refusals_of_shard_ports() {
    check_refusal("--shard-ports x", 64, "ERROR: Invalid port number x.");
    check_refusal("--shard-ports 65536", 64, "ERROR: Invalid port number 65536.");
    check_refusal(
        "--shard-ports 65473 -t 64",
        64,
        "ERROR: Invalid port number 65536 of the last shard.",
    );
    check_refusal("--shard-ports 11211", 64, "Port 11211 is one of the shard ports 11211 to 11213");
    check_refusal("--shard-ports 11209", 64, "Port 11211 is one of the shard ports 11209 to 11211");
    check_refusal("--shard-ports 5 -l a,b:7", 64, "Port 7 is one of the shard ports 5 to 7");
    let no_tcp = "Shard ports need a TCP port to listen on (-p)";
    for line in ["--shard-ports 5 -p 0", "--shard-ports -1 -s /tmp/s"] {
        check_refusal(line, 64, no_tcp);
    }
}

#[test]
fn refusals() {
    let check = check_refusal;
    let half = "Cannot set item size limit higher than 1/2 of memory max.";
    let small = "Item max size cannot be less than 1024 bytes.";
    check("-p 65536", 64, "ERROR: Invalid port number 65536.");
    check("-p abc", 64, "ERROR: Invalid port number abc.");
    check("-p -5", 64, "ERROR: Invalid port number -5.");
    check("-U 70000", 64, "ERROR: Invalid port number 70000.");
    check("-m 0", 64, half);
    check("-m 1", 64, half);
    check("-I 2m -m 3", 64, half);
    check("-m abc", 64, "Invalid memory limit: abc");
    check("-m -1", 64, "Invalid memory limit: -1");
    check("-I 1000", 64, small);
    check("-I abc", 64, small);
    check("-I 1g", 64, small);
    check("-I 1025m -m 4096", 64, "Cannot set item size limit higher than a gigabyte.");
    check(
        "-I 1k",
        64,
        "slab_chunk_max (bytes: 524288) cannot be larger than -I (item_size_max 1024)",
    );
    check(
        "-I 600k",
        64,
        "-I (item_size_max: 614400) must be evenly divisible by slab_chunk_max (bytes: 524288)",
    );
    for bad in ["0", "-1", "abc"] {
        let check = |option: &str, message: &str| check(&format!("{option} {bad}"), 1, message);
        check("-c", "Maximum connections must be greater than 0");
        check("-t", "Number of threads must be greater than 0");
        check("-R", "Number of requests per event must be greater than 0");
        check("-n", "Chunk size must be greater than 0");
        check("-f", "Factor must be greater than 1");
    }
    for factor in ["1", "1.0", "0.5", "inf", "nan"] {
        check(&format!("-f {factor}"), 1, "Factor must be greater than 1");
    }
    check("-n 1048576", 1, "Chunk size must be less than the item size limit (-I)");
    check("-a 999", 64, "Invalid mask of the Unix socket: 999");
    check("-o foo", 1, "Illegal suboption \"foo\"");
    check("-N 0", 1, "Maximum number of NAPI IDs must be greater than 0");
    check("-N 3 -t 2", 64, "Number of napi_ids(3) cannot be greater than number of threads(2)");
    let hour = "Invalid time to drain: 3601\n -- should be seconds, up to 3600";
    check("--drain 3601", 64, hour);
    check("--cores 9", 64, "Core 9 is not usable here");
    check(
        "--backend x",
        64,
        "Invalid value for backend: x\n -- should be one of auto, uring, or epoll",
    );
    check(
        "--metrics-listen 9150",
        64,
        "Invalid address for metrics: 9150\n -- should be off, or an address and a port",
    );
    check("-Z", 64, "-Z needs ssl_chain_cert");
    check("-Z -p 0", 64, "ERROR: You cannot enable SSL without a TCP port.");
    check(
        "-I 1536k -o slab_chunk_max=768",
        64,
        "slab_chunk_max (bytes: 786432) must divide evenly into 1048576 (slab_page_size)",
    );
    check(
        "-I 512k -o no_modern",
        64,
        "slab_chunk_max (bytes: 1048576) cannot be larger than -I (item_size_max 524288)",
    );
}

#[test]
fn options_without_effect_warn() {
    let check = |line: &str, expected: &[&str]| {
        assert_eq!(startup(line).unwrap().warnings, expected, "{line}");
    };
    check(
        "-I 64k -o slab_chunk_max=16",
        &["warning: -o slab_chunk_max has no effect: \
           items over 32 KiB are chains of chunks, whatever the slab classes"],
    );
}

#[test]
fn surprising_readings_warn() {
    let check = |line: &str, expected: &str| {
        assert_eq!(startup(line).unwrap().warnings, [expected], "{line}");
    };
    check("-vvvvv", "warning: -vvv logs no more than -vv");
    check("-b x", "warning: -b x is read as -b 0");
    check("-U x", "warning: -U x is read as -U 0");
    check("-t 65", "warning: -t 65: only 64 shards are started");
    assert_eq!(startup("-vvvvv").unwrap().settings.verbosity, 3);
    assert_eq!(startup("-b x").unwrap().settings.listen_backlog, 0);
    assert_eq!(startup("-U x").unwrap().settings.udp, []);
    assert_eq!(startup("-t 65").unwrap().settings.shards, 64);
}
