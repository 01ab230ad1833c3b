//! Where items are written to or read from.

use std::fmt;
use std::path::PathBuf;

/// A file, or a standard stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileName {
    /// `-`: standard input or output.
    Standard,
    /// A file, or a directory with a snapshot.
    Path(PathBuf),
}

impl FileName {
    /// Reads a path or `-`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("a file has a name".to_owned()),
            "-" => Ok(Self::Standard),
            _ => Ok(Self::Path(text.into())),
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("-"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}
