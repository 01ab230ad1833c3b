use std::fs::File;

use super::*;
use crate::connection::new_connection::NewConnection;
use crate::settings::address::Addresses;
use crate::settings::{BackendChoice, Protocol};
use crate::shared::mailbox::Message;
use crate::whole_server::{WholeServer, settings};

/// The kernel refuses to watch a file, as it refuses any socket once the user watches too many. One
/// such connection ended the server on epoll.
#[test]
fn a_connection_that_cannot_be_watched_ends_alone() {
    for backend in [BackendChoice::Epoll, BackendChoice::Auto] {
        let server = WholeServer::start(settings(backend));
        let shared = &server.running.shared;
        shared.admission.connection_opened();
        let socket = File::open(std::env::current_exe().unwrap()).unwrap().into();
        let protocol = Protocol::Auto;
        let addresses = Addresses::UNNAMED;
        let connection = NewConnection { addresses, stays: false, protocol, tls: None };
        let message = Message::Connection(socket, Box::new(connection));
        shared.mailboxes[0].hand_over(message).unwrap();
        while shared.admission.open_connections() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(server.stat("stats", "curr_connections"), 1);
        server.running.stop();
    }
}

/// If an executor cannot start, the threads of all end, and the error says why.
#[test]
fn a_start_that_fails_ends_what_it_began() {
    // No machine has a core of this number.
    let no_core = vec![rustix::thread::CpuSet::MAX_CPU - 1];
    let settings = Settings { cores: no_core, ..settings(BackendChoice::Uring) };
    let error = listen(settings, Vec::new()).unwrap().serve().map(drop).unwrap_err();
    assert!(error.to_string().starts_with("io_uring is not available: "), "{error}");
}
