//! The table of command-line options, in memcached's order and spelling, then our own.

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, Command, ValueHint};

/// What an option does in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Works.
    Now,
    /// It has no meaning here; a warning says what does its work.
    Meaningless(&'static str),
    /// memcached has no such option.
    Own,
}

/// One option. The long name is also its id; `-D` alone has none in memcached.
pub(crate) struct OptionRow {
    pub(crate) id: &'static str,
    pub(crate) short: Option<char>,
    /// Name of the value; `None` for a flag.
    pub(crate) value: Option<&'static str>,
    pub(crate) effect: Effect,
    help: &'static str,
}

/// The id of `-D`, which is not a long name.
pub(crate) const DELIMITER: &str = "delimiter";
/// The id of the file of options.
pub(crate) const CONFIG: &str = "config";
/// The id of the texts that are made from this table.
pub(crate) const GENERATE: &str = "generate";
/// The id of the one flag that counts.
pub(crate) const VERBOSE: &str = "verbose";
/// The id of words that are no options; memcached ignores them.
const STRAY: &str = "stray";

const fn row(
    short: char,
    id: &'static str,
    value: Option<&'static str>,
    effect: Effect,
    help: &'static str,
) -> OptionRow {
    OptionRow { id, short: Some(short), value, effect, help }
}

const fn own(id: &'static str, value: &'static str, help: &'static str) -> OptionRow {
    OptionRow { id, short: None, value: Some(value), effect: Effect::Own, help }
}

const NUM: Option<&str> = Some("num");
const FILE: Option<&str> = Some("file");

/// Every option but `-h`, `-V` and `-i`, which end the program.
pub(crate) const OPTIONS: &[OptionRow] = {
    use Effect::{Meaningless, Now};
    &[
        row('p', "port", NUM, Now, "TCP port (default: 11211; 0: none; -1: any free one)"),
        row(
            'U',
            "udp-port",
            NUM,
            Now,
            "UDP port (default: 0, off); the TCP port too if -p is not given",
        ),
        row('s', "unix-socket", FILE, Now, "Unix socket to listen on (no TCP then)"),
        row('a', "unix-mask", Some("mask"), Now, "mode of the Unix socket, octal (default: 700)"),
        row('A', "enable-shutdown", None, Now, "enable the command \"shutdown\""),
        row(
            'l',
            "listen",
            Some("addr"),
            Now,
            "host, host:port, [v6]:port or *; lists with , or ;\n\
             each may begin with notls:, btls: or mtls:, then proto[]:, tag[]:",
        ),
        row('d', "daemon", None, Now, "run as a daemon, in / (but with -r), silent (but with -v)"),
        row('r', "enable-coredumps", None, Now, "raise the limit on core files"),
        row(
            'u',
            "user",
            Some("user"),
            Now,
            "identity to run under (needed, and only used, as root)",
        ),
        row('m', "memory-limit", NUM, Now, "memory in megabytes, or with m, g (default: 64)"),
        row('M', "disable-evictions", None, Now, "when memory is full, fail instead of evicting"),
        row('c', "conn-limit", NUM, Now, "client connections at most (default: 1024)"),
        row(
            'k',
            "lock-memory",
            None,
            Now,
            "lock all memory of the process, so that none is swapped out",
        ),
        row('v', VERBOSE, None, Now, "log more; -vv: also connections, commands and replies"),
        row('P', "pidfile", FILE, Now, "file for the process id; removed at the end with -d"),
        row('f', "slab-growth-factor", NUM, Now, "chunk size growth factor (default: 1.25)"),
        row(
            'n',
            "slab-min-size",
            Some("bytes"),
            Now,
            "least space for key, value, flags (default: 48)",
        ),
        row('L', "enable-largepages", None, Now, "take the memory from reserved huge pages"),
        OptionRow {
            id: DELIMITER,
            short: Some('D'),
            value: Some("char"),
            effect: Now,
            help: "count requests by key prefix, up to this character (':')",
        },
        row('t', "threads", NUM, Now, "shards, one thread each (default: the usable cores)"),
        row('R', "max-reqs-per-event", NUM, Now, "requests of a connection per turn (default: 20)"),
        row('C', "disable-cas", None, Now, "keep no cas uniques"),
        row('b', "listen-backlog", NUM, Now, "backlog of the listening sockets (default: 1024)"),
        row(
            'B',
            "protocol",
            Some("name"),
            Now,
            "ascii, binary or auto (default: auto, by the first byte)",
        ),
        row('I', "max-item-size", NUM, Now, "largest item, with k or m (default: 1m; 1k to 1024m)"),
        row('S', "enable-sasl", None, Now, "SASL authentication (binary protocol only)"),
        row('F', "disable-flush-all", None, Now, "disable flush_all"),
        row(
            'X',
            "disable-dumping",
            None,
            Now,
            "disable cachedump, metadump, mgdump and stats detail",
        ),
        row('W', "disable-watch", None, Now, "disable the command \"watch\""),
        row('Y', "auth-file", FILE, Now, "authentication with the users of a file"),
        row(
            'e',
            "memory-file",
            FILE,
            Meaningless("a restart starts empty; --drain gives clients time to go elsewhere"),
            "keep items over a restart",
        ),
        row('Z', "enable-ssl", None, Now, "TLS on the TCP ports; -o ssl_chain_cert, ssl_key"),
        row(
            'N',
            "napi-ids",
            NUM,
            Meaningless("connections are dealt out to all shards in turn"),
            "number of NAPI ids",
        ),
        row(
            'o',
            "extended",
            Some("list"),
            Now,
            "extended options, comma-separated; the man page lists them",
        ),
        own("backend", "name", "how sockets are driven: auto, uring, epoll (default: auto)"),
        own(
            "metrics-listen",
            "addr:port",
            "where /metrics is served, or off (default: 127.0.0.1:9150)",
        ),
        own(
            "shard-ports",
            "num",
            "first of one TCP port per shard (default: 0, none; -1: any free)",
        ),
        own(CONFIG, "file", "read options from a file first, one per line, # begins a comment"),
        own("log-format", "name", "how log lines look: plain, json (default: plain)"),
        own(GENERATE, "text", "print man (the man page), or completions: bash, zsh, fish"),
        own("drain", "seconds", "serve on after a stop signal, while /readyz says no (default: 0)"),
        own("cores", "list", "cores to run on, as 0-3,6 (default: all usable ones)"),
    ]
};

