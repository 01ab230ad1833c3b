//! `slabcore`, a memcached-compatible cache server: command line, identity and limits of the
//! process, start and stop.
//!
//! **Purpose.** An operator puts this binary in memcached's place with the same options, and finds
//! the same defaults, messages and exit statuses.
//!
//! **Goals.** No option is ignored in silence: what has no effect yet says so on stderr, and what
//! would leave the server open is refused.
//!
//! **Non-goals.** Anything that happens after the start: that is `slabcore-server`.
//!
//! **Invariants.** The process has one thread until its identity is that of `-u`.

mod access;
mod cores;
mod ending_texts;
mod listen;
mod numbers;
mod options;
mod parse;
mod privileges;
mod refusal;
mod resource_limits;
mod signals;
mod suboptions;
mod tls;
mod validate;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use slabcore_server::{Running, UsersError};

use crate::cores::Cores;
use crate::parse::Asked;
use crate::refusal::Refusal;
use crate::signals::StopSignals;
use crate::validate::Plan;

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            eprintln!("{refusal}");
            ExitCode::from(refusal.exit_code)
        }
    }
}

fn run(words: &[OsString]) -> Result<(), Refusal> {
    match parse::parse(words)? {
        Asked::Help(options) => print(&ending_texts::help(&options)),
        Asked::Version => print(&ending_texts::version()),
        Asked::License => print(ending_texts::LICENSE),
        Asked::Serve(given) => {
            let port_file = env::var_os("MEMCACHED_PORT_FILENAME").map(Into::into);
            let sasl_users = env::var_os("MEMCACHED_SASL_PWDB").map(PathBuf::from);
            let access = access::access(&given, sasl_users.as_deref())?;
            return serve(validate::plan(&given, &Cores::of_this_process(), port_file, access)?);
        }
    }
    Ok(())
}

/// To stdout; a reader that went away, as in `slabcore -h | head -1`, is no error.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Runs until a signal says stop.
fn serve(plan: Plan) -> Result<(), Refusal> {
    let Plan { mut settings, user, warnings } = plan;
    for warning in warnings {
        eprintln!("{warning}");
    }
    let identity = privileges::identity(user.as_deref())?;
    let fitting = resource_limits::allow_open_files(settings.connections_max, settings.shards)?;
    if fitting < settings.connections_max {
        eprintln!("warning: the limit on open files leaves room for {fitting} connections (-c)");
        settings.connections_max = fitting;
    }
    resource_limits::allow_locked_memory();
    if let Some(identity) = identity {
        let low_port =
            privileges::needs_low_port(&settings.listen, &settings.udp, settings.shard_ports);
        privileges::become_user(&identity, low_port)?;
    }
    let mut signals = StopSignals::catch()
        .map_err(|e| Refusal::os_error(format!("failed to catch signals: {e}")))?;
    let verbosity = settings.verbosity;
    let running = slabcore_server::serve(settings).map_err(|e| {
        let exit_code = u8::try_from(e.exit_code()).unwrap_or(u8::MAX);
        Refusal::with_exit_code(exit_code, e.to_string())
    })?;
    signals.wait(verbosity, || reload(&running));
    running.stop();
    Ok(())
}

/// Reads users and certificates anew; what is no good is told, and the old stays.
fn reload(running: &Running) {
    let (users, tls) = (running.reread_users(), running.reload_tls());
    if users.is_none() && tls.is_none() {
        eprintln!("SIGHUP ignored: there is nothing to reload");
    }
    match users {
        None | Some(Ok(())) => {}
        Some(Err(UsersError::Malformed)) => {
            eprintln!("the file of users is malformed: not reloaded");
        }
        Some(Err(UsersError::Unreadable(error))) => {
            eprintln!("the file of users cannot be read: {error}");
        }
    }
    if let Some(Err(error)) = tls {
        eprintln!("{error}: the certificate is not reloaded");
    }
}
