//! The users who may log in: names and passwords from a file, one `user:password` a line.

use std::fmt;
use std::path::{Path, PathBuf};

/// Users of a file at most. Like memcached, ignores further lines.
const USERS_MAX: usize = 8;

/// Bytes of a line with its end.
const LINE_BYTES_MAX: usize = 256;

/// The users of a server, and their file. The debug output shows only their number.
#[derive(Clone)]
pub struct Users {
    list: Vec<User>,
    file: PathBuf,
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// The format of `-Y`.
    Strict,
    /// The format of memcached's password file for SASL.
    Sasl,
}

#[derive(Clone, PartialEq, Eq)]
struct User {
    name: Vec<u8>,
    password: Vec<u8>,
}

/// Why the users of a file cannot be read.
#[derive(Debug)]
pub enum UsersError {
    /// The file cannot be read.
    Unreadable(std::io::Error),
    /// The file is empty, or a line is empty, too long or without a colon.
    Malformed,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users", self.list.len())
    }
}

impl Users {
    /// Reads the file of `-Y`.
    pub fn read(path: &Path) -> Result<Self, UsersError> {
        Self::read_as(path, Format::Strict)
    }

    /// Reads a file for SASL. Like memcached, skips invalid lines and ends a password at a second
    /// colon.
    pub fn read_sasl(path: &Path) -> Result<Self, UsersError> {
        Self::read_as(path, Format::Sasl)
    }

    /// Reads the file again.
    pub fn reread(&self) -> Result<Self, UsersError> {
        Self::read_as(&self.file, self.format)
    }

    /// The file that the users were read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn read_as(path: &Path, format: Format) -> Result<Self, UsersError> {
        let text = std::fs::read(path).map_err(UsersError::Unreadable)?;
        let list = match format {
            Format::Strict => Self::parse(&text)?,
            Format::Sasl => Self::parse_sasl(&text),
        };
        Ok(Self { list, file: path.to_owned(), format })
    }

    fn parse(text: &[u8]) -> Result<Vec<User>, UsersError> {
        let mut users = Vec::new();
        for line in text.split_inclusive(|&byte| byte == b'\n').take(USERS_MAX) {
            let user = (line.len() < LINE_BYTES_MAX).then(|| User::parse(line)).flatten();
            users.push(user.ok_or(UsersError::Malformed)?);
        }
        if users.is_empty() { Err(UsersError::Malformed) } else { Ok(users) }
    }

    fn parse_sasl(text: &[u8]) -> Vec<User> {
        let mut users: Vec<User> =
            text.split(|&byte| byte == b'\n').filter_map(User::parse).collect();
        for user in &mut users {
            let end = user.password.iter().position(|&byte| byte == b':');
            user.password.truncate(end.unwrap_or(user.password.len()));
        }
        users
    }

    /// Whether a user has this name and password. The time depends on the lengths of the arguments,
    /// not on the users or on how much is right.
    pub(crate) fn admits(&self, name: &[u8], password: &[u8]) -> bool {
        let mut admitted = 0;
        for user in &self.list {
            admitted |= same(&user.name, name) & same(&user.password, password);
        }
        admitted != 0
    }
}

impl User {
    /// The user of a line with or without its end; `None` without a colon.
    fn parse(line: &[u8]) -> Option<Self> {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, password) = (&line[..colon], &line[colon + 1..]);
        let end = password.iter().position(|byte| matches!(byte, b'\n' | b'\r' | 0));
        let password = &password[..end.unwrap_or(password.len())];
        Some(Self { name: name.to_vec(), password: password.to_vec() })
    }
}

/// 1 if both are equal, else 0. Compares every byte of `given`, in constant time.
fn same(kept: &[u8], given: &[u8]) -> u8 {
    let mut difference = u8::from(kept.len() != given.len());
    for (at, byte) in given.iter().enumerate() {
        let kept = kept.get(at).copied().unwrap_or(0);
        difference |= std::hint::black_box(kept ^ byte);
    }
    u8::from(std::hint::black_box(difference) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(users: Vec<User>) -> Users {
        Users { list: users, file: PathBuf::new(), format: Format::Strict }
    }

    fn check(text: &str, user: &str, password: &str, expected: Option<bool>) {
        let users = Users::parse(text.as_bytes()).ok().map(users);
        let found = users.map(|users| users.admits(user.as_bytes(), password.as_bytes()));
        assert_eq!(found, expected, "{user}:{password} of {text:?}");
    }

    #[test]
    fn users_are_one_a_line() {
        check("a:b\nc:d", "a", "b", Some(true));
        check("a:b\nc:d", "c", "d", Some(true));
        check("a:b\r\nc:d\r\n", "a", "b", Some(true));
        check("a:b\nc:d", "a", "d", Some(false));
        check("a:b\nc:d", "a", "", Some(false));
        check("a:b", "", "", Some(false));
        check("a:\n:x\n", "a", "", Some(true));
        check("a:\n:x\n", "", "x", Some(true));
        check("a:b:c", "a", "b:c", Some(true));
        check("a:bb", "a", "b", Some(false));
        check("a:b", "a", "bb", Some(false));
    }

    #[test]
    fn files_have_bounds() {
        for malformed in ["", "\n", "a:b\n\n", "nobody\n", "a:b\nnobody"] {
            check(malformed, "a", "b", None);
        }
        let eight = "a:b\n".repeat(8);
        check(&format!("{eight}c:d\n"), "c", "d", Some(false));
        check(&format!("{eight}nobody\n"), "a", "b", Some(true));
        let password = "p".repeat(LINE_BYTES_MAX - 3);
        check(&format!("a:{password}"), "a", &password, Some(true));
        check(&format!("a:{password}p"), "a", &password, None);
    }

    #[test]
    fn files_for_sasl_are_read_loosely() {
        let users = users(Users::parse_sasl(b"nobody\na:b:home\r\n\nc:d"));
        assert!(users.admits(b"a", b"b") && users.admits(b"c", b"d"));
        assert!(!users.admits(b"a", b"b:home") && !users.admits(b"nobody", b""));
    }
}
