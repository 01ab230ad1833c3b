//! Executes `ms`: a storage command that can also compare, create, set the cas unique and mark the
//! item as stale.

use slabcore_protocol::{
    ItemFacts, MetaFlags, MetaReply, MetaStatus, Reply, StoreRequest, Verb, error_lines,
};
use slabcore_storage::{
    Amendment, Expiry, HashedKey, Hit, Marks, NewItem, StoreOutcome, StoreVerb,
};

use crate::execution::finished_store::store_verb;
use crate::execution::meta_item::named_unique;
use crate::execution::shard::Shard;
use crate::requests::clock::Now;
use crate::requests::response::Response;

/// How the store executes an ms whose own conditions hold.
#[derive(Clone, Copy)]
pub(super) struct MetaStorePlan {
    pub(super) verb: StoreVerb,
    /// Marks of the stored item.
    marks: Marks,
    /// Expiry that replaces the request's.
    expiry: Option<Expiry>,
}

impl Shard {
    /// Executes an ms with its whole value.
    pub(super) fn meta_store<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'a>,
        flags: MetaFlags<'a>,
        value: &[u8],
    ) -> Response<'a> {
        let plan = self.plan_meta_store(now, key, store, flags);
        let outcome = match &plan {
            Err(outcome) => *outcome,
            Ok(plan) => {
                let expiry = Expiry::at(now.expiry(store.exptime));
                let item = NewItem { key, value, flags: store.flags, expiry };
                self.store.store(now.moment(), &item, plan.verb)
            }
        };
        self.meta_stored(now, key, store, flags, plan.ok(), outcome)
    }

    /// Checks the conditions that only ms has against the current item; `Err`: nothing is stored.
    pub(super) fn plan_meta_store(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'_>,
        flags: MetaFlags<'_>,
    ) -> Result<MetaStorePlan, StoreOutcome> {
        let verb = store_verb(store);
        let marks = Marks { key_encoded: flags.has(b'b'), ..Marks::default() };
        let plan = MetaStorePlan { verb, marks, expiry: None };
        match store.verb {
            Verb::Append | Verb::Prepend => {
                let Ok(old) = self.store.peek(now.moment(), key) else {
                    let created = MetaStorePlan { verb: StoreVerb::Set, ..plan };
                    return if flags.has(b'N') {
                        Ok(created)
                    } else {
                        Err(StoreOutcome::NotStored)
                    };
                };
                if flags.number(b'C').is_some_and(|unique| unique != 0 && unique != old.cas()) {
                    return Err(StoreOutcome::Exists);
                }
                Ok(MetaStorePlan { marks: Marks::default(), ..plan })
            }
            Verb::Cas if flags.has(b'I') => {
                let Ok(old) = self.store.peek(now.moment(), key) else {
                    return Ok(plan);
                };
                let (cas, expiry, claimed) = (old.cas(), old.expiry(), old.marks().claimed);
                if store.cas_unique == cas || !self.store.is_older_unique(store.cas_unique, cas) {
                    return Ok(plan);
                }
                // The value is older than the current one: it is stored, marked as stale.
                let marks = Marks { stale: true, claimed, ..marks };
                Ok(MetaStorePlan { verb: StoreVerb::Set, marks, expiry: Some(expiry) })
            }
            _ => Ok(plan),
        }
    }

    /// Counts a finished ms, applies what the store does not do itself, and makes the reply.
    pub(super) fn meta_stored<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'a>,
        flags: MetaFlags<'a>,
        plan: Option<MetaStorePlan>,
        outcome: StoreOutcome,
    ) -> Response<'a> {
        let status = match self.stored(now, key, store, outcome) {
            Reply::Stored => MetaStatus::Done,
            Reply::NotStored => MetaStatus::NotStored,
            Reply::Exists => MetaStatus::Exists,
            Reply::NotFound => MetaStatus::NotFound,
            error => return Response::Line(error),
        };
        let (mut cas, mut value_bytes) = (0, store.value_bytes as usize);
        if let Some(plan) = plan.filter(|_| status == MetaStatus::Done) {
            if plan.marks.stale {
                self.store.count_hit(key, Hit::Cas);
            }
            let amendment = Amendment {
                marks: (plan.marks != Marks::default()).then_some(plan.marks),
                expiry: plan.expiry,
                unique: named_unique(flags),
                with_cas: flags.has(b'c'),
                is_read: false,
            };
            if needs_second_look(&amendment, flags) {
                match self.store.amend(now.moment(), key, &amendment) {
                    Some(item) => (cas, value_bytes) = (item.cas(), item.value_len()),
                    None => {
                        return Response::Line(Reply::Error(error_lines::OUT_OF_MEMORY_STORING));
                    }
                }
            }
        }
        let facts =
            ItemFacts { cas: Some(cas), value_bytes: Some(value_bytes), ..ItemFacts::default() };
        let reply = MetaReply { facts, ..MetaReply::new(status, flags, store.key) };
        Response::meta(reply, MetaStatus::Done)
    }
}

/// Whether there is anything to amend, or the reply shows a field of the stored item.
fn needs_second_look(amendment: &Amendment, flags: MetaFlags<'_>) -> bool {
    let shown = flags.has(b'c') || flags.has(b's');
    shown || flags.has(b'E') || amendment.marks.is_some() || amendment.expiry.is_some()
}
