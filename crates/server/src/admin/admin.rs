//! The admin endpoint over HTTP, on one thread of its own: metrics, probes and the status page.
//!
//! The executors never wait for it. It reads their published numbers, and asks for newer ones by a
//! signal that they meet in their next turn, so it may run at the lowest priority.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use tracing::warn;

use crate::admin::admin_connection::AdminConnection;
use crate::admin::admin_http::{
    Body, ContentType, Method, Request, ResponseParts, Status, response,
};
use crate::admin::exposition::Exposition;
use crate::admin::hot_keys_json::hot_keys_json;
use crate::admin::published_numbers::PublishedNumbers;
use crate::admin::silences::Silences;
use crate::admin::status_numbers::status;
use crate::admin::status_page::HTML;
use crate::shared::publication::Wanted;
use crate::shared::publish_signal::PublishSignal;
use crate::shared::shared_state::SharedState;

/// Connections at a time. Others wait in the kernel.
const CONNECTIONS_MAX: usize = 4;

/// Age from which a connection makes room for a waiting one, if there are as many as may be.
/// Clients that send nothing, or endlessly, cannot keep a scrape out.
const PLACE_KEPT: Duration = Duration::from_millis(250);

/// Pause after a failed accept, for example for lack of descriptors.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How long a scrape waits for newer numbers before it shows the last ones.
const PUBLISH_WAIT_MAX: Duration = Duration::from_millis(50);

/// Interval of looks for newer numbers.
const PUBLISH_LOOK_EVERY: Duration = Duration::from_micros(200);

/// The lowest priority. On Linux it holds for the thread alone, and needs no privilege.
const NICE: i32 = 19;

/// The running endpoint.
pub(crate) struct Admin {
    address: SocketAddr,
    stop: OwnedFd,
    thread: JoinHandle<()>,
}

impl Admin {
    /// Serves a socket that listens.
    pub(crate) fn start_on(shared: &Arc<SharedState>, listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        let endpoint = Endpoint {
            exposition: Exposition::new(shared),
            silences: Silences::new(shared.settings.shards),
            shared: Arc::clone(shared),
            listener,
            stop: stop.try_clone()?,
            connections: Vec::new(),
            accept_after: None,
        };
        let thread = std::thread::Builder::new()
            .name("slabcore-admin".to_owned())
            .spawn(move || endpoint.run())?;
        Ok(Self { address, stop, thread })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the endpoint. Requests under way are dropped.
    pub(crate) fn stop(self) {
        // The counter cannot overflow.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        // The thread has ended either way.
        let _ = self.thread.join();
    }
}

struct Endpoint {
    shared: Arc<SharedState>,
    exposition: Exposition,
    silences: Silences,
    listener: TcpListener,
    stop: OwnedFd,
    connections: Vec<AdminConnection>,
    /// An accept failed: the next one is not before this.
    accept_after: Option<Instant>,
}

impl Endpoint {
    fn run(mut self) {
        // If this fails, the thread only competes more.
        let _ = rustix::process::setpriority_process(None, NICE);
        loop {
            let now = Instant::now();
            self.connections.retain(|connection| !connection.is_over(now));
            let accept_from = self.accept_from();
            let accepts = accept_from.is_none_or(|at| now >= at);
            let deadlines = self.connections.iter().map(|connection| connection.deadline);
            let wake_at = deadlines.chain(accept_from.filter(|_| !accepts)).min();
            let timeout = wake_at.map(|at| timespec(at.saturating_duration_since(now)));
            let mut polled = vec![PollFd::new(&self.stop, PollFlags::IN)];
            let listening = if accepts { PollFlags::IN } else { PollFlags::empty() };
            polled.push(PollFd::new(&self.listener, listening));
            polled
                .extend(self.connections.iter().map(|it| PollFd::new(it.stream(), it.interest())));
            match poll(&mut polled, timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    warn!("warning: /metrics is no longer served: {error}");
                    return;
                }
            }
            let ready: Vec<bool> = polled.iter().map(|it| !it.revents().is_empty()).collect();
            if ready[0] {
                return;
            }
            self.advance(&ready[2..]);
            if ready[1] {
                self.accept();
            }
        }
    }

    /// When the next connection may be accepted. `None`: at once.
    fn accept_from(&self) -> Option<Instant> {
        let full = self.connections.len() >= CONNECTIONS_MAX;
        let oldest = self.connections.iter().map(|connection| connection.opened).min();
        let room_at = oldest.filter(|_| full).map(|opened| opened + PLACE_KEPT);
        room_at.max(self.accept_after)
    }

