//! The uploads under way: values that arrive in pieces.

use alloc::boxed::Box;
use alloc::vec::Vec;

use slabcore_protocol::{StoreForm, StoreRequest};
use slabcore_storage::{HashedKey, Reservation};

use crate::limits::{KEY_BYTES_MAX, SPARE_UPLOADS_MAX};
use crate::requests::shard_id::ShardId;
use crate::requests::upload_id::UploadId;

/// A value that arrives in pieces.
pub(super) struct Upload {
    pub(super) key: [u8; KEY_BYTES_MAX],
    pub(super) key_bytes: u8,
    /// Hash of the key.
    pub(super) hash: u64,
    /// The command without its key and its meta flags.
    pub(super) head: StoreRequest<'static>,
    /// Those flags of an ms that its execution and its reply need.
    pub(super) meta: Vec<u8>,
    /// `None` after memory ran out; the rest of the value is dropped.
    pub(super) reservation: Option<Reservation>,
}

impl Upload {
    /// The key, with the hash that the router made when the upload began.
    pub(super) fn hashed_key(&self) -> HashedKey<'_> {
        HashedKey::rejoin(&self.key[..usize::from(self.key_bytes)], self.hash)
    }

    /// The whole command.
    pub(super) fn store(&self) -> StoreRequest<'_> {
        let form = match self.head.form {
            StoreForm::Meta(_) => StoreForm::Meta(&self.meta),
            form => form,
        };
        StoreRequest { key: self.hashed_key().key(), form, ..self.head }
    }
}

/// The uploads of one shard by source and number.
#[derive(Default)]
pub(super) struct Uploads {
    by_source: Vec<Vec<Option<Box<Upload>>>>,
    /// Ended uploads to be used again: each set that is cut by the end of a buffer is an upload.
    #[expect(clippy::vec_box, reason = "the boxes are what is kept")]
    spares: Vec<Box<Upload>>,
}

impl Uploads {
    pub(super) fn new(shards: usize) -> Self {
        Self { by_source: (0..shards).map(|_| Vec::new()).collect(), spares: Vec::new() }
    }

    pub(super) fn slot(&mut self, id: UploadId) -> &mut Option<Box<Upload>> {
        let numbers = &mut self.by_source[id.source.index()];
        let index = id.number as usize;
        if index >= numbers.len() {
            numbers.resize_with(index + 1, || None);
        }
        &mut numbers[index]
    }

    pub(super) fn begin(&mut self, id: UploadId, upload: Upload) {
        let boxed = match self.spares.pop() {
            Some(mut spare) => {
                *spare = upload;
                spare
            }
            None => Box::new(upload),
        };
        let slot = self.slot(id);
        assert!(slot.is_none(), "an upload number is free when it starts");
        *slot = Some(boxed);
    }

    /// The uploads under way.
    pub(super) fn ids(&self) -> Vec<UploadId> {
        let sources = ShardId::first(self.by_source.len()).zip(&self.by_source);
        let ids = sources.flat_map(|(source, numbers)| {
            let used = numbers.iter().enumerate().filter(|(_, upload)| upload.is_some());
            used.map(move |(number, _)| UploadId { source, number: number as u32 })
        });
        ids.collect()
    }

    pub(super) fn take(&mut self, id: UploadId) -> Box<Upload> {
        self.slot(id).take().expect("an upload ends once")
    }

    /// Takes all uploads: those whose values they are have gone.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Upload> {
        self.by_source.iter_mut().flatten().filter_map(|slot| slot.take().map(|boxed| *boxed))
    }

    pub(super) fn recycle(&mut self, ended: Box<Upload>) {
        debug_assert!(ended.reservation.is_none());
        if self.spares.len() < SPARE_UPLOADS_MAX {
            self.spares.push(ended);
        }
    }
}
