//! The keys that are asked for most.

use serde::Serialize;

use super::sample::Sample;
use crate::limits::HOT_KEYS_MAX;
use crate::statistics::Topic;

/// One hot key of a Slabcore.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct HotKeyReport {
    /// The key as the server tells it: client's bytes, not to be shown unescaped.
    pub(crate) key: String,
    /// `text`, or `base64` for a key that is no text.
    pub(crate) encoding: String,
    /// Its part of all requests.
    pub(crate) share: Option<f64>,
    /// Its requests in the server's window, estimated.
    pub(crate) requests: Option<u64>,
    /// By how much `requests` is too high at most.
    pub(crate) error: Option<u64>,
}

/// The hot keys, the hottest first.
pub(super) fn hot_keys(sample: &Sample) -> Vec<HotKeyReport> {
    let table = sample.table(Topic::HotKeys);
    let groups = table.map(|table| table.groups("", HOT_KEYS_MAX)).unwrap_or_default();
    let keys = groups.into_iter().filter_map(|(_, group)| {
        Some(HotKeyReport {
            key: group.text("key")?.to_owned(),
            encoding: group.text("encoding").unwrap_or("text").to_owned(),
            share: group.number("share"),
            requests: group.count("requests"),
            error: group.count("error"),
        })
    });
    keys.collect()
}
