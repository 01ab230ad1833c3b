//! Authentication of a connection: what is refused before the login, and the login itself.
//!
//! Dialects: the login of each.

use slabcore_metrics::{Command, Counter};
use slabcore_protocol::{
    AUTH_TOKEN_BYTES_MAX, AuthRequest, BinaryError, BinaryReply, BinaryServerRequest, BinaryStatus,
    BinaryValue, Decoded, Echo, Request, binary_opcode, error_lines,
};

use crate::connection::Connection;
use crate::connection::input_state::IgnoredReply;
use crate::connection::login::Login;
use crate::executor::Executor;

/// The only mechanism, as clients see its name.
const PLAIN: &[u8] = b"PLAIN";

/// Longest name of a mechanism, in bytes.
const MECHANISM_BYTES_MAX: usize = 32;

impl Connection {
    /// Lists the mechanisms. Like in memcached, this logs the client out.
    pub(super) fn auth_list(&mut self, echo: Echo) {
        let reply = if self.login == Login::Free {
            BinaryReply::new(echo, BinaryStatus::UnknownCommand)
        } else {
            self.login = Login::Due;
            let value = BinaryValue::Bytes(PLAIN);
            BinaryReply { value, ..BinaryReply::new(echo, BinaryStatus::Done) }
        };
        self.output.encode(|out| reply.encode(out));
    }

    /// Executes a step of a binary login. The client's message begins at `input[said_at..]`.
    /// Returns the bytes consumed; 0 if the message is incomplete.
    pub(super) fn authenticate(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        auth: &AuthRequest<'_>,
        said_at: usize,
    ) -> usize {
        let refusal = match self.login {
            Login::Free => Some(BinaryStatus::UnknownCommand),
            _ if auth.mechanism.len() > MECHANISM_BYTES_MAX => Some(BinaryStatus::Invalid),
            _ if auth.value_bytes > AUTH_TOKEN_BYTES_MAX => Some(BinaryStatus::OutOfMemory),
            _ => None,
        };
        if let Some(status) = refusal {
            let error = BinaryError { echo: auth.echo, status, closes: false };
            let reply = IgnoredReply::Error(error);
            self.refuse(executor, u64::from(auth.value_bytes), reply, Command::Other);
            return said_at;
        }
        let Some(said) = input[said_at..].get(..auth.value_bytes as usize) else { return 0 };
        let status = self.login_status(executor, auth, said);
        let value = match status {
            BinaryStatus::Done => BinaryValue::Bytes(b"Authenticated"),
            status => BinaryValue::Bytes(status.text()),
        };
        let reply = BinaryReply { value, ..BinaryReply::new(auth.echo, status) };
        self.output.encode(|out| reply.encode(out));
        executor.times.count(Command::Other);
        said_at + said.len()
    }

    /// Executes a login in text. User and password begin at `input[token_at..]`. Returns the bytes
    /// consumed; 0 if they are incomplete.
    pub(super) fn log_in(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        token_bytes: u32,
        token_at: usize,
    ) -> usize {
        let token_bytes = token_bytes as usize;
        let Some(said) = input[token_at..].get(..token_bytes + 2) else { return 0 };
        let (token, line_end) = said.split_at(token_bytes);
        let line = if line_end != b"\r\n" {
            error_lines::BAD_LINE_TERMINATION
        } else if let Some((name, password)) = words(token) {
            executor.metrics.add(Counter::AuthCmds, 1);
            if executor.shared.admits(name, password) {
                self.login = Login::Done;
                b"STORED\r\n"
            } else {
                executor.metrics.add(Counter::AuthErrors, 1);
                error_lines::AUTHENTICATION_FAILURE
            }
        } else {
            error_lines::BAD_AUTH_TOKEN
        };
        self.output.encode(|out| out.extend_from_slice(line));
        executor.times.count(Command::Other);
        token_at + said.len()
    }

    fn login_status(
        &mut self,
        executor: &Executor,
        auth: &AuthRequest<'_>,
        said: &[u8],
    ) -> BinaryStatus {
        let had_begun = std::mem::replace(&mut self.login, Login::Due) == Login::Begun;
        let goes_on = auth.is_start || had_begun;
        let is_plain = goes_on && auth.mechanism.eq_ignore_ascii_case(PLAIN);
        if is_plain && auth.is_start && said.is_empty() {
            self.login = Login::Begun;
            return BinaryStatus::AuthContinue;
        }
        executor.metrics.add(Counter::AuthCmds, 1);
        if is_plain && plain(said).is_some_and(|(name, word)| executor.shared.admits(name, word)) {
            self.login = Login::Done;
            return BinaryStatus::Done;
        }
        executor.metrics.add(Counter::AuthErrors, 1);
        BinaryStatus::AuthFailure
    }
}

/// The error that refuses a request before the login.
pub(super) fn refused_before_login(decoded: &Decoded<'_>) -> Option<BinaryError> {
    let echo = match *decoded {
        Decoded::Request { request: Request::BinaryServer(echo, asked), .. } => match asked {
            BinaryServerRequest::Version | BinaryServerRequest::AuthList => return None,
            _ => echo,
        },
        Decoded::Request { request: Request::Binary(ref request), .. } => request.echo,
        Decoded::Store { ref store, .. } => store.binary_echo()?,
        Decoded::BinaryError { error, .. } => match binary_opcode::loud(error.echo.opcode()) {
            binary_opcode::VERSION
            | binary_opcode::SASL_LIST
            | binary_opcode::SASL_AUTH
            | binary_opcode::SASL_STEP => return None,
            _ if error.status == BinaryStatus::UnknownCommand && error.closes => return None,
            _ => error.echo,
        },
        _ => return None,
    };
    Some(BinaryError { echo, status: BinaryStatus::AuthFailure, closes: true })
}

/// User and password of `user password`.
fn words(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = token.iter().position(|&byte| byte == b' ')?;
    Some((&token[..blank], &token[blank + 1..]))
}

/// User and password of `[as whom]<NUL>user<NUL>password`. A user may act only as itself.
fn plain(said: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = said.split(|&byte| byte == 0);
    let (identity, name, password) = (parts.next()?, parts.next()?, parts.next()?);
    let is_self = identity.is_empty() || identity == name;
    (is_self && !name.is_empty() && parts.next().is_none()).then_some((name, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_user_and_password() {
        assert_eq!(plain(b"\0user\0word"), Some((&b"user"[..], &b"word"[..])));
        assert_eq!(plain(b"user\0user\0word"), Some((&b"user"[..], &b"word"[..])));
        assert_eq!(plain(b"\0user\0"), Some((&b"user"[..], &b""[..])));
        for wrong in [&b""[..], b"user", b"\0user", b"\0\0word", b"other\0user\0word", b"\0a\0b\0c"]
        {
            assert_eq!(plain(wrong), None, "{wrong:?}");
        }
    }
}
