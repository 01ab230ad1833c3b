//! Scripts by their SHA-1, for all threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::SCRIPTS_BYTES_MAX;
use crate::sha1::sha1_hex;

/// Scripts by their SHA-1.
#[derive(Debug, Default)]
pub struct ScriptCache {
    scripts: Mutex<Scripts>,
}

#[derive(Debug, Default)]
struct Scripts {
    by_sha: HashMap<String, Arc<[u8]>>,
    /// Bytes of all of them.
    bytes: usize,
}

/// There is no room for another script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptsFull;

impl ScriptCache {
    /// Keeps a script, and returns its SHA-1. If there is no room, the SHA-1 is in vain.
    pub fn keep(&self, script: &[u8]) -> (String, Result<(), ScriptsFull>) {
        let sha = sha1_hex(script);
        let mut scripts = self.lock();
        if scripts.by_sha.contains_key(&sha) {
            return (sha, Ok(()));
        }
        let bytes = scripts.bytes + script.len() + sha.len();
        if bytes > SCRIPTS_BYTES_MAX {
            return (sha, Err(ScriptsFull));
        }
        scripts.bytes = bytes;
        scripts.by_sha.insert(sha.clone(), script.into());
        (sha, Ok(()))
    }

    /// The script with this SHA-1, in hexadecimal digits of either case.
    pub fn get(&self, sha: &[u8]) -> Option<Arc<[u8]>> {
        let sha = std::str::from_utf8(sha).ok()?.to_ascii_lowercase();
        self.lock().by_sha.get(&sha).cloned()
    }

    /// Forgets all scripts.
    pub fn clear(&self) {
        *self.lock() = Scripts::default();
    }

    fn lock(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_kept_up_to_a_limit() {
        let cache = ScriptCache::default();
        let (sha, kept) = cache.keep(b"return 1");
        assert_eq!((kept, cache.keep(b"return 1").1), (Ok(()), Ok(())));
        let found = cache.get(sha.to_ascii_uppercase().as_bytes());
        assert_eq!(found.as_deref(), Some(&b"return 1"[..]));
        let long = vec![b' '; SCRIPTS_BYTES_MAX / 2];
        assert_eq!(cache.keep(&long).1, Ok(()));
        assert_eq!(cache.keep(&[&long[..], b" "].concat()).1, Err(ScriptsFull));
        assert_eq!(cache.keep(b"return 2").1, Ok(()));
        cache.clear();
        assert_eq!(cache.get(sha.as_bytes()), None);
    }
}
