//! TLS: requests, client certificates, resumption, and renewal of certificates.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use rustls::{ClientConfig, HandshakeKind};
use slabcore_testkit::limits::{POLL_PAUSE_MAX, START_MAX};
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::tls_files::TlsFiles;
use slabcore_testkit::wire_client::WireClient;

on_both! {
    requests_are_answered_under_tls,
    large_values_come_whole,
    each_side_ends_with_close_notify,
    sessions_are_resumed,
    a_client_without_certificate_is_refused,
    a_listener_may_demand_what_others_do_not,
    a_listener_may_be_without_tls,
    garbage_ends_only_its_connection,
    versions_below_the_oldest_are_refused,
    refresh_certs_reads_the_certificate_again,
    stats_show_the_tls_settings,
    without_authorities_clients_are_refused,
    new_sessions_are_counted_with_a_cache;
    since_45: bytes_are_counted_before_encryption,
}

/// A server with TLS and further options, and its certificate files.
fn start(kind: ServerKind, words: &[&str]) -> (TlsFiles, ServerProcess) {
    let files = TlsFiles::new();
    let options = ServerOptions::new(kind, 2).tls(&files, files.certified_client());
    let server = options.arguments(words).start();
    (files, server)
}

fn requests_are_answered_under_tls(kind: ServerKind) {
    let (files, server) = start(kind, &[]);
    for config in [files.client(), files.old_client()] {
        let mut client = server.try_connect_as(&config).expect("a session");
        client.expect("set k 5 0 3\r\nabc\r\nget k\r\n", "STORED\r\nVALUE k 5 3\r\nabc\r\nEND\r\n");
        let (request, reply) =
            ("get k\r\n".repeat(500), "VALUE k 5 3\r\nabc\r\nEND\r\n".repeat(500));
        client.expect(request, reply);
        client.expect(
            "mn\r\nincr k 1\r\n",
            "MN\r\nCLIENT_ERROR cannot increment or decrement \
            non-numeric value\r\n",
        );
    }
}

fn large_values_come_whole(kind: ServerKind) {
    let (_files, server) = start(kind, &[]);
    let mut client = server.connect();
    for bytes in [16_000, 100_000, 1_000_000] {
        let lines: Vec<String> = (0..bytes / 10).map(|line| format!("{line:09}\n")).collect();
        let value = lines.concat();
        client.expect(format!("set big 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
        let reply = format!("VALUE big 0 {bytes}\r\n{value}\r\nEND\r\n");
        client.expect("get big\r\nget big\r\nversion big\r\n", [&reply[..], &reply].concat());
        assert!(client.read_line().starts_with(b"VERSION "));
    }
}

/// Slabcore only: memcached waits for its socket while its session still holds bytes.
#[test]
fn requests_may_be_cut_anywhere() {
    let (_files, server) = start(ServerKind::Slabcore, &[]);
    let mut client = server.connect();
    let request = "set k 0 0 5\r\nhello\r\nget k\r\nmg k v q\r\ndelete k\r\n";
    let reply = "STORED\r\nVALUE k 0 5\r\nhello\r\nEND\r\nVA 5\r\nhello\r\nDELETED\r\n";
    for at in 1..request.len() {
        client.send(&request.as_bytes()[..at]);
        client.send(&request.as_bytes()[at..]);
        client.expect_reply(reply);
    }
    // One record for each byte.
    request.bytes().for_each(|byte| client.send(&[byte]));
    client.expect_reply(reply);
}

fn each_side_ends_with_close_notify(kind: ServerKind) {
    let (_files, server) = start(kind, &[]);
    // A client reports an end without close_notify as an error, which fails the test.
    let mut client = server.connect();
    client.send(b"set k 0 0 1\r\na\r\nquit\r\n");
    assert_eq!(client.read_to_close(), b"STORED\r\n");
    let mut client = server.connect();
    client.expect("get k\r\n", "VALUE k 0 1\r\na\r\nEND\r\n");
    client.close_sending();
    assert_eq!(client.read_to_close(), b"");
}

fn sessions_are_resumed(kind: ServerKind) {
    for words in [&[][..], &["-o", "ssl_session_cache"]] {
        let (files, server) = start(kind, words);
        for config in [files.client(), files.old_client()] {
            let first = talk(&server, &config);
            assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full));
            let second = talk(&server, &config);
            assert_eq!(second.handshake_kind(), Some(HandshakeKind::Resumed), "{words:?}");
        }
    }
}

/// A client that has received a reply.
fn talk(server: &ServerProcess, config: &Arc<ClientConfig>) -> WireClient {
    let mut client = server.try_connect_as(config).expect("a session");
    client.round_trip();
    client
}

