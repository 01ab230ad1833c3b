//! Servers under the limits of systemd units: Debian's and the project's own.
//!
//! `clients/unit_limits.py` sets the limits, since systemd may be missing.

use std::fs;
use std::path::Path;
use std::process::Command;

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::test_directory::TestDirectory;
use slabcore_testkit::wire_client::WireClient;

use crate::debian_package::{Package, is_root, user};
use crate::program::tool;
use crate::service::{Service, User, binary, directory_of};

on_both! {
    debians_unit_with_the_path_replaced,
}

/// The user and group that `unit_limits.py` takes for `DynamicUser=`.
const DYNAMIC_USER: User = User { uid: 61184, gid: 61184 };

/// A unit's text with another command. Panics if the unit has none.
fn with_command(unit: &str, replaced: impl Fn(&str) -> String) -> String {
    let lines = unit.lines().map(|line| match line.strip_prefix("ExecStart=") {
        Some(command) => format!("ExecStart={}\n", replaced(command)),
        None => format!("{line}\n"),
    });
    let text: String = lines.collect();
    assert_eq!(text.matches("\nExecStart=").count(), 1, "{text}");
    text
}

/// Starts the command of a unit with this text.
fn start(unit: &str, directory: &TestDirectory, environment: &[(&str, &str)]) -> Service {
    let path = directory.file("test.service");
    fs::write(&path, unit).expect("the unit");
    let mut command = Command::new(tool("python"));
    command.arg(tool("unit-limits")).arg(path);
    Service::start(command.envs(environment.iter().copied()), directory)
}

/// The backend of a slabcore server.
fn backend(client: &mut WireClient) -> Option<String> {
    let mut lines = client.stats("slabcore").into_iter();
    lines.find(|(name, _)| name == "backend").map(|(_, value)| value)
}

/// The backend on this machine without limits.
fn unlimited_backend() -> Option<String> {
    backend(&mut ServerProcess::new(ServerKind::Slabcore, 1).connect())
}

/// Checks that the filters of system calls and privileges are in force.
fn check_limits(service: &Service) {
    assert_eq!(service.status("NoNewPrivs"), "1");
    assert_eq!(service.status("Seccomp"), "2");
}

fn debians_unit_with_the_path_replaced(kind: ServerKind) {
    if !is_root() {
        return;
    }
    let package = Package::new(kind, user().0, "");
    let unit = fs::read_to_string(tool("memcached-unit")).expect("Debian's unit");
    let command = format!("{} {}", package.script().display(), package.options().display());
    let service = start(&with_command(&unit, |_| command.clone()), &package.directory, &[]);
    check_limits(&service);
    // It has dropped the capabilities that it needed to become another user.
    assert_eq!(u64::from_str_radix(&service.status("CapEff"), 16), Ok(0));
    package.check(&service);
    if kind == ServerKind::Slabcore && binaries::slabcore_is_itself() {
        assert_eq!(backend(&mut service.connect()), unlimited_backend(), "{}", service.log());
    }
    let (status, log) = service.stop();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// The project's unit, with the server of the tests and these additional lines.
fn own_unit(more: &str) -> (Service, TestDirectory) {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/slabcore.service");
    let unit = fs::read_to_string(unit).expect("the project's unit");
    let unit = with_command(&unit, |command| {
        let (path, words) = command.split_once(' ').expect("words behind the path");
        assert_eq!(path, "/usr/local/bin/slabcore");
        format!("{} {words}", binary(ServerKind::Slabcore).display())
    });
    let unit = unit.replace("\n[Install]", &format!("{more}\n[Install]"));
    let directory = directory_of(DYNAMIC_USER);
    let environment = [("PORT", "-1"), ("OPTIONS", "--metrics-listen off -t 2 -v")];
    (start(&unit, &directory, &environment), directory)
}

fn serves_by(service: Service) -> Option<String> {
    check_limits(&service);
    assert_eq!(service.status("Uid").split('\t').next(), Some("61184"));
    let mut client = service.connect();
    client.expect("set k 0 0 1\r\nv\r\nget k\r\n", "STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n");
    let backend = backend(&mut client);
    let (status, log) = service.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    let says_why = log.contains("serving with epoll: ");
    assert_eq!(says_why, backend.as_deref() == Some("epoll"), "{log}");
    backend
}

/// The project's unit has options that memcached does not know.
fn is_ours() -> bool {
    is_root() && binaries::slabcore_is_itself()
}

#[test]
fn the_own_unit_lets_it_have_what_it_would_have_without() {
    if is_ours() {
        let (service, _directory) = own_unit("");
        assert_eq!(serves_by(service), unlimited_backend());
    }
}

/// Container runtimes refuse calls of `io_uring` with EPERM. Kernels without it return ENOSYS.
#[test]
fn without_the_ring_it_serves_on_epoll() {
    if !is_ours() {
        return;
    }
    for refusal in ["EPERM", "ENOSYS"] {
        let (service, _directory) = own_unit(&format!(
            "SystemCallFilter=~io_uring_setup io_uring_enter io_uring_register\n\
             SystemCallErrorNumber={refusal}\n"
        ));
        assert_eq!(serves_by(service).as_deref(), Some("epoll"), "{refusal}");
    }
}

/// The default limit of older kernels is lower than the rings of one core need.
#[test]
fn with_little_locked_memory_it_serves() {
    if is_ours() {
        let (service, _directory) = own_unit("LimitMEMLOCK=64K\n");
        serves_by(service);
    }
}
