//! The options of `dump` and `restore`.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::server_options::ONLY_SERVER;
use super::transfer_options::{self, TransferOptions};
use crate::file::{DumpFormat, FileName};
use crate::item::StoreMode;
use crate::job::{Dump, Restore};

const DUMP_DETAILS: &str = "\
A snapshot has checksums, and also keeps cas uniques and the time since the last access. Text is
ms commands, ended by mn: nc sends them to any memcached, whose only answers are refusals and MN.
Times to live go on while the file lies: text has them as Unix times.

FILE has its name only once it is whole and on the disk; until then it is FILE.partial. With - the
summary goes to standard error.

SERVER is HOST:PORT, a name or an address alone, [IPv6]:PORT, or the path of a Unix socket.
With --user the password is read from SLABCORE_PASSWORD or --password-file.

Status: 0 all was dumped; 1 it ended early; 2 the command line is wrong; 3 some items could not be
read.";

const RESTORE_DETAILS: &str = "\
FILE is a snapshot or text, of slabcore-tool dump or of the server, or a directory with a snapshot.
Items that SERVER has already stay, because they may be newer; --overwrite replaces them. Of a
damaged or cut snapshot all whole blocks are restored, of text all up to the damage.

SERVER is HOST:PORT, a name or an address alone, [IPv6]:PORT, or the path of a Unix socket.
With --user the password is read from SLABCORE_PASSWORD or --password-file.

Status: 0 all was restored; 1 it ended early; 2 the command line is wrong; 3 some items could not
be stored, or FILE is damaged.";

/// What `dump` is to do, and how it says what it did.
#[derive(Debug)]
pub(crate) struct DumpOptions {
    pub(crate) dump: Dump,
    /// Whether the summary is JSON.
    pub(crate) json: bool,
}

/// What `restore` is to do, and how it says what it did.
#[derive(Debug)]
pub(crate) struct RestoreOptions {
    pub(crate) restore: Restore,
    /// Whether the summary is JSON.
    pub(crate) json: bool,
}

fn file(help: &'static str) -> Arg {
    Arg::new("file").value_name("FILE").default_value("-").value_parser(FileName::parse).help(help)
}

/// The command `dump`.
pub(super) fn dump_command() -> Command {
    Command::new("dump")
        .about("Writes all items of a server to a file. It may be a Slabcore or a memcached.")
        .after_help(DUMP_DETAILS)
        .arg(ONLY_SERVER.address_argument("SERVER").required(true).help("Server"))
        .arg(file("File; - is standard output"))
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .default_value("snapshot")
                .value_parser(["snapshot", "text"])
                .help("Format of the file"),
        )
        .args(transfer_options::arguments())
        .args(ONLY_SERVER.arguments(""))
}

/// The command `restore`.
pub(super) fn restore_command() -> Command {
    Command::new("restore")
        .about("Stores the items of a file in a server. It may be a Slabcore or a memcached.")
        .after_help(RESTORE_DETAILS)
        .allow_missing_positional(true)
        .arg(file("File or directory; - is standard input"))
        .arg(ONLY_SERVER.address_argument("SERVER").required(true).help("Server"))
        .arg(
            Arg::new("overwrite")
                .long("overwrite")
                .action(ArgAction::SetTrue)
                .help("Replace items that SERVER has already"),
        )
        .args(transfer_options::arguments())
        .args(ONLY_SERVER.arguments(""))
}

fn file_of(matches: &ArgMatches) -> FileName {
    matches.get_one::<FileName>("file").expect("it has a default").clone()
}

impl DumpOptions {
    /// The options that were given. Reads the files that they name.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, String> {
        let TransferOptions { rates, connections, silence_max, json } =
            TransferOptions::of(matches);
        let format = matches.get_one::<String>("format").expect("it has a default");
        let dump = Dump {
            from: ONLY_SERVER.server(matches)?.with_silence_max(silence_max),
            file: file_of(matches),
            format: match format.as_str() {
                "text" => DumpFormat::Text,
                _ => DumpFormat::Snapshot,
            },
            rates,
            connections,
        };
        Ok(Self { dump, json })
    }
}

impl RestoreOptions {
    /// The options that were given. Reads the files that they name.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, String> {
        let TransferOptions { rates, connections, silence_max, json } =
            TransferOptions::of(matches);
        let overwrite = matches.get_flag("overwrite");
        let restore = Restore {
            file: file_of(matches),
            to: ONLY_SERVER.server(matches)?.with_silence_max(silence_max),
            mode: if overwrite { StoreMode::Set } else { StoreMode::Add },
            rates,
            connections,
        };
        Ok(Self { restore, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_left_out() {
        let dump = |words: &[&str]| {
            let words = ["dump"].iter().chain(words);
            DumpOptions::of(&dump_command().get_matches_from(words)).unwrap().dump
        };
        let Dump { from, file, format, .. } = dump(&["a:1"]);
        assert_eq!((from.address().to_string(), file.to_string()), ("a:1".into(), "-".into()));
        assert_eq!(format, DumpFormat::Snapshot);
        let Dump { file, format, .. } = dump(&["a:1", "x", "--format", "text"]);
        assert_eq!((file.to_string().as_str(), format), ("x", DumpFormat::Text));
        let restore = |words: &[&str]| {
            let words = ["restore"].iter().chain(words);
            let matches = restore_command().get_matches_from(words);
            let Restore { file, to, .. } = RestoreOptions::of(&matches).unwrap().restore;
            (file.to_string(), to.address().to_string())
        };
        assert_eq!(restore(&["a:1"]), ("-".into(), "a:1".into()));
        assert_eq!(restore(&["-", "a:1"]), ("-".into(), "a:1".into()));
        assert_eq!(restore(&["/tmp/x", "/run/a"]), ("/tmp/x".into(), "/run/a".into()));
    }
}
