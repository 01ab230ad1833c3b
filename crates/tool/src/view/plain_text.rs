//! A report as plain text: all lines and all tables, for a terminal or a file.

use super::headline::headline;
use super::panel::Panel;
use super::panels::panels;
use crate::report::Report;

/// The text, with a line end at its end.
pub(crate) fn plain_text(report: &Report) -> String {
    let mut text = String::new();
    for line in headline(report) {
        let fields = line.iter().map(|it| format!("{} {}", it.label, it.value).trim().to_owned());
        text.push_str(&fields.collect::<Vec<_>>().join(", "));
        text.push('\n');
    }
    for panel in panels(report) {
        text.extend(["\n", panel.title, "\n"]);
        text.push_str(&table(&panel));
    }
    text
}

/// Texts to the left, numbers to the right.
fn table(panel: &Panel) -> String {
    let heads = panel.columns.iter().map(|column| column.name.to_owned()).collect::<Vec<_>>();
    let rows = panel.rows.iter().map(|row| row.iter().map(|cell| cell.text.clone()).collect());
    let lines: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..panel.columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(number, (cell, &width))| {
            if number == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
