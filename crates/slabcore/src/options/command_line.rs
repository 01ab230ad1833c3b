//! The command line: its words become the values of each option, or an action that ends.

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::config_file;
use super::option_table::{self, CONFIG, Effect, GENERATE, MEMCACHED_LONG_NAMES, OPTIONS};
use crate::refusal::Refusal;

/// What the command line asks the program to do.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// `-h`, with the text.
    Help(String),
    /// `-V`.
    Version,
    /// `-i`.
    License,
    /// `--generate`, with the name of the text.
    Generate(String),
    /// The server.
    Serve(GivenOptions),
}

/// The options that were given.
#[derive(Debug)]
pub(crate) struct GivenOptions {
    matches: ArgMatches,
    /// Warnings about the file of options.
    pub(super) warnings: Vec<String>,
}

impl GivenOptions {
    /// The last value of an option, which is the one that counts.
    pub(super) fn last(&self, id: &str) -> Option<&str> {
        self.all(id).last()
    }

    /// All values of an option, in order.
    pub(super) fn all(&self, id: &str) -> impl Iterator<Item = &str> {
        self.matches.get_many::<String>(id).into_iter().flatten().map(String::as_str)
    }

    /// The number of `-v`, 255 at most.
    pub(super) fn verbosity(&self) -> u8 {
        self.matches.get_count(option_table::VERBOSE)
    }

    /// True if a flag was given.
    pub(super) fn flag(&self, id: &str) -> bool {
        self.matches.get_flag(id)
    }

    /// The given options that have no effect here, in the order of the table.
    pub(super) fn ignored(&self) -> impl Iterator<Item = IgnoredOption> {
        OPTIONS.iter().filter_map(|row| {
            let Effect::Ignored(why) = row.effect else { return None };
            let given = match row.value {
                Some(_) => self.last(row.id).is_some(),
                None => self.flag(row.id),
            };
            given.then_some(IgnoredOption { short: row.short?, why })
        })
    }
}

/// A given option that has no effect here.
#[derive(Debug)]
pub(super) struct IgnoredOption {
    pub(super) short: char,
    /// The reason, or what replaces the option.
    pub(super) why: &'static str,
}

/// Parses a command line. The first word is the name of the program, for messages.
///
/// Options of a file (`--config`) come before those of the command line.
pub(crate) fn parse(words: &[OsString]) -> Result<Invocation, Refusal> {
    let invocation = parse_words(words)?;
    let Invocation::Serve(given) = &invocation else { return Ok(invocation) };
    if let Some(name) = given.last(GENERATE) {
        return Ok(Invocation::Generate(name.to_owned()));
    }
    let Some(path) = given.last(CONFIG) else { return Ok(invocation) };
    let file = config_file::read(path)?;
    // Parsed alone first, so that an error names the file.
    let program = [OsString::from(path)];
    let from_file = parse_words(&[&program[..], &file.words].concat())?;
    match &from_file {
        Invocation::Serve(inner) if inner.last(CONFIG).is_none() => {}
        Invocation::Serve(_) => {
            return Err(Refusal::usage(format!(
                "{path}: a file of options cannot name another one (--config)"
            )));
        }
        _ => return Ok(from_file),
    }
    let (program, own) = words.split_at(1);
    let invocation = parse_words(&[program, &file.words, own].concat())?;
    Ok(match invocation {
        Invocation::Serve(given) => {
            Invocation::Serve(GivenOptions { warnings: file.warnings, ..given })
        }
        other => other,
    })
}

fn parse_words(words: &[OsString]) -> Result<Invocation, Refusal> {
    match option_table::command().try_get_matches_from(words) {
        Ok(matches) if matches.get_flag("license") => Ok(Invocation::License),
        Ok(matches) => Ok(Invocation::Serve(GivenOptions { matches, warnings: Vec::new() })),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp => Ok(Invocation::Help(error.to_string())),
            ErrorKind::DisplayVersion => Ok(Invocation::Version),
            _ => Err(getopt_refusal(&error, words)),
        },
    }
}

/// clap's error, in the words of getopt and memcached.
fn getopt_refusal(error: &clap::Error, words: &[OsString]) -> Refusal {
    let program = words.first().map_or_else(|| "slabcore".into(), |word| word.to_string_lossy());
    let last_word = words.last().map_or_else(String::new, |word| word.to_string_lossy().into());
    let named = match error.get(ContextKind::InvalidArg) {
        // "--port <num>" and "--verbose...": the name alone.
        Some(ContextValue::String(name)) => {
            name.split([' ', '=']).next().unwrap_or_default().trim_end_matches('.')
        }
        _ => "",
    };
    let complaint = match error.kind() {
        ErrorKind::UnknownArgument if named.starts_with("--") => {
            // getopt quotes the word with its value.
            let mut given = words.iter().map(|word| word.to_string_lossy());
            let with_value = format!("{named}=");
            let whole = given.find(|word| *word == named || word.starts_with(&with_value));
            let whole = whole.as_deref().unwrap_or(named);
            match possibilities(named) {
                names if names.is_empty() => format!("unrecognized option '{whole}'"),
                names => format!("option '{whole}' is ambiguous; possibilities:{names}"),
            }
        }
        ErrorKind::UnknownArgument => {
            format!("invalid option -- '{}'", named.trim_start_matches('-'))
        }
        ErrorKind::TooManyValues => format!("option '{named}' doesn't allow an argument"),
        // Only the last word can lack its value: an earlier one takes the next word.
        ErrorKind::InvalidValue if last_word.starts_with("--") => {
            format!("option '{named}' requires an argument")
        }
        ErrorKind::InvalidValue => {
            let short = last_word.chars().last().unwrap_or_default();
            format!("option requires an argument -- '{short}'")
        }
        _ => error.to_string().trim_end().to_owned(),
    };
    Refusal::bad_option(format!("{program}: {complaint}\nIllegal argument \"?\""))
}

