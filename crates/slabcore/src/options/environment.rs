//! What the environment says to the server, and what it says to memcached alone.

use std::env;

/// What is read, by name.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("MEMCACHED_PORT_FILENAME", "file that receives the ports in use once they are bound"),
    ("MEMCACHED_SASL_PWDB", "file of users for -S, unless -Y names one"),
    ("NOTIFY_SOCKET", "where a service manager wants to be told of start, reload and stop"),
    ("WATCHDOG_USEC", "how often it wants to be told that all shards work"),
    ("LISTEN_FDS", "how many listening sockets it passes on, instead of -l, -p and -s"),
];

/// What memcached reads and this server does not, and what does its work.
const MEANINGLESS: &[(&str, &str)] = &[
    ("SASL_CONF_PATH", "users come from -Y or MEMCACHED_SASL_PWDB"),
    ("MEMCACHED_HASH_BULK_MOVE", "the hash table grows bucket by bucket"),
    ("T_MEMD_INITIAL_MALLOC", "memory is mapped once, and touched as it is used"),
];

/// A line for each variable that is set without effect.
pub(crate) fn warnings() -> impl Iterator<Item = String> {
    MEANINGLESS
        .iter()
        .filter(|(name, _)| env::var_os(name).is_some())
        .map(|(name, why)| format!("warning: the environment's {name} has no effect: {why}"))
}
