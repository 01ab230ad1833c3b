//! The manifest of a directory with a snapshot: it names the files that belong together.

use std::fmt;

use crate::limits::{FILE_NAME_BYTES_MAX, FILES_MAX, MANIFEST_BYTES_MAX};

/// Name of the manifest in its directory.
pub const MANIFEST_NAME: &str = "snapshot.manifest";

const FIRST_LINE: &str = "slabcore snapshot 1";

/// The files of a snapshot. A snapshot becomes the one of its directory when its manifest is
/// renamed to [`MANIFEST_NAME`], after its files were synced.
///
/// ```
/// use slabcore_snapshot::Manifest;
///
/// let manifest = Manifest { items: 5, files: vec!["1796083200000-0.slab".into()] };
/// assert_eq!(Manifest::parse(manifest.to_string().as_bytes()), Ok(manifest));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Items in all files, for progress bars.
    pub items: u64,
    /// Names of files in the same directory, each with a stream.
    pub files: Vec<String>,
}

/// Why bytes are not a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestError {
    /// The first line is another one: another file, or another version.
    FirstLine,
    /// The line of this number, from 1, is not one of a manifest.
    Line(usize),
    /// The last line is missing, or there are too many.
    Cut,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstLine => write!(f, "its first line is not \"{FIRST_LINE}\""),
            Self::Line(number) => write!(f, "its line {number} is damaged"),
            Self::Cut => write!(f, "its end is missing"),
        }
    }
}

impl std::error::Error for ManifestError {}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        writeln!(f, "items {}", self.items)?;
        self.files.iter().try_for_each(|name| writeln!(f, "file {name}"))?;
        writeln!(f, "end")
    }
}

impl Manifest {
    /// Reads a manifest. Names of files are checked: they have no separator and name no directory,
    /// so a manifest reaches nothing outside of its own.
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::Cut);
        }
        let text = str::from_utf8(text).map_err(|_| ManifestError::FirstLine)?;
        // After the last LF is nothing, or a line that was cut.
        let (text, _) = text.rsplit_once('\n').ok_or(ManifestError::FirstLine)?;
        let mut lines = text.split('\n').zip(1..);
        if lines.next() != Some((FIRST_LINE, 1)) {
            return Err(ManifestError::FirstLine);
        }
        let (line, _) = lines.next().ok_or(ManifestError::Cut)?;
        let items = line.strip_prefix("items ").and_then(|items| items.parse().ok());
        let mut manifest = Manifest { items: items.ok_or(ManifestError::Line(2))?, files: vec![] };
        for (line, number) in lines {
            if line == "end" {
                return Ok(manifest);
            }
            let name = line.strip_prefix("file ").filter(|name| is_file_name(name));
            manifest.files.push(name.ok_or(ManifestError::Line(number))?.to_owned());
            if manifest.files.len() > FILES_MAX {
                break;
            }
        }
        Err(ManifestError::Cut)
    }
}

/// Whether this may be the name of a snapshot's file.
fn is_file_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=FILE_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(is_plain)
        && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_manifests_are_refused() {
        let check = |text: &str, expected| assert_eq!(Manifest::parse(text.as_bytes()), expected);
        let start = "slabcore snapshot 1\nitems 3\n";
        let manifest = Manifest { items: 3, files: vec!["a-1.slab".into()] };
        check(&format!("{start}file a-1.slab\nend\n"), Ok(manifest));
        check("", Err(ManifestError::FirstLine));
        check("slabcore snapshot 2\n", Err(ManifestError::FirstLine));
        check("slabcore snapshot 1\nitems x\n", Err(ManifestError::Line(2)));
        check(start, Err(ManifestError::Cut));
        check(&format!("{start}end"), Err(ManifestError::Cut));
        for name in ["", "..", "../a", "a/b", ".hidden", "a b", &"a".repeat(61)] {
            check(&format!("{start}file {name}\nend\n"), Err(ManifestError::Line(3)));
        }
        let many = "file a\n".repeat(FILES_MAX + 1);
        check(&format!("{start}{many}end\n"), Err(ManifestError::Cut));
    }
}
