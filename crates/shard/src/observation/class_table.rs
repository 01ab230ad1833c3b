//! The table of slab classes of one shard, or of all shards together, for `stats items` and `stats
//! slabs`.

use alloc::vec::Vec;

use slabcore_protocol::encode_stat;
use slabcore_storage::{ClassStats, Moment, Store};

/// How the values of several shards are combined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Merge {
    /// Added up. `stats reset` sets it back to 0.
    Count,
    /// Added up.
    Sum,
    Max,
}

/// Where a column is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Items,
    Slabs,
}

struct Column {
    name: &'static str,
    table: Table,
    merge: Merge,
    value: fn(&ClassStats) -> u64,
}

const fn column(
    name: &'static str,
    table: Table,
    merge: Merge,
    value: fn(&ClassStats) -> u64,
) -> Column {
    Column { name, table, merge, value }
}

const COLUMNS: usize = 44;

/// Indexes of the segments.
const COLD: usize = 0;
const HOT: usize = 1;
const WARM: usize = 2;
const TEMP: usize = 3;

/// The columns in memcached's order. A column that is always 0 counts something that does not exist
/// here.
#[rustfmt::skip]
static TABLE: [Column; COLUMNS] = [
    column("number", Table::Items, Merge::Sum, |class| class.number),
    column("number_hot", Table::Items, Merge::Sum,
        |class| class.number_by_segment[HOT]),
    column("number_warm", Table::Items, Merge::Sum,
        |class| class.number_by_segment[WARM]),
    column("number_cold", Table::Items, Merge::Sum,
        |class| class.number_by_segment[COLD]),
    column("number_temp", Table::Items, Merge::Sum,
        |class| class.number_by_segment[TEMP]),
    column("age_hot", Table::Items, Merge::Max, |class| class.age_by_segment[HOT]),
    column("age_warm", Table::Items, Merge::Max, |class| class.age_by_segment[WARM]),
    column("age", Table::Items, Merge::Max, |class| class.age_by_segment[COLD]),
    column("mem_requested", Table::Items, Merge::Sum, |class| class.mem_requested),
    column("evicted", Table::Items, Merge::Count, |class| class.counters.evicted),
    column("evicted_nonzero", Table::Items, Merge::Count, |class| class.counters.evicted_nonzero),
    column("evicted_time", Table::Items, Merge::Max, |class| class.counters.evicted_time),
    column("outofmemory", Table::Items, Merge::Count, |class| class.counters.outofmemory),
    column("tailrepairs", Table::Items, Merge::Count, |_| 0),
    column("reclaimed", Table::Items, Merge::Count, |class| class.counters.reclaimed),
    column("expired_unfetched", Table::Items, Merge::Count,
        |class| class.counters.expired_unfetched),
    column("evicted_unfetched", Table::Items, Merge::Count,
        |class| class.counters.evicted_unfetched),
    column("evicted_active", Table::Items, Merge::Count, |class| class.counters.evicted_active),
    column("crawler_reclaimed", Table::Items, Merge::Count,
        |class| class.counters.crawler_reclaimed),
    column("crawler_items_checked", Table::Items, Merge::Count,
        |class| class.counters.crawler_items_checked),
    column("lrutail_reflocked", Table::Items, Merge::Count, |_| 0),
    column("moves_to_cold", Table::Items, Merge::Count, |class| class.counters.moves_to_cold),
    column("moves_to_warm", Table::Items, Merge::Count, |class| class.counters.moves_to_warm),
    column("moves_within_lru", Table::Items, Merge::Count, |class| class.counters.moves_within_lru),
    column("direct_reclaims", Table::Items, Merge::Count, |class| class.counters.direct_reclaims),
    column("hits_to_hot", Table::Items, Merge::Count,
        |class| class.counters.hits_by_segment[HOT]),
    column("hits_to_warm", Table::Items, Merge::Count,
        |class| class.counters.hits_by_segment[WARM]),
    column("hits_to_cold", Table::Items, Merge::Count,
        |class| class.counters.hits_by_segment[COLD]),
    column("hits_to_temp", Table::Items, Merge::Count,
        |class| class.counters.hits_by_segment[TEMP]),
    column("chunk_size", Table::Slabs, Merge::Max, |class| class.chunk_size),
    column("chunks_per_page", Table::Slabs, Merge::Max, |class| class.chunks_per_page),
    column("total_pages", Table::Slabs, Merge::Sum, |class| class.total_pages),
    column("total_chunks", Table::Slabs, Merge::Sum, |class| class.total_chunks),
    column("used_chunks", Table::Slabs, Merge::Sum, |class| class.used_chunks),
    column("free_chunks", Table::Slabs, Merge::Sum, |class| class.free_chunks),
    column("free_chunks_end", Table::Slabs, Merge::Sum, |_| 0),
    column("get_hits", Table::Slabs, Merge::Count, |class| class.counters.get_hits),
    column("cmd_set", Table::Slabs, Merge::Count, |class| class.counters.cmd_set),
    column("delete_hits", Table::Slabs, Merge::Count, |class| class.counters.delete_hits),
    column("incr_hits", Table::Slabs, Merge::Count, |class| class.counters.incr_hits),
    column("decr_hits", Table::Slabs, Merge::Count, |class| class.counters.decr_hits),
    column("cas_hits", Table::Slabs, Merge::Count, |class| class.counters.cas_hits),
    column("cas_badval", Table::Slabs, Merge::Count, |class| class.counters.cas_badval),
    column("touch_hits", Table::Slabs, Merge::Count, |class| class.counters.touch_hits),
];

