//! A connection of the generator. It sends a batch, then receives and checks the replies.

use std::net::TcpStream;
use std::time::Instant;

use crate::load::item_format::ItemFormat;
use crate::load::load_error::LoadError;
use crate::load::reply::{self, Reply};
use crate::load::request_batch::{RequestBatch, RequestSource};
use crate::load::tally::Tally;
use crate::servers::stream::{Endpoint, Stream};

/// Room beyond the longest possible replies, to detect unexpected bytes.
const SLACK_BYTES: usize = 64;

/// A connected, non-blocking socket with its current batch.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    batch: RequestBatch,
    /// Bytes of the batch that the kernel has taken.
    sent: usize,
    /// When the batch was due to leave.
    due: Instant,
    input: Vec<u8>,
    /// Bytes received for this batch.
    filled: usize,
    /// Received bytes that belong to complete, correct replies.
    checked: usize,
    /// The requests and keys that those bytes answer.
    replies: usize,
    keys: usize,
}

impl Connection {
    pub(crate) fn open(endpoint: &Endpoint) -> Result<Self, LoadError> {
        Ok(Self {
            stream: Stream::open(endpoint)?,
            batch: RequestBatch::default(),
            sent: 0,
            due: Instant::now(),
            input: Vec::new(),
            filled: 0,
            checked: 0,
            replies: 0,
            keys: 0,
        })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.socket()
    }

    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Whether a part of the batch has not been sent yet.
    pub(crate) fn is_sending(&self) -> bool {
        self.sent < self.batch.text().len() || self.stream.holds_back()
    }

    /// Creates the next batch. The previous one must be complete.
    pub(crate) fn begin(&mut self, source: &mut RequestSource, format: &ItemFormat, due: Instant) {
        assert!(!self.is_sending() && self.replies == self.batch.kinds().len());
        source.fill(&mut self.batch, format);
        let keys_each = self.batch.keys().len() / self.batch.kinds().len();
        let kinds = self.batch.kinds().iter();
        let owed: usize = kinds.map(|&kind| reply::bytes_max(format, kind, keys_each)).sum();
        if self.input.len() < owed + SLACK_BYTES {
            self.input.resize(owed + SLACK_BYTES, 0);
        }
        (self.sent, self.due) = (0, due);
        (self.filled, self.checked, self.replies, self.keys) = (0, 0, 0, 0);
    }

    /// Sends as much as the kernel takes.
    pub(crate) fn send(&mut self) -> Result<(), LoadError> {
        self.sent += self.stream.write(&self.batch.text()[self.sent..])?;
        Ok(())
    }

    /// Receives and checks bytes. Returns true when all requests of the batch are answered.
    pub(crate) fn receive(
        &mut self,
        format: &ItemFormat,
        tally: &mut Tally,
    ) -> Result<bool, LoadError> {
        // A TLS session may hold more bytes than one read returns, without a new event of the
        // socket.
        while let Some(bytes) = self.stream.read(&mut self.input[self.filled..])? {
            if bytes == 0 {
                return Err(LoadError::Closed);
            }
            self.filled += bytes;
            if self.check(format, tally)? {
                return Ok(true);
            }
            if !self.stream.is_session() {
                break;
            }
        }
        Ok(false)
    }

    fn check(&mut self, format: &ItemFormat, tally: &mut Tally) -> Result<bool, LoadError> {
        let kinds = self.batch.kinds();
        let keys_each = self.batch.keys().len() / kinds.len().max(1);
        while let Some(&kind) = kinds.get(self.replies) {
            let keys = &self.batch.keys()[self.keys..self.keys + keys_each];
            let input = &self.input[self.checked..self.filled];
            match reply::check(format, kind, keys, input) {
                Reply::Incomplete => return Ok(false),
                Reply::Wrong => return Err(LoadError::wrong(kind, input)),
                Reply::Complete { bytes, hits } => {
                    self.checked += bytes;
                    self.keys += keys_each;
                    self.replies += 1;
                    tally.count(kind, keys_each as u64, hits as u64);
                }
            }
        }
        if self.checked == self.filled {
            Ok(true)
        } else {
            Err(LoadError::unasked(&self.input[self.checked..self.filled]))
        }
    }
}
