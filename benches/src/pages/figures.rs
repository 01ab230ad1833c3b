//! The file of figures: sections of markdown, each with one table as its tool printed it.

use std::fmt;

/// All sections of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    sections: Vec<Section>,
}

/// One table, and how it was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// The word after `## `.
    pub(super) name: String,
    /// Lines `- key: value`, in order.
    facts: Vec<(String, String)>,
    /// Column names.
    pub(super) head: Vec<String>,
    /// Rows, each as long as `head`.
    pub(super) rows: Vec<Vec<String>>,
    /// Lines after the table.
    pub(super) notes: Vec<String>,
}

/// What is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FiguresError {
    /// No section has this name.
    NoSection(String),
    /// The section has no fact with this key.
    NoFact(String, String),
    /// The section has no column with this name.
    NoColumn(String, String),
    /// No row of the section starts with this text.
    NoRow(String, String),
    /// The cell has another form than expected.
    Cell(String),
    /// A row has another number of cells than its head.
    Row(String),
}

impl fmt::Display for FiguresError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSection(name) => write!(out, "figures: no section {name}"),
            Self::NoFact(section, key) => write!(out, "figures: {section} has no line - {key}:"),
            Self::NoColumn(section, name) => write!(out, "figures: {section}: no column {name}"),
            Self::NoRow(section, name) => write!(out, "figures: {section}: no row {name}"),
            Self::Cell(text) => write!(out, "figures: cannot read the cell {text:?}"),
            Self::Row(text) => write!(out, "figures: wrong number of cells: {text}"),
        }
    }
}

impl std::error::Error for FiguresError {}

impl Figures {
    /// Reads the text of the file.
    pub fn parse(text: &str) -> Result<Self, FiguresError> {
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("## ") {
                sections.push(Section::new(name));
            } else if let Some(section) = sections.last_mut() {
                section.add(line)?;
            }
        }
        Ok(Self { sections })
    }

    /// The section with this name.
    pub(super) fn section(&self, name: &str) -> Result<&Section, FiguresError> {
        let found = self.sections.iter().find(|section| section.name == name);
        found.ok_or_else(|| FiguresError::NoSection(name.to_owned()))
    }

    /// Sections whose name is this, or begins with it and a hyphen: runs of the same tool.
    pub(super) fn runs(&self, tool: &str) -> Vec<&Section> {
        let of_tool = |section: &&Section| {
            section
                .name
                .strip_prefix(tool)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.sections.iter().filter(of_tool).collect()
    }

    /// The row with this first cell in one of the tool's runs; the last run counts.
    pub(super) fn row(&self, tool: &str, name: &str) -> Result<Row<'_>, FiguresError> {
        let rows = self.runs(tool).into_iter().rev().filter_map(|section| section.row(name).ok());
        let missing = || FiguresError::NoRow(tool.to_owned(), name.to_owned());
        rows.into_iter().next().ok_or_else(missing)
    }
}

impl Section {
    fn new(name: &str) -> Self {
        Self {
            name: name.trim().to_owned(),
            facts: Vec::new(),
            head: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn add(&mut self, line: &str) -> Result<(), FiguresError> {
        if let Some(cells) = table_line(line) {
            if self.head.is_empty() {
                self.head = cells;
            } else if !cells.iter().all(|cell| cell.chars().all(|it| it == '-' || it == ':')) {
                if cells.len() != self.head.len() {
                    return Err(FiguresError::Row(line.to_owned()));
                }
                self.rows.push(cells);
            }
        } else if let Some((key, value)) = fact(line).filter(|_| self.head.is_empty()) {
            self.facts.push((key.to_owned(), value.to_owned()));
        } else if !self.head.is_empty() {
            self.notes.push(line.to_owned());
        }
        Ok(())
    }

    /// The value of a line `- key: value`.
    pub(super) fn fact(&self, key: &str) -> Result<&str, FiguresError> {
        let found = self.facts.iter().find(|(name, _)| name == key);
        let missing = || FiguresError::NoFact(self.name.clone(), key.to_owned());
        found.map(|(_, value)| value.as_str()).ok_or_else(missing)
    }

    /// The row with this first cell.
    pub(super) fn row(&self, name: &str) -> Result<Row<'_>, FiguresError> {
        let found = self.rows.iter().find(|row| row.first().is_some_and(|cell| cell == name));
        let missing = || FiguresError::NoRow(self.name.clone(), name.to_owned());
        found.map(|cells| Row { section: self, cells }).ok_or_else(missing)
    }
}

/// One row of a section.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    section: &'a Section,
    cells: &'a [String],
}

