//! Writes a stream.

use std::io::{self, Write};

use crate::block::{Block, Refusal};
use crate::block_header::BlockKind;
use crate::item::{Attributes, Item};
use crate::stream_ends::{Start, Totals};

/// Writes a stream. It is complete once [`Self::finish`] has returned.
///
/// Either give it items, or blocks that were filled elsewhere.
#[derive(Debug)]
pub struct Encoder<W> {
    written: Written<W>,
    /// Items that were not written yet.
    block: Block,
}

/// The blocks that were written.
#[derive(Debug)]
struct Written<W> {
    write: W,
    blocks: u32,
    unix_seconds: u32,
    totals: Totals,
}

impl<W: Write> Encoder<W> {
    /// Begins a stream.
    pub fn new(write: W, start: &Start) -> io::Result<Encoder<W>> {
        let unix_seconds = start.clock.unix_seconds();
        let written = Written { write, blocks: 0, unix_seconds, totals: Totals::default() };
        let mut encoder = Encoder { written, block: Block::new() };
        encoder.block.push_end(BlockKind::Start, &start.encode());
        encoder.write_own()?;
        Ok(encoder)
    }

    /// Writes an item, of any length. The error is of the kind `InvalidInput` if the key is empty
    /// or longer than 250 bytes, or the value is longer than 1 GiB.
    pub fn item(&mut self, item: &Item<'_>) -> io::Result<()> {
        match self.block.push(item) {
            Ok(()) => return Ok(()),
            Err(Refusal::Full) => self.write_own()?,
            Err(Refusal::Long) => {
                self.long_item(item.key, item.attributes, item.value.len())?;
                return self.piece(item.value);
            }
            Err(Refusal::NotRecordable) => return Err(not_recordable()),
        }
        self.block.push(item).map_err(|_| not_recordable())
    }

    /// Writes an item without its value. Its value has at least one byte, and follows by
    /// [`Self::piece`].
    pub fn long_item(
        &mut self,
        key: &[u8],
        attributes: Attributes,
        value_bytes: usize,
    ) -> io::Result<()> {
        self.write_own()?;
        self.block.push_long(key, &attributes, value_bytes).map_err(|_| not_recordable())?;
        self.write_own()
    }

    /// Writes the next bytes of a long item's value.
    pub fn piece(&mut self, mut value: &[u8]) -> io::Result<()> {
        while !value.is_empty() {
            let taken = self.block.push_piece(value);
            value = &value[taken..];
            if !value.is_empty() {
                self.write_own()?;
            }
        }
        Ok(())
    }

    /// Writes a block that was filled elsewhere, and clears it. An empty one is left out.
    pub fn write_block(&mut self, block: &mut Block) -> io::Result<()> {
        self.write_own()?;
        self.written.block(block)
    }

    fn write_own(&mut self) -> io::Result<()> {
        self.written.block(&mut self.block)
    }

    /// Items that were written. Those that wait in the current block are not counted.
    pub fn items(&self) -> u64 {
        self.written.totals.items
    }

    /// Bytes of the blocks that were written, without their headers.
    pub fn bytes(&self) -> u64 {
        self.written.totals.bytes
    }

    /// Ends the stream, flushes, and returns what it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_own()?;
        self.block.push_end(BlockKind::End, &self.written.totals.encode());
        self.write_own()?;
        self.written.write.flush()?;
        Ok(self.written.write)
    }
}

impl<W: Write> Written<W> {
    fn block(&mut self, block: &mut Block) -> io::Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        self.totals.items += u64::from(block.items());
        self.totals.bytes += block.payload_bytes() as u64;
        let written = self.write.write_all(block.seal(self.blocks, self.unix_seconds));
        self.blocks = self.blocks.wrapping_add(1);
        block.clear();
        written
    }
}

fn not_recordable() -> io::Error {
    let text = "a key has 1 to 250 bytes, and a value 1 GiB at most";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
