//! A table: its columns, and rows of cells that can be sorted.

use std::cmp::Ordering;

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PanelKind {
    /// Requests by command.
    Commands,
    /// Slab classes.
    Classes,
    /// Shards.
    Shards,
    /// Hot keys.
    HotKeys,
}

/// A column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its head.
    pub(crate) name: &'static str,
    /// Its width in characters. 0: what the others leave.
    pub(crate) width: u16,
    /// In a narrow table the columns with the highest numbers are left out first.
    pub(crate) rank: u8,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// What is shown: safe on a terminal.
    pub(crate) text: String,
    /// What it is sorted by; texts are sorted by themselves.
    pub(crate) number: Option<f64>,
}

/// A table of any size.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Which one.
    pub(crate) kind: PanelKind,
    /// Its title.
    pub(crate) title: &'static str,
    /// Its columns.
    pub(crate) columns: &'static [Column],
    /// Its rows, each with a cell for each column.
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Panel {
    /// Sorts by a column. Numbers come largest first, texts from A, absent numbers last; `reversed`
    /// turns all of it round. Equal rows keep their order.
    pub(crate) fn sort(&mut self, column: usize, reversed: bool) {
        let compare = |a: &Vec<Cell>, b: &Vec<Cell>| match (a.get(column), b.get(column)) {
            (Some(a), Some(b)) => compare(a, b),
            _ => Ordering::Equal,
        };
        self.rows.sort_by(|a, b| if reversed { compare(b, a) } else { compare(a, b) });
    }

    /// The columns that fit into a width, by their numbers. The first one always does.
    pub(crate) fn fitting(&self, width: u16) -> Vec<usize> {
        const FLEXIBLE_WIDTH_MIN: u16 = 12;
        let mut ranked: Vec<usize> = (0..self.columns.len()).collect();
        ranked.sort_by_key(|&number| (number != 0, self.columns[number].rank));
        let mut left = width.saturating_add(1);
        let mut fitting = Vec::new();
        for number in ranked {
            let needed = match self.columns[number].width {
                0 => FLEXIBLE_WIDTH_MIN + 1,
                width => width + 1,
            };
            if needed > left && !fitting.is_empty() {
                continue;
            }
            left = left.saturating_sub(needed);
            fitting.push(number);
        }
        fitting.sort_unstable();
        fitting
    }
}

fn compare(a: &Cell, b: &Cell) -> Ordering {
    match (a.number, b.number) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.text.cmp(&b.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { name: "name", width: 10, rank: 0 },
        Column { name: "rare", width: 5, rank: 2 },
        Column { name: "often", width: 6, rank: 1 },
    ];

    fn panel(rows: &[(&str, Option<f64>)]) -> Panel {
        let cell = |text: &str, number| Cell { text: text.to_owned(), number };
        let rows = rows.iter().map(|row| vec![cell(row.0, None), cell("", row.1)]);
        Panel { kind: PanelKind::Shards, title: "", columns: COLUMNS, rows: rows.collect() }
    }

    #[test]
    fn narrow_tables_leave_out_what_matters_least() {
        let check = |width: u16, expected: &[usize]| {
            assert_eq!(panel(&[]).fitting(width), expected, "{width}");
        };
        check(23, &[0, 1, 2]);
        check(22, &[0, 2]);
        check(17, &[0, 2]);
        check(16, &[0, 1]);
        check(15, &[0]);
        check(0, &[0]);
    }

    #[test]
    fn rows_are_sorted() {
        let check = |column, reversed, expected: &[&str]| {
            let mut panel = panel(&[("b", Some(1.0)), ("c", None), ("a", Some(3.0))]);
            panel.sort(column, reversed);
            let names: Vec<&str> = panel.rows.iter().map(|row| &*row[0].text).collect();
            assert_eq!(names, expected, "{column} {reversed}");
        };
        check(0, false, &["a", "b", "c"]);
        check(1, false, &["a", "b", "c"]);
        check(1, true, &["c", "b", "a"]);
        check(9, true, &["b", "c", "a"]);
    }
}
