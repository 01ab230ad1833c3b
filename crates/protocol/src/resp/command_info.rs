//! Replies to `COMMAND`: what a client can learn about commands.

use alloc::format;
use alloc::vec::Vec;

use crate::requests::resp_request::CommandRequest;
use crate::resp::glob::matches_glob;
use crate::resp::resp_command::{KeyPlaces, MOVABLEKEYS, RespCommand};
use crate::resp::resp_refusal::RespRefusal;
use crate::resp::resp_writer::RespWriter;
use crate::words::integers::strict_64;
use crate::words::resp_words::RespWords;

/// Fields of a command in the reply to `COMMAND INFO`.
const FIELDS: usize = 10;

impl CommandRequest<'_> {
    /// Writes the reply.
    pub fn answer(&self, out: &mut RespWriter<'_>) -> Result<(), RespRefusal<'static>> {
        match self {
            Self::All => {
                out.array_head(commands().count());
                commands().for_each(|command| command.write_info(out));
            }
            Self::Count => out.integer(i64::try_from(commands().count()).unwrap_or(i64::MAX)),
            Self::Info(names) => {
                out.array_head(names.len());
                for name in names.clone() {
                    let mut lower = Vec::from(name);
                    lower.make_ascii_lowercase();
                    match RespCommand::named(&lower) {
                        Some(command) => command.write_info(out),
                        None => out.nil_array(),
                    }
                }
            }
            Self::List { pattern } => {
                let all = RespCommand::all().iter().map(|command| command.name().as_bytes());
                let names = all.filter(|name| matches_glob(pattern, name));
                out.array_head(names.clone().count());
                names.for_each(|name| out.bulk(name));
            }
            Self::Help(command) => help(command, out),
            Self::Docs => out.map_head(0),
            Self::GetKeys(words) => {
                let keys = keys_of(words)?;
                out.array_head(keys.len());
                for key in keys {
                    out.bulk(key);
                }
            }
        }
        Ok(())
    }
}

/// Writes the lines of `HELP` for a command with subcommands.
fn help(command: &str, out: &mut RespWriter<'_>) {
    let names = RespCommand::all().iter().filter_map(|it| it.name().split_once('|'));
    let names = names.filter(|(container, _)| *container == command).map(|(_, name)| name);
    out.array_head(names.clone().count().saturating_add(1));
    let command = command.to_ascii_uppercase();
    out.status(&format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    names.for_each(|name| out.status(&name.to_ascii_uppercase()));
}

/// All commands without subcommands.
fn commands() -> impl Iterator<Item = &'static RespCommand> {
    RespCommand::all().iter().filter(|command| !command.name().contains('|'))
}

impl RespCommand {
    fn write_info(&self, out: &mut RespWriter<'_>) {
        out.array_head(FIELDS);
        out.bulk(self.name().as_bytes());
        out.integer(self.arity.into());
        out.set_head(self.flag_names().count());
        self.flag_names().for_each(|name| out.status(name));
        let KeyPlaces { first, last, step } = self.keys;
        for number in [first, last, step] {
            out.integer(number.into());
        }
        // Categories of access lists, tips, specifications of keys.
        out.set_head(0);
        out.array_head(0);
        out.array_head(0);
        let prefix = |it: &&RespCommand| {
            let name = it.name().strip_prefix(self.name());
            name.is_some_and(|rest| rest.starts_with('|'))
        };
        let subcommands = || RespCommand::all().iter().filter(prefix);
        out.array_head(subcommands().count());
        subcommands().for_each(|command| command.write_info(out));
    }
}

/// The keys among the words of a command.
fn keys_of<'a>(words: &RespWords<'a>) -> Result<Vec<&'a [u8]>, RespRefusal<'static>> {
    let command = RespCommand::find(words).map_err(|refusal| match refusal {
        RespRefusal::WrongArity(_) => RespRefusal::NO_COMMAND_ARGUMENTS,
        _ => RespRefusal::NO_COMMAND,
    })?;
    if command.flags.has(MOVABLEKEYS) {
        let mut arguments = words.clone().skip(2);
        let count = arguments.next().and_then(strict_64).unwrap_or_default();
        return Ok(arguments.take(usize::try_from(count).unwrap_or_default()).collect());
    }
    let count = i32::try_from(words.len()).unwrap_or(i32::MAX);
    let KeyPlaces { first, last, step } = command.keys;
    let last = if last < 0 { count.saturating_add(last) } else { last };
    let places = |number: i32| usize::try_from(number).unwrap_or_default();
    if first == 0 {
        return Err(RespRefusal::NO_KEYS);
    }
    let keys = words
        .clone()
        .skip(places(first))
        .take(places(last.saturating_sub(first).saturating_add(1)));
    Ok(keys.step_by(places(step).max(1)).collect())
}