/// Whether a server answers this client.
fn is_answered(server: &ServerProcess, config: &Arc<ClientConfig>) -> bool {
    // With TLS 1.3 a client learns of a refusal only after its own handshake.
    let Ok(client) = server.try_connect_as(config) else { return false };
    client.try_send(b"version\r\n").is_ok() && client.is_answered()
}

fn a_client_without_certificate_is_refused(kind: ServerKind) {
    let (files, server) = start(kind, &["-o", "ssl_verify_mode=2"]);
    let stranger = TlsFiles::new();
    assert!(is_answered(&server, &files.certified_client()));
    assert!(!is_answered(&server, &files.client()));
    assert!(!is_answered(&server, &files.client_certified_by(&stranger)));
    let (files, server) = start(kind, &["-o", "ssl_verify_mode=1"]);
    assert!(is_answered(&server, &files.certified_client()));
    assert!(is_answered(&server, &files.client()));
    assert!(!is_answered(&server, &files.client_certified_by(&stranger)));
}

fn a_listener_may_demand_what_others_do_not(kind: ServerKind) {
    let start = |mode: &str, prefix| {
        let files = TlsFiles::new();
        let options = ServerOptions::new(kind, 1).tls(&files, files.certified_client());
        let server = options.arguments(&["-o", mode]).address_prefix(prefix).start();
        (files, server)
    };
    let (files, server) = start("ssl_verify_mode=0", "mtls:");
    assert!(is_answered(&server, &files.certified_client()));
    assert!(!is_answered(&server, &files.client()));
    let (files, server) = start("ssl_verify_mode=2", "btls:");
    assert!(is_answered(&server, &files.client()));
}

fn a_listener_may_be_without_tls(kind: ServerKind) {
    let files = TlsFiles::new();
    let words = ["-Z", "-o", &files.suboptions()];
    let options = ServerOptions::new(kind, 1).arguments(&words).address_prefix("notls:");
    let server = options.start();
    server.connect().expect("get k\r\n", "END\r\n");
}

fn garbage_ends_only_its_connection(kind: ServerKind) {
    let (files, server) = start(kind, &[]);
    let mut other = server.connect();
    let mut client = server.connect();
    client.round_trip();
    client.send_beside_tls(&[0xee; 300]);
    assert!(!client.is_answered());
    // A client without a handshake.
    let mut plain =
        WireClient::connect_tcp(([127, 0, 0, 1], server.port()).into()).expect("a port");
    plain.send(b"get k\r\n");
    let reply = plain.read_to_close();
    assert!(!reply.starts_with(b"END"), "nothing is said without TLS");
    other.round_trip();
    assert!(is_answered(&server, &files.client()));
}

fn versions_below_the_oldest_are_refused(kind: ServerKind) {
    let (files, server) = start(kind, &["-o", "ssl_min_version=3"]);
    assert!(is_answered(&server, &files.client()));
    assert!(!is_answered(&server, &files.old_client()));
}

/// With `-v` the log says why a handshake failed.
#[test]
fn a_failed_handshake_is_logged() {
    let (_files, server) = start(ServerKind::Slabcore, &["-v"]);
    let address = ([127, 0, 0, 1], server.port()).into();
    let mut plain = WireClient::connect_tcp(address).expect("a port");
    plain.send(b"get k\r\n");
    plain.read_to_close();
    drop(WireClient::connect_tcp(address).expect("a port"));
    let deadline = Instant::now() + START_MAX;
    let has = |reason: &str| server.log().contains(&format!("SSL connection failed: {reason}"));
    while !has("received corrupt message") || !has("the client closed the connection") {
        assert!(Instant::now() < deadline, "{}", server.log());
        std::thread::sleep(POLL_PAUSE_MAX);
    }
}

/// Slabcore only: memcached 1.6.38 reads certificates again only after `refresh_certs`.
#[test]
fn hangup_reads_the_certificate_again() {
    let (files, server) = start(ServerKind::Slabcore, &[]);
    let config = files.client();
    let mut before = talk(&server, &config);
    files.renew_server();
    hang_up(&server);
    // Nothing shows when the server has received the signal.
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let new = talk(&server, &files.client());
        if new.server_certificate() != before.server_certificate() {
            break;
        }
        assert!(Instant::now() < deadline, "the certificate is not reloaded");
    }
    before.expect("get k\r\n", "END\r\n");
    // A bad certificate is ignored.
    std::fs::write(files.path("server.pem"), "nonsense").expect("a file");
    hang_up(&server);
    assert!(is_answered(&server, &files.client()));
}

