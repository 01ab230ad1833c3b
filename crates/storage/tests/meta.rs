//! The marks, exptimes and uniques that meta commands set, compared with a map. Nothing is evicted.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use slabcore_storage::{
    Amendment, Config, Delta, Expiry, KeyHasher, Marks, Moment, NewItem, NewUnique, PAGE_BYTES,
    PagePool, ReadTerms, Region, Store, StoreOutcome, StoreVerb,
};

/// Size of the search. Miri is slow, so it runs little.
const CASES: u32 = if cfg!(miri) { 1 } else { 256 };
const OPS_MAX: usize = if cfg!(miri) { 15 } else { 100 };
const PAGES: usize = if cfg!(miri) { 60 } else { 600 };

const NOW: u32 = 100;

/// The item of a key in the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    marks: Marks,
    exptime: u32,
    fetched: bool,
    /// The unique that was read or set.
    unique: Option<u64>,
}

#[derive(Clone, Debug)]
enum Op {
    Store { key: u8, len: usize, exptime: u32, verb: StoreVerb },
    Number { key: u8 },
    Arithmetic { key: u8, delta: u64 },
    Read { key: u8, terms: ReadTerms },
    Amend { key: u8, amendment: Amendment },
    Delete { key: u8 },
}

fn exptimes() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0_u32), 200..210_u32]
}

fn marks() -> impl Strategy<Value = Marks> {
    any::<(bool, bool, bool)>().prop_map(|(stale, claimed, key_encoded)| Marks {
        stale,
        claimed,
        key_encoded,
    })
}

fn ops() -> impl Strategy<Value = Op> {
    let lengths = prop_oneof![4 => 0..100_usize, 1 => 100..40_000_usize];
    let verbs = prop::sample::select(vec![StoreVerb::Set, StoreVerb::Add, StoreVerb::Append]);
    let uniques = prop_oneof![
        2 => Just(NewUnique::Keep),
        1 => Just(NewUnique::Renew),
        1 => (1_000_000..1_000_003_u64).prop_map(NewUnique::Set),
    ];
    let amendments = (prop::option::of(marks()), prop::option::of(exptimes()), uniques);
    let terms = (any::<(bool, bool, bool)>(), prop::option::of(exptimes()), 0..220_u32);
    prop_oneof![
        4 => (0..6_u8, lengths, exptimes(), verbs)
            .prop_map(|(key, len, exptime, verb)| Op::Store { key, len, exptime, verb }),
        1 => (0..6_u8).prop_map(|key| Op::Number { key }),
        2 => (0..6_u8, 0..40_u64).prop_map(|(key, delta)| Op::Arithmetic { key, delta }),
        5 => (0..6_u8, terms).prop_map(|(key, ((unseen, with_cas, after), exptime, recache))| {
            let with_idle = true;
            let recache_after_touch = after;
            let terms =
                ReadTerms {
                    unseen,
                    expiry: exptime.map(Expiry::at),
                    with_cas,
                    recache,
                    recache_after_touch,
                    with_idle,
                    again: false,
                };
            Op::Read { key, terms }
        }),
        5 => (0..6_u8, amendments, any::<(bool, bool)>())
            .prop_map(|(key, (marks, exptime, unique), (with_cas, is_read))| {
                let expiry = exptime.map(Expiry::at);
                let amendment = Amendment { marks, expiry, unique, with_cas, is_read };
                Op::Amend { key, amendment }
            }),
        1 => (0..6_u8).prop_map(|key| Op::Delete { key }),
    ]
}

struct Pair {
    store: Store,
    hasher: KeyHasher,
    model: BTreeMap<u8, Known>,
}

