//! Options about the process: daemon, pid file, core files, the time to drain, the log.

use std::path::PathBuf;
use std::time::Duration;

use super::command_line::GivenOptions;
use super::option_values::number;
use crate::process::LogFormat;
use crate::refusal::Refusal;

/// The largest `--drain`: an hour.
const DRAIN_SECONDS_MAX: u64 = 3_600;

/// How the process starts and stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lifecycle {
    /// `-d`.
    pub(crate) daemon: bool,
    /// `-P`.
    pub(crate) pid_file: Option<PathBuf>,
    /// `-r`.
    pub(crate) core_dumps: bool,
    /// `--takeover`.
    pub(crate) takes_over: bool,
    /// `--drain`: how long the server serves after a stop signal.
    pub(crate) drain: Duration,
}

impl Lifecycle {
    /// Checks the options.
    pub(super) fn of(given: &GivenOptions) -> Result<Self, Refusal> {
        let drain = match given.last("drain") {
            None => 0,
            Some(word) => {
                let seconds = number(word).filter(|seconds| *seconds <= DRAIN_SECONDS_MAX);
                seconds.ok_or_else(|| {
                    let wanted = format!("should be seconds, up to {DRAIN_SECONDS_MAX}");
                    Refusal::usage(format!("Invalid time to drain: {word}\n -- {wanted}"))
                })?
            }
        };
        Ok(Self {
            daemon: given.flag("daemon"),
            pid_file: given.last("pidfile").map(PathBuf::from),
            core_dumps: given.flag("enable-coredumps"),
            takes_over: given.flag("takeover"),
            drain: Duration::from_secs(drain),
        })
    }
}

/// `--log-format`.
pub(crate) fn log_format(given: &GivenOptions) -> Result<LogFormat, Refusal> {
    match given.last("log-format") {
        None | Some("plain") => Ok(LogFormat::Plain),
        Some("json") => Ok(LogFormat::Json),
        Some(name) => Err(Refusal::usage(format!(
            "Invalid format of the log: {name}\n -- should be one of plain or json"
        ))),
    }
}
