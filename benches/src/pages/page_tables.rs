//! The generated tables of the pages.

use slabcore_server::{MetricFamily, metric_families};

use super::figures::{Figures, FiguresError, Section, number};
use super::monitoring_files::MonitoringFiles;
use slabcore_bench::table::markdown;

/// Columns of the tools' tables that are for developers: what a row must reach, and if it does.
const INTERNAL_COLUMNS: [&str; 4] = ["floor", "aim", "bound", ""];

/// README's four figures, and how they were measured.
pub(super) fn headline(figures: &Figures) -> Result<String, FiguresError> {
    let cpu = |load: &str| figures.row("compare", load)?.both("CPU µs/req");
    let (one, piped) =
        (cpu("get, 50 connections, 1 per write")?, cpu("get, 50 connections, 16 per write")?);
    let held = figures.row("held", "twitter-c25")?;
    let (theirs, ours) = (held_by_memcached(held)?, number(held.cell("slabcore")?)?);
    let idle = figures.section("footprint")?.row("memory per idle connection")?;
    let run = figures.section("compare")?;
    let version = run.fact("memcached")?;
    let row = |what: &str, theirs: String, ours: String| vec![what.to_owned(), theirs, ours];
    let rows = [
        row("CPU time of a get, one per write", micros(one.0), micros(one.1)),
        row("CPU time of a get, 16 per write", micros(piped.0), micros(piped.1)),
        row("items of Twitter's cluster 25 in 256 MiB", millions(theirs), millions(ours)),
        row(
            "memory of an idle connection",
            idle.cell("memcached")?.to_owned(),
            idle.cell("slabcore")?.to_owned(),
        ),
    ];
    let others: Vec<&str> = ["held", "footprint"]
        .into_iter()
        .map(|name| figures.section(name)?.fact("memcached"))
        .filter(|other| *other != Ok(version))
        .collect::<Result<_, _>>()?;
    let memcached =
        if others.is_empty() { format!("memcached {version}") } else { "memcached".to_owned() };
    let others = match others.first() {
        None => String::new(),
        Some(other) => format!(" CPU time: memcached {version}; memory: {other}."),
    };
    let table = markdown(&["one thread", &memcached, "Slabcore"], &rows);
    Ok(format!(
        "{table}\nMeasured on {} with client and server on one machine: {}.{others}\n",
        run.fact("date")?,
        run.fact("machine")?,
    ))
}

/// The replay tool's column has another name where it measured resident memory, too.
pub(super) fn held_by_memcached(row: super::figures::Row<'_>) -> Result<f64, FiguresError> {
    number(row.cell("memcached held").or_else(|_| row.cell("memcached"))?)
}

fn micros(value: f64) -> String {
    let digits = if value < 1.0 { 2 } else { 1 };
    format!("{value:.digits$} µs")
}

fn millions(count: f64) -> String {
    format!("{:.2} million", count / 1e6)
}

/// All runs of one tool, each with its table, date, command and machine.
pub(super) fn runs(figures: &Figures, tool: &str) -> Result<String, FiguresError> {
    let sections = figures.runs(tool);
    if sections.is_empty() {
        return Err(FiguresError::NoSection(tool.to_owned()));
    }
    let texts: Result<Vec<String>, FiguresError> = sections.into_iter().map(one_run).collect();
    Ok(texts?.join("\n"))
}

fn one_run(section: &Section) -> Result<String, FiguresError> {
    let shown: Vec<usize> = (0..section.head.len())
        .filter(|&at| !INTERNAL_COLUMNS.contains(&section.head[at].as_str()))
        .collect();
    let head: Vec<&str> = shown.iter().map(|&at| section.head[at].as_str()).collect();
    let cells = |row: &Vec<String>| shown.iter().map(|&at| row[at].clone()).collect();
    let rows: Vec<Vec<String>> = section.rows.iter().map(cells).collect();
    let how = format!(
        "memcached {}, {}, {}:\n\n```text\n{}\n```\n\n",
        section.fact("memcached")?,
        section.fact("date")?,
        section.fact("machine")?,
        section.fact("command")?.trim_matches('`'),
    );
    let notes = section.notes.join("\n");
    let notes = notes.trim();
    let gap = if notes.is_empty() { "" } else { "\n" };
    Ok(format!("{how}{}{gap}{notes}{gap}", markdown(&head, &rows)))
}

/// All metric families, each with a query that uses it.
pub(super) fn metrics(monitoring: &MonitoringFiles) -> String {
    let rows: Vec<Vec<String>> = metric_families()
        .iter()
        .map(|family| {
            let query = monitoring.query_of(family.name).map(str::to_owned);
            let query = query.or_else(|| default_query(family));
            vec![
                format!("`{}`", family.name),
                family.kind.name().to_owned(),
                family.labels.join(", "),
                family.help.to_owned(),
                query.map_or_else(String::new, |query| format!("`{query}`")),
            ]
        })
        .collect();
    markdown(&["name", "type", "labels", "meaning", "query"], &rows)
}

/// The usual query of a family that neither the dashboard nor a rule uses. A gauge needs none.
fn default_query(family: &MetricFamily) -> Option<String> {
    let is_counted = family.name.ends_with("_total");
    is_counted.then(|| format!("rate({}[5m])", family.name))
}
