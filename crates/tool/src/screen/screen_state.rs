//! What the screen shows, and what keys have chosen.

use super::history::History;
use super::key::Key;
use crate::escaped::visible;
use crate::report::Report;
use crate::view::{Field, Panel, PanelKind, headline, panels};

/// Whether the program goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It does.
    Continues,
    /// It ends.
    Ends,
}

/// How one table is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PanelChoice {
    /// Column that it is sorted by. `None`: the server's order.
    pub(super) sort: Option<usize>,
    pub(super) reversed: bool,
    /// First row shown.
    pub(super) first_row: usize,
    /// Rows that fitted when it was drawn last.
    pub(super) rows_shown: usize,
}

const KINDS: [PanelKind; 4] =
    [PanelKind::Commands, PanelKind::HotKeys, PanelKind::Classes, PanelKind::Shards];

/// The state of the screen.
#[derive(Debug)]
pub(crate) struct ScreenState {
    address: String,
    /// The lines above the tables. Empty before the first report.
    pub(super) headline: Vec<Vec<Field>>,
    pub(super) panels: Vec<Panel>,
    pub(super) history: History,
    /// Why there is no newer report.
    pub(super) trouble: Option<String>,
    pub(super) chosen: PanelKind,
    /// Show the chosen table alone.
    pub(super) alone: bool,
    pub(super) paused: bool,
    choices: [PanelChoice; KINDS.len()],
}

impl ScreenState {
    /// A screen without a report.
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: visible(address),
            headline: Vec::new(),
            panels: Vec::new(),
            history: History::default(),
            trouble: None,
            chosen: PanelKind::Commands,
            alone: false,
            paused: false,
            choices: Default::default(),
        }
    }

    /// Shows a new report, unless the screen is paused.
    pub(crate) fn take_report(&mut self, report: &Report) {
        self.trouble = None;
        self.history.add(report);
        if self.paused {
            return;
        }
        self.headline = headline(report);
        self.panels = panels(report);
        for panel in &mut self.panels {
            let choice = self.choices[place_of(panel.kind)];
            if let Some(column) = choice.sort {
                panel.sort(column, choice.reversed);
            } else if choice.reversed {
                panel.rows.reverse();
            }
        }
    }

    /// Says why there is no new report. The last one stays.
    pub(crate) fn take_trouble(&mut self, trouble: &str) {
        self.trouble = Some(trouble.to_owned());
    }

    /// What is shown before the first report.
    pub(super) fn waiting(&self) -> String {
        format!("connecting to {}", self.address)
    }

    /// How a table is shown.
    pub(super) fn choice(&self, kind: PanelKind) -> PanelChoice {
        self.choices[place_of(kind)]
    }

    /// Notes how many rows of a table fit, and scrolls back if its end leaves room.
    pub(super) fn fit(&mut self, kind: PanelKind, rows: usize, rows_shown: usize) {
        let choice = &mut self.choices[place_of(kind)];
        choice.rows_shown = rows_shown;
        choice.first_row = choice.first_row.min(rows.saturating_sub(rows_shown));
    }

    /// Obeys a key.
    pub(crate) fn press(&mut self, key: Key) -> Progress {
        match key {
            Key::Quit => return Progress::Ends,
            Key::NextPanel => self.choose(1),
            Key::PreviousPanel => self.choose(self.panels.len().saturating_sub(1)),
            Key::Alone => self.alone = !self.alone,
            Key::Pause => self.paused = !self.paused,
            Key::Sort => self.sort(),
            Key::Reverse => {
                let choice = &mut self.choices[place_of(self.chosen)];
                choice.reversed = !choice.reversed;
                if let Some(panel) = self.panels.iter_mut().find(|it| it.kind == self.chosen) {
                    panel.rows.reverse();
                }
            }
            Key::Up | Key::Down | Key::PageUp | Key::PageDown | Key::Home | Key::End => {
                self.scroll(key);
            }
        }
        Progress::Continues
    }

    /// Chooses the table so many places after the chosen one.
    fn choose(&mut self, further: usize) {
        let count = self.panels.len().max(1);
        let place = self.panels.iter().position(|it| it.kind == self.chosen).unwrap_or(0);
        if let Some(panel) = self.panels.get((place + further) % count) {
            self.chosen = panel.kind;
        }
    }

    /// Sorts the chosen table by its next column. After the last one the server's order follows.
    fn sort(&mut self) {
        let Some(panel) = self.panels.iter_mut().find(|it| it.kind == self.chosen) else { return };
        let choice = &mut self.choices[place_of(self.chosen)];
        let next = choice.sort.map_or(0, |column| column + 1);
        choice.sort = (next < panel.columns.len()).then_some(next);
        if let Some(column) = choice.sort {
            panel.sort(column, choice.reversed);
        }
    }

    fn scroll(&mut self, key: Key) {
        let choice = &mut self.choices[place_of(self.chosen)];
        let page = choice.rows_shown.max(1);
        choice.first_row = match key {
            Key::Up => choice.first_row.saturating_sub(1),
            Key::Down => choice.first_row.saturating_add(1),
            Key::PageUp => choice.first_row.saturating_sub(page),
            Key::PageDown => choice.first_row.saturating_add(page),
            Key::Home => 0,
            // Drawing scrolls back to the last page.
            _ => usize::MAX,
        };
    }
}

fn place_of(kind: PanelKind) -> usize {
    KINDS.iter().position(|it| *it == kind).expect("all kinds are in the list")
}
