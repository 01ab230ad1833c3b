use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::*;
use crate::launch::executor_setup::{ExecutorSetup, make_setups};
use crate::settings::limits::HANDED_OVER_MAX;
use crate::settings::{BackendChoice, Settings};
use crate::shared::shared_state::Backend;
use crate::whole_server::settings;

/// A shared without executors: what is handed over stays in the mailboxes.
fn shared() -> (Arc<SharedState>, Vec<ExecutorSetup>) {
    shared_state_for(1000)
}

fn shared_state_for(connections_max: usize) -> (Arc<SharedState>, Vec<ExecutorSetup>) {
    let settings =
        Settings { connections_max, maxconns_fast: true, ..settings(BackendChoice::Epoll) };
    let backend = Backend::Epoll(String::new());
    make_setups(settings, backend, &[], Vec::new(), 1).map_err(drop).unwrap()
}

fn listener(shard: Option<usize>) -> (Listener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let socket = socket.into();
    (Listener { socket, address: Some(address), shard, protocol: None, tls: None }, address)
}

fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
}

fn stop_order() -> OwnedFd {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap()
}

fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + crate::whole_server::PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "the acceptor does not go on");
        std::thread::yield_now();
    }
}

/// All waiting connections of a socket were accepted before another socket, or the order to stop,
/// was looked at.
#[test]
fn connections_of_one_socket_in_a_row_are_bounded() {
    let (shared, _setups) = shared();
    let (listener, address) = listener(None);
    let _clients = connect(address, ACCEPTS_PER_SOCKET_MAX + 10);
    let mut acceptor = Acceptor { shared: Arc::clone(&shared), dealt: 0, handshakes: None };
    let accepted = || shared.admission.open_connections();
    assert_eq!(acceptor.accept_from(&listener), AcceptOutcome::Done);
    assert_eq!(accepted(), ACCEPTS_PER_SOCKET_MAX);
    assert_eq!(acceptor.accept_from(&listener), AcceptOutcome::Done);
    assert_eq!(accepted(), ACCEPTS_PER_SOCKET_MAX + 10);
}

/// One shard that took none of its connections kept all others from getting any.
#[test]
fn a_shard_without_room_is_passed_over() {
    let (shared, _setups) = shared();
    let (dealt, address) = listener(None);
    let (of_full_shard, its_address) = listener(Some(0));
    for _ in 0..HANDED_OVER_MAX {
        shared.mailboxes[0].hand_over(Message::Finish).unwrap();
    }
    let stop = stop_order();
    let stops = stop.try_clone().unwrap();
    let acceptor = spawn(Arc::clone(&shared), [of_full_shard, dealt].into(), stops).unwrap();
    let _waiting = connect(its_address, 3);
    let _clients = connect(address, 5);
    wait_until(|| shared.mailboxes[1].waiting() == 5);
    assert_eq!(shared.mailboxes[0].waiting(), HANDED_OVER_MAX);
    rustix::io::write(&stop, &1_u64.to_ne_bytes()).unwrap();
    acceptor.join().unwrap();
}

/// The kernel reset the connection of a client whose request nobody had read.
#[test]
fn a_refused_client_reads_why_and_the_end() {
    let (shared, _setups) = shared_state_for(1);
    let (listener, address) = listener(None);
    let mut clients = connect(address, 2);
    clients[1].write_all(b"version\r\n").unwrap();
    let mut acceptor = Acceptor { shared: Arc::clone(&shared), dealt: 0, handshakes: None };
    assert_eq!(acceptor.accept_from(&listener), AcceptOutcome::Done);
    assert_eq!(shared.admission.rejected_connections(), 1);
    let mut received = Vec::new();
    clients[1].read_to_end(&mut received).unwrap();
    assert_eq!(received, TOO_MANY_CONNECTIONS);
}
