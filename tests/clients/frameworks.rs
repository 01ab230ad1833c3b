//! The caches of frameworks in PHP and Ruby, over both dialects.

use std::path::Path;
use std::process::Command;

use slabcore_testkit::server_process::{ServerKind, ServerOptions};

use crate::program::{folder, run, tool};

/// Runs a session with a server that has a port for each dialect, and with one that has one port.
fn check_session(program: &Path, session: &str) {
    let play = |ports: [u16; 2]| {
        let mut command = Command::new(program);
        command.arg(folder().join("sessions").join(session)).args(ports.map(|it| it.to_string()));
        let text = run(&mut command);
        assert!(text.ends_with("all\n"), "{text}");
    };
    let options = ServerOptions::new(ServerKind::Slabcore, 3);
    let server = options.arguments(&["--redis-port", "-1"]).start();
    play([server.port(), server.redis_port()]);
    let server = ServerOptions::new(ServerKind::Slabcore, 1).start();
    play([server.port(), server.port()]);
}

#[test]
fn symfony_and_laravel() {
    check_session(&tool("php-frameworks"), "frameworks_session.php");
}

#[test]
fn rails() {
    check_session(&tool("ruby-frameworks"), "rails_session.rb");
}