impl<'a> Row<'a> {
    /// The cell in the first column with this name.
    pub(super) fn cell(self, column: &str) -> Result<&'a str, FiguresError> {
        let at = self.section.head.iter().position(|name| name == column);
        let missing = || FiguresError::NoColumn(self.section.name.clone(), column.to_owned());
        at.map(|at| self.cells[at].as_str()).ok_or_else(missing)
    }

    /// memcached's and Slabcore's figure in a cell of the form `a / b`.
    pub(super) fn both(self, column: &str) -> Result<(f64, f64), FiguresError> {
        let cell = self.cell(column)?;
        let (memcached, slabcore) = cell.split_once(" / ").ok_or_else(|| bad_cell(cell))?;
        Ok((number(memcached)?, number(slabcore)?))
    }

    /// A ratio, and its spread where the cell has the form `r (low to high)`.
    pub(super) fn ratio(self, column: &str) -> Result<Ratio, FiguresError> {
        let cell = self.cell(column)?;
        let Some((ratio, spread)) = cell.split_once(" (") else {
            return Ok(Ratio { ratio: number(cell)?, spread: None });
        };
        let spread = spread.trim_end_matches(')');
        let (low, high) = spread.split_once(" to ").ok_or_else(|| bad_cell(cell))?;
        Ok(Ratio { ratio: number(ratio)?, spread: Some((number(low)?, number(high)?)) })
    }
}

/// A ratio of medians, with the smallest and the largest of neighbouring windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ratio {
    pub(super) ratio: f64,
    pub(super) spread: Option<(f64, f64)>,
}

fn bad_cell(text: &str) -> FiguresError {
    FiguresError::Cell(text.to_owned())
}

/// A number, with commas between its thousands or without.
pub(super) fn number(text: &str) -> Result<f64, FiguresError> {
    text.trim().replace(',', "").parse().map_err(|_| bad_cell(text))
}

/// The cells of a line of a table.
fn table_line(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// Key and value of `- key: value`.
fn fact(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("- ")?.split_once(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Figures\n\nText.\n\n## compare\n\n- date: 2026-01-02\n- command: `x`\n\n\
        | load | CPU | ratio |\n|---|---|---|\n| get | 9.0 / 3.0 | 3.00 (2.50 to 3.50) |\n\n\
        Note.\n\n## compare-tls\n- date: 2026-01-03\n\
        | load | CPU | ratio |\n|--|--|--|\n| set | 1 / 2 | 0.5 |\n\
        ## held\n| preset | memcached | slabcore |\n|--|--|--|\n| etc | 1,000 | 2,500 |\n";

    #[test]
    fn sections_have_facts_and_one_table() {
        let figures = Figures::parse(TEXT).unwrap();
        let compare = figures.section("compare").unwrap();
        assert_eq!(compare.fact("date"), Ok("2026-01-02"));
        assert_eq!(compare.notes.join(" ").trim(), "Note.");
        assert_eq!(figures.runs("compare").len(), 2);
        assert!(compare.fact("machine").is_err());
        assert!(figures.section("footprint").is_err());
    }

    #[test]
    fn rows_are_found_in_every_run() {
        let figures = Figures::parse(TEXT).unwrap();
        let get = figures.row("compare", "get").unwrap();
        assert_eq!(get.both("CPU"), Ok((9.0, 3.0)));
        let expected = Ratio { ratio: 3.0, spread: Some((2.5, 3.5)) };
        assert_eq!(get.ratio("ratio"), Ok(expected));
        let set = figures.row("compare", "set").unwrap();
        assert_eq!(set.ratio("ratio"), Ok(Ratio { ratio: 0.5, spread: None }));
        assert!(set.both("ratio").is_err());
        assert!(set.cell("p99").is_err());
        assert!(figures.row("compare", "delete").is_err());
        let etc = figures.row("held", "etc").unwrap();
        assert_eq!(number(etc.cell("slabcore").unwrap()), Ok(2500.0));
    }

    #[test]
    fn a_short_row_is_refused() {
        assert!(Figures::parse("## a\n| x | y |\n|--|--|\n| 1 |\n").is_err());
    }
}
