use std::fs::File;

use super::*;
use crate::connection::new_connection::NewConnection;
use crate::settings::address::Addresses;
use crate::settings::ring_size::RingSize;
use crate::settings::{BackendChoice, Protocol};
use crate::shared::mailbox::Message;
use crate::shared::shared_state::Backend;
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
        let connection = NewConnection { addresses, number: Some(0), protocol, tls: None };
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
    // No kernel makes a ring of this size.
    let size = RingSize { submissions: u32::MAX, ..RingSize::FULL };
    let Settings { placement, shards, .. } = settings(BackendChoice::Uring);
    let started = WaitingExecutor::start_all(&placement, shards, &Backend::Uring(size));
    let error = started.map(drop).unwrap_err();
    assert!(error.raw_os_error().is_some(), "{error}");
}
