//! Draws the screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Sparkline, Table, Wrap};

use super::screen_state::ScreenState;
use crate::view::{Field, Panel, percent, short};

/// Height from which there are plots.
const PLOTS_FROM_HEIGHT: u16 = 36;
/// Height of the plots with their border.
const PLOTS_HEIGHT: u16 = 7;
/// Lines of a table beside its rows: border and head.
const FRAME_LINES: u16 = 3;

const KEYS: &str =
    " q quit  Tab table  Enter alone  s sort  r reverse  \u{2191}\u{2193} scroll  p pause";

const LABEL: Style = Style::new().fg(Color::DarkGray);
const VALUE: Style = Style::new().add_modifier(Modifier::BOLD);
const CHOSEN: Style = Style::new().fg(Color::Cyan);
const TROUBLE: Style = Style::new().fg(Color::White).bg(Color::Red);

/// Draws all of it. What does not fit is left out.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &mut ScreenState) {
    let area = frame.area();
    let headline_height = state.headline.len().max(1) as u16;
    let has_plots = area.height >= PLOTS_FROM_HEIGHT && !state.headline.is_empty();
    let [headline, plots, tables, footer] = Layout::vertical([
        Constraint::Length(headline_height),
        Constraint::Length(if has_plots { PLOTS_HEIGHT } else { 0 }),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_headline(frame, state, headline);
    if has_plots {
        draw_plots(frame, state, plots);
    }
    if state.headline.is_empty() {
        // A message may be long, and there is room.
        let trouble = state.trouble.clone().unwrap_or_default();
        frame.render_widget(Paragraph::new(trouble).wrap(Wrap { trim: true }), tables);
    } else {
        draw_tables(frame, state, tables);
    }
    draw_footer(frame, state, footer);
}

fn draw_headline(frame: &mut Frame<'_>, state: &ScreenState, area: Rect) {
    let lines: Vec<Line<'_>> = if state.headline.is_empty() {
        vec![Line::raw(format!(" {}", state.waiting()))]
    } else {
        state.headline.iter().map(|fields| headline_line(fields, area.width)).collect()
    };
    frame.render_widget(Paragraph::new(lines), area);
}

/// The fields that fit; of the first one what fits.
fn headline_line(fields: &[Field], width: u16) -> Line<'_> {
    let mut line = Line::raw(" ");
    for (number, field) in fields.iter().enumerate() {
        let mut spans = vec![Span::raw(if number > 0 { "  " } else { "" })];
        if !field.label.is_empty() {
            spans.push(Span::styled(field.label, LABEL));
            spans.push(Span::raw(" "));
        }
        spans.push(Span::styled(field.value.as_str(), VALUE));
        let needed: usize = spans.iter().map(Span::width).sum();
        if number > 0 && line.width() + needed > usize::from(width) {
            break;
        }
        line.spans.extend(spans);
    }
    line
}

fn draw_plots(frame: &mut Frame<'_>, state: &ScreenState, area: Rect) {
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(area);
    // One column for each sample, without the border.
    let count = |area: Rect| usize::from(area.width.saturating_sub(2));
    let requests = state.history.requests(count(left));
    let highest = requests.iter().copied().max().unwrap_or(0);
    let title = format!(" Requests per second, highest {} ", short(highest as f64));
    let plot = Sparkline::default().data(requests).max(highest.max(1)).style(CHOSEN);
    frame.render_widget(plot.block(Block::bordered().title(title)), left);
    let ratios = state.history.hit_ratios(count(right));
    let last = ratios.last().map(|&ratio| ratio as f64 / 1000.0);
    let title = format!(" Hit ratio, last {} ", percent(last));
    let plot = Sparkline::default().data(ratios).max(1000).style(CHOSEN);
    frame.render_widget(plot.block(Block::bordered().title(title)), right);
}

/// The tables in two rows, or the chosen one alone.
fn draw_tables(frame: &mut Frame<'_>, state: &mut ScreenState, area: Rect) {
    let panels = std::mem::take(&mut state.panels);
    let chosen = panels.iter().find(|panel| panel.kind == state.chosen);
    match chosen {
        Some(panel) if state.alone => draw_table(frame, state, panel, area),
        _ => {
            let (upper, lower) = panels.split_at(panels.len() / 2);
            let longest = upper.iter().map(|panel| panel.rows.len()).max().unwrap_or(0);
            let wanted = u16::try_from(longest).unwrap_or(u16::MAX).saturating_add(FRAME_LINES);
            let upper_height = wanted.min(area.height / 2);
            let rows = [Constraint::Length(upper_height), Constraint::Min(0)];
            let [upper_area, lower_area] = Layout::vertical(rows).areas(area);
            for (panels, area) in [(upper, upper_area), (lower, lower_area)] {
                let areas = Layout::horizontal(panels.iter().map(|_| Constraint::Fill(1)));
                for (panel, area) in panels.iter().zip(areas.split(area).iter()) {
                    draw_table(frame, state, panel, *area);
                }
            }
        }
    }
    state.panels = panels;
}

fn draw_table(frame: &mut Frame<'_>, state: &mut ScreenState, panel: &Panel, area: Rect) {
    let rows_shown = usize::from(area.height.saturating_sub(FRAME_LINES));
    state.fit(panel.kind, panel.rows.len(), rows_shown);
    let choice = state.choice(panel.kind);
    let columns = panel.fitting(area.width.saturating_sub(2));
    let widths = columns.iter().map(|&column| match panel.columns[column].width {
        0 => Constraint::Fill(1),
        width => Constraint::Length(width),
    });
    let heads = columns.iter().map(|&column| {
        let name = panel.columns[column].name;
        // An arrow would not fit into every column.
        let style = if choice.sort == Some(column) { CHOSEN.underlined() } else { LABEL };
        cell(name.to_owned(), column).style(style)
    });
    let shown = panel.rows.iter().skip(choice.first_row).take(rows_shown);
    let rows = shown.map(|row| {
        let texts = columns.iter().map(|&column| {
            let text = row.get(column).map(|it| it.text.clone()).unwrap_or_default();
            cell(text, column)
        });
        Row::new(texts)
    });
    let is_chosen = panel.kind == state.chosen;
    let block = Block::bordered()
        .title(title(panel, choice.first_row, rows_shown))
        .border_style(if is_chosen { CHOSEN } else { LABEL });
    let table = Table::new(rows, widths).header(Row::new(heads)).block(block);
    frame.render_widget(table, area);
}

/// The first column is to the left, numbers are to the right.
fn cell(text: String, column: usize) -> Cell<'static> {
    let text = Text::from(text);
    Cell::from(if column == 0 { text } else { text.right_aligned() })
}

/// The title, and which rows are shown if not all are.
fn title(panel: &Panel, first_row: usize, rows_shown: usize) -> String {
    let rows = panel.rows.len();
    if rows <= rows_shown {
        return format!(" {} ", panel.title);
    }
    let last = (first_row + rows_shown).min(rows);
    format!(" {} {}-{last} of {rows} ", panel.title, (first_row + 1).min(last))
}

fn draw_footer(frame: &mut Frame<'_>, state: &ScreenState, area: Rect) {
    let line = match &state.trouble {
        Some(_) if state.headline.is_empty() => Line::styled(KEYS, LABEL),
        Some(trouble) => Line::styled(format!(" {trouble}; trying again "), TROUBLE),
        None if state.paused => Line::styled(" paused: p goes on ", CHOSEN),
        None => Line::styled(KEYS, LABEL),
    };
    frame.render_widget(line, area);
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
