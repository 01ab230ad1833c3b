//! The table of command-line options: memcached's in its order and spelling, then our own.

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, Command, ValueHint};

/// The effect of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It works as in memcached.
    Works,
    /// It is accepted with a warning and has no effect, for this reason.
    Ignored(&'static str),
    /// memcached has no such option.
    Own,
}

/// One option. Its id is its long name; only `-D` has none in memcached.
pub(crate) struct OptionRow {
    pub(crate) id: &'static str,
    pub(crate) short: Option<char>,
    /// The name of its value; `None` for a flag.
    pub(super) value: Option<&'static str>,
    pub(super) effect: Effect,
    help: &'static str,
}

/// The id of `-D`.
pub(crate) const DELIMITER: &str = "delimiter";
/// The id of `--config`.
pub(super) const CONFIG: &str = "config";
/// The id of `--generate`.
pub(super) const GENERATE: &str = "generate";
/// The id of `-v`, which may be given several times.
pub(super) const VERBOSE: &str = "verbose";
/// The id of words that are not options, which are ignored as in memcached.
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

const fn own_flag(id: &'static str, help: &'static str) -> OptionRow {
    OptionRow { id, short: None, value: None, effect: Effect::Own, help }
}

const NUM: Option<&str> = Some("num");
const FILE: Option<&str> = Some("file");

/// All options but `-h`, `-V` and `-i`.
pub(crate) const OPTIONS: &[OptionRow] = {
    use Effect::{Ignored, Works};
    &[
        row('p', "port", NUM, Works, "TCP port (default: 11211; 0: none; -1: any free port)"),
        row(
            'U',
            "udp-port",
            NUM,
            Works,
            "UDP port (default: 0, off); without -p also the TCP port",
        ),
        row('s', "unix-socket", FILE, Works, "Unix socket to listen on, instead of TCP"),
        row(
            'a',
            "unix-mask",
            Some("mask"),
            Works,
            "permissions of the Unix socket, octal (default: 700)",
        ),
        row('A', "enable-shutdown", None, Works, "enable the command \"shutdown\""),
        row(
            'l',
            "listen",
            Some("addr"),
            Works,
            "addresses: host, host:port, [v6]:port or *, separated by , or ;\n\
             each may begin with notls:, btls: or mtls:, then proto[]:, tag[]:",
        ),
        row(
            'd',
            "daemon",
            None,
            Works,
            "run as a daemon: in / (not with -r), silent (not with -v)",
        ),
        row('r', "enable-coredumps", None, Works, "raise the limit on core files"),
        row('u', "user", Some("user"), Works, "user to run as (required for root, else ignored)"),
        row(
            'm',
            "memory-limit",
            NUM,
            Works,
            "memory for items in megabytes, or with m or g (default: 64)",
        ),
        row(
            'M',
            "disable-evictions",
            None,
            Works,
            "refuse new items when memory is full, instead of evicting",
        ),
        row('c', "conn-limit", NUM, Works, "maximum number of client connections (default: 1024)"),
        row(
            'k',
            "lock-memory",
            None,
            Works,
            "lock the memory of the process, so that it is not swapped out",
        ),
        row('v', VERBOSE, None, Works, "log more; -vv: also connections, commands and replies"),
        row('P', "pidfile", FILE, Works, "file for the process id; with -d removed at the end"),
        row('f', "slab-growth-factor", NUM, Works, "growth factor of chunk sizes (default: 1.25)"),
        row(
            'n',
            "slab-min-size",
            Some("bytes"),
            Works,
            "smallest space for key, value and flags (default: 48)",
        ),
        row('L', "enable-largepages", None, Works, "take memory from reserved huge pages"),
        OptionRow {
            id: DELIMITER,
            short: Some('D'),
            value: Some("char"),
            effect: Works,
            help: "count requests by key prefix, up to this character (':')",
        },
        row(
            't',
            "threads",
            NUM,
            Works,
            "number of shards, each with a thread (default: the usable cores)",
        ),
        row(
            'R',
            "max-reqs-per-event",
            NUM,
            Works,
            "requests of one connection before others (default: 20)",
        ),
        row('C', "disable-cas", None, Works, "disable cas"),
        row('b', "listen-backlog", NUM, Works, "backlog of listening sockets (default: 1024)"),
        row(
            'B',
            "protocol",
            Some("name"),
            Works,
            "ascii, binary or auto (default: auto, by the first byte)",
        ),
        row(
            'I',
            "max-item-size",
            NUM,
            Works,
            "largest item in bytes, or with k or m (default: 1m; 1k to 1024m)",
        ),
        row('S', "enable-sasl", None, Works, "SASL authentication (binary protocol only)"),
        row('F', "disable-flush-all", None, Works, "disable flush_all"),
        row(
            'X',
            "disable-dumping",
            None,
            Works,
            "disable cachedump, metadump, mgdump and stats detail",
        ),
        row('W', "disable-watch", None, Works, "disable the command \"watch\""),
        row('Y', "auth-file", FILE, Works, "users who may log in, one user:password per line"),
        row(
            'e',
            "memory-file",
            FILE,
            Works,
            "file in memory (tmpfs) in which items outlive the process",
        ),
        row('Z', "enable-ssl", None, Works, "TLS on TCP ports; needs -o ssl_chain_cert, ssl_key"),
        row(
            'N',
            "napi-ids",
            NUM,
            Ignored("new connections go to the shards in turn"),
            "number of NAPI ids",
        ),
        row(
            'o',
            "extended",
            Some("list"),
            Works,
            "extended options, separated by commas; see the man page",
        ),
        own("backend", "name", "how sockets are driven: auto, uring, epoll (default: auto)"),
        own("metrics-listen", "addr:port", "address of /metrics, or off (default: 127.0.0.1:9150)"),
        own(
            "shard-ports",
            "num",
            "first of one TCP port per shard (default: 0, none; -1: any free)",
        ),
        own("redis-port", "num", "TCP port that speaks Redis' dialect (default: 0, none; -1: any)"),
        own_flag(
            "spread-connections",
            "serve connections on all threads, even if fewer can serve them",
        ),
        own_flag("disable-hot-keys", "do not look for the keys that are asked for most often"),
        own_flag("disable-miss-ratio-curve", "do not predict hit ratios with more or less memory"),
        own("snapshot-dir", "dir", "directory of snapshots: the command \"snapshot\" writes there"),
        own("snapshot-every", "seconds", "write a snapshot at this interval"),
        own_flag("snapshot-at-stop", "write a snapshot before the server stops"),
        own("restore", "dir", "start with the items of the snapshot in this directory, or file"),
        own(CONFIG, "file", "file of options, read before the others; # begins a comment"),
        own_flag("keep-memory", "items outlive the process in memory that a service manager keeps"),
        own(
            "restart-within",
            "seconds",
            "longest time without a server after which items are kept",
        ),
        own("log-format", "name", "format of log lines: plain, json (default: plain)"),
        own(GENERATE, "text", "print the man page (man) or completions (bash, zsh, fish)"),
        own("drain", "seconds", "serve so long after a stop signal; /readyz says no (default: 0)"),
        own_flag("takeover", "take over from the server that has the memory file (-e)"),
        own("cores", "list", "cores, such as 0-3,6 (default: all); one for each thread pins it"),
    ]
};