    fn advance(&mut self, ready: &[bool]) {
        let mut connections = std::mem::take(&mut self.connections);
        for (connection, _) in connections.iter_mut().zip(ready).filter(|(_, ready)| **ready) {
            connection.advance(Instant::now(), |request| self.answer(request));
        }
        self.connections = connections;
    }

    fn accept(&mut self) {
        let now = Instant::now();
        self.accept_after = None;
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                let gone = [Errno::AGAIN, Errno::CONNABORTED, Errno::INTR];
                let errno = Errno::from_io_error(&error);
                if errno.is_none_or(|errno| !gone.contains(&errno)) {
                    self.accept_after = Some(now + RETRY_PAUSE);
                }
                return;
            }
        };
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        self.connections.retain(|connection| !connection.is_over(now));
        if self.connections.len() >= CONNECTIONS_MAX {
            // They are kept in the order of their arrival.
            self.connections.remove(0);
        }
        self.connections.push(AdminConnection::new(stream, now));
        assert!(self.connections.len() <= CONNECTIONS_MAX);
    }

    fn answer(&mut self, request: Request<'_>) -> Vec<u8> {
        let parts = match request.method {
            Method::Get => ResponseParts::All,
            Method::Head => ResponseParts::Head,
            Method::Other => {
                return response(Status::MethodNotAllowed, Body::EMPTY, ResponseParts::All);
            }
        };
        match request.path {
            "/metrics" => {
                let numbers = self.newest_numbers(self.wanted_by_metrics());
                let text = self.exposition.render(&self.shared, &numbers);
                let body = Body { content_type: ContentType::Exposition, text: &text };
                response(Status::Ok, body, parts)
            }
            "/" => {
                let body = Body { content_type: ContentType::Html, text: HTML };
                response(Status::Ok, body, parts)
            }
            "/hotkeys" => {
                self.newest_numbers(Wanted { hot_keys: true, ..Wanted::default() });
                let text = format!("{}\n", hot_keys_json(&self.shared.publications.hot_keys()));
                let body = Body { content_type: ContentType::Json, text: &text };
                response(Status::Ok, body, parts)
            }
            "/status.json" => {
                let numbers = self.newest_numbers(Wanted { hot_keys: true, ..Wanted::default() });
                let text = status(&self.shared, &numbers);
                let body = Body { content_type: ContentType::Json, text: &text };
                response(Status::Ok, body, parts)
            }
            "/healthz" => response(Status::Ok, Body::plain("ok\n"), parts),
            "/readyz" if self.shared.admission.is_ready() => {
                response(Status::Ok, Body::plain("ok\n"), parts)
            }
            "/readyz" => {
                response(Status::ServiceUnavailable, Body::plain("not accepting\n"), parts)
            }
            _ => response(Status::NotFound, Body::EMPTY, parts),
        }
    }

    /// Requests by prefix are shown while they are counted.
    fn wanted_by_metrics(&self) -> Wanted {
        let counts_prefixes = self.shared.counts_prefixes.load(Ordering::Relaxed);
        Wanted { prefixes: counts_prefixes, ..Wanted::default() }
    }

    /// The newest numbers of the executors, which publish what else is wanted, too. Waits for them
    /// up to [`PUBLISH_WAIT_MAX`].
    fn newest_numbers(&mut self, wanted: Wanted) -> PublishedNumbers {
        self.shared.publications.want(wanted);
        let signals = &self.shared.publish_signals;
        let raised: Vec<u64> = signals.iter().map(PublishSignal::raise).collect();
        self.silences.note(signals, &raised, Instant::now());
        for mailbox in &self.shared.mailboxes {
            mailbox.wake();
        }
        let deadline = Instant::now() + PUBLISH_WAIT_MAX;
        let has_all = || signals.iter().zip(&raised).all(|(it, &signal)| it.is_answered(signal));
        while !has_all() && Instant::now() < deadline {
            let mut polled = [PollFd::new(&self.stop, PollFlags::IN)];
            // The eventfd of `stop` stays readable: the main loop finds it too.
            if poll(&mut polled, Some(&timespec(PUBLISH_LOOK_EVERY))).is_ok_and(|ready| ready > 0) {
                break;
            }
        }
        self.shared.publications.want(Wanted::default());
        PublishedNumbers::read(&self.shared, self.silences.seconds(signals, Instant::now()))
    }
}

/// For the durations of this module, which are seconds at most.
fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: duration.subsec_nanos().into() }
}
