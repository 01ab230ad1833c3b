//! What `-h`, `-V` and `-i` print.

use crate::validate::PRODUCT;

/// The memcached whose behaviour and protocol this server follows. The version that clients read
/// over the wire is the same: they parse digits and dots only.
const MEMCACHED_VERSION: &str = "1.6.45";

/// `-i`.
pub(crate) const LICENSE: &str = concat!(
    "slabcore ",
    env!("CARGO_PKG_VERSION"),
    "\nLicence: ",
    env!("CARGO_PKG_LICENSE"),
    ", at your choice.\nThe crates that it is built from have licences of their own.\n"
);

/// `-V`: the first line is memcached's, for scripts that read it.
pub(crate) fn version() -> String {
    format!("memcached {MEMCACHED_VERSION}\n{PRODUCT}\n")
}

/// What the environment may say, by name.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("MEMCACHED_PORT_FILENAME", "file that receives the ports in use once they are bound"),
    ("MEMCACHED_SASL_PWDB", "file of users for -S, unless -Y names one"),
    ("NOTIFY_SOCKET", "where a service manager wants to be told of start, reload and stop"),
    ("WATCHDOG_USEC", "how often it wants to be told that all shards work"),
    ("LISTEN_FDS", "how many listening sockets it passes on, instead of -l, -p and -s"),
];

/// `-h`: the version, then the options.
pub(crate) fn help(options: &str) -> String {
    let lines = ENVIRONMENT.iter().map(|(name, help)| format!("  {name:<23}  {help}\n"));
    let environment = format!("Environment:\n{}", lines.collect::<String>());
    format!("{}{}\n\n{environment}", version(), options.trim_end())
}