/// Beginnings of memcached's long names that are unambiguous there, and would not be here.
const SHORT_FORMS: &[(&str, &str)] =
    &[("c", "conn-limit"), ("co", "conn-limit"), ("con", "conn-limit"), ("lo", "lock-memory")];

/// memcached's long names in the order of its own table, in which getopt names possibilities.
#[rustfmt::skip]
pub(crate) const MEMCACHED_LONG_NAMES: &[&str] = &[
    "unix-mask", "enable-shutdown", "enable-ssl", "port", "unix-socket", "udp-port",
    "memory-limit", "disable-evictions", "conn-limit", "lock-memory", "help", "license", "version",
    "enable-coredumps", "verbose", "daemon", "listen", "user", "pidfile", "slab-growth-factor",
    "slab-min-size", "threads", "enable-largepages", "max-reqs-per-event", "disable-cas",
    "listen-backlog", "protocol", "max-item-size", "enable-sasl", "disable-flush-all",
    "disable-dumping", "disable-watch", "auth-file", "memory-file", "extended", "napi-ids",
];

/// The options that take one of some words.
const CHOICES: &[(&str, &[&str])] = &[
    ("protocol", &["auto", "ascii", "binary"]),
    ("backend", &["auto", "uring", "epoll"]),
    ("log-format", &["plain", "json"]),
    (GENERATE, &["man", "bash", "zsh", "fish"]),
];

/// clap's parser for the table. All options may be repeated, as with getopt.
pub(crate) fn command() -> Command {
    described().arg(
        Arg::new(STRAY)
            .num_args(0..)
            .hide(true)
            .value_parser(ValueParser::os_string())
            .action(ArgAction::Append),
    )
}

/// What shells complete: also the words that some options take. The parser leaves these to whoever
/// reads the option, whose complaints are memcached's.
pub(crate) fn completed() -> Command {
    described().mut_args(|arg| match CHOICES.iter().find(|(id, _)| arg.get_id() == id) {
        Some((_, words)) => arg.value_parser(PossibleValuesParser::new(*words)),
        None => arg,
    })
}

/// What the table says, for whoever describes it.
pub(crate) fn described() -> Command {
    let rows = OPTIONS.iter().enumerate().map(|(i, row)| argument(row, i));
    Command::new("slabcore")
        .disable_help_flag(true)
        .disable_version_flag(true)
        // getopt_long takes any unambiguous beginning of a long name.
        .infer_long_args(true)
        .args_override_self(true)
        .override_usage("slabcore [options]")
        .help_template("{usage-heading} {usage}\n\n{all-args}")
        .args(rows)
        .arg(ending('h', "help", ArgAction::Help, "print this help and exit"))
        .arg(ending('i', "license", ArgAction::SetTrue, "print the licence and exit"))
        .arg(ending('V', "version", ArgAction::Version, "print the version and exit"))
        .version(env!("CARGO_PKG_VERSION"))
}

fn argument(row: &OptionRow, order: usize) -> Arg {
    let arg = Arg::new(row.id).help(row.help).display_order(order);
    let arg = match row.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    let arg = if row.id == DELIMITER { arg } else { arg.long(row.id) };
    let short_forms = SHORT_FORMS.iter().filter(|(_, id)| *id == row.id);
    let arg = arg.aliases(short_forms.map(|(form, _)| *form));
    let arg = match row.value {
        // For shells that complete it.
        Some("file") => arg.value_hint(ValueHint::FilePath),
        Some("user") => arg.value_hint(ValueHint::Username),
        Some(_) => arg.value_hint(ValueHint::Other),
        None => arg,
    };
    let arg = match row.value {
        // getopt takes the next word as the value, whatever it begins with.
        Some(name) => arg.value_name(name).action(ArgAction::Append).allow_hyphen_values(true),
        None if row.id == VERBOSE => arg.action(ArgAction::Count),
        None => arg.action(ArgAction::SetTrue),
    };
    arg.help_heading(match row.effect {
        Effect::Now => "Options, as memcached's",
        Effect::Meaningless(_) => "Accepted with a warning, without effect",
        Effect::Own => "Options of this server",
    })
}

/// An option that prints something and ends the program.
fn ending(short: char, long: &'static str, action: ArgAction, help: &'static str) -> Arg {
    Arg::new(long)
        .short(short)
        .long(long)
        .action(action)
        .help(help)
        .display_order(OPTIONS.len())
        .help_heading("Options, as memcached's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_makes_a_sound_parser() {
        command().debug_assert();
    }

    #[test]
    fn help_names_every_option() {
        let help = command().render_help().to_string();
        for row in OPTIONS {
            if let Some(short) = row.short {
                assert!(help.contains(&format!("-{short}")), "{}", row.id);
            }
            assert!(row.id == DELIMITER || help.contains(&format!("--{}", row.id)), "{}", row.id);
        }
    }
}