fn refresh_certs_reads_the_certificate_again(kind: ServerKind) {
    let (files, server) = start(kind, &[]);
    let mut before = talk(&server, &files.client());
    files.renew_server();
    before.expect("refresh_certs\r\n", "OK\r\n");
    let renewed = talk(&server, &files.client()).server_certificate();
    assert!(renewed != before.server_certificate());
    // A bad certificate is reported and ignored.
    std::fs::write(files.path("server.pem"), "nonsense").expect("a file");
    before.send(b"refresh_certs\r\n");
    let message = String::from_utf8(before.read_line()).expect("text");
    assert!(message.starts_with("Error loading the certificate chain: "), "{message}");
    assert!(talk(&server, &files.client()).server_certificate() == renewed);
}

/// Without authorities no client certificate is valid. A client is refused if a certificate is
/// required, or if it presents one.
fn without_authorities_clients_are_refused(kind: ServerKind) {
    let start = |mode: &str, prefix| {
        let files = TlsFiles::new();
        let path = |name: &str| files.path(name).display().to_string();
        let list =
            format!("ssl_chain_cert={},ssl_key={},{mode}", path("server.pem"), path("server.key"));
        let options = ServerOptions::new(kind, 1).arguments(&["-Z", "-o", &list]);
        (options.address_prefix(prefix).start(), files)
    };
    let answered = |(server, files): &(ServerProcess, TlsFiles)| {
        [files.client(), files.certified_client()].map(|client| is_answered(server, &client))
    };
    assert_eq!(answered(&start("ssl_verify_mode=0", "")), [true, true]);
    assert_eq!(answered(&start("ssl_verify_mode=1", "")), [true, false]);
    assert_eq!(answered(&start("ssl_verify_mode=2", "")), [false, false]);
    assert_eq!(answered(&start("ssl_verify_mode=3", "")), [false, false]);
    assert_eq!(answered(&start("ssl_verify_mode=0", "mtls:")), [false, false]);
    assert_eq!(answered(&start("ssl_verify_mode=2", "btls:")), [true, true]);
    if kind == ServerKind::Slabcore {
        let refused = start("ssl_verify_mode=3", "mtls:").0.log();
        let warnings = refused.lines().filter(|line| line.ends_with("all clients are refused"));
        assert_eq!(warnings.count(), 2, "{refused}");
    }
}

