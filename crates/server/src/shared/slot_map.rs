//! Values by connection id: an index that is used again, and a generation that is not.
//!
//! The index that was freed last is used first, so the map has no more slots than were ever in use
//! at once. The generation tells a value from the earlier ones at its index: a late reply finds
//! nothing instead of a stranger. Generations repeat after 2^32 insertions.

use slab::Slab;

use crate::connection::ConnectionId;

/// A map from connection ids to values.
#[derive(Debug)]
pub(crate) struct SlotMap<T> {
    slots: Slab<MapSlot<T>>,
    /// Generation of the next value.
    next_generation: u32,
    /// All indices ever used are below this.
    indices_end: u32,
}

#[derive(Debug)]
struct MapSlot<T> {
    generation: u32,
    value: T,
}

impl<T> Default for SlotMap<T> {
    fn default() -> Self {
        Self { slots: Slab::new(), next_generation: 0, indices_end: 0 }
    }
}

impl<T> SlotMap<T> {
    /// Inserts the value that `make` makes for its id.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(ConnectionId) -> T) -> ConnectionId {
        let slot = self.slots.vacant_entry();
        let index = u32::try_from(slot.key()).expect("fewer than 2^32 values exist at once");
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        self.indices_end = self.indices_end.max(index + 1);
        let id = ConnectionId { index, generation };
        slot.insert(MapSlot { generation, value: make(id) });
        id
    }

    /// Takes the value at an index out, if there is one.
    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        self.slots.try_remove(index as usize).map(|slot| slot.value)
    }

    /// The value at an index.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.slots.get(index as usize).map(|slot| &slot.value)
    }

    /// The value at an index.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slots.get_mut(index as usize).map(|slot| &mut slot.value)
    }

    /// The value with this id; `None` once it was removed, also if its index is used again.
    #[inline]
    pub(crate) fn find_mut(&mut self, id: ConnectionId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        (slot.generation == id.generation).then_some(&mut slot.value)
    }

    /// How many values there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is no value.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All values in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().map(|(index, slot)| (index as u32, &slot.value))
    }

    /// All indices in use, in order.
    pub(crate) fn indices(&self) -> Vec<u32> {
        self.iter().map(|(index, _)| index).collect()
    }

    /// One more than the highest index that was ever used.
    pub(crate) fn indices_end(&self) -> u32 {
        self.indices_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_used_again_and_an_id_is_not() {
        let mut map = SlotMap::default();
        let [first, second] = ["first", "second"].map(|value| map.insert_with(|_| value));
        assert_eq!([first.index, second.index], [0, 1]);
        assert_eq!(map.remove(first.index), Some("first"));
        assert_eq!(map.remove(first.index), None);
        assert_eq!((map.len(), map.indices()), (1, vec![1]));
        let third = map.insert_with(|_| "third");
        assert_eq!(third.index, first.index);
        assert_eq!(map.find_mut(first), None);
        assert_eq!(map.find_mut(third), Some(&mut "third"));
        assert_eq!(map.get(third.index), Some(&"third"));
        assert_eq!(map.indices_end(), 2);
    }

    #[test]
    fn a_value_knows_its_id() {
        let mut map = SlotMap::default();
        let id = map.insert_with(|id| id);
        assert_eq!(map.get_mut(id.index), Some(&mut id.clone()));
        assert!(map.get(7).is_none() && map.find_mut(ConnectionId { index: 7, ..id }).is_none());
    }

    /// A boxed value costs its pointer and 8 bytes.
    #[test]
    fn slots_are_small() {
        assert_eq!(size_of::<Option<MapSlot<Box<u64>>>>(), 16);
    }
}
