//! The hot keys as JSON, for `/hotkeys` and the status page.

use serde_json::{Value, json};
use slabcore_shard::{HotKey, HotKeyList};

use crate::settings::key_text::KeyText;

/// The hottest keys by falling requests, with the numbers of `stats hotkeys`.
pub(super) fn hot_keys_json(list: &HotKeyList) -> Value {
    let keys: Vec<Value> = list.keys().iter().map(|key| hot_key_json(list, key)).collect();
    json!({
        "window_seconds": list.window_seconds(),
        "requests": list.requests(),
        "keys": keys,
    })
}

fn hot_key_json(list: &HotKeyList, key: &HotKey) -> Value {
    let KeyText { text, is_encoded } = KeyText::of(key.key());
    json!({
        "key": text,
        "encoding": if is_encoded { "base64" } else { "text" },
        "requests": key.requests,
        "error": key.error,
        "share": list.share(key),
    })
}
