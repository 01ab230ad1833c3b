//! The options of `copy`.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::server_options::ServerOptions;
use super::transfer_options::{self, TransferOptions};
use crate::item::StoreMode;
use crate::job::{Copy, Verify};

const DETAILS: &str = "\
Values, client flags and times to live are kept. Items that TO has already stay, because they may
be newer; --overwrite replaces them. Deletes at FROM during the copy are not followed.
After a cut run it again: --resume reads only what TO does not have.

FROM and TO are HOST:PORT, a name or an address alone, [IPv6]:PORT, or the path of a Unix socket.
Passwords are read from SLABCORE_FROM_PASSWORD and SLABCORE_TO_PASSWORD, or from files.

Status: 0 all was copied, and is the same if that was asked; 1 it ended early; 2 the command line
is wrong; 3 some items could not be copied, or differ.";

const FROM: ServerOptions = ServerOptions {
    address: "from",
    user: "from-user",
    password_file: "from-password-file",
    tls_ca: "from-tls-ca",
    tls_name: "from-tls-name",
    password_variable: "SLABCORE_FROM_PASSWORD",
};

const TO: ServerOptions = ServerOptions {
    address: "to",
    user: "to-user",
    password_file: "to-password-file",
    tls_ca: "to-tls-ca",
    tls_name: "to-tls-name",
    password_variable: "SLABCORE_TO_PASSWORD",
};

/// What `copy` is to do, and how it says what it did.
#[derive(Debug)]
pub(crate) struct CopyOptions {
    pub(crate) copy: Copy,
    /// Whether the summary is JSON.
    pub(crate) json: bool,
}

/// The command.
pub(super) fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("copy")
        .about("Copies all items of a server to another one. Both may be Slabcore or memcached.")
        .after_help(DETAILS)
        .arg(FROM.address_argument("FROM").required(true).help("Server that has the items"))
        .arg(TO.address_argument("TO").required(true).help("Server that gets them"))
        .arg(flag("overwrite").help("Replace items that TO has already"))
        .arg(
            flag("resume")
                .conflicts_with("overwrite")
                .help("Ask TO for each key first, and read only values that it does not have"),
        )
        .arg(flag("verify").help("Then read all items on both servers, and say what differs"))
        .arg(
            flag("verify-only")
                .conflicts_with_all(["verify", "overwrite", "resume"])
                .help("Copy nothing; say what differs"),
        )
        .args(transfer_options::arguments())
        .args(FROM.arguments(", for FROM"))
        .args(TO.arguments(", for TO"))
}

impl CopyOptions {
    /// The options that were given. Reads the files that they name.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, String> {
        let flag = |name: &str| matches.get_flag(name);
        let TransferOptions { rates, connections, silence_max, json } =
            TransferOptions::of(matches);
        let copy = Copy {
            from: FROM.server(matches)?.with_silence_max(silence_max),
            to: TO.server(matches)?.with_silence_max(silence_max),
            mode: if flag("overwrite") { StoreMode::Set } else { StoreMode::Add },
            resume: flag("resume"),
            verify: match (flag("verify"), flag("verify-only")) {
                (_, true) => Verify::Only,
                (true, false) => Verify::AfterCopy,
                (false, false) => Verify::No,
            },
            rates,
            connections,
        };
        Ok(Self { copy, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Result<CopyOptions, String> {
        let words = ["copy", "a:1", "/run/b"].iter().chain(words);
        let matches = command().try_get_matches_from(words).map_err(|error| error.to_string())?;
        CopyOptions::of(&matches)
    }

    #[test]
    fn what_is_newer_stays_unless_it_is_asked_for() {
        let CopyOptions { copy, json } = options(&[]).unwrap();
        assert_eq!(copy.from.address().to_string(), "a:1");
        assert_eq!(copy.to.address().to_string(), "/run/b");
        assert_eq!((copy.mode, copy.verify, json), (StoreMode::Add, Verify::No, false));
        let CopyOptions { copy, .. } = options(&["--overwrite", "--verify"]).unwrap();
        assert_eq!((copy.mode, copy.verify), (StoreMode::Set, Verify::AfterCopy));
        assert_eq!(options(&["--verify-only"]).unwrap().copy.verify, Verify::Only);
    }

    #[test]
    fn mistakes_are_refused() {
        let check = |words: &[&str], expected: &str| {
            let error = options(words).expect_err("a mistake");
            assert!(error.contains(expected), "{words:?}: {error}");
        };
        check(&["--resume", "--overwrite"], "cannot be used with");
        check(&["--verify-only", "--resume"], "cannot be used with");
        check(&["--to-tls-ca", "/dev/null"], "--to-tls-ca is for HOST:PORT");
        check(&["--from-user", "x"], "SLABCORE_FROM_PASSWORD or --from-password-file");
        check(&["--to-password-file", "x"], "--to-user");
    }
}
