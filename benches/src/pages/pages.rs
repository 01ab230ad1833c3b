//! Which files are generated, and from what.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use super::chart;
use super::figures::{Figures, FiguresError};
use super::generated_region::{RegionError, replace};
use super::monitoring_files::{ALERTS, DASHBOARD, MonitoringError, MonitoringFiles, RECORDING};
use super::page_tables::{headline, metrics, runs};

/// The file of figures, from the root of the tree.
const FIGURES: &str = "benches/figures.md";
/// The picture.
const PICTURE: &str = "docs/comparison.svg";
/// Pages with generated parts.
const PAGES: [&str; 3] = ["README.md", "docs/benchmarks.md", "docs/metrics.md"];

/// A file as it is, and as it should be.
#[derive(Debug)]
pub struct Page {
    /// Its place.
    pub path: PathBuf,
    /// Its text; empty where there is no such file yet.
    pub old: String,
    /// What it should say.
    pub new: String,
}

/// Why the pages cannot be made.
#[derive(Debug)]
pub enum PagesError {
    /// A file cannot be read.
    Read(PathBuf, io::Error),
    /// The figures lack something, or cannot be read.
    Figures(FiguresError),
    /// The rules or the dashboard cannot be read.
    Monitoring(MonitoringError),
    /// A page has a part that cannot be made.
    Region(RegionError),
}

impl fmt::Display for PagesError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(out, "{}: {error}", path.display()),
            Self::Figures(error) => error.fmt(out),
            Self::Monitoring(error) => error.fmt(out),
            Self::Region(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for PagesError {}

impl From<FiguresError> for PagesError {
    fn from(error: FiguresError) -> Self {
        Self::Figures(error)
    }
}

impl From<MonitoringError> for PagesError {
    fn from(error: MonitoringError) -> Self {
        Self::Monitoring(error)
    }
}

impl From<RegionError> for PagesError {
    fn from(error: RegionError) -> Self {
        Self::Region(error)
    }
}

/// All generated files of the tree with this root.
pub fn pages(root: &Path) -> Result<Vec<Page>, PagesError> {
    let figures = Figures::parse(&read(&root.join(FIGURES))?)?;
    let [recording, alerts, dashboard] =
        [RECORDING, ALERTS, DASHBOARD].map(|name| read(&root.join(name)));
    let monitoring = MonitoringFiles::parse(&recording?, &alerts?, &dashboard?)?;
    let picture = root.join(PICTURE);
    let mut pages = vec![Page {
        old: fs::read_to_string(&picture).unwrap_or_default(),
        path: picture,
        new: chart::comparison(&figures)?,
    }];
    for name in PAGES {
        let path = root.join(name);
        let old = read(&path)?;
        let new = replace(&old, |part| region(&figures, &monitoring, part))?;
        pages.push(Page { path, old, new });
    }
    Ok(pages)
}

/// The text of one generated part.
fn region(
    figures: &Figures,
    monitoring: &MonitoringFiles,
    name: &str,
) -> Result<Option<String>, PagesError> {
    Ok(Some(match name {
        "headline" => headline(figures)?,
        "metrics" => metrics(monitoring),
        "alerts" => monitoring.alerts(),
        "records" => monitoring.records(),
        "compare" | "footprint" | "held" | "misses" => runs(figures, name)?,
        _ => return Ok(None),
    }))
}

fn read(path: &Path) -> Result<String, PagesError> {
    fs::read_to_string(path).map_err(|error| PagesError::Read(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures, or the lists of the code, were changed, and the pages were not made again.
    #[test]
    fn pages_are_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let pages = pages(&root).unwrap_or_else(|error| panic!("{error}"));
        for page in pages {
            let path = page.path.display();
            assert_eq!(page.old, page.new, "{path}: cargo run -p slabcore-benches --bin pages");
        }
    }
}
