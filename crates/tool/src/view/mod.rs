//! A report as texts: numbers, lines and tables, as JSON and as plain text.
//!
//! May use: `limits`, `escaped`, `report`. Must not come in: the terminal, and anything that waits.
//!
//! Start reading at `panels.rs`.

mod headline;
mod json;
mod panel;
mod panels;
mod plain_text;
mod quantity;

pub(crate) use self::headline::{Field, headline};
pub(crate) use self::json::json;
pub(crate) use self::panel::{Panel, PanelKind};
pub(crate) use self::panels::panels;
pub(crate) use self::plain_text::plain_text;
pub(crate) use self::quantity::{bytes, percent, seconds, short};
