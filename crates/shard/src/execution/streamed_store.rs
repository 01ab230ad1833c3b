//! Stores values that arrive in pieces, from connections of this core or another. Each piece is
//! written into the reservation of its item.

use alloc::vec::Vec;

use slabcore_metrics::Counter;
use slabcore_protocol::{
    META_FLAGS_BYTES_MAX, MetaFlags, Reply, StoreForm, StoreRequest, error_lines,
};
use slabcore_storage::{Expiry, HashedKey, Reservation, StoreOutcome};

use crate::execution::finished_store::store_verb;
use crate::execution::shard::Shard;
use crate::execution::uploads::Upload;
use crate::limits::KEY_BYTES_MAX;
use crate::requests::clock::Now;
use crate::requests::response::Response;
use crate::requests::upload_id::UploadId;

impl Shard {
    /// Starts an upload: reserves the first chunk of the item; further chunks are reserved as the
    /// value's bytes arrive.
    pub fn upload_begin(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        id: UploadId,
        store: &StoreRequest<'_>,
    ) {
        self.hot_keys.note(now, key);
        self.detail.note_store(&self.metrics, store);
        let reservation = self
            .store
            .reserve(
                now.moment(),
                key,
                store.flags,
                Expiry::at(now.store_expiry(store)),
                store.value_bytes as usize,
            )
            .ok();
        let mut key_room = [0; KEY_BYTES_MAX];
        key_room[..key.key().len()].copy_from_slice(key.key());
        let mut meta = Vec::new();
        let form = match store.form {
            StoreForm::Classic => StoreForm::Classic,
            StoreForm::Binary(echo) => StoreForm::Binary(echo),
            StoreForm::Meta(text) => {
                MetaFlags::from_validated(text).append_kept(&mut meta);
                assert!(meta.len() <= META_FLAGS_BYTES_MAX, "what an upload keeps is bounded");
                StoreForm::Meta(&[])
            }
        };
        let head = StoreRequest {
            verb: store.verb,
            key: &[],
            flags: store.flags,
            exptime: store.exptime,
            value_bytes: store.value_bytes,
            cas_unique: store.cas_unique,
            noreply: store.noreply,
            form,
        };
        let upload = Upload {
            key: key_room,
            key_bytes: key.key().len() as u8,
            hash: key.hash(),
            head,
            meta,
            reservation,
        };
        self.uploads.begin(id, upload);
    }

    /// Takes the next bytes of the value; in sum never more than announced.
    pub fn upload_bytes(&mut self, now: Now, id: UploadId, mut bytes: &[u8]) {
        let upload = self.uploads.slot(id).as_mut().expect("an upload has begun");
        while !bytes.is_empty() {
            let Some(reservation) = upload.reservation.as_mut() else { return };
            let Ok(spare) = self.store.spare(now.moment(), reservation) else {
                let failed = upload.reservation.take().expect("checked above");
                self.store.give_up(failed);
                return;
            };
            let count = spare.len().min(bytes.len());
            assert!(count > 0, "a value has no more bytes than announced");
            spare[..count].copy_from_slice(&bytes[..count]);
            self.store.advance(reservation, count);
            bytes = &bytes[count..];
        }
    }

    /// Ends an upload whose bytes have all arrived. `good`: the data block ended correctly. Appends
    /// the reply to `out`, if given.
    pub fn upload_end(&mut self, now: Now, id: UploadId, good: bool, out: Option<&mut Vec<u8>>) {
        let mut upload = self.uploads.take(id);
        let reservation = upload.reservation.take();
        let store = upload.store();
        if self.watch_log.is_on() && good {
            self.watch_log.show_look(&self.store, now, upload.hashed_key());
            if reservation.is_none() {
                self.watch_log.show_outcome(
                    &self.store,
                    now,
                    upload.hashed_key(),
                    &store,
                    StoreOutcome::NoMemory,
                );
            }
        }
        let response = match reservation {
            None if let StoreForm::Binary(echo) = store.form => {
                self.binary_without_memory(now, upload.hashed_key(), &store, echo)
            }
            None => {
                self.metrics.add(Counter::StoreNoMemory, 1);
                self.drop_old(now, upload.hashed_key(), &store);
                Response::Line(Reply::Error(if good {
                    error_lines::OUT_OF_MEMORY_STORING
                } else {
                    error_lines::BAD_DATA_CHUNK
                }))
            }
            Some(reservation) if good => self.commit(now, upload.hashed_key(), &store, reservation),
            Some(reservation) => {
                self.count_set_in_vain(now, upload.hashed_key(), &store);
                self.store.abandon(reservation);
                Response::Line(Reply::Error(error_lines::BAD_DATA_CHUNK))
            }
        };
        if let Some(out) = out {
            response.encode(out);
        }
        self.uploads.recycle(upload);
    }

    fn commit<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'a>,
        reservation: Reservation,
    ) -> Response<'a> {
        if let StoreForm::Binary(echo) = store.form {
            let outcome = if self.is_joined_to_another(now, key, store) {
                self.store.abandon(reservation);
                StoreOutcome::Exists
            } else {
                self.store.commit(now.moment(), reservation, store_verb(store))
            };
            return self.binary_stored(now, key, store, echo, outcome);
        }
        let Some(flags) = store.meta() else {
            let outcome = self.store.commit(now.moment(), reservation, store_verb(store));
            return Response::Line(self.stored(now, key, store, outcome));
        };
        let plan = self.plan_meta_store(now, key, store, flags);
        let outcome = match &plan {
            Ok(plan) => self.store.commit(now.moment(), reservation, plan.verb),
            Err(outcome) => {
                self.store.abandon(reservation);
                *outcome
            }
        };
        self.meta_stored(now, key, store, flags, plan.ok(), outcome)
    }

    /// Drops the upload of a connection that ended; the old item stays.
    pub fn upload_abandon(&mut self, id: UploadId) {
        let mut upload = self.uploads.take(id);
        if let Some(reservation) = upload.reservation.take() {
            self.store.abandon(reservation);
        }
        self.uploads.recycle(upload);
    }
}
