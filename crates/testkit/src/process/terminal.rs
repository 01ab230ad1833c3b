//! A pseudo-terminal for a program under test.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::limits::SILENCE_MAX;

/// A terminal as its user sees it: reads what programs on it print, and types.
#[derive(Debug)]
pub struct Terminal {
    controller: File,
    /// The side of the programs. It stays open, so that what they printed is not lost when they
    /// end.
    programs: File,
    printed: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Terminal {
    /// A terminal of this size. Panics if the system has none left.
    pub fn new(columns: u16, rows: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let controller = openpt(flags).expect("a pseudo-terminal");
        grantpt(&controller).expect("a pseudo-terminal that is ours");
        unlockpt(&controller).expect("a pseudo-terminal to open");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&controller, size).expect("a terminal has a size");
        let path = ptsname(&controller, Vec::new()).expect("a path of the pseudo-terminal");
        // The test must not get it as its own terminal.
        let options = OFlags::NOCTTY.bits().cast_signed();
        let path = path.to_str().expect("a path of ASCII");
        let mut open = OpenOptions::new();
        let programs = open.read(true).write(true).custom_flags(options).open(path);
        let programs = programs.expect("the programs' side of the pseudo-terminal");
        let controller = File::from(controller);
        let printed = read_in_background(controller.try_clone().expect("a second handle"));
        Self { controller, programs, printed, seen: Vec::new() }
    }

    /// The side of the programs, for their standard streams.
    pub fn programs(&self) -> File {
        self.programs.try_clone().expect("a second handle of the terminal")
    }

    /// Types these bytes.
    pub fn type_keys(&mut self, keys: &[u8]) {
        self.controller.write_all(keys).expect("the terminal takes keys");
    }

    /// All that was printed until this text appears, and the text. Panics if it does not appear for
    /// too long.
    pub fn read_until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + SILENCE_MAX;
        loop {
            let found = self.seen.windows(text.len()).position(|it| it == text.as_bytes());
            if let Some(start) = found {
                let bytes: Vec<u8> = self.seen.drain(..start + text.len()).collect();
                return String::from_utf8_lossy(&bytes).into_owned();
            }
            match self.printed.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no {text:?} in {:?}", String::from_utf8_lossy(&self.seen));
                }
            }
        }
    }
}

/// Reads on a thread of its own: a pseudo-terminal has no read with a time limit. The thread ends
/// when the terminal does.
fn read_in_background(mut controller: File) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        // An error means that no program has the terminal open.
        while let Ok(count @ 1..) = controller.read(&mut bytes) {
            if sender.send(bytes[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
