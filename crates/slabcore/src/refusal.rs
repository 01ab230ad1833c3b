//! The error that ends the program: a message, and memcached's exit status for it.

use std::fmt;

/// A bad value or an unknown option: the status of memcached's option parser.
const BAD_OPTION: u8 = 1;
/// `EX_USAGE` of `sysexits.h`: contradicting options, or a value out of range.
const USAGE: u8 = 64;
/// `EX_NOUSER`: the user of `-u` does not exist.
const NO_USER: u8 = 67;
/// `EX_OSERR`: the system refuses a socket, a limit or a change of user.
const OS_ERROR: u8 = 71;

/// A message for stderr, and the exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) exit_code: u8,
    message: String,
}

impl Refusal {
    /// Status 1.
    pub(crate) fn bad_option(message: impl Into<String>) -> Self {
        Self { exit_code: BAD_OPTION, message: message.into() }
    }

    /// Status 64.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit_code: USAGE, message: message.into() }
    }

    /// Status 67.
    pub(crate) fn no_user(message: impl Into<String>) -> Self {
        Self { exit_code: NO_USER, message: message.into() }
    }

    /// Status 71.
    pub(crate) fn os_error(message: impl Into<String>) -> Self {
        Self { exit_code: OS_ERROR, message: message.into() }
    }

    /// Any status: for errors of the server.
    pub(crate) fn with_exit_code(exit_code: u8, message: impl Into<String>) -> Self {
        Self { exit_code, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
