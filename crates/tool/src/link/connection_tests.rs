use std::net::TcpListener;
use std::thread;

use super::*;
use crate::limits::TABLE_BYTES_MAX;
use crate::link::ServerAddress;

/// What the tool says of a server that takes a request and answers this.
fn answer_to(answer: Vec<u8>) -> Result<usize, String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = ServerAddress::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"stats mrc\r\n") {
            let mut bytes = [0; 1000];
            let count = socket.read(&mut bytes).unwrap();
            assert!(count > 0, "the tool asks");
            request.extend_from_slice(&bytes[..count]);
        }
        // The tool may have seen enough.
        let _ = socket.write_all(&answer);
    });
    let replies = Connection::open(&Server::new(address, None, None)).and_then(|mut it| it.ask());
    server.join().unwrap();
    replies.map(|replies| replies.len()).map_err(|error| error.to_string())
}

#[test]
fn a_failure_says_what_to_do() {
    let check = |answer: &[u8], expected: &str| {
        let error = answer_to(answer.to_vec()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(b"", "without an answer: it may want TLS (--tls-ca)");
    check(b"\x15\x03\x03\0\x02\x02\x0a", "speaks TLS: --tls-ca");
    check(b"CLIENT_ERROR unauthenticated\r\n", "wants a login: --user");
    check(b"SERVER_ERROR busy\r\n", "refuses stats: SERVER_ERROR busy");
    check(b"STAT a 1\r\n", "closed the connection");
    check(b"SSH-2.0-OpenSSH\r\n", "none of a memcached");
    check(b"\x1b[2J\r\n", "\\u{1b}[2J");
    let endless = b"STAT a 1\r\n".repeat(TABLE_BYTES_MAX / 10 + 1);
    check(&endless, "a table is too long");
}

#[test]
fn refused_tables_are_not_there() {
    let answer = [b"STAT pid 1\r\nEND\r\n".to_vec(), b"ERROR\r\n".repeat(8)].concat();
    assert_eq!(answer_to(answer), Ok(9));
}

#[test]
fn nothing_listens() {
    let address = ServerAddress::Unix("/nonexistent/socket".into());
    let error = Connection::open(&Server::new(address, None, None)).unwrap_err().to_string();
    assert!(error.starts_with("cannot connect: "), "{error}");
}
