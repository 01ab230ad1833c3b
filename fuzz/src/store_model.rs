//! The replies that a store may give after the operations so far: a map, the verbs' conditions, and
//! numbers.

use std::collections::{BTreeMap, BTreeSet};

use slabcore_storage::{Delta, ItemRef, StoreOutcome, StoreVerb};

/// The last write to a key.
#[derive(Clone, Debug)]
pub struct ModelItem {
    /// The value.
    pub value: Vec<u8>,
    /// Client flags.
    pub flags: u32,
    /// Absolute second, 0: never.
    pub exptime: u32,
    /// The item's cas unique, once the store has returned it.
    pub unique: Option<u64>,
}

impl ModelItem {
    /// Whether it has not expired.
    pub fn is_live(&self, now: u32) -> bool {
        self.exptime == 0 || self.exptime > now
    }
}

/// The last writes. The store may have evicted any of them, and may have no others.
#[derive(Debug, Default)]
pub struct Model {
    items: BTreeMap<Vec<u8>, ModelItem>,
    uniques_returned: BTreeSet<u64>,
}

impl Model {
    /// The live item of a key.
    pub fn live(&self, now: u32, key: &[u8]) -> Option<&ModelItem> {
        self.items.get(key).filter(|item| item.is_live(now))
    }

    /// As [`Self::live`], mutable.
    pub fn live_mut(&mut self, now: u32, key: &[u8]) -> Option<&mut ModelItem> {
        self.items.get_mut(key).filter(|item| item.is_live(now))
    }

    /// Notes a write.
    pub fn put(&mut self, key: &[u8], item: ModelItem) {
        self.items.insert(key.to_vec(), item);
    }

    /// Notes that a key has no item any more.
    pub fn remove(&mut self, key: &[u8]) {
        self.items.remove(key);
    }

    /// Forgets all items.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Keys that may have an item.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.items.keys().cloned().collect()
    }

    /// A cas unique that was returned at some time for another item.
    pub fn stale_unique(&self, current: Option<u64>) -> u64 {
        self.uniques_returned.iter().rev().copied().find(|&told| Some(told) != current).unwrap_or(1)
    }

    /// A hit equals the last write, field by field.
    pub fn check_hit(&mut self, now: u32, key: &[u8], hit: &Hit) {
        let known = self.items.get_mut(key).filter(|item| item.is_live(now));
        let known = known.expect("a key that is dead or deleted is a hit");
        assert!(hit.value == known.value, "another value than the last written");
        assert_eq!((hit.flags, hit.exptime), (known.flags, known.exptime));
        match known.unique {
            Some(unique) => assert_eq!(hit.unique, unique, "the unique changed by itself"),
            None if hit.unique == 0 || !hit.unique_returned => {}
            None => {
                assert!(self.uniques_returned.insert(hit.unique), "a unique was told twice");
                known.unique = Some(hit.unique);
            }
        }
    }
}

/// An item as the store shows it.
#[derive(Debug)]
pub struct Hit {
    value: Vec<u8>,
    flags: u32,
    exptime: u32,
    unique: u64,
    unique_returned: bool,
}

impl Hit {
    /// Copies `item`. `unique_returned` says whether the request returned its cas unique.
    pub fn of(item: &ItemRef<'_>, key: &[u8], unique_returned: bool) -> Self {
        assert_eq!(item.key(), key);
        let value: Vec<u8> = item.value_parts().flatten().copied().collect();
        assert_eq!(value.len(), item.value_len());
        assert!(item.value().is_none_or(|whole| whole == value));
        assert_eq!(item.value().is_none(), item.is_chained());
        let (flags, exptime, unique) = (item.flags(), item.exptime(), item.cas());
        Self { value, flags, exptime, unique, unique_returned }
    }
}

/// The outcome of a storage command on this old item, and the item stored then.
pub fn expected(
    verb: StoreVerb,
    old: Option<&ModelItem>,
    new: &ModelItem,
) -> (StoreOutcome, Option<ModelItem>) {
    let join = |old: &ModelItem, front: &[u8], back: &[u8]| {
        let value = [front, back].concat();
        (StoreOutcome::Stored, Some(ModelItem { value, unique: None, ..old.clone() }))
    };
    match (verb, old) {
        (StoreVerb::Set, _) | (StoreVerb::Add, None) | (StoreVerb::Replace, Some(_)) => {
            (StoreOutcome::Stored, Some(new.clone()))
        }
        (StoreVerb::Append, Some(old)) => join(old, &old.value, &new.value),
        (StoreVerb::Prepend, Some(old)) => join(old, &new.value, &old.value),
        (StoreVerb::Cas(_), None) => (StoreOutcome::NotFound, None),
        (StoreVerb::Cas(unique), Some(old)) if old.unique == Some(unique) => {
            (StoreOutcome::Stored, Some(new.clone()))
        }
        (StoreVerb::Cas(_), Some(_)) => (StoreOutcome::Exists, None),
        (StoreVerb::Add, Some(_)) => (StoreOutcome::NotStored, None),
        (StoreVerb::Replace | StoreVerb::Append | StoreVerb::Prepend, None) => {
            (StoreOutcome::NotStored, None)
        }
    }
}

/// The number after a change, and its two possible texts: padded in place, and exact.
pub fn changed_number(value: &[u8], delta: Delta) -> Option<(u64, Vec<u8>, Vec<u8>)> {
    let text = std::str::from_utf8(value).ok()?;
    let word = text.trim_start().split(' ').next()?;
    let number = if word.starts_with('-') { None } else { word.parse::<u64>().ok() }?;
    let number = match delta {
        Delta::Incr(by) => number.wrapping_add(by),
        Delta::Decr(by) => number.saturating_sub(by),
    };
    let exact = number.to_string();
    let padded = format!("{exact:<length$}", length = value.len());
    Some((number, padded.into_bytes(), exact.into_bytes()))
}
