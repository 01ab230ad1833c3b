//! One command line, and what it is decoded to.

use crate::words::error_lines::BAD_FORMAT;
use crate::words::line_words::trim_blanks_end;
use crate::{Decoded, Request, StoreRequest};

/// A command line after its command word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// The text after the command word, without the line end and trailing blanks. It is empty, or
    /// starts with the blank after the command word.
    pub(crate) words: &'a [u8],
    /// Bytes of the whole line with its LF.
    pub(crate) consumed: usize,
}

impl<'a> Line<'a> {
    /// A line whose text after the command word is `words`.
    #[inline]
    pub(crate) fn new(words: &'a [u8], consumed: usize) -> Self {
        Self { words: trim_blanks_end(words), consumed }
    }

    /// True if the last word is `noreply`. It counts only there.
    #[inline]
    pub(crate) fn is_noreply(&self) -> bool {
        self.words.ends_with(b" noreply")
    }

    /// The line is `request`.
    #[inline]
    pub(crate) fn request(self, request: Request<'a>) -> Decoded<'a> {
        Decoded::Request { request, consumed: self.consumed }
    }

    /// The line is that of `store`, whose data block follows.
    #[inline]
    pub(crate) fn store(self, store: StoreRequest<'a>) -> Decoded<'a> {
        Decoded::Store { store, consumed: self.consumed }
    }

    /// The line is wrong, which is reported whatever its last word is.
    #[cold]
    pub(crate) fn error(self, reply: &'static [u8]) -> Decoded<'a> {
        Decoded::Error { reply: Some(reply), consumed: self.consumed, swallow: 0 }
    }

    /// The line is wrong; `noreply` hides the error.
    #[cold]
    pub(crate) fn error_unless_noreply(self, reply: &'static [u8]) -> Decoded<'a> {
        let reply = if self.is_noreply() { None } else { Some(reply) };
        Decoded::Error { reply, consumed: self.consumed, swallow: 0 }
    }

    /// The line is wrong and gets no reply.
    #[cold]
    pub(crate) fn silence(self) -> Decoded<'a> {
        Decoded::Error { reply: None, consumed: self.consumed, swallow: 0 }
    }

    /// The line of a storage command is wrong, but its length is known: the data block is ignored,
    /// so that it is not taken for commands. `noreply` hides the error.
    #[cold]
    pub(crate) fn store_error(self, value_bytes: u32) -> Decoded<'a> {
        let reply = if self.is_noreply() { None } else { Some(BAD_FORMAT) };
        self.swallow(reply, value_bytes)
    }

    /// As [`Self::store_error`], for `ms`, which has more errors and no `noreply`.
    #[cold]
    pub(crate) fn meta_store_error(self, reply: &'static [u8], value_bytes: u32) -> Decoded<'a> {
        self.swallow(Some(reply), value_bytes)
    }

    fn swallow(self, reply: Option<&'static [u8]>, value_bytes: u32) -> Decoded<'a> {
        let swallow = u64::from(value_bytes).saturating_add(2);
        Decoded::Error { reply, consumed: self.consumed, swallow }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noreply_counts_as_the_last_word_only() {
        assert!(Line::new(b" k noreply", 0).is_noreply());
        assert!(Line::new(b" k noreply  ", 0).is_noreply());
        assert!(Line::new(b" noreply", 0).is_noreply());
        assert!(!Line::new(b" noreply k", 0).is_noreply());
        assert!(!Line::new(b" knoreply", 0).is_noreply());
        assert!(!Line::new(b" k noreply2", 0).is_noreply());
        assert!(!Line::new(b"", 0).is_noreply());
    }
}
