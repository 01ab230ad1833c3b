//! A Unix socket that carries messages with descriptors.
//!
//! ```text
//! | bytes: u32 | descriptors: u32 | the bytes | one zero byte for each group of descriptors |
//! ```
//! The descriptors of a group come with its zero byte.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::settings::limits::{
    MESSAGE_BYTES_MAX, MESSAGE_DESCRIPTORS_MAX, MESSAGE_PART_DURATION_MAX,
};

/// Descriptors of one group. Linux takes 253.
const GROUP: usize = 250;

/// Time between two tries to send descriptors while too many are under way.
const RETRY_PAUSE: Duration = Duration::from_millis(1);

/// A message as it comes: its bytes and its descriptors.
#[derive(Debug)]
pub(super) struct IncomingMessage {
    pub(super) bytes: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// One end of the socket.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: UnixStream,
}

impl Channel {
    /// The end `socket`.
    pub(crate) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        // A process that hangs in the middle of a message does not hold up the other one.
        socket.set_read_timeout(Some(MESSAGE_PART_DURATION_MAX))?;
        socket.set_write_timeout(Some(MESSAGE_PART_DURATION_MAX))?;
        Ok(Self { socket })
    }

    /// Waits until a message, or the end, is there. False if it is not within `time`.
    pub(crate) fn wait(&self, time: Duration) -> io::Result<bool> {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let timeout = Timespec { tv_sec: seconds, tv_nsec: time.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a message.
    pub(super) fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "the message is too long");
        let length = u32::try_from(bytes.len()).map_err(|_| too_long())?;
        let count = u32::try_from(descriptors.len()).map_err(|_| too_long())?;
        if bytes.len() > MESSAGE_BYTES_MAX || descriptors.len() > MESSAGE_DESCRIPTORS_MAX {
            return Err(too_long());
        }
        let mut socket = &self.socket;
        socket.write_all(&[length.to_le_bytes(), count.to_le_bytes()].concat())?;
        socket.write_all(bytes)?;
        descriptors.chunks(GROUP).try_for_each(|group| self.send_group(group))
    }

    fn send_group(&self, group: &[BorrowedFd<'_>]) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(GROUP))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let fits = ancillary.push(SendAncillaryMessage::ScmRights(group));
            debug_assert!(fits, "there is space for a group");
            let zero = [IoSlice::new(&[0])];
            match sendmsg(&self.socket, &zero, &mut ancillary, SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                // The user has too many descriptors under way. The other end takes them.
                Err(Errno::TOOMANYREFS) if begun.elapsed() < MESSAGE_PART_DURATION_MAX => {
                    std::thread::sleep(RETRY_PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Receives a message. The end of the other process is an error.
    pub(super) fn receive(&self) -> io::Result<IncomingMessage> {
        let mut socket = &self.socket;
        let mut head = [[0; 4]; 2];
        socket.read_exact(head.as_flattened_mut())?;
        let [length, count] = head.map(|word| u32::from_le_bytes(word) as usize);
        if length > MESSAGE_BYTES_MAX || count > MESSAGE_DESCRIPTORS_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
        }
        let mut bytes = Vec::new();
        socket.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut descriptors = Vec::with_capacity(count);
        while descriptors.len() < count {
            let group = GROUP.min(count - descriptors.len());
            self.receive_group(group, &mut descriptors)?;
        }
        Ok(IncomingMessage { bytes, descriptors })
    }

    fn receive_group(&self, group: usize, descriptors: &mut Vec<OwnedFd>) -> io::Result<()> {
        let wanted = descriptors.len() + group;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(GROUP))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut zero = [1];
        let mut parts = [IoSliceMut::new(&mut zero)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = loop {
            match recvmsg(self.socket.as_fd(), &mut parts, &mut ancillary, flags) {
                Err(Errno::INTR) => {}
                result => break result?,
            }
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(came) = message {
                descriptors.extend(came);
            }
        }
        // The kernel leaves descriptors out if this process may have no more.
        if received.bytes == 1 && descriptors.len() == wanted {
            return Ok(());
        }
        Err(io::Error::other("descriptors are missing: the limit on open files is too low"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, Channel) {
        let (one, other) = UnixStream::pair().unwrap();
        (Channel::new(one).unwrap(), Channel::new(other).unwrap())
    }

    #[test]
    fn a_message_comes_with_its_descriptors() {
        let (one, other) = pair();
        let (kept, _) = UnixStream::pair().unwrap();
        for (bytes, count) in [(0, 0), (1, 0), (0, 1), (100, GROUP), (7, 2 * GROUP + 1)] {
            let message = vec![7; bytes];
            one.send(&message, &vec![kept.as_fd(); count]).unwrap();
            let received = other.receive().unwrap();
            assert_eq!(received.bytes, message);
            assert_eq!(received.descriptors.len(), count);
        }
        assert!(!other.wait(Duration::ZERO).unwrap());
    }

    #[test]
    fn nonsense_is_an_error() {
        for words in [[u32::MAX, 0], [0, u32::MAX], [9, 0], [0, 1]] {
            let (one, other) = UnixStream::pair().unwrap();
            let bytes = [words[0].to_le_bytes(), words[1].to_le_bytes()].concat();
            (&one).write_all(&[&bytes, &b"\0"[..]].concat()).unwrap();
            drop(one);
            assert!(Channel::new(other).unwrap().receive().is_err(), "{words:?}");
        }
    }
}
