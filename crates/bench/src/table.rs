//! Medians and markdown.

/// The middle value, or the mean of the two in the middle; of none, zero.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// A markdown table with columns as wide as their widest cell.
#[must_use]
pub fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let pad = |(cell, width): (&&str, &usize)| format!(" {cell:<width$} ");
        let cells: Vec<String> = cells.iter().zip(&widths).map(pad).collect();
        format!("|{}|\n", cells.join("|"))
    };
    let mut text = line(head.to_vec());
    text.push('|');
    for width in &widths {
        text.push_str(&"-".repeat(width + 2));
        text.push('|');
    }
    text.push('\n');
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let cases: [(&[f64], f64); 4] =
            [(&[], 0.0), (&[3.0], 3.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 9.0], 3.0)];
        for (values, expected) in cases {
            assert!((median(values) - expected).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn tables_line_up() {
        let rows = vec![vec!["get".to_owned(), "1.5 µs".to_owned()]];
        let expected = "| load | time   |\n|------|--------|\n| get  | 1.5 µs |\n";
        assert_eq!(markdown(&["load", "time"], &rows), expected);
    }
}
