//! Which items a dump shows, and how.

/// A set of slab classes: bit n is class n, 1 to 63. `Err` is the error line for a wrong list; it
/// is sent only if the command is allowed.
pub type SlabClasses = Result<u64, &'static [u8]>;

/// The set of all slab classes.
pub const ALL_SLAB_CLASSES: u64 = !1;

/// How a dump shows an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFormat {
    /// `metadump`: the key and all facts of the item.
    Meta,
    /// `mgdump`: an `mg` command for each key.
    Requests,
    /// `stats cachedump`: key, length and exptime.
    Cache,
}
