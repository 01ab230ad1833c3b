//! Values that are being sent part by part: kept in place until their last byte left.

use alloc::vec::Vec;

use slabcore_storage::Hold;

/// Names a held value of one shard; travels in batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldId(pub u32);

/// The holds of a shard by number; numbers are reused.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    slots: Vec<Option<Hold>>,
    free: Vec<u32>,
}

impl Holds {
    pub(crate) fn insert(&mut self, hold: Hold) -> HoldId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        assert!(slot.is_none(), "a free hold number is in use");
        *slot = Some(hold);
        HoldId(index)
    }

    pub(crate) fn get(&self, id: HoldId) -> &Hold {
        self.slots[id.0 as usize].as_ref().expect("a hold is read before its release")
    }

    pub(crate) fn remove(&mut self, id: HoldId) -> Hold {
        let hold = self.slots[id.0 as usize].take().expect("a hold is released once");
        self.free.push(id.0);
        hold
    }
}
