//! Scripts by their SHA-1, for all threads.

use std::collections::{HashMap, HashSet, VecDeque};
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
    /// SHA-1s of those that may be forgotten, the oldest first. A loaded one may still be among
    /// them.
    passing: VecDeque<String>,
    /// SHA-1s of those that are loaded.
    loaded: HashSet<String>,
    /// Bytes of all of them.
    bytes: usize,
}

/// There is no room for another script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptsFull;

impl ScriptCache {
    /// Keeps a script until all are forgotten, and returns its SHA-1. If there is no room, the
    /// SHA-1 is in vain.
    pub fn keep(&self, script: &[u8]) -> (String, Result<(), ScriptsFull>) {
        let sha = sha1_hex(script);
        let mut scripts = self.lock();
        let kept = scripts.add(script, &sha);
        if kept.is_ok() {
            scripts.loaded.insert(sha.clone());
        }
        (sha, kept)
    }

    /// Keeps a script as long as there is room: later ones take its place.
    pub fn remember(&self, script: &[u8]) {
        let sha = sha1_hex(script);
        let mut scripts = self.lock();
        let is_new = !scripts.by_sha.contains_key(&sha);
        if is_new && scripts.add(script, &sha).is_ok() {
            scripts.passing.push_back(sha);
        }
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

impl Scripts {
    fn add(&mut self, script: &[u8], sha: &str) -> Result<(), ScriptsFull> {
        if self.by_sha.contains_key(sha) {
            return Ok(());
        }
        let bytes = script.len() + sha.len();
        while self.bytes + bytes > SCRIPTS_BYTES_MAX {
            let oldest = self.passing.pop_front().ok_or(ScriptsFull)?;
            if !self.loaded.contains(&oldest)
                && let Some(script) = self.by_sha.remove(&oldest)
            {
                self.bytes -= script.len() + oldest.len();
            }
        }
        self.bytes += bytes;
        self.by_sha.insert(sha.to_owned(), script.into());
        Ok(())
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

    #[test]
    fn loaded_scripts_stay_and_others_give_way() {
        let cache = ScriptCache::default();
        let script = |byte: u8| vec![byte; SCRIPTS_BYTES_MAX / 4];
        let sha = |byte: u8| sha1_hex(&script(byte));
        (b'a'..=b'c').for_each(|byte| cache.remember(&script(byte)));
        assert_eq!(cache.keep(&script(b'a')).1, Ok(()));
        (b'd'..=b'f').for_each(|byte| cache.remember(&script(byte)));
        let kept = |byte: u8| cache.get(sha(byte).as_bytes()).is_some();
        assert_eq!(
            (b'a'..=b'f').map(kept).collect::<Vec<_>>(),
            [true, false, false, false, true, true]
        );
        assert_eq!(cache.keep(&script(b'g')).1, Ok(()));
        assert_eq!(cache.keep(&script(b'h')).1, Ok(()));
        assert_eq!(cache.keep(&script(b'i')).1, Err(ScriptsFull));
        assert!(kept(b'a') && kept(b'g') && kept(b'h'));
    }
}
