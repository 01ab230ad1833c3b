//! The options of `top`.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::server_options::ONLY_SERVER;
use crate::limits::{INTERVAL_MAX, INTERVAL_MIN};
use crate::link::Server;

const TOP_DETAILS: &str = "\
Keys: q quits; Tab chooses a table, Enter shows it alone, s sorts it by its next column,
r turns the order round, arrows and Page Up and Down scroll; p pauses.

HOST:PORT may also be a name or an address alone, [IPv6]:PORT, or the path of a Unix socket.
With --user the password is read from SLABCORE_PASSWORD or --password-file.";

/// What `top` is to show, and how.
#[derive(Debug)]
pub(crate) struct TopOptions {
    pub(crate) server: Server,
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

/// The command.
pub(super) fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("top")
        .about("Shows requests, hit ratio, latency, memory, shards and hot keys of a server.")
        .after_help(TOP_DETAILS)
        .arg(
            ONLY_SERVER
                .address_argument("HOST:PORT")
                .default_value("127.0.0.1:11211")
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
        .args(ONLY_SERVER.arguments(""))
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
        let interval = *matches.get_one::<Duration>("interval").expect("it has a default");
        let form = match (matches.get_flag("once"), matches.get_flag("json")) {
            (false, _) => Form::Screen,
            (true, false) => Form::Text,
            (true, true) => Form::Json,
        };
        if form == Form::Screen && interval.is_zero() {
            return Err("--interval 0 needs --once".to_owned());
        }
        Ok(Self { server: ONLY_SERVER.server(matches)?, form, interval })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Result<TopOptions, String> {
        let words = ["top"].iter().chain(words);
        let matches = command().try_get_matches_from(words).map_err(|error| error.to_string())?;
        TopOptions::of(&matches)
    }

    #[test]
    fn defaults() {
        let options = options(&[]).unwrap();
        assert_eq!(options.server.address().to_string(), "127.0.0.1:11211");
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
