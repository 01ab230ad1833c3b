//! Sessions of Python clients and of OpenSSL's program.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::test_directory::TestDirectory;
use slabcore_testkit::tls_files::TlsFiles;

use crate::program::{folder, run, tool};

on_both! {
    pymemcache,
    meta_memcache,
    binary_clients,
    clients_under_tls,
}

/// The command of a session with a server. Further arguments may follow the port.
fn session_command(python: &Path, session: &str, server: &ServerProcess) -> Command {
    let mut command = Command::new(python);
    // The sessions' shared module leaves no bytecode in the tree.
    command.arg("-B").arg(folder().join("sessions").join(session)).arg(server.port().to_string());
    command
}

/// Runs a session on a server with one thread and on one with two. `words` follow the port.
fn check_session(session: &str, options: impl Fn(usize) -> ServerOptions, words: &[&str]) {
    let python = tool("python");
    for threads in [1, 2] {
        let server = options(threads).start();
        run(session_command(&python, session, &server).args(words));
    }
}

fn check_plain_session(session: &str, kind: ServerKind) {
    check_session(session, |threads| ServerOptions::new(kind, threads), &[]);
}

fn pymemcache(kind: ServerKind) {
    check_plain_session("pymemcache_session.py", kind);
}

fn meta_memcache(kind: ServerKind) {
    check_plain_session("meta_session.py", kind);
}

fn binary_clients(kind: ServerKind) {
    check_plain_session("binary_session.py", kind);
}

/// Two Python clients with TLS, and OpenSSL's own.
fn clients_under_tls(kind: ServerKind) {
    let files = TlsFiles::new();
    let server = ServerOptions::new(kind, 2).tls(&files, files.client()).start();
    let authorities = files.path("ca.pem");
    run(session_command(&tool("python"), "tls_session.py", &server).arg(&authorities));
    let mut client = Command::new(tool("openssl"))
        .args(["s_client", "-quiet", "-verify_return_error", "-CAfile"])
        .arg(&authorities)
        .args(["-connect", &format!("127.0.0.1:{}", server.port())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    let mut input = client.stdin.take().expect("it was asked for");
    input.write_all(b"set k 0 0 2\r\nhi\r\nget k\r\nquit\r\n").expect("openssl reads");
    // Its input stays open, or it would end before the replies arrive.
    let output = client.wait_with_output().expect("openssl ends when the server does");
    drop(input);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "STORED\r\nVALUE k 0 2\r\nhi\r\nEND\r\n", "{output:?}");
}

/// Slabcore only, since the stock memcached authenticates by the system's SASL configuration.
#[test]
fn binary_session_with_login() {
    let directory = TestDirectory::new();
    let users = directory.file("users");
    std::fs::write(&users, "ann:secret\n").expect("a file of users");
    let path = users.to_str().expect("a path of text").to_owned();
    let options =
        |threads| ServerOptions::new(ServerKind::Slabcore, threads).arguments(&["-S", "-Y", &path]);
    check_session("binary_session.py", options, &["ann", "secret"]);
}
