//! Reads streams.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use memchr::memmem;

use crate::block_header::{BlockHeader, BlockKind, MAGIC, NotAHeader};
use crate::clock::Clock;
use crate::item::{LongItem, Records, take_head};
use crate::limits::{BUFFER_BYTES, HEADER_BYTES};
use crate::report::Report;
use crate::stream_ends::{Start, Totals};

/// The next part of a stream.
#[derive(Debug)]
pub enum Part<'a> {
    /// Some items.
    Items(Records<'a>),
    /// An item whose value follows in pieces.
    Long(LongItem<'a>),
    /// The next bytes of the long item's value; never empty, and never more than the value has.
    Piece {
        /// The bytes.
        bytes: &'a [u8],
        /// Whether the value is whole now.
        is_last: bool,
    },
    /// The rest of the long item's value is missing.
    LongCut,
}

/// Why a stream could not be read on.
#[derive(Debug)]
pub enum DecodeError {
    /// The system's error.
    Read(io::Error),
    /// The stream has another version of the format.
    Version(u8),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Version(version) => {
                write!(f, "version {version} of the format is not known, only 1 and 2")
            }
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Reads streams, one after the other. It uses 1 MiB of memory.
#[derive(Debug)]
pub struct Decoder<R> {
    read: R,
    /// `buffer[begin..end]` was read and not consumed.
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    is_at_end: bool,
    stream: Stream,
    report: Report,
}

/// The current stream.
#[derive(Debug, Default)]
struct Stream {
    start: Option<Start>,
    clock: Option<Clock>,
    /// Whether a block of it was found, and its last one was not.
    is_open: bool,
    unix_seconds: u32,
    /// The number of the block that is expected.
    number: u32,
    items: u64,
    /// Bytes of the long item's value that have not come yet. 0: there is no long item.
    long_left: u32,
}

impl<R: Read> Decoder<R> {
    /// A decoder that has read nothing yet.
    pub fn new(read: R) -> Decoder<R> {
        let (stream, report) = (Stream::default(), Report::default());
        let buffer = vec![0; BUFFER_BYTES];
        Decoder { read, buffer, begin: 0, end: 0, is_at_end: false, stream, report }
    }

    /// The start of the stream to which the last part belongs, if it is whole.
    pub fn start(&self) -> Option<&Start> {
        self.stream.start.as_ref()
    }

    /// When this stream began. It is known even if the start is lost.
    pub fn clock(&self) -> Option<Clock> {
        self.stream.clock
    }

    /// What was found so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Returns the next part. `None`: all was read. Damage is no error: it is skipped. After an
    /// error nothing more can be read.
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, DecodeError> {
        Ok(self.next_timed_part()?.map(|(_, part)| part))
    }

    /// As [`Self::next_part`], with the clock of the part's stream.
    pub fn next_timed_part(&mut self) -> Result<Option<(Clock, Part<'_>)>, DecodeError> {
        let Some(found) = self.advance()? else { return Ok(None) };
        let clock = self.stream.clock.unwrap_or_default();
        let part = match found {
            Found::Items { payload, count } => {
                Part::Items(Records::of_checked(&self.buffer[payload], count))
            }
            Found::Long { payload } => {
                take_head(&mut &self.buffer[payload]).map_or(Part::LongCut, Part::Long)
            }
            Found::Piece { payload, is_last } => {
                Part::Piece { bytes: &self.buffer[payload], is_last }
            }
            Found::LongCut => Part::LongCut,
        };
        Ok(Some((clock, part)))
    }

    fn advance(&mut self) -> Result<Option<Found>, DecodeError> {
        loop {
            let header = self.find_block()?;
            if !header.is_some_and(|it| self.stream.goes_on_with(&it)) && self.cut_long_item() {
                return Ok(Some(Found::LongCut));
            }
            let Some(header) = header else { return Ok(None) };
            let payload_at = self.begin + HEADER_BYTES;
            let payload = payload_at..payload_at + header.payload_bytes as usize;
            let bytes = &self.buffer[payload.clone()];
            if !is_well_formed(&header, bytes) {
                self.skip(1);
                continue;
            }
            self.begin = payload.end;
            self.report.blocks += 1;
            if let Some(found) = self.stream.take(&header, payload, &self.buffer, &mut self.report)
            {
                return Ok(Some(found));
            }
        }
    }

    fn cut_long_item(&mut self) -> bool {
        std::mem::take(&mut self.stream.long_left) > 0
    }

    /// Finds the next block that passes its checksums. It lies whole in the buffer, at `begin`.
    fn find_block(&mut self) -> Result<Option<BlockHeader>, DecodeError> {
        loop {
            if !self.fill(HEADER_BYTES)? {
                self.report.bytes_skipped += (self.end - self.begin) as u64;
                self.begin = self.end;
                return Ok(None);
            }
            let header = self.buffer[self.begin..].first_chunk().map(BlockHeader::decode);
            match header {
                Some(Ok(header)) => {
                    let bytes = HEADER_BYTES + header.payload_bytes as usize;
                    if self.fill(bytes)? {
                        let block = &self.buffer[self.begin..self.begin + bytes];
                        if crc32fast::hash(&block[HEADER_BYTES..]) == header.payload_crc {
                            return Ok(Some(header));
                        }
                    }
                    self.skip(1);
                }
                Some(Err(NotAHeader::Version(version))) => {
                    return Err(DecodeError::Version(version));
                }
                Some(Err(NotAHeader::Damaged)) | None => self.skip(1),
            }
        }
    }

    /// Skips bytes, and all that follow up to what may begin a block.
    fn skip(&mut self, bytes: usize) {
        let from = (self.begin + bytes).min(self.end);
        let left = &self.buffer[from..self.end];
        // The last bytes may begin a magic that goes on with the next ones.
        let to = memmem::find(left, &MAGIC)
            .unwrap_or_else(|| left.len().saturating_sub(MAGIC.len() - 1));
        self.report.bytes_skipped += (from + to - self.begin) as u64;
        self.begin = from + to;
    }

    /// Reads until so many bytes are there. False: the end came first.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        debug_assert!(bytes <= self.buffer.len());
        while self.end - self.begin < bytes {
            if self.is_at_end {
                return Ok(false);
            }
            if self.begin + bytes > self.buffer.len() {
                self.buffer.copy_within(self.begin..self.end, 0);
                (self.begin, self.end) = (0, self.end - self.begin);
            }
            match self.read.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.is_at_end = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// A part, by its place in the buffer.
enum Found {
    Items { payload: Range<usize>, count: u32 },
    Long { payload: Range<usize> },
    Piece { payload: Range<usize>, is_last: bool },
    LongCut,
}

impl Stream {
    fn is_of(&self, header: &BlockHeader) -> bool {
        self.is_open
            && self.unix_seconds == header.unix_seconds
            && header.number >= self.number
            && header.kind != BlockKind::Start
    }

    /// Whether a block has the next bytes of the long item's value.
    fn goes_on_with(&self, header: &BlockHeader) -> bool {
        self.is_of(header)
            && header.kind == BlockKind::Piece
            && header.number == self.number
            && header.payload_bytes <= self.long_left
    }

    /// Takes a well-formed block. Returns what it has for the caller.
    fn take(
        &mut self,
        header: &BlockHeader,
        payload: Range<usize>,
        buffer: &[u8],
        report: &mut Report,
    ) -> Option<Found> {
        if !self.is_of(header) {
            // A new stream. If its start is lost, its clock is in each block.
            let start = (header.kind == BlockKind::Start).then(|| &buffer[payload.clone()]);
            *self = Stream::begin(header, start.and_then(Start::decode));
            report.streams += 1;
        }
        report.blocks_missing += u64::from(header.number - self.number);
        self.number = header.number.saturating_add(1);
        match header.kind {
            BlockKind::Start => None,
            BlockKind::Items => {
                self.items += u64::from(header.count);
                report.items += u64::from(header.count);
                Some(Found::Items { payload, count: header.count })
            }
            BlockKind::Long => {
                self.long_left = take_head(&mut &buffer[payload.clone()])?.value_bytes;
                Some(Found::Long { payload })
            }
            // Its item has lost an earlier piece, or its first block.
            BlockKind::Piece if self.long_left == 0 => {
                report.bytes_skipped += (HEADER_BYTES + payload.len()) as u64;
                None
            }
            BlockKind::Piece => {
                self.long_left -= header.payload_bytes;
                let is_last = self.long_left == 0;
                self.items += u64::from(is_last);
                report.items += u64::from(is_last);
                Some(Found::Piece { payload, is_last })
            }
            BlockKind::End => {
                let totals = Totals::decode(&buffer[payload])?;
                report.items_missing += totals.items.saturating_sub(self.items);
                report.streams_ended += 1;
                self.is_open = false;
                None
            }
        }
    }

    fn begin(header: &BlockHeader, start: Option<Start>) -> Stream {
        let unix_seconds = header.unix_seconds;
        let clock = start.map_or_else(|| Clock::of_unix_seconds(unix_seconds), |it| it.clock);
        Stream { start, clock: Some(clock), is_open: true, unix_seconds, ..Stream::default() }
    }
}

/// Whether a block has what its kind has.
fn is_well_formed(header: &BlockHeader, payload: &[u8]) -> bool {
    match header.kind {
        BlockKind::Start => header.number == 0 && Start::decode(payload).is_some(),
        BlockKind::Items => Records::new(payload, header.count).is_some(),
        BlockKind::Long => {
            let mut left = payload;
            let long = take_head(&mut left);
            left.is_empty() && long.is_some_and(|it| it.value_bytes > 0)
        }
        BlockKind::Piece => !payload.is_empty(),
        BlockKind::End => Totals::decode(payload).is_some(),
    }
}
