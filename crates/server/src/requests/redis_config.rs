//! `CONFIG`: the settings that clients and tools of Redis look for.

use slabcore_protocol::{DATABASES, RespRefusal, RespWords, matches_glob};

use crate::requests::redis_info::policy;
use crate::shared::shared_state::SharedState;

/// The settings whose names match one of the patterns, in any case.
pub(super) fn config_get(
    shared: &SharedState,
    patterns: &RespWords<'_>,
) -> Vec<(&'static str, String)> {
    let patterns: Vec<Vec<u8>> = patterns.clone().map(<[u8]>::to_ascii_lowercase).collect();
    let mut found = settings(shared);
    found.retain(|(name, _)| patterns.iter().any(|it| matches_glob(it, name.as_bytes())));
    found
}

/// All settings. Those that do not exist here have the value that says so.
fn settings(shared: &SharedState) -> Vec<(&'static str, String)> {
    let own = &shared.settings;
    let port = shared.redis_addresses.iter().chain(&shared.addresses).next();
    let text = |text: &str| text.to_owned();
    vec![
        ("maxmemory", shared.memory.bytes().to_string()),
        ("maxmemory-policy", text(policy(shared))),
        ("maxclients", own.connections_max.to_string()),
        ("databases", DATABASES.to_string()),
        ("timeout", own.idle_timeout.map_or(0, u32::from).to_string()),
        ("save", text("")),
        ("appendonly", text("no")),
        ("io-threads", own.shards.to_string()),
        ("proto-max-bulk-len", own.item_bytes_max.to_string()),
        ("notify-keyspace-events", text("")),
        ("requirepass", text("")),
        ("port", port.map_or(0, std::net::SocketAddr::port).to_string()),
        ("slave-read-only", text("yes")),
        ("replica-read-only", text("yes")),
        ("cluster-enabled", text("no")),
    ]
}

/// `CONFIG SET`. No setting can be changed this way: the command line has them.
pub(super) fn config_set<'a>(words: &RespWords<'a>) -> Result<(), RespRefusal<'a>> {
    Err(RespRefusal::UnknownSetting(words.clone().next().unwrap_or_default()))
}
