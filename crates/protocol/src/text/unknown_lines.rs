//! Lines whose first word is not a command.

use crate::Decoded;
use crate::text::line::Line;
use crate::words::error_lines::ERROR;

/// Decodes a line whose first word, `word`, is not a command. The request line of a browser closes
/// the connection: otherwise a web page could have the browser send commands in the body of a
/// request.
#[cold]
pub(crate) fn unknown<'a>(word: &[u8], line: Line<'a>) -> Decoded<'a> {
    match line.words.rsplit(|&byte| byte == b' ').next() {
        Some(last) if last.starts_with(b"HTTP/") => Decoded::Close,
        // Like in memcached, the first word may be the `noreply`.
        _ if word == b"noreply" && line.words.is_empty() => line.silence(),
        _ => line.error_unless_noreply(ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::{check_error, check_silent};

    #[test]
    fn an_unknown_command_is_an_error() {
        check_error(b"foo", ERROR);
        check_error(b"quitx", ERROR);
        check_error(b"GET a", ERROR);
        check_error(b" get a", ERROR);
        check_error(b"get\ta", ERROR);
        check_error(b"foo noreply 1", ERROR);
        check_error(b"config get cluster", ERROR);
        check_error(b"    ", ERROR);
        check_error(b"HTTP/1.1", ERROR);
        check_error(b" quit", ERROR);
        check_silent(b"foo noreply", 0);
        check_silent(b"noreply", 0);
    }
}
