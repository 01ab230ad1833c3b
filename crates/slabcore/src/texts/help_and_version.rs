//! The texts of `-h`, `-V` and `-i`.

use crate::options::{ENVIRONMENT, PRODUCT};

/// The version of memcached whose behaviour this server follows. Clients read the same version over
/// the wire: they only parse digits and dots.
const MEMCACHED_VERSION: &str = "1.6.45";

/// The text of `-i`.
pub(crate) const LICENSE: &str = concat!(
    "slabcore ",
    env!("CARGO_PKG_VERSION"),
    "\nLicence: ",
    env!("CARGO_PKG_LICENSE"),
    ", at your choice.\nThe crates that it is built from have their own licences.\n"
);

/// The text of `-V`. Its first line is memcached's, for scripts.
pub(crate) fn version() -> String {
    format!("memcached {MEMCACHED_VERSION}\n{PRODUCT}\n")
}

/// The text of `-h`: version, options, environment variables.
pub(crate) fn help(options: &str) -> String {
    let lines = ENVIRONMENT.iter().map(|(name, help)| format!("  {name:<23}  {help}\n"));
    // clap adds dots to a flag that may be repeated.
    let options = options.replace("--verbose...", "--verbose   ");
    let environment = format!("Environment:\n{}", lines.collect::<String>());
    format!("{}{}\n\n{environment}", version(), options.trim_end())
}
