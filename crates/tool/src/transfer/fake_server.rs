//! A server that gives the answers of a test.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::link::{Server, ServerAddress};

/// A server that waits for the end of each request, and gives the reply. It closes after the last
/// one; before that a client may connect again. Its thread ends with that.
pub(super) fn fake_server(
    exchanges: Vec<(&'static str, &'static str)>,
) -> (Server, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let address = ServerAddress::parse(&address).expect("an address");
    let thread = thread::spawn(move || {
        let mut socket = listener.accept().expect("the tool connects").0;
        for (request_end, reply) in exchanges {
            let mut request = Vec::new();
            while !request.ends_with(request_end.as_bytes()) {
                let mut bytes = [0; 1000];
                let count = socket.read(&mut bytes).expect("the tool asks");
                if count == 0 {
                    socket = listener.accept().expect("the tool connects").0;
                }
                request.extend_from_slice(&bytes[..count]);
            }
            socket.write_all(reply.as_bytes()).expect("the tool reads");
        }
    });
    (Server::new(address, None, None), thread)
}
