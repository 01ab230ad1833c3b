//! Inline commands: a line of words, as somebody types it.

use alloc::vec::Vec;

use crate::resp::resp_writer::write_bulk;

/// Writes the words of a line as bulk strings, and returns how many there are. `None`: a quote is
/// not closed, or something follows it without a blank.
///
/// Words are separated by blanks. In double quotes `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH` are what
/// they are in C, and a backslash takes away the meaning of any other character. In single quotes
/// only `\'` is special.
pub(super) fn split_into_bulks(line: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let (mut rest, mut count, mut word) = (line, 0_usize, Vec::new());
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            return Some(count);
        }
        word.clear();
        rest = read_word(rest, &mut word)?;
        write_bulk(out, &word);
        count = count.saturating_add(1);
    }
}

/// What C's `isspace` takes for a blank.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| is_blank(**byte)).count();
    line.get(blanks..).unwrap_or_default()
}

/// Reads a word to its end. Returns what follows it.
fn read_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            _ if is_blank(byte) => return Some(rest),
            b'"' => return read_quoted(after, word),
            b'\'' => return read_single_quoted(after, word),
            _ => {
                word.push(byte);
                after
            }
        };
    }
    Some(rest)
}

/// Reads what is in double quotes, from behind the first one.
fn read_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'"', after @ ..] => return ends_word(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(hex_digit(*high) << 4 | hex_digit(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
            [] => return None,
        };
    }
}

/// Reads what is in single quotes, from behind the first one.
fn read_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'\'', after @ ..] => return ends_word(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
            [] => return None,
        };
    }
}

/// What follows a closing quote, if it does not belong to the word.
fn ends_word(after: &[u8]) -> Option<&[u8]> {
    after.first().is_none_or(|byte| is_blank(*byte)).then_some(after)
}

fn hex_digit(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or_default() as u8
}