/// Indexes of `number` and `total_pages`.
const NUMBER: usize = 0;
const TOTAL_PAGES: usize = 31;
/// Indexes of the evictions and of the time of the last evicted item. Without evictions since the
/// last reset that time is 0.
const EVICTED: usize = 9;
const EVICTED_TIME: usize = 11;

/// Columns of `stats items` about segments. memcached shows them only while its LRU maintainer
/// runs.
const OF_SEGMENTS: [&str; 14] = [
    "number_hot",
    "number_warm",
    "number_cold",
    "age_hot",
    "age_warm",
    "evicted_active",
    "moves_to_cold",
    "moves_to_warm",
    "moves_within_lru",
    "direct_reclaims",
    "hits_to_hot",
    "hits_to_warm",
    "hits_to_cold",
    "hits_to_temp",
];
/// The column that memcached shows only if there is also a TTL for temporary items.
const OF_TEMPORARY_ITEMS: &str = "number_temp";

/// Whether a row has a value above 0 in one of the wanted columns.
fn has_any(row: &[u64; COLUMNS], is_wanted: impl Fn(&Column) -> bool) -> bool {
    TABLE.iter().zip(row).any(|(column, value)| *value > 0 && is_wanted(column))
}

/// The optional columns of `stats items`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemColumns {
    /// Shows the columns about segments.
    pub segments: bool,
    /// Shows the column of temporary items.
    pub temporary: bool,
}

impl ItemColumns {
    /// Whether the column with this name is shown; those of `stats slabs` always are.
    pub fn has(self, name: &str) -> bool {
        match name {
            OF_TEMPORARY_ITEMS => self.segments && self.temporary,
            name => self.segments || !OF_SEGMENTS.contains(&name),
        }
    }
}

/// The table: a row for each slab class, a number for each column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassTable {
    /// Rows from class 1 on, as memcached numbers classes.
    classes: Vec<[u64; COLUMNS]>,
}

impl ClassTable {
    /// The table of one store.
    pub(crate) fn of(store: &Store, now: Moment) -> Self {
        let row = |class| {
            let stats = store.class_stats(now, class);
            core::array::from_fn(|index| (TABLE[index].value)(&stats))
        };
        Self { classes: store.classes().map(row).collect() }
    }

    /// This table, with the counts of `baseline` subtracted.
    #[must_use]
    pub(crate) fn since(mut self, baseline: &Self) -> Self {
        for (row, before) in self.classes.iter_mut().zip(&baseline.classes) {
            for ((cell, before), column) in row.iter_mut().zip(before).zip(&TABLE) {
                if column.merge == Merge::Count {
                    *cell -= before;
                }
            }
            if row[EVICTED] == 0 {
                row[EVICTED_TIME] = 0;
            }
        }
        self
    }

    /// Appends the table as little-endian words.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        for word in self.classes.iter().flatten() {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Merges a table that [`Self::append_to`] wrote.
    pub fn merge_bytes(&mut self, bytes: &[u8]) {
        let (words, _) = bytes.as_chunks::<8>();
        let (rows, _) = words.as_chunks::<COLUMNS>();
        let classes = rows.iter().map(|row| row.map(u64::from_le_bytes)).collect();
        self.merge(&Self { classes });
    }

    /// Appends the lines of `stats items`, without END. Classes without items and without counts
    /// are left out. A class that has lost its pages keeps its counts, so the sums over the classes
    /// are those of `stats`.
    pub fn encode_items(&self, out: &mut Vec<u8>, columns: ItemColumns) {
        let counts = |column: &Column| column.table == Table::Items && column.merge == Merge::Count;
        let is_shown = |row: &[u64; COLUMNS]| row[NUMBER] > 0 || has_any(row, counts);
        for (class, row) in (1..).zip(&self.classes).filter(|(_, row)| is_shown(row)) {
            for (column, value) in TABLE.iter().zip(row) {
                if column.table == Table::Items && columns.has(column.name) {
                    encode_stat(out, format_args!("items:{class}:{}", column.name), value);
                }
            }
        }
    }