/// Beginnings of long names that are unambiguous in memcached, but not with our own options.
const SHORT_FORMS: &[(&str, &str)] = &[
    ("c", "conn-limit"),
    ("co", "conn-limit"),
    ("con", "conn-limit"),
    ("lo", "lock-memory"),
    ("t", "threads"),
];

/// memcached's long names, in the order in which its getopt lists possibilities.
#[rustfmt::skip]
pub(super) const MEMCACHED_LONG_NAMES: &[&str] = &[
    "unix-mask", "enable-shutdown", "enable-ssl", "port", "unix-socket", "udp-port",
    "memory-limit", "disable-evictions", "conn-limit", "lock-memory", "help", "license", "version",
    "enable-coredumps", "verbose", "daemon", "listen", "user", "pidfile", "slab-growth-factor",
    "slab-min-size", "threads", "enable-largepages", "max-reqs-per-event", "disable-cas",
    "listen-backlog", "protocol", "max-item-size", "enable-sasl", "disable-flush-all",
    "disable-dumping", "disable-watch", "auth-file", "memory-file", "extended", "napi-ids",
];

/// The options whose value is one of these words.
const CHOICES: &[(&str, &[&str])] = &[
    ("protocol", &["auto", "ascii", "binary"]),
    ("backend", &["auto", "uring", "epoll"]),
    ("log-format", &["plain", "json"]),
    (GENERATE, &["man", "bash", "zsh", "fish"]),
];

/// The parser. All options may be repeated, as with getopt.
pub(super) fn command() -> Command {
    described().arg(
        Arg::new(STRAY)
            .num_args(0..)
            .hide(true)
            .value_parser(ValueParser::os_string())
            .action(ArgAction::Append),
    )
}

/// The command for shell completions, with the words of [`CHOICES`]. The parser does not check
/// them: errors of values are memcached's.
pub(crate) fn completed() -> Command {
    described().mut_args(|arg| match CHOICES.iter().find(|(id, _)| arg.get_id() == id) {
        Some((_, words)) => arg.value_parser(PossibleValuesParser::new(*words)),
        None => arg,
    })
}

/// The command with the options of the table, for help and man page.
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
        // Hints for shell completions.
        Some("file") => arg.value_hint(ValueHint::FilePath),
        Some("user") => arg.value_hint(ValueHint::Username),
        Some(_) => arg.value_hint(ValueHint::Other),
        None => arg,
    };
    let arg = match row.value {
        // As with getopt, the next word is the value, even if it begins with '-'.
        Some(name) => arg.value_name(name).action(ArgAction::Append).allow_hyphen_values(true),
        None if row.id == VERBOSE => arg.action(ArgAction::Count),
        None => arg.action(ArgAction::SetTrue),
    };
    arg.help_heading(match row.effect {
        Effect::Works => "Options of memcached",
        Effect::Ignored(_) => "Options of memcached without effect (accepted with a warning)",
        Effect::Own => "Options of this server",
    })
}

/// An option that prints a text and ends the program.
fn ending(short: char, long: &'static str, action: ArgAction, help: &'static str) -> Arg {
    Arg::new(long)
        .short(short)
        .long(long)
        .action(action)
        .help(help)
        .display_order(OPTIONS.len())
        .help_heading("Options of memcached")
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
