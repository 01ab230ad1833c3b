//! Values that arrive in pieces: those under way, by whose connections they are.

use alloc::boxed::Box;
use alloc::vec::Vec;

use slabcore_protocol::{StoreForm, StoreRequest};
use slabcore_storage::{HashedKey, Reservation};

use crate::limits::{KEY_BYTES_MAX, SPARE_UPLOADS_MAX};

/// Names an upload: the shard whose connection sends it, and that shard's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadId {
    /// Shard of the connection.
    pub source: u8,
    /// Number chosen by the source; free again after its end.
    pub number: u32,
}

/// One value on its way.
pub(crate) struct Upload {
    pub(crate) key: [u8; KEY_BYTES_MAX],
    pub(crate) key_bytes: u8,
    /// The key's.
    pub(crate) hash: u64,
    /// The command line, without its key and meta flags.
    pub(crate) head: StoreRequest<'static>,
    /// The flags of an ms, as far as anybody needs them.
    pub(crate) meta: Vec<u8>,
    /// `None` once memory ran out: the rest of the value is dropped.
    pub(crate) reservation: Option<Reservation>,
}

impl Upload {
    /// The key with its hash, as they were when the upload began.
    pub(crate) fn hashed_key(&self) -> HashedKey<'_> {
        HashedKey::rejoin(&self.key[..usize::from(self.key_bytes)], self.hash)
    }

    /// The command, as its line was.
    pub(crate) fn store(&self) -> StoreRequest<'_> {
        let form = match self.head.form {
            StoreForm::Meta(_) => StoreForm::Meta(&self.meta),
            form => form,
        };
        StoreRequest { key: self.hashed_key().key(), form, ..self.head }
    }
}

/// The uploads of one shard by source and number.
#[derive(Default)]
pub(crate) struct Uploads {
    by_source: Vec<Vec<Option<Box<Upload>>>>,
    /// Ended ones, for the next: a set cut by the end of a buffer is an upload, too.
    #[expect(clippy::vec_box, reason = "the boxes are what is kept")]
    spares: Vec<Box<Upload>>,
}

impl Uploads {
    pub(crate) fn new(shards: usize) -> Self {
        Self { by_source: (0..shards).map(|_| Vec::new()).collect(), spares: Vec::new() }
    }

    pub(crate) fn slot(&mut self, id: UploadId) -> &mut Option<Box<Upload>> {
        let numbers = &mut self.by_source[usize::from(id.source)];
        let index = id.number as usize;
        if index >= numbers.len() {
            numbers.resize_with(index + 1, || None);
        }
        &mut numbers[index]
    }

    pub(crate) fn begin(&mut self, id: UploadId, upload: Upload) {
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

    pub(crate) fn take(&mut self, id: UploadId) -> Box<Upload> {
        self.slot(id).take().expect("an upload ends once")
    }

    pub(crate) fn recycle(&mut self, ended: Box<Upload>) {
        debug_assert!(ended.reservation.is_none());
        if self.spares.len() < SPARE_UPLOADS_MAX {
            self.spares.push(ended);
        }
    }
}
