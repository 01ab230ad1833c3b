//! `--config FILE`: options from a file in the format of Debian's `/etc/memcached.conf`.
//!
//! A line has options as on the command line. `#` begins a comment, `\#` is the character. Lines
//! that begin with `-d` or `-h` are skipped, as Debian's unit does. Lines that begin with anything
//! but `-` are directives of other programs, and are ignored.

use std::ffi::OsString;
use std::fs;

use crate::refusal::Refusal;

/// Beginnings of lines that are skipped.
const SKIPPED: [&str; 2] = ["-d", "-h"];

/// The contents of a file of options.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ConfigFile {
    /// The words of its options, in order.
    pub(super) words: Vec<OsString>,
    /// One warning for each line that has no effect.
    pub(super) warnings: Vec<String>,
}

/// Reads a file of options.
pub(super) fn read(path: &str) -> Result<ConfigFile, Refusal> {
    let text = fs::read_to_string(path).map_err(|error| {
        Refusal::bad_option(format!("Could not read the options in {path}: {error}"))
    })?;
    Ok(parse(&text, path))
}

fn parse(text: &str, path: &str) -> ConfigFile {
    let mut file = ConfigFile::default();
    for line in text.lines() {
        let line = without_comment(line).trim().replace("\\#", "#");
        if SKIPPED.iter().any(|begin| line.starts_with(begin)) {
            file.warnings
                .push(format!("warning: {line} in {path} is skipped, as Debian's unit does"));
        } else if line.starts_with('-') {
            file.words.extend(line.split_whitespace().map(OsString::from));
        } else if let Some(directive) = line.split_whitespace().next() {
            let warning = format!("warning: {directive} in {path} is not an option and is ignored");
            file.warnings.push(warning);
        }
    }
    file
}

fn without_comment(line: &str) -> &str {
    let begins = line.match_indices('#').map(|(at, _)| at).find(|&at| !line[..at].ends_with('\\'));
    begins.map_or(line, |at| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |text: &str, expected: &[&str], warnings: usize| {
            let file = parse(text, "conf");
            assert_eq!(file.words, expected, "{text:?}");
            assert_eq!(file.warnings.len(), warnings, "{text:?}");
        };
        check("", &[], 0);
        check("# -m 5\n\n  -m 64  \n", &["-m", "64"], 0);
        check("-m 64 # half\n-v\n-s /run/a\\#b", &["-m", "64", "-v", "-s", "/run/a#b"], 0);
        check("-p 1 -U 0\r\n--user=x", &["-p", "1", "-U", "0", "--user=x"], 0);
        check("-d\n  -h\n-d -m 5\n-v -d\n--daemon", &["-v", "-d", "--daemon"], 3);
        check("logfile /var/log/memcached.log\n-M", &["-M"], 1);
    }
}
