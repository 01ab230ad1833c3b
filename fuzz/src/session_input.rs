//! The events of a session, read from a fuzzer's bytes.
//!
//! ```text
//! 0xFC      the bytes so far arrive as one piece
//! 0xFD n    as above, and n seconds pass
//! 0xFE n    n + 1 times 256 letters, so that a short input holds a large value
//! other     one byte of the client
//! ```

/// Letters per unit of a run.
const RUN_BYTES: usize = 256;
/// Largest session in bytes, which bounds the time of a run.
const SESSION_BYTES_MAX: usize = 256 << 10;

/// A piece of the client's bytes, and the seconds that pass after it.
#[derive(Debug, Default)]
pub struct Piece {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Seconds until the next piece.
    pub seconds: u32,
}

/// Reads all pieces of an input.
pub fn pieces(input: &[u8]) -> Vec<Piece> {
    let (mut pieces, mut piece, mut total) = (Vec::new(), Piece::default(), 0);
    let mut input = input.iter().copied();
    while let Some(byte) = input.next() {
        match byte {
            0xfc => pieces.push(std::mem::take(&mut piece)),
            0xfd => {
                piece.seconds = u32::from(input.next().unwrap_or(0));
                pieces.push(std::mem::take(&mut piece));
            }
            0xfe => {
                let run = (usize::from(input.next().unwrap_or(0)) + 1) * RUN_BYTES;
                if total + run <= SESSION_BYTES_MAX {
                    total += run;
                    piece.bytes.resize(piece.bytes.len() + run, b'r');
                }
            }
            byte => piece.bytes.push(byte),
        }
    }
    pieces.push(piece);
    pieces
}

/// The same bytes and times, in as few pieces as the times allow.
pub fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::new();
    for piece in pieces {
        match all.last_mut() {
            Some(last) if last.seconds == 0 => {
                last.bytes.extend_from_slice(&piece.bytes);
                last.seconds = piece.seconds;
            }
            _ => all.push(piece),
        }
    }
    all
}
