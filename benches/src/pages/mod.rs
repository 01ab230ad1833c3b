//! The pages that people read, as far as they show measured figures or lists of the code.
//!
//! `benches/figures.md` holds the figures, each table with its date and command. The tool `pages`
//! writes them into `README.md`, `docs/benchmarks.md` and the picture `docs/comparison.svg`, and
//! the list of metrics into `docs/metrics.md`, with the alerts and queries of `deploy/`. A test
//! fails while a page shows something else.
//!
//! May use: the file and network free parts of other crates. Must not come in: measuring.
//!
//! Start reading at `pages.rs`.

mod chart;
mod figures;
mod generated_region;
mod monitoring_files;
mod page_tables;
mod pages;

pub use self::figures::{Figures, FiguresError};
pub use self::generated_region::RegionError;
pub use self::monitoring_files::MonitoringError;
pub use self::pages::{Page, PagesError, pages};