    /// Appends the lines of `stats slabs`, without END. Classes without pages and without counts
    /// are left out. `malloced_bytes` is the value of `total_malloced`.
    pub fn encode_slabs(&self, out: &mut Vec<u8>, malloced_bytes: u64) {
        let mut active = 0_u64;
        let counts = |column: &Column| column.table == Table::Slabs && column.merge == Merge::Count;
        let is_shown = |row: &[u64; COLUMNS]| row[TOTAL_PAGES] > 0 || has_any(row, counts);
        for (class, row) in (1..).zip(&self.classes).filter(|(_, row)| is_shown(row)) {
            active += u64::from(row[TOTAL_PAGES] > 0);
            for (column, value) in TABLE.iter().zip(row) {
                if column.table == Table::Slabs {
                    encode_stat(out, format_args!("{class}:{}", column.name), value);
                }
            }
        }
        encode_stat(out, "active_slabs", active);
        encode_stat(out, "total_malloced", malloced_bytes);
    }

    /// The number of slab classes, unused ones included.
    #[expect(clippy::len_without_is_empty, reason = "a store has classes")]
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// The numbers of the classes with pages or counts; the first class is 1.
    pub fn active_classes(&self) -> impl Iterator<Item = usize> {
        let counts = |column: &Column| column.merge == Merge::Count;
        let is_active = move |row: &[u64; COLUMNS]| row[TOTAL_PAGES] > 0 || has_any(row, counts);
        (1..).zip(&self.classes).filter(move |(_, row)| is_active(row)).map(|(class, _)| class)
    }

    /// Whether there is a column with this name.
    pub fn has_column(name: &str) -> bool {
        TABLE.iter().any(|column| column.name == name)
    }

    /// The value of a class in the column with this name; 0 if there is none.
    pub fn value(&self, class: usize, name: &str) -> u64 {
        let column = TABLE.iter().position(|column| column.name == name);
        let row = class.checked_sub(1).and_then(|index| self.classes.get(index));
        row.zip(column).map_or(0, |(row, column)| row[column])
    }

    /// Merges the table of another shard.
    pub fn merge(&mut self, other: &Self) {
        if self.classes.len() < other.classes.len() {
            self.classes.resize(other.classes.len(), [0; COLUMNS]);
        }
        for (sum, row) in self.classes.iter_mut().zip(&other.classes) {
            for ((cell, value), column) in sum.iter_mut().zip(row).zip(&TABLE) {
                *cell = match column.merge {
                    Merge::Count | Merge::Sum => *cell + value,
                    Merge::Max => (*cell).max(*value),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    /// A table whose only class that is not all 0 has these values.
    fn table(class: usize, values: &[(&str, u64)]) -> ClassTable {
        let mut row = [0; COLUMNS];
        for (name, value) in values {
            let column = TABLE.iter().position(|column| column.name == *name);
            row[column.expect("a column")] = *value;
        }
        let mut classes = Vec::from([[0; COLUMNS]; 5]);
        classes[class - 1] = row;
        ClassTable { classes }
    }

    fn items(table: &ClassTable) -> String {
        let mut out = Vec::new();
        table.encode_items(&mut out, ItemColumns { segments: true, temporary: false });
        String::from_utf8(out).expect("text")
    }

    /// The evictions of a class were no longer shown when it had lost its last page.
    #[test]
    fn a_class_without_pages_keeps_its_counts() {
        let counts = TABLE.iter().filter(|column| column.merge == Merge::Count);
        for name in counts.map(|column| column.name) {
            let table = table(3, &[(name, 7)]);
            let is_shown = items(&table).contains(&format!("STAT items:3:{name} 7\r\n"));
            let is_of_items = TABLE.iter().any(|it| it.name == name && it.table == Table::Items);
            assert_eq!(is_shown, is_of_items, "{name}");
            assert_eq!(table.active_classes().collect::<Vec<_>>(), [3], "{name}");
        }
    }

    /// Its lines would name a class of which no dump has an item.
    #[test]
    fn a_class_with_parts_of_items_is_not_shown() {
        assert_eq!(items(&table(5, &[("mem_requested", 9)])), "");
    }

    #[test]
    fn a_reset_hides_a_class_that_has_only_counts() {
        let before = table(2, &[("evicted", 5), ("evicted_time", 40), ("get_hits", 3)]);
        assert_eq!(items(&before.clone().since(&before)), "");
    }
}