impl Pair {
    fn new() -> Self {
        let pool = PagePool::new(Region::new(Box::new(vec![0xa5_u8; PAGES * PAGE_BYTES])));
        let hasher = KeyHasher::new(7);
        let config = Config { fair_share_pages: PAGES, ..Config::default() };
        let store = Store::new(&config, Arc::new(pool), hasher.clone()).expect("pages");
        Self { store, hasher, model: BTreeMap::new() }
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Store { key, len, exptime, verb } => {
                self.store(key, &vec![b'x'; len], exptime, verb);
            }
            Op::Number { key } => self.store(key, b"95", 0, StoreVerb::Set),
            Op::Arithmetic { key, delta } => {
                let text = [key];
                let hashed = self.hasher.hash(&text);
                let before = self.store.peek(Moment::at(NOW), hashed).map(|item| item.value_len());
                if self.store.arithmetic(Moment::at(NOW), hashed, Delta::Incr(delta)).is_ok() {
                    let item = self.store.peek(Moment::at(NOW), hashed).expect("it was there");
                    let known = self.model.get_mut(&key).expect("a hit is known");
                    known.unique = None;
                    if before != Ok(item.value_len()) {
                        *known = Known { exptime: known.exptime, ..Known::default() };
                    }
                }
            }
            Op::Read { key, ref terms } => self.read(key, terms),
            Op::Amend { key, ref amendment } => self.amend(key, amendment),
            Op::Delete { key } => {
                let deleted = self.store.delete(Moment::at(NOW), self.hasher.hash(&[key]));
                assert_eq!(deleted.is_ok(), self.model.remove(&key).is_some());
            }
        }
        self.compare();
    }

    fn store(&mut self, key: u8, value: &[u8], exptime: u32, verb: StoreVerb) {
        let text = [key];
        let item =
            NewItem { key: self.hasher.hash(&text), value, flags: 0, expiry: Expiry::at(exptime) };
        if self.store.store(Moment::at(NOW), &item, verb) == StoreOutcome::Stored {
            let kept = self.model.get(&key).filter(|_| verb == StoreVerb::Append);
            let exptime = kept.map_or(exptime, |known| known.exptime);
            self.model.insert(key, Known { exptime, ..Known::default() });
        }
    }

    fn read(&mut self, key: u8, terms: &ReadTerms) {
        let found = self.store.read(Moment::at(NOW), self.hasher.hash(&[key]), terms);
        let Some(known) = self.model.get_mut(&key) else { return assert!(found.is_err()) };
        let hit = found.expect("a known item is a hit");
        assert_eq!((hit.marks, hit.exptime), (known.marks, known.exptime));
        assert_eq!((hit.fetched, hit.idle), (known.fetched, 0));
        assert!(known.unique.is_none_or(|unique| hit.cas == unique));
        let after = terms.expiry.map_or(known.exptime, Expiry::tick);
        let compared = if terms.recache_after_touch { after } else { known.exptime };
        let is_due = compared != 0 && compared < terms.recache;
        assert_eq!(hit.won, !known.marks.claimed && (known.marks.stale || is_due));
        known.marks.claimed |= hit.won;
        known.exptime = after;
        known.fetched |= !terms.unseen;
        if terms.with_cas {
            known.unique = Some(hit.item.cas());
        }
    }

    fn amend(&mut self, key: u8, amendment: &Amendment) {
        let found = self.store.amend(Moment::at(NOW), self.hasher.hash(&[key]), amendment);
        let Some(known) = self.model.get_mut(&key) else { return assert!(found.is_none()) };
        let item = found.expect("a known item is there");
        known.marks = amendment.marks.unwrap_or(known.marks);
        known.exptime = amendment.expiry.map_or(known.exptime, Expiry::tick);
        known.fetched |= amendment.is_read;
        match amendment.unique {
            NewUnique::Keep => {}
            NewUnique::Renew => {
                assert!(known.unique.is_none_or(|unique| unique != item.cas()));
                known.unique = None;
            }
            NewUnique::Set(unique) => known.unique = Some(unique),
        }
        if amendment.with_cas {
            assert!(item.cas() != 0 && known.unique.is_none_or(|unique| unique == item.cas()));
            known.unique = Some(item.cas());
        }
    }

    fn compare(&mut self) {
        for (key, known) in &self.model {
            let item = self.store.peek(Moment::at(NOW), self.hasher.hash(&[*key]));
            let item = item.expect("a known item is there");
            assert_eq!((item.marks(), item.exptime()), (known.marks, known.exptime));
            assert_eq!(item.is_fetched(), known.fetched);
            assert!(known.unique.is_none_or(|unique| item.cas() == unique));
        }
        // Under Miri a recount takes half a minute.
        if !cfg!(miri) {
            self.store.check().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn marks_exptimes_and_uniques_are_those_last_given(
        ops in prop::collection::vec(ops(), 1..OPS_MAX),
    ) {
        let mut pair = Pair::new();
        for op in &ops {
            pair.step(op);
        }
    }
}

#[test]
fn an_older_unique_is_below_the_next_one() {
    let mut pair = Pair::new();
    pair.store(1, b"x", 0, StoreVerb::Set);
    assert!(pair.store.is_older_unique(1, 0));
    assert!(!pair.store.is_older_unique(0, 0) && !pair.store.is_older_unique(1_000, 0));
    pair.read(1, &ReadTerms { with_cas: true, ..ReadTerms::default() });
    let unique = pair.model[&1].unique.expect("it was told");
    pair.store(1, b"y", 0, StoreVerb::Set);
    assert!(pair.store.is_older_unique(unique, 0), "the new value would get a later one");
    assert!(pair.store.is_older_unique(4, 5) && !pair.store.is_older_unique(5, 5));
}
