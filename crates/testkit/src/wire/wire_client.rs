//! A client connection that sends and expects exact bytes.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

use crate::files::tls_files::SERVER_NAME;
use crate::limits::SILENCE_MAX;
use crate::wire::replies;

/// One client connection. A read fails the test if the server stays silent for too long.
#[derive(Debug)]
pub struct WireClient {
    socket: Socket,
    /// Bytes received and not yet read by the test.
    received: Vec<u8>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Mutex<Box<TlsStream>>),
}

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A session over a socket, once the client's side of the handshake is complete.
pub(super) fn encrypted(mut socket: TcpStream, config: &Arc<ClientConfig>) -> Result<TlsStream> {
    let name = ServerName::try_from(SERVER_NAME).expect("a name");
    let mut session =
        ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(session, socket))
}

/// The sending side of a connection.
#[derive(Debug)]
pub struct Sender {
    socket: Socket,
}

impl Sender {
    /// Sends all bytes. Panics if the server closed, or stopped reading for too long.
    pub fn send(&self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes the bytes");
    }

    /// Sends all bytes, or returns the error: for a server that is about to end.
    pub fn try_send(&self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(bytes)
    }
}

impl Socket {
    fn write_all(&self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Tcp(socket) => (&mut &*socket).write_all(bytes),
            Self::Unix(socket) => (&mut &*socket).write_all(bytes),
            Self::Tls(stream) => {
                let mut stream = locked(stream);
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }
}

impl Socket {
    fn read(&self, into: &mut [u8]) -> Result<usize> {
        match self {
            Self::Tcp(socket) => (&mut &*socket).read(into),
            Self::Unix(socket) => (&mut &*socket).read(into),
            Self::Tls(stream) => locked(stream).read(into),
        }
    }
}

impl WireClient {
    /// Connects to a TCP port. Each `send` leaves at once (no Nagle).
    pub fn connect_tcp(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect_timeout(&address, SILENCE_MAX)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SILENCE_MAX))?;
        socket.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(Self { socket: Socket::Tcp(socket), received: Vec::new() })
    }

    /// Connects to a TCP port under TLS. On return the client's side of the handshake is complete.
    pub fn connect_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Self> {
        let Self { socket: Socket::Tcp(socket), received } = Self::connect_tcp(address)? else {
            unreachable!("it is TCP");
        };
        let stream = Box::new(encrypted(socket, config)?);
        Ok(Self { socket: Socket::Tls(Mutex::new(stream)), received })
    }

    /// How the session was negotiated: in full, or by resumption. Panics for a client without TLS.
    pub fn handshake_kind(&self) -> Option<HandshakeKind> {
        let Socket::Tls(stream) = &self.socket else { panic!("the client is not under TLS") };
        locked(stream).conn.handshake_kind()
    }

    /// The server's certificate. Panics for a client without TLS.
    pub fn server_certificate(&self) -> Vec<u8> {
        let Socket::Tls(stream) = &self.socket else { panic!("the client is not under TLS") };
        let stream = locked(stream);
        let chain = stream.conn.peer_certificates().expect("a server shows a certificate");
        chain[0].to_vec()
    }

    /// Sends bytes that the server cannot decrypt. Panics for a client without TLS.
    pub fn send_beside_tls(&mut self, bytes: &[u8]) {
        let Socket::Tls(stream) = &self.socket else { panic!("the client is not under TLS") };
        locked(stream).sock.write_all(bytes).expect("the server takes the bytes");
    }

    /// Connects to a unix socket.
    pub fn connect_unix(path: &Path) -> Result<Self> {
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(SILENCE_MAX))?;
        socket.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(Self { socket: Socket::Unix(socket), received: Vec::new() })
    }

    /// The client's port. Panics for a unix socket.
    pub fn local_port(&self) -> u16 {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().expect("an open socket").port(),
            Socket::Tls(stream) => locked(stream).sock.local_addr().expect("an open socket").port(),
            Socket::Unix(_) => panic!("a unix socket has no port"),
        }
    }

    /// Sends all bytes. Panics if the server closed or stopped reading.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes the bytes");
    }

    /// Sends all bytes, or returns the error: for streams that make the server close.
    pub fn try_send(&self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(bytes)
    }

    /// The sending side, for another thread: a long stream and its replies must not block each
    /// other. Panics for a client with TLS.
    pub fn sender(&self) -> Sender {
        let socket = match &self.socket {
            Socket::Tcp(socket) => socket.try_clone().map(Socket::Tcp),
            Socket::Unix(socket) => socket.try_clone().map(Socket::Unix),
            Socket::Tls(_) => panic!("a session under TLS cannot be halved"),
        };
        Sender { socket: socket.expect("a second handle of the socket") }
    }

    /// Shuts down the sending side. Replies can still be read.
    pub fn close_sending(&mut self) {
        match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
            Socket::Tls(stream) => {
                let mut stream = locked(stream);
                stream.conn.send_close_notify();
                stream.flush()
            }
        }
        .expect("the connection is open");
    }

    /// Sends `request` and reads exactly as many bytes as `reply` has. They must be equal.
    pub fn expect(&mut self, request: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) {
        self.send(request.as_ref());
        self.expect_reply(reply);
    }

    /// Reads exactly as many bytes as `reply` has. They must be equal.
    pub fn expect_reply(&mut self, reply: impl AsRef<[u8]>) {
        let reply = reply.as_ref();
        // Reads line by line, so that a wrong shorter reply fails at once instead of by a timeout.
        let mut got = Vec::with_capacity(reply.len());
        while got.len() < reply.len() {
            let line_end = reply[got.len()..].iter().position(|&byte| byte == b'\n');
            let wanted = line_end.map_or(reply.len() - got.len(), |end| end + 1);
            let line = match line_end {
                Some(_) => self.read_line(),
                None => self.read_exact(wanted),
            };
            got.extend_from_slice(&line);
            let same = reply.starts_with(&got);
            assert!(same, "wanted {}\n   got {}", replies::shown(reply), replies::shown(&got));
        }
    }

    /// Reads to the next LF and returns the line with its end.
    pub fn read_line(&mut self) -> Vec<u8> {
        let mut scanned = 0;
        self.read_until(|received| {
            let found = received[scanned..].iter().position(|&byte| byte == b'\n');
            let end = found.map(|at| scanned + at + 1);
            scanned = received.len();
            end
        })
    }

    /// Reads exactly this many bytes.
    pub fn read_exact(&mut self, bytes: usize) -> Vec<u8> {
        self.read_until(|received| (received.len() >= bytes).then_some(bytes))
    }

    /// Reads whole replies up to a `VERSION` line, the reply to the fence command, and returns them
    /// without it.
    pub fn read_to_version(&mut self) -> Vec<u8> {
        let mut at = 0;
        let mut before = 0;
        let mut bytes = self.read_until(|received| {
            while let Some((reply, length)) = replies::next(&received[at..]) {
                before = at;
                at += length;
                if reply.is_version() {
                    return Some(at);
                }
            }
            None
        });
        bytes.truncate(before);
        bytes
    }

    /// Reads until the server closes. A reset counts as a close, since the server may leave input
    /// unread.
    pub fn read_to_close(&mut self) -> Vec<u8> {
        while self.fill("close the connection") {}
        std::mem::take(&mut self.received)
    }

    /// Reads until `end` returns a length of the received bytes, and returns that many bytes.
    pub fn read_until(&mut self, mut end: impl FnMut(&[u8]) -> Option<usize>) -> Vec<u8> {
        loop {
            if let Some(length) = end(&self.received) {
                let rest = self.received.split_off(length);
                return std::mem::replace(&mut self.received, rest);
            }
            let open = self.fill("send the whole reply");
            assert!(open, "the server closed after {}", replies::shown(&self.received));
        }
    }

    /// Sends `version` and reads the reply, to check that no other reply is outstanding.
    pub fn round_trip(&mut self) {
        self.send(b"version\r\n");
        let line = self.read_line();
        assert!(line.starts_with(b"VERSION "), "version answers {}", replies::shown(&line));
    }

    /// The value of one line of `stats`.
    pub fn stat(&mut self, name: &str) -> Option<String> {
        self.stats("").into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// Name and value of each STAT line of `stats <words>`, in order. Panics on any other line.
    pub fn stats(&mut self, words: &str) -> Vec<(String, String)> {
        let separator = if words.is_empty() { "" } else { " " };
        self.send(format!("stats{separator}{words}\r\n").as_bytes());
        let mut found = Vec::new();
        loop {
            let line = String::from_utf8(self.read_line()).expect("stats is ASCII");
            if line == "END\r\n" {
                return found;
            }
            let pair = line.strip_prefix("STAT ").and_then(|line| line.strip_suffix("\r\n"));
            let pair = pair.and_then(|pair| pair.split_once(' '));
            let pair = pair.filter(|(_, value)| !value.is_empty());
            let (name, value) = pair.unwrap_or_else(|| panic!("a line in stats: {line:?}"));
            found.push((name.to_string(), value.to_string()));
        }
    }

    /// Waits for bytes. Returns false if the server closes or ends the session with an alert.
    pub fn is_answered(&self) -> bool {
        self.socket.read(&mut [0; 1 << 10]).is_ok_and(|bytes| bytes > 0)
    }

    /// Waits for more bytes. Returns false if the server closed.
    fn fill(&mut self, what: &str) -> bool {
        let mut chunk = vec![0; 64 << 10];
        match self.socket.read(&mut chunk) {
            Ok(0) => false,
            Ok(bytes) => {
                self.received.extend_from_slice(&chunk[..bytes]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => panic!(
                "the server did not {what} ({error}); it sent {}",
                replies::shown(&self.received)
            ),
        }
    }
}

/// The session; its lock is one thread's.
fn locked(stream: &Mutex<Box<TlsStream>>) -> MutexGuard<'_, Box<TlsStream>> {
    stream.lock().expect("no thread panics with it")
}
