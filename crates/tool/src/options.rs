//! The command line.

use std::env;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::limits::{FILE_BYTES_MAX, INTERVAL_MAX, INTERVAL_MIN};
use crate::link::{Encryption, Login, ServerAddress};

/// The variable with the password: a command line can be read by other users.
const PASSWORD_VARIABLE: &str = "SLABCORE_PASSWORD";

const TOP_DETAILS: &str = "\
Keys: q quits; Tab chooses a table, Enter shows it alone, s sorts it by its next column,
r turns the order round, arrows and Page Up and Down scroll; p pauses.

HOST:PORT may also be a name or an address alone, [IPv6]:PORT, or the path of a Unix socket.
With --user the password is read from SLABCORE_PASSWORD or --password-file.";

/// What `top` is to show, and how.
#[derive(Debug)]
pub(crate) struct TopOptions {
    pub(crate) address: ServerAddress,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) login: Option<Login>,
    pub(crate) form: Form,
    /// Time between two samples. 0: one sample is enough.
    pub(crate) interval: Duration,
}

/// In which form it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// On a screen that is refreshed.
    Screen,
    /// Once, as text.
    Text,
    /// Once, as JSON.
    Json,
}

/// The program's command line.
pub(crate) fn command() -> Command {
    Command::new("slabcore-tool")
        .about("Looks into a running Slabcore or memcached.")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(top())
}

fn top() -> Command {
    let file = |name: &'static str| Arg::new(name).long(name).value_name("FILE");
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("top")
        .about("Shows requests, hit ratio, latency, memory, shards and hot keys of a server.")
        .after_help(TOP_DETAILS)
        .arg(
            Arg::new("address")
                .value_name("HOST:PORT")
                .default_value("127.0.0.1:11211")
                .value_parser(ServerAddress::parse)
                .help("Server"),
        )
        .arg(
            Arg::new("interval")
                .long("interval")
                .value_name("SECONDS")
                .default_value("1")
                .value_parser(interval)
                .help("Time between two samples; 0 with --once: one sample, without rates"),
        )
        .arg(flag("once").help("Measure for one interval, print a report, and end"))
        .arg(flag("json").requires("once").help("Print the report as JSON"))
        .arg(Arg::new("user").long("user").value_name("NAME").help("User of a server with -Y"))
        .arg(file("password-file").requires("user").help("File with the user's password"))
        .arg(file("tls-ca").help("Use TLS, and trust the certificates in this PEM file"))
        .arg(
            Arg::new("tls-name")
                .long("tls-name")
                .value_name("NAME")
                .requires("tls-ca")
                .help("Name in the server's certificate, if it is not HOST"),
        )
}

/// Reads an interval. 0 is left to [`TopOptions::of`].
fn interval(text: &str) -> Result<Duration, String> {
    let range = INTERVAL_MIN..=INTERVAL_MAX;
    let seconds: Option<f64> = text.parse().ok();
    let interval = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    interval.filter(|it| it.is_zero() || range.contains(it)).ok_or_else(|| {
        format!("it is {} to {} seconds", INTERVAL_MIN.as_secs_f64(), INTERVAL_MAX.as_secs())
    })
}

impl TopOptions {
    /// The options that were given to `top`. Reads the files that they name.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, String> {
        let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
        let address = matches.get_one::<ServerAddress>("address").expect("it has a default");
        let interval = *matches.get_one::<Duration>("interval").expect("it has a default");
        let form = match (matches.get_flag("once"), matches.get_flag("json")) {
            (false, _) => Form::Screen,
            (true, false) => Form::Text,
            (true, true) => Form::Json,
        };
        if form == Form::Screen && interval.is_zero() {
            return Err("--interval 0 needs --once".to_owned());
        }
        let login = text("user").map(|user| login(user, text("password-file"))).transpose()?;
        let authorities = text("tls-ca");
        let encryption =
            authorities.map(|path| encryption(path, text("tls-name"), address)).transpose()?;
        Ok(Self { address: address.clone(), encryption, login, form, interval })
    }
}

fn login(user: &str, password_file: Option<&str>) -> Result<Login, String> {
    let password = match password_file {
        Some(path) => String::from_utf8(read(path)?).map_err(|_| format!("{path} is no UTF-8"))?,
        None => env::var(PASSWORD_VARIABLE).map_err(|_| {
            format!("--user needs a password in {PASSWORD_VARIABLE} or --password-file")
        })?,
    };
    Ok(Login::new(user, &password))
}

fn encryption(
    path: &str,
    name: Option<&str>,
    address: &ServerAddress,
) -> Result<Encryption, String> {
    let ServerAddress::Tcp(host, _) = address else {
        return Err("--tls-ca is for HOST:PORT: there is no TLS on a Unix socket".to_owned());
    };
    Encryption::new(&read(path)?, name.unwrap_or(host)).map_err(|error| format!("{path}: {error}"))
}

/// A file that is not larger than [`FILE_BYTES_MAX`].
fn read(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("{path}: {error}"))?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(format!("{path} is longer than {FILE_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Result<TopOptions, String> {
        let words = ["slabcore-tool", "top"].iter().chain(words);
        let matches = command().try_get_matches_from(words).map_err(|error| error.to_string())?;
        TopOptions::of(matches.subcommand_matches("top").expect("the one subcommand"))
    }

    #[test]
    fn defaults() {
        let options = options(&[]).unwrap();
        assert_eq!(options.address.to_string(), "127.0.0.1:11211");
        assert_eq!((options.form, options.interval), (Form::Screen, Duration::from_secs(1)));
    }

    #[test]
    fn mistakes_are_refused() {
        let check = |words: &[&str], expected: &str| {
            let error = options(words).expect_err("a mistake");
            assert!(error.contains(expected), "{words:?}: {error}");
        };
        check(&["--json"], "--once");
        check(&["--interval", "0"], "--interval 0 needs --once");
        check(&["--interval", "0.01"], "it is 0.1 to 3600 seconds");
        check(&["--interval", "-1"], "");
        check(&["--interval", "NaN"], "it is 0.1 to 3600 seconds");
        check(&["--interval", "1e300"], "it is 0.1 to 3600 seconds");
        check(&["host:99999"], "a port is 1 to 65535");
        check(&["--password-file", "x"], "--user");
        check(&["--tls-ca", "/nonexistent"], "/nonexistent: No such file");
        check(&["--tls-ca", "/dev/null"], "/dev/null: there is no certificate in it");
        check(&["--tls-ca", "/dev/zero"], "/dev/zero is longer than");
        check(&["/run/s", "--tls-ca", "/dev/null"], "no TLS on a Unix socket");
    }
}