/// Sessions are counted if there is a session cache, as in memcached.
fn new_sessions_are_counted_with_a_cache(kind: ServerKind) {
    let (files, server) = start(kind, &[]);
    assert_eq!(server.connect().stat("ssl_new_sessions"), None);
    // The test kit connects while the server starts. Here it does so without TLS, because the
    // server might count that session late.
    let words = ["-Z", "-o", &files.suboptions(), "-o", "ssl_session_cache"];
    let server = ServerOptions::new(kind, 2).arguments(&words).start();
    let config = files.old_client();
    talk(&server, &config);
    // memcached counts only sessions of TLS 1.3.
    let count = talk(&server, &files.client()).stat("ssl_new_sessions").expect("a line of stats");
    assert_ne!(count, "0");
    let mut resumed = talk(&server, &config);
    assert_eq!(resumed.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(resumed.stat("ssl_new_sessions"), Some(count));
}

/// Each TLS setting is shown as it was given, as in stock memcached.
#[test]
fn settings_are_shown_as_they_were_given() {
    let files = TlsFiles::new();
    let lists = [
        "ssl_wbuf_size=64",
        "ssl_session_cache",
        "ssl_kernel_tls",
        "ssl_min_version=0",
        "ssl_min_version=1",
        "ssl_ciphers=HIGH",
        "ssl_verify_mode=2",
        "ssl_verify_mode=3",
    ];
    for list in lists {
        let [ours, stock] = [ServerKind::Slabcore, ServerKind::Stock].map(|kind| {
            let options = ServerOptions::new(kind, 1).tls(&files, files.certified_client());
            let server = options.arguments(&["-o", list]).start();
            let mut client = server.connect();
            let settings = client.stats("settings").into_iter();
            let settings: Vec<_> = settings.filter(|(name, _)| name.starts_with("ssl_")).collect();
            let names = client.stats("").into_iter().map(|(name, _)| name);
            (settings, names.filter(|name| name.starts_with("ssl_")).collect::<Vec<_>>())
        });
        assert_eq!(ours, stock, "with {list}");
    }
}

/// The executor read the certificate files itself, and served nobody while they were slow.
/// memcached's worker thread reads them, too, so this test does not run on it.
#[test]
fn slow_certificate_files_delay_nobody() {
    for words in ServerKind::Slabcore.backends() {
        let files = TlsFiles::new();
        let options = ServerOptions::new(ServerKind::Slabcore, 1).tls(&files, files.client());
        let server = options.arguments(words).start();
        let mut other = server.connect();
        let mut asking = server.connect();
        asking.expect("set key 0 0 1\r\nx\r\n", "STORED\r\n");
        let path = files.path("server.pem");
        let chain = std::fs::read(&path).expect("a file");
        std::fs::remove_file(&path).expect("a file");
        // Opening it for reading waits for a writer.
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        asking.send(b"refresh_certs\r\nget key\r\nrefresh_certs\r\n");
        other.expect("get key\r\n", "VALUE key 0 1\r\nx\r\nEND\r\n");
        // The second command finds the old file, or is executed together with the first.
        let temporary = files.path("new.pem");
        std::fs::write(&temporary, &chain).expect("a file");
        let mut pipe = std::fs::OpenOptions::new().write(true).open(&path).expect("a reader");
        std::fs::rename(&temporary, &path).expect("a file");
        pipe.write_all(&chain).expect("a reader");
        drop(pipe);
        asking.expect_reply("OK\r\nVALUE key 0 1\r\nx\r\nEND\r\nOK\r\n");
        asking.expect("refresh_certs noreply\r\nget key\r\n", "VALUE key 0 1\r\nx\r\nEND\r\n");
        assert!(is_answered(&server, &files.client()));
    }
}

fn hang_up(server: &ServerProcess) {
    let pid = Pid::from_raw(server.pid().cast_signed()).expect("a process id");
    kill_process(pid, Signal::HUP).expect("the server takes a signal");
}

fn stats_show_the_tls_settings(kind: ServerKind) {
    let (files, server) = start(kind, &["-o", "ssl_verify_mode=1,ssl_min_version=3"]);
    let mut client = server.connect();
    let settings = client.stats("settings");
    let shown: Vec<(&str, &str)> = settings
        .iter()
        .filter(|(name, _)| name.starts_with("ssl_"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let path = |name: &str| files.path(name).display().to_string();
    let expected = [
        ("ssl_enabled", "yes"),
        ("ssl_chain_cert", &path("server.pem")),
        ("ssl_key", &path("server.key")),
        ("ssl_verify_mode", "1"),
        ("ssl_keyformat", "1"),
        ("ssl_ciphers", "NULL"),
        ("ssl_ca_cert", &path("ca.pem")),
        ("ssl_wbuf_size", "16384"),
        ("ssl_session_cache", "no"),
        ("ssl_kernel_tls", "no"),
        ("ssl_min_version", "tlsv1.3"),
    ];
    assert_eq!(shown, expected);
    let names: Vec<String> = client.stats("").into_iter().map(|(name, _)| name).collect();
    let place = names.iter().position(|name| name == "log_watchers").expect("a line of stats");
    let expected = ["ssl_handshake_errors", "ssl_proto_errors", "time_since_server_cert_refresh"];
    let shown: Vec<&String> =
        names[place + 1..].iter().filter(|name| *name != "ssl_new_sessions").take(3).collect();
    assert_eq!(shown, expected);
}

/// Received bytes were not counted, and sent bytes were counted after encryption.
fn bytes_are_counted_before_encryption(kind: ServerKind) {
    let files = TlsFiles::new();
    let options = ServerOptions::new(kind, 1).tls(&files, files.certified_client());
    let server = options.start();
    for config in [files.client(), files.old_client()] {
        let mut client = server.try_connect_as(&config).expect("a session");
        let value = "v".repeat(100_000);
        let requests = format!("set key 0 0 {}\r\n{value}\r\nget key\r\n", value.len());
        let replies = format!("STORED\r\nVALUE key 0 {}\r\n{value}\r\nEND\r\n", value.len());
        let before = stats_text(&mut client);
        client.expect(&requests, &replies);
        let after = stats_text(&mut client);
        let grown = |name| number_in(&after, name) - number_in(&before, name);
        assert_eq!(grown("bytes_read"), requests.len() + "stats\r\n".len());
        assert_eq!(grown("bytes_written"), replies.len() + before.len());
    }
}

/// The reply to `stats`.
fn stats_text(client: &mut WireClient) -> String {
    client.send(b"stats\r\n");
    let end = b"\r\nEND\r\n";
    let received = client.read_until(|got| got.ends_with(end).then_some(got.len()));
    String::from_utf8(received).expect("text")
}

fn number_in(stats: &str, name: &str) -> usize {
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("STAT {name} ")));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name}: {stats}"))
}

/// The server closed the socket with unread input, which resets the connection. A client without
/// TLS read an error instead of the alert. memcached also resets it.
#[test]
fn a_client_without_tls_reads_the_alert_and_the_end() {
    let (_files, server) = start(ServerKind::Slabcore, &[]);
    for _ in 0..20 {
        let mut client = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
        client.write_all(&b"get a\r\n".repeat(10_000)).expect("it is taken");
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).expect("the end, and no reset");
        assert_eq!(reply[0], 21, "an alert");
    }
}
