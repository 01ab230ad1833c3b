//! A row of the table of replays: trace, scale and memory.

use std::io;
use std::path::Path;

use crate::replay::trace::{self, Record};
use crate::replay::trace_copies::ValueSizes;

/// Shares of the footprint, in percent, at which a trace can be replayed.
pub const SHARES: [u32; 3] = [1, 10, 30];

/// One trace's replay.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayRow {
    /// Name of the trace: its file is `<name>.bin.zst`.
    pub name: String,
    /// Populations of keys.
    pub copies: usize,
    /// Sizes of values.
    pub sizes: ValueSizes,
    /// Number of records that are played; 0 means all.
    pub records: usize,
    /// `-m` in MiB for each of [`SHARES`].
    memory_mib: [usize; SHARES.len()],
}

impl ReplayRow {
    /// All rows of a comma-separated table whose first line names the columns: `name`, `copies`,
    /// `scale`, `records`, `m_1`, `m_10`, `m_30`, and `unit` where all values have one size.
    pub fn read_all(path: &Path) -> io::Result<Vec<Self>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Self::parse_all(&text).ok_or_else(|| {
            let text = format!("{} is no table of replays", path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }

    fn parse_all(text: &str) -> Option<Vec<Self>> {
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next()?.split(',').collect();
        let row = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            let field = |name: &str| {
                let column = names.iter().position(|own| *own == name)?;
                fields.get(column).copied()
            };
            let number = |name: &str| field(name)?.parse::<usize>().ok();
            let sizes = if names.contains(&"unit") {
                ValueSizes::Unit(number("unit")? as u32)
            } else {
                ValueSizes::Scaled(field("scale")?.parse().ok()?)
            };
            Some(Self {
                name: field("name")?.to_owned(),
                copies: number("copies").filter(|copies| (1..=1000).contains(copies))?,
                sizes,
                records: number("records")?,
                memory_mib: [number("m_1")?, number("m_10")?, number("m_30")?],
            })
        };
        lines.map(row).collect()
    }

    /// `-m` in MiB for one of [`SHARES`], or `None` for another share.
    #[must_use]
    pub fn memory_mib(&self, share: u32) -> Option<usize> {
        SHARES.iter().position(|own| *own == share).map(|at| self.memory_mib[at])
    }

    /// The records that are played, from the trace's file in this folder.
    pub fn read_trace(&self, folder: &Path) -> io::Result<Vec<Record>> {
        trace::read(&folder.join(format!("{}.bin.zst", self.name)), self.records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_scaled_or_unit_sizes() {
        let scaled =
            "name,copies,scale,records,footprint_mib,m_1,m_10,m_30\na,12,4,9,1166,12,117,350\n";
        let rows = ReplayRow::parse_all(scaled).unwrap();
        assert_eq!((rows[0].copies, rows[0].records), (12, 9));
        assert_eq!(rows[0].sizes, ValueSizes::Scaled(4.0));
        assert_eq!(
            [1, 10, 30, 20].map(|share| rows[0].memory_mib(share)),
            [Some(12), Some(117), Some(350), None]
        );
        let unit =
            "name,copies,scale,records,unit,footprint_mib,m_1,m_10,m_30\na,6,1,0,385,5,6,7,8\n";
        assert_eq!(ReplayRow::parse_all(unit).unwrap()[0].sizes, ValueSizes::Unit(385));
    }

    #[test]
    fn other_tables_are_refused() {
        let head = "name,copies,scale,records,m_1,m_10,m_30\n";
        for row in ["a", "a,0,1,0,1,1,1", "a,1,x,0,1,1,1", "a,1,1,0,1,1"] {
            assert_eq!(ReplayRow::parse_all(&format!("{head}{row}\n")), None, "{row}");
        }
    }
}
