//! Environment variables: those that the server reads, and memcached's others.

use std::env;

/// The variables that are read, and what each says.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("MEMCACHED_PORT_FILENAME", "file that receives the ports in use once they are bound"),
    ("MEMCACHED_SASL_PWDB", "file of users for -S, unless -Y names one"),
    ("NOTIFY_SOCKET", "socket for a service manager's notices of start, reload and stop"),
    ("WATCHDOG_USEC", "how often the service manager expects the notice that all shards work"),
    ("LISTEN_FDS", "number of listening sockets it passes on, instead of -l, -p and -s"),
];

/// The variables that only memcached reads, and what replaces each.
const IGNORED: &[(&str, &str)] = &[
    ("SASL_CONF_PATH", "users come from -Y or MEMCACHED_SASL_PWDB"),
    ("MEMCACHED_HASH_BULK_MOVE", "the hash table grows bucket by bucket"),
    ("T_MEMD_INITIAL_MALLOC", "memory is mapped once, and touched as it is used"),
];

/// One warning for each variable that is set and has no effect.
pub(crate) fn warnings() -> impl Iterator<Item = String> {
    IGNORED
        .iter()
        .filter(|(name, _)| env::var_os(name).is_some())
        .map(|(name, why)| format!("warning: the environment variable {name} has no effect: {why}"))
}
