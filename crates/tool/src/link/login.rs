//! User and password of a server with `-Y`.

use std::fmt;

/// A login by the text protocol.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    user: String,
    password: String,
}

impl Login {
    /// A login. A line end at the end of the password is not part of it, as files have one.
    pub(crate) fn new(user: &str, password: &str) -> Self {
        let password = password.strip_suffix('\n').unwrap_or(password);
        let password = password.strip_suffix('\r').unwrap_or(password);
        Self { user: user.to_owned(), password: password.to_owned() }
    }

    /// The request: a `set` of any key, with user and password as its value.
    pub(super) fn request(&self) -> Vec<u8> {
        let token = format!("{} {}", self.user, self.password);
        format!("set login 0 0 {}\r\n{token}\r\n", token.len()).into_bytes()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}
