//! Lists of the pieces of one send, as the kernel reads them.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;

use crate::connection::outgoing::Pieces;
use crate::settings::limits::{SEND_PIECES_MAX, SPARE_SEND_MESSAGES_MAX};

/// A `msghdr` with its list of pieces. It is always boxed, as the header points to the list.
pub(super) struct SendMessage {
    header: libc::msghdr,
    pieces: [libc::iovec; SEND_PIECES_MAX],
}

impl SendMessage {
    fn new() -> Box<Self> {
        let none = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        // SAFETY: a message header has numbers and pointers, and all bits zero are valid for them.
        let header = unsafe { MaybeUninit::<libc::msghdr>::zeroed().assume_init() };
        Box::new(Self { header, pieces: [none; SEND_PIECES_MAX] })
    }

    /// The header, for the kernel. It is valid while this box and the bytes of its pieces are.
    pub(super) fn header(&self) -> *const libc::msghdr {
        &raw const self.header
    }
}

/// Messages that can be used again.
#[derive(Default)]
pub(super) struct SendMessages {
    /// Boxed, as the kernel gets their addresses.
    #[expect(clippy::vec_box)]
    spares: Vec<Box<SendMessage>>,
}

impl SendMessages {
    /// A message with these pieces.
    pub(super) fn of(&mut self, pieces: &Pieces<'_>) -> Box<SendMessage> {
        let mut message = self.spares.pop().unwrap_or_else(SendMessage::new);
        for (place, piece) in message.pieces.iter_mut().zip(pieces) {
            *place =
                libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() };
        }
        message.header.msg_iov = message.pieces.as_mut_ptr();
        message.header.msg_iovlen = pieces.len() as _;
        message
    }

    /// Keeps a message for reuse, unless there are plenty.
    pub(super) fn put(&mut self, message: Box<SendMessage>) {
        if self.spares.len() < SPARE_SEND_MESSAGES_MAX {
            self.spares.push(message);
        }
    }
}
