//! One connection to the admin endpoint: one request, one response, the end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::admin::admin_http::{Head, Request, Status, parse, response};

/// Bytes of a request's head at most.
pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;

/// Time for a request's head to come, and again for its response to leave.
const STEP_TIME_MAX: Duration = Duration::from_secs(5);

/// Time for the client to close after its response.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// Bytes read at a time.
const READ_BYTES: usize = 4 << 10;

const _: () = assert!(READ_BYTES <= HEAD_BYTES_MAX);

#[derive(Debug)]
enum Step {
    /// What has come of the head.
    Reading(Vec<u8>),
    /// The response, and how much of it has left.
    Writing(Vec<u8>, usize),
    /// All is said: closing before the client has read it, with bytes of its own unread, would
    /// reset the connection and take the response away.
    Draining,
    Ended,
}

/// See the module.
#[derive(Debug)]
pub(super) struct AdminConnection {
    stream: TcpStream,
    pub(super) opened: Instant,
    pub(super) deadline: Instant,
    step: Step,
}

impl AdminConnection {
    /// `stream` must not block.
    pub(super) fn new(stream: TcpStream, now: Instant) -> Self {
        Self { stream, opened: now, deadline: now + STEP_TIME_MAX, step: Step::Reading(Vec::new()) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What it waits for.
    pub(super) fn interest(&self) -> PollFlags {
        match self.step {
            Step::Writing(..) => PollFlags::OUT,
            _ => PollFlags::IN,
        }
    }

    /// Nothing is to be done any more, or not in time.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        matches!(self.step, Step::Ended) || now >= self.deadline
    }

    /// Goes on as far as the socket lets it without waiting. One read at most: a client that sends
    /// without end has its turn like the others.
    pub(super) fn advance(&mut self, now: Instant, answer: impl FnOnce(Request<'_>) -> Vec<u8>) {
        match &mut self.step {
            Step::Reading(_) => self.read_head(now, answer),
            Step::Writing(..) => self.write(now),
            Step::Draining => self.drain(),
            Step::Ended => {}
        }
    }

    fn read_head(&mut self, now: Instant, answer: impl FnOnce(Request<'_>) -> Vec<u8>) {
        let Step::Reading(head) = &mut self.step else { return };
        let mut bytes = [0; READ_BYTES];
        let room = READ_BYTES.min(HEAD_BYTES_MAX - head.len());
        match self.stream.read(&mut bytes[..room]) {
            Ok(0) => self.step = Step::Ended,
            Ok(count) => {
                head.extend_from_slice(&bytes[..count]);
                let response = match parse(head) {
                    Head::Partial if head.len() < HEAD_BYTES_MAX => return,
                    Head::Partial => response(Status::HeadTooLarge, "", true),
                    Head::Whole(request) => answer(request),
                    Head::Refused(status) => response(status, "", true),
                };
                self.step = Step::Writing(response, 0);
                self.deadline = now + STEP_TIME_MAX;
                self.write(now);
            }
            Err(error) => self.fail_unless_early(error.kind()),
        }
    }

    fn write(&mut self, now: Instant) {
        let Step::Writing(response, sent) = &mut self.step else { return };
        while *sent < response.len() {
            match self.stream.write(&response[*sent..]) {
                Ok(count) => *sent += count,
                Err(error) => return self.fail_unless_early(error.kind()),
            }
        }
        match self.stream.shutdown(Shutdown::Write) {
            Ok(()) => {
                self.step = Step::Draining;
                self.deadline = now + DRAIN_TIME_MAX;
            }
            Err(_) => self.step = Step::Ended,
        }
    }

    fn drain(&mut self) {
        match self.stream.read(&mut [0; READ_BYTES]) {
            Ok(0) => self.step = Step::Ended,
            Ok(_) => {}
            Err(error) => self.fail_unless_early(error.kind()),
        }
    }

    fn fail_unless_early(&mut self, kind: ErrorKind) {
        if !matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            self.step = Step::Ended;
        }
    }
}
