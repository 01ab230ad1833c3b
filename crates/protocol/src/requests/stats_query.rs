//! Questions about the server: what `stats` asks. An answer changes nothing.

use crate::words::line_words::split_at_blank;

/// Which statistics a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsQuery<'a> {
    /// `stats`.
    General,
    /// `stats items`.
    Items,
    /// `stats slabs`.
    Slabs,
    /// `stats sizes`.
    Sizes,
    /// `stats settings`.
    Settings,
    /// `stats conns`.
    Connections,
    /// `stats extstore`.
    ExternalStorage,
    /// `stats detail dump`: counts by the prefix of the key.
    Prefixes,
    /// `stats detail` with another word than `on`, `off` or `dump`.
    UnreadableDetail,
    /// `stats cachedump`: the items of a slab class.
    Cachedump {
        /// Number of the slab class, 0 to 63.
        class: u32,
        /// Most lines to show; `None`: no limit.
        lines_max: Option<u32>,
    },
    /// `stats cachedump` with wrong words: the error line.
    UnreadableCachedump(&'static [u8]),
    /// `stats slabcore`: statistics that memcached does not have.
    Slabcore,
    /// `stats latency`: how long requests took.
    Latency,
    /// `stats shards`: each shard by itself.
    Shards,
    /// `stats hotkeys`: the keys that are asked for most often.
    HotKeys,
    /// `stats mrc`: predicted hit ratios with other sizes of the memory.
    MissRatioCurve,
    /// `stats slabcore owner <key>+`: the shard of each key.
    Owners {
        /// Blank-separated keys.
        keys: &'a [u8],
    },
    /// Statistics that do not exist.
    Unknown,
}

impl<'a> StatsQuery<'a> {
    /// The query of these words, which text and binary requests write the same; `None` if they do
    /// not name one.
    pub(crate) fn named(words: &'a [u8]) -> Option<Self> {
        Some(match words {
            b"" => Self::General,
            b"items" => Self::Items,
            b"slabs" => Self::Slabs,
            b"sizes" => Self::Sizes,
            b"settings" => Self::Settings,
            b"slabcore" => Self::Slabcore,
            b"latency" => Self::Latency,
            b"shards" => Self::Shards,
            b"hotkeys" => Self::HotKeys,
            b"mrc" => Self::MissRatioCurve,
            _ => Self::Owners { keys: words.strip_prefix(b"slabcore owner ")? },
        })
    }

    /// As [`Self::named`], for the three whose further words count for nothing.
    pub(crate) fn named_first(words: &'a [u8]) -> Option<Self> {
        match split_at_blank(words).0 {
            b"items" => Some(Self::Items),
            b"slabs" => Some(Self::Slabs),
            b"sizes" => Some(Self::Sizes),
            _ => None,
        }
    }
}
