//! The channels and patterns to which a connection has subscribed.

use std::collections::BTreeSet;

use crate::connection::record_bytes::{put_bytes, take_byte, take_bytes};
use crate::settings::limits::SUBSCRIBED_BYTES_MAX;

/// Bytes of memory of a name beside its own.
const NAME_OVERHEAD: usize = 64;

/// Whether a name is that of a channel, or a glob that names of channels match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    Channel,
    Pattern,
}

/// The channels and patterns to which a connection has subscribed.
#[derive(Debug, Default)]
pub(crate) struct SubscribedNames {
    channels: BTreeSet<Box<[u8]>>,
    patterns: BTreeSet<Box<[u8]>>,
    /// Their memory.
    bytes: usize,
}

/// What became of a name that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    New,
    Known,
    /// There is no room for it.
    Refused,
}

impl SubscribedNames {
    fn of(&mut self, naming: Naming) -> &mut BTreeSet<Box<[u8]>> {
        match naming {
            Naming::Channel => &mut self.channels,
            Naming::Pattern => &mut self.patterns,
        }
    }

    /// True if there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty()
    }

    /// How many channels and patterns there are together.
    pub(crate) fn len(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// How many channels there are.
    pub(crate) fn channels(&self) -> usize {
        self.channels.len()
    }

    /// How many patterns there are.
    pub(crate) fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// Adds a name.
    pub(crate) fn add(&mut self, naming: Naming, name: &[u8]) -> Added {
        if self.of(naming).contains(name) {
            return Added::Known;
        }
        let bytes = self.bytes + name.len() + NAME_OVERHEAD;
        if bytes > SUBSCRIBED_BYTES_MAX {
            return Added::Refused;
        }
        self.bytes = bytes;
        self.of(naming).insert(name.into());
        Added::New
    }

    /// Removes a name. False if it was not there.
    pub(crate) fn remove(&mut self, naming: Naming, name: &[u8]) -> bool {
        let was_there = self.of(naming).remove(name);
        if was_there {
            self.bytes -= name.len() + NAME_OVERHEAD;
        }
        was_there
    }

    /// Any name of this kind.
    pub(crate) fn first(&self, naming: Naming) -> Option<&[u8]> {
        let names = match naming {
            Naming::Channel => &self.channels,
            Naming::Pattern => &self.patterns,
        };
        names.first().map(|name| &**name)
    }

    /// All names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Naming, &[u8])> {
        let channels = self.channels.iter().map(|name| (Naming::Channel, &**name));
        channels.chain(self.patterns.iter().map(|name| (Naming::Pattern, &**name)))
    }

    /// Appends all names, for another process.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (naming, name) in self.iter() {
            out.push(if naming == Naming::Channel { 1 } else { 2 });
            put_bytes(out, name);
        }
        out.push(0);
    }

    /// Takes what [`Self::encode`] has appended.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut names = Self::default();
        loop {
            let naming = match take_byte(bytes)? {
                0 => return Some(names),
                1 => Naming::Channel,
                2 => Naming::Pattern,
                _ => return None,
            };
            names.add(naming, &take_bytes(bytes)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_and_limited() {
        let mut names = SubscribedNames::default();
        assert_eq!(names.add(Naming::Channel, b"a"), Added::New);
        assert_eq!(names.add(Naming::Channel, b"a"), Added::Known);
        assert_eq!(names.add(Naming::Pattern, b"a"), Added::New);
        assert_eq!((names.len(), names.channels(), names.patterns()), (2, 1, 1));
        let long = vec![b'x'; SUBSCRIBED_BYTES_MAX];
        assert_eq!(names.add(Naming::Channel, &long), Added::Refused);
        let mut bytes = Vec::new();
        names.encode(&mut bytes);
        let mut copy = SubscribedNames::decode(&mut &bytes[..]).expect("it is whole");
        assert!(copy.iter().eq(names.iter()));
        assert!(SubscribedNames::decode(&mut &bytes[..bytes.len() - 1]).is_none());
        assert!(copy.remove(Naming::Channel, b"a") && !copy.remove(Naming::Channel, b"a"));
        assert_eq!(
            (copy.first(Naming::Channel), copy.first(Naming::Pattern)),
            (None, Some(&b"a"[..]))
        );
        assert!(copy.remove(Naming::Pattern, b"a") && copy.is_empty() && copy.bytes == 0);
    }
}
