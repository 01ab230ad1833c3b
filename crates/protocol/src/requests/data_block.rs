//! The data block after the line of a storage command.

/// The state of the data block after the line of a storage command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataBlock<'a> {
    /// The whole value and its CRLF have arrived.
    Whole {
        /// The value, without its CRLF.
        value: &'a [u8],
        /// Bytes of the block with the CRLF.
        consumed: usize,
    },
    /// The block has not fully arrived.
    Cut,
    /// All announced bytes are here, but no CRLF follows them. The block and the two bytes in the
    /// CRLF's place are consumed, and the reply is
    /// [`BAD_DATA_CHUNK`](crate::words::error_lines::BAD_DATA_CHUNK). Like memcached, the decoder
    /// does not skip to the next line end: what follows is read as a command.
    Bad {
        /// Bytes of the block, with the two in the place of the CRLF.
        consumed: usize,
    },
}

/// Looks for a value of `value_bytes` and its CRLF at the start of `input`.
#[inline]
pub fn data_block(input: &[u8], value_bytes: u32) -> DataBlock<'_> {
    let Some((value, after)) = input.split_at_checked(value_bytes as usize) else {
        return DataBlock::Cut;
    };
    let consumed = value.len().saturating_add(2);
    match after {
        [b'\r', b'\n', ..] => DataBlock::Whole { value, consumed },
        [_, _, ..] => DataBlock::Bad { consumed },
        _ => DataBlock::Cut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], value_bytes: u32, expected: DataBlock<'_>) {
        assert_eq!(data_block(input, value_bytes), expected, "{input:?} of {value_bytes}");
    }

    #[test]
    fn a_block_is_whole_cut_or_bad() {
        check(b"hi\r\n", 2, DataBlock::Whole { value: b"hi", consumed: 4 });
        check(b"hi\r\nget a\r\n", 2, DataBlock::Whole { value: b"hi", consumed: 4 });
        check(b"\r\n", 0, DataBlock::Whole { value: b"", consumed: 2 });
        check(b"\r\n\r\n", 2, DataBlock::Whole { value: b"\r\n", consumed: 4 });
        check(b"hix\r\n", 2, DataBlock::Bad { consumed: 4 });
        check(b"hi\n\n", 2, DataBlock::Bad { consumed: 4 });
        check(b"hixx", 2, DataBlock::Bad { consumed: 4 });
        check(b"", 0, DataBlock::Cut);
        check(b"h", 2, DataBlock::Cut);
        check(b"hi", 2, DataBlock::Cut);
        check(b"hi\r", 2, DataBlock::Cut);
        check(b"hi", u32::MAX, DataBlock::Cut);
    }
}
