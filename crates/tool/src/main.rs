//! `slabcore-tool`: looks into a running Slabcore or memcached, and moves its items.
//!
//! **Purpose.** `slabcore-tool top` shows what a server does: on a screen that is refreshed, or
//! once as text or JSON. `slabcore-tool copy` copies all items of a server to another one, `dump`
//! writes them to a file or a pipe, and `restore` reads them back.
//!
//! **Goals.** Works with every memcached, as far as its statistics and commands reach.
//!
//! **Non-goals.** Changing a server's settings; keeping a history.
//!
//! **Invariants.** A server can neither make it panic, nor keep memory without a bound, nor send
//! control sequences to the terminal. The terminal is restored at every end. An item that is stored
//! has key, value, flags and ttl of one reply.
//!
//! **Rooms**, from the ground up: `statistics`, `report`, `view`, `item`, `link`, `screen`, `live`
//! for `top`; `transfer`, `file`, `progress`, `job` for commands that move items; `options`.
//! `sampler.rs` joins `link` and `report`.

mod escaped;
mod file;
mod item;
mod job;
mod limits;
mod link;
mod live;
mod options;
mod progress;
mod report;
mod sampler;
mod screen;
mod statistics;
mod transfer;
mod view;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;

use clap::ArgMatches;

use crate::file::FileName;
use crate::job::{Ending, Summary};
use crate::options::{CopyOptions, DumpOptions, Form, RestoreOptions, TopOptions};
use crate::sampler::Sampler;
use crate::transfer::Stop;

/// Exit status of a command that ended early.
const CUT: u8 = 1;

/// Exit status of a mistake on the command line, as clap's.
const USAGE: u8 = 2;

/// Exit status of a command that tried everything, and failed with some items.
const WITH_FAILURES: u8 = 3;

fn main() -> ExitCode {
    let matches = options::command().get_matches();
    match matches.subcommand() {
        Some(("top", matches)) => top(matches),
        Some(("copy", matches)) => copy(matches),
        Some(("dump", matches)) => dump(matches),
        Some(("restore", matches)) => restore(matches),
        _ => ExitCode::from(USAGE),
    }
}

fn fail(error: &str, status: u8) -> ExitCode {
    eprintln!("slabcore-tool: {error}");
    ExitCode::from(status)
}

fn top(matches: &ArgMatches) -> ExitCode {
    let options = match TopOptions::of(matches) {
        Ok(options) => options,
        Err(error) => return fail(&error, USAGE),
    };
    if options.form == Form::Screen && !io::stdout().is_terminal() {
        return fail("the output is no terminal: --once prints a report", USAGE);
    }
    match show(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, CUT),
    }
}

fn show(options: TopOptions) -> Result<(), String> {
    let TopOptions { server, form, interval } = options;
    let mut sampler = Sampler::new(server);
    if form == Form::Screen {
        return live::run(sampler, interval);
    }
    let report = |sampler: &mut Sampler| {
        sampler.report().map_err(|error| format!("{}: {error}", sampler.address()))
    };
    let mut latest = report(&mut sampler)?;
    if !interval.is_zero() {
        thread::sleep(interval);
        latest = report(&mut sampler)?;
    }
    let text = if form == Form::Json { view::json(&latest) } else { view::plain_text(&latest) };
    print(&text, &mut io::stdout())
}

fn copy(matches: &ArgMatches) -> ExitCode {
    match CopyOptions::of(matches) {
        Ok(CopyOptions { copy, json }) => finish(|stop| copy.run(stop), json, &mut io::stdout()),
        Err(error) => fail(&error, USAGE),
    }
}

fn dump(matches: &ArgMatches) -> ExitCode {
    let DumpOptions { dump, json } = match DumpOptions::of(matches) {
        Ok(options) => options,
        Err(error) => return fail(&error, USAGE),
    };
    if dump.file != FileName::Standard {
        return finish(|stop| dump.run(stop), json, &mut io::stdout());
    }
    if io::stdout().is_terminal() {
        return fail("the output is a terminal: name a file, or pipe it to a program", USAGE);
    }
    finish(|stop| dump.run(stop), json, &mut io::stderr())
}

fn restore(matches: &ArgMatches) -> ExitCode {
    let RestoreOptions { restore, json } = match RestoreOptions::of(matches) {
        Ok(options) => options,
        Err(error) => return fail(&error, USAGE),
    };
    if restore.file == FileName::Standard && io::stdin().is_terminal() {
        return fail("the input is a terminal: name a file, or pipe it from a program", USAGE);
    }
    finish(|stop| restore.run(stop), json, &mut io::stdout())
}

/// Runs a command until it or a signal ends it, and prints its summary.
fn finish(
    run: impl FnOnce(&Stop) -> Result<Summary, String>,
    json: bool,
    output: &mut impl Write,
) -> ExitCode {
    let summary = Stop::by_signals()
        .map_err(|error| format!("signals cannot be caught: {error}"))
        .and_then(|stop| run(&stop));
    let summary = match summary {
        Ok(summary) => summary,
        Err(error) => return fail(&error, CUT),
    };
    if let Err(error) = print(&if json { summary.json() } else { summary.text() }, output) {
        return fail(&error, CUT);
    }
    match (summary.ending(), summary.error()) {
        (Ending::Complete, _) => ExitCode::SUCCESS,
        (Ending::WithFailures, _) => ExitCode::from(WITH_FAILURES),
        (Ending::Cut, error) => fail(error.unwrap_or_default(), CUT),
    }
}

/// Prints a text. A reader that has gone is not an error.
fn print(text: &str, output: &mut impl Write) -> Result<(), String> {
    match output.write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}