/// memcached's long names with this beginning, each quoted and with a blank before it.
fn possibilities(beginning: &str) -> String {
    let beginning = beginning.trim_start_matches('-');
    let names = MEMCACHED_LONG_NAMES.iter().filter(|name| name.starts_with(beginning));
    names.flat_map(|name| [" '--", name, "'"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        std::iter::once("memcached").chain(line.split_whitespace()).map(OsString::from).collect()
    }

    fn given(line: &str) -> GivenOptions {
        match parse(&words(line)) {
            Ok(Invocation::Serve(given)) => given,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn getopt_spellings() {
        let check = |line: &str, id: &str, expected: Option<&str>| {
            assert_eq!(given(line).last(id), expected, "{line}");
        };
        check("-p 11212", "port", Some("11212"));
        check("-p11212", "port", Some("11212"));
        check("--port=11212", "port", Some("11212"));
        check("--port 11212", "port", Some("11212"));
        check("--por=11212", "port", Some("11212"));
        check("-p -1", "port", Some("-1"));
        check("-p -l", "port", Some("-l"));
        check("-vp 11212", "port", Some("11212"));
        check("-kMp11212", "port", Some("11212"));
        check("-p 1 -p 2", "port", Some("2"));
        check("some words -p 1 more", "port", Some("1"));
        check("-- -p 1", "port", None);
        check("-m 64 -t4", "threads", Some("4"));
        check("--max-item-size=2m", "max-item-size", Some("2m"));
        check("-l 127.0.0.1,[::1]:5", "listen", Some("127.0.0.1,[::1]:5"));
        check("-o modern", "extended", Some("modern"));
        check("-D:", option_table::DELIMITER, Some(":"));
    }

    #[test]
    fn verbosity_counts() {
        for (line, times) in [("", 0), ("-v", 1), ("-vv", 2), ("-vvv", 3), ("-v -v", 2)] {
            assert_eq!(given(line).verbosity(), times, "{line}");
        }
        assert_eq!(given("--verbose --verbose").verbosity(), 2);
    }

    #[test]
    fn repeated_listen_adds_up() {
        let given = given("-l a -l b,c --listen=d");
        assert_eq!(given.all("listen").collect::<Vec<_>>(), ["a", "b,c", "d"]);
    }

    #[test]
    fn endings_come_in_order() {
        let check = |line: &str, expected: fn(&Invocation) -> bool| {
            assert!(expected(&parse(&words(line)).unwrap()), "{line}");
        };
        check("-V", |invocation| matches!(invocation, Invocation::Version));
        check("--version", |invocation| matches!(invocation, Invocation::Version));
        check("-V --nosuch", |invocation| matches!(invocation, Invocation::Version));
        check("-p 1 -h", |invocation| matches!(invocation, Invocation::Help(_)));
        check("-i", |invocation| matches!(invocation, Invocation::License));
    }

    #[test]
    fn complaints_are_getopts() {
        let check = |line: &str, complaint: &str| {
            let refusal = parse(&words(line)).unwrap_err();
            let expected = format!("memcached: {complaint}\nIllegal argument \"?\"");
            assert_eq!((refusal.exit_code, refusal.to_string()), (1, expected), "{line}");
        };
        check("-Q", "invalid option -- 'Q'");
        check("-vQ", "invalid option -- 'Q'");
        check("--nosuch", "unrecognized option '--nosuch'");
        check("--nosuch=3", "unrecognized option '--nosuch=3'");
        check("--nosuch -V", "unrecognized option '--nosuch'");
        let memory = "possibilities: '--memory-limit' '--memory-file'";
        check("--mem", &format!("option '--mem' is ambiguous; {memory}"));
        check("--mem=3", &format!("option '--mem=3' is ambiguous; {memory}"));
        let slab = "possibilities: '--slab-growth-factor' '--slab-min-size'";
        check("--s", &format!("option '--s' is ambiguous; {slab}"));
        check("--port", "option '--port' requires an argument");
        check("-p", "option requires an argument -- 'p'");
        check("-vp", "option requires an argument -- 'p'");
        check("--version=3", "option '--version' doesn't allow an argument");
        check("--verbose=3", "option '--verbose' doesn't allow an argument");
    }

    #[test]
    fn beginnings_that_memcached_takes_are_taken() {
        let names = MEMCACHED_LONG_NAMES;
        let beginnings = names.iter().flat_map(|name| (1..name.len()).map(|end| &name[..end]));
        for beginning in beginnings {
            let count = names.iter().filter(|name| name.starts_with(beginning)).count();
            // Flags take no value, but their name is found.
            let taken = match parse(&words(&format!("--{beginning}=1"))) {
                Ok(_) => true,
                Err(refusal) => refusal.to_string().contains("doesn't allow an argument"),
            };
            assert_eq!(taken, count == 1 || names.contains(&beginning), "--{beginning}");
        }
        assert_eq!(given("--con=5").last("conn-limit"), Some("5"));
        assert!(given("--lo").flag("lock-memory"));
    }

    #[test]
    fn options_without_effect_are_listed() {
        let given = given("-v -p 1 --napi-ids=2");
        let listed: Vec<_> = given.ignored().map(|it| it.short).collect();
        assert_eq!(listed, ['N']);
    }
}
