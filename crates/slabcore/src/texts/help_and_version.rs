//! What `-h`, `-V` and `-i` print.

use crate::options::{ENVIRONMENT, PRODUCT};

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

/// `-h`: the version, then the options.
pub(crate) fn help(options: &str) -> String {
    let lines = ENVIRONMENT.iter().map(|(name, help)| format!("  {name:<23}  {help}\n"));
    // clap marks what counts, as if the marks were typed.
    let options = options.replace("--verbose...", "--verbose   ");
    let environment = format!("Environment:\n{}", lines.collect::<String>());
    format!("{}{}\n\n{environment}", version(), options.trim_end())
}
