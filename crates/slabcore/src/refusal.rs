//! Why the server does not start, and memcached's exit status for it.

use std::fmt;

/// A bad value, an unknown option: status of memcached's option parser.
const BAD_OPTION: u8 = 1;
/// `EX_USAGE` of `sysexits.h`: options that contradict each other, values out of range.
const USAGE: u8 = 64;
/// `EX_NOUSER`: the user to switch to does not exist.
const NO_USER: u8 = 67;
/// `EX_OSERR`: the system refuses a socket, a limit, an identity.
const OS_ERROR: u8 = 71;

/// What goes to stderr, and the exit status.
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

    /// Any status: what the server itself found.
    pub(crate) fn with_exit_code(exit_code: u8, message: impl Into<String>) -> Self {
        Self { exit_code, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
