//! One connection to the admin endpoint: one request, one response, then the end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::admin::admin_http::{Body, Head, Request, ResponseParts, Status, parse, response};

/// Bytes of a request's head at most.
pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;

/// Time for the head of a request to arrive, and again for its response to leave.
const STEP_TIME_MAX: Duration = Duration::from_secs(5);

/// Time for the client to close after its response.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// Bytes read at a time.
const READ_BYTES: usize = 4 << 10;

const _: () = assert!(READ_BYTES <= HEAD_BYTES_MAX);

#[derive(Debug)]
enum AdminStep {
    /// The part of the head that has arrived.
    Reading(Vec<u8>),
    /// The response, and how many bytes of it have left.
    Writing(Vec<u8>, usize),
    /// The response has left, and the client's bytes are discarded. Closing with unread input would
    /// reset the connection, and the client might lose the response.
    Draining,
    Ended,
}

/// A connection to the admin endpoint.
#[derive(Debug)]
pub(super) struct AdminConnection {
    stream: TcpStream,
    pub(super) opened: Instant,
    pub(super) deadline: Instant,
    step: AdminStep,
}

impl AdminConnection {
    /// A new connection. `stream` must not block.
    pub(super) fn new(stream: TcpStream, now: Instant) -> Self {
        Self {
            stream,
            opened: now,
            deadline: now + STEP_TIME_MAX,
            step: AdminStep::Reading(Vec::new()),
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The events that it waits for.
    pub(super) fn interest(&self) -> PollFlags {
        match self.step {
            AdminStep::Writing(..) => PollFlags::OUT,
            _ => PollFlags::IN,
        }
    }

    /// True if the connection has ended or its deadline has passed.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        matches!(self.step, AdminStep::Ended) || now >= self.deadline
    }

    /// Goes on as far as possible without waiting, with one read at most: other connections have
    /// their turn beside a client that sends endlessly.
    pub(super) fn advance(&mut self, now: Instant, answer: impl FnOnce(Request<'_>) -> Vec<u8>) {
        match &mut self.step {
            AdminStep::Reading(_) => self.read_head(now, answer),
            AdminStep::Writing(..) => self.write(now),
            AdminStep::Draining => self.drain(),
            AdminStep::Ended => {}
        }
    }

    fn read_head(&mut self, now: Instant, answer: impl FnOnce(Request<'_>) -> Vec<u8>) {
        let AdminStep::Reading(head) = &mut self.step else { return };
        let mut bytes = [0; READ_BYTES];
        let room = READ_BYTES.min(HEAD_BYTES_MAX - head.len());
        match self.stream.read(&mut bytes[..room]) {
            Ok(0) => self.step = AdminStep::Ended,
            Ok(count) => {
                head.extend_from_slice(&bytes[..count]);
                let response = match parse(head) {
                    Head::Partial if head.len() < HEAD_BYTES_MAX => return,
                    Head::Partial => {
                        response(Status::HeadTooLarge, Body::EMPTY, ResponseParts::All)
                    }
                    Head::Whole(request) => answer(request),
                    Head::Refused(status) => response(status, Body::EMPTY, ResponseParts::All),
                };
                self.step = AdminStep::Writing(response, 0);
                self.deadline = now + STEP_TIME_MAX;
                self.write(now);
            }
            Err(error) => self.fail_unless_early(error.kind()),
        }
    }

    fn write(&mut self, now: Instant) {
        let AdminStep::Writing(response, sent) = &mut self.step else { return };
        while *sent < response.len() {
            match self.stream.write(&response[*sent..]) {
                Ok(count) => *sent += count,
                Err(error) => return self.fail_unless_early(error.kind()),
            }
        }
        match self.stream.shutdown(Shutdown::Write) {
            Ok(()) => {
                self.step = AdminStep::Draining;
                self.deadline = now + DRAIN_TIME_MAX;
            }
            Err(_) => self.step = AdminStep::Ended,
        }
    }

    fn drain(&mut self) {
        match self.stream.read(&mut [0; READ_BYTES]) {
            Ok(0) => self.step = AdminStep::Ended,
            Ok(_) => {}
            Err(error) => self.fail_unless_early(error.kind()),
        }
    }

    fn fail_unless_early(&mut self, kind: ErrorKind) {
        if !matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            self.step = AdminStep::Ended;
        }
    }
}
