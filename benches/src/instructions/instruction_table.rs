//! The table of instructions per request, and the differences from it.

use std::fmt::Write;

use slabcore_bench::table::markdown;

/// Relative difference up to which two counts are equal.
pub const TOLERANCE: f64 = 0.03;

/// The text above the table.
const HEAD: &str = "\
# Instructions per request

Counted by callgrind on x86-64 with AVX2, with the compiler that `rust-toolchain.toml` names, in the
release profile: user space only, from a client's bytes to the reply's bytes, without sockets. Each
turn serves 16 connections with one write each; keys have 16 bytes, values 100. The count of a
foreign get is that of both shards. `./test instructions` fails when a count is more than 3 % off;
what is meant to be so is put here by

    benches/count-instructions --update

";

/// Rows by name, with a count per column.
#[derive(Clone, Debug, PartialEq)]
pub struct InstructionTable {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the rows, and their counts.
    pub rows: Vec<(String, Vec<f64>)>,
}

impl InstructionTable {
    /// Reads the text of [`Self::text`]. Returns `None` if it has no such table.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter_map(cells);
        let columns = lines.next()?.into_iter().skip(1).collect();
        let mut rows = Vec::new();
        for line in lines.skip(1) {
            let (name, counts) = line.split_first()?;
            let counts = counts.iter().map(|count| count.parse().ok()).collect::<Option<_>>()?;
            rows.push((name.clone(), counts));
        }
        Some(Self { columns, rows })
    }

    /// The whole file.
    #[must_use]
    pub fn text(&self) -> String {
        let columns = self.columns.iter().map(String::as_str);
        let head: Vec<&str> = ["load"].into_iter().chain(columns).collect();
        let row = |(name, counts): &(String, Vec<f64>)| {
            let counts = counts.iter().map(|count| format!("{count:.0}"));
            [name.clone()].into_iter().chain(counts).collect()
        };
        let rows: Vec<Vec<String>> = self.rows.iter().map(row).collect();
        HEAD.to_owned() + &markdown(&head, &rows)
    }

    /// One line for each count in `now` that differs by more than [`TOLERANCE`], and for each that
    /// only one of the tables has.
    #[must_use]
    pub fn differences(&self, now: &Self) -> String {
        let mut text = String::new();
        let entries = now.entries();
        for (name, count) in &entries {
            let line = match self.entries().iter().find(|(other, _)| other == name) {
                Some((_, was)) if (count / was - 1.0).abs() <= TOLERANCE => continue,
                Some((_, was)) => {
                    let percent = (count / was - 1.0) * 100.0;
                    format!("{name}: {was:.0} in the table, now {count:.0} ({percent:+.1} %)")
                }
                None => format!("{name}: not in the table, now {count:.0}"),
            };
            writeln!(text, "{line}").expect("a String takes text");
        }
        for (name, _) in self.entries() {
            if entries.iter().all(|(other, _)| *other != name) {
                writeln!(text, "{name}: in the table only").expect("a String takes text");
            }
        }
        text
    }

    /// All counts, each with the name of its row and column.
    fn entries(&self) -> Vec<(String, f64)> {
        let row = |(name, counts): &(String, Vec<f64>)| -> Vec<(String, f64)> {
            let cells = self.columns.iter().zip(counts);
            cells.map(|(column, count)| (format!("{name}, {column}"), *count)).collect()
        };
        self.rows.iter().flat_map(row).collect()
    }
}

/// The cells of a table's line.
fn cells(line: &str) -> Option<Vec<String>> {
    let cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|');
    Some(cells.map(|cell| cell.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, [f64; 2])]) -> InstructionTable {
        let columns = ["1 per write", "16 per write"].map(str::to_owned).to_vec();
        let rows = rows.iter().map(|(name, counts)| ((*name).to_owned(), counts.to_vec()));
        InstructionTable { columns, rows: rows.collect() }
    }

    #[test]
    fn what_is_written_is_read() {
        let written = table(&[("get hit", [1000.0, 400.0]), ("set", [2000.0, 50.0])]);
        assert_eq!(InstructionTable::parse(&written.text()), Some(written));
        assert_eq!(InstructionTable::parse("no table"), None);
        assert_eq!(InstructionTable::parse("|a|b|\n|-|-|\n|c|x|\n"), None);
    }

    #[test]
    fn only_what_is_off_by_more_than_the_tolerance_differs() {
        let before = table(&[("get hit", [1000.0, 400.0]), ("old", [1.0, 1.0])]);
        let now = table(&[("get hit", [1029.0, 380.0]), ("new", [1.0, 2.0])]);
        let expected = "get hit, 16 per write: 400 in the table, now 380 (-5.0 %)\n\
                        new, 1 per write: not in the table, now 1\n\
                        new, 16 per write: not in the table, now 2\n\
                        old, 1 per write: in the table only\n\
                        old, 16 per write: in the table only\n";
        assert_eq!(before.differences(&now), expected);
        assert_eq!(now.differences(&now), "");
    }
}
