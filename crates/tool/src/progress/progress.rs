//! A bar, or lines, on standard error.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::rate_window::{CountsAt, RateWindow};
use crate::limits::PROGRESS_LINE_INTERVAL;
use crate::view::{bytes, seconds, short};

/// Steps of the bar.
const STEPS: u64 = 1000;

/// The line if the whole is known, and if it is not.
const WITH_BAR: &str = "{prefix} {bar:24} {wide_msg}";
const WITHOUT_BAR: &str = "{prefix}: {wide_msg}";

/// Below this part the time that is left is a guess, and not shown.
const LEFT_FROM_PART: f64 = 0.01;

/// Where a command is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Position {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    /// Items in all, as far as it is known.
    pub(crate) items_in_all: Option<u64>,
    /// The part that is done, 0 to 1, as far as it is known.
    pub(crate) part: Option<f64>,
}

/// Shows where a command is.
#[derive(Debug)]
pub(crate) struct ProgressDisplay {
    /// What the command does: `copying`.
    verb: &'static str,
    /// `None`: lines, because there is no terminal.
    bar: Option<ProgressBar>,
    began: Instant,
    line_due: Duration,
    window: RateWindow,
}

impl ProgressDisplay {
    /// Shows progress on standard error.
    pub(crate) fn new(verb: &'static str) -> Self {
        let target = io::stderr().is_terminal().then(ProgressDrawTarget::stderr);
        Self::on(verb, target)
    }

    fn on(verb: &'static str, target: Option<ProgressDrawTarget>) -> Self {
        let bar = target.map(|target| {
            let bar = ProgressBar::with_draw_target(Some(STEPS), target).with_prefix(verb);
            bar.with_style(style(WITHOUT_BAR))
        });
        let (began, window) = (Instant::now(), RateWindow::default());
        Self { verb, bar, began, line_due: PROGRESS_LINE_INTERVAL, window }
    }

    /// Shows a new position.
    pub(crate) fn update(&mut self, position: &Position) {
        let at = self.began.elapsed();
        self.window.add(CountsAt { at, items: position.items, bytes: position.bytes });
        let text = text(position, self.window.rates(), at);
        match &self.bar {
            Some(bar) => {
                let template = if position.part.is_some() { WITH_BAR } else { WITHOUT_BAR };
                bar.set_style(style(template));
                bar.set_position(steps(position.part));
                bar.set_message(text);
            }
            None if at >= self.line_due => {
                self.line_due = at + PROGRESS_LINE_INTERVAL;
                eprintln!("slabcore-tool: {}: {text}", self.verb);
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    style.progress_chars("━╸─")
}

fn steps(part: Option<f64>) -> u64 {
    (part.unwrap_or(0.0).clamp(0.0, 1.0) * STEPS as f64) as u64
}

/// `62 %, 1.23M of 2.00M items, 3.20 GiB, 145k/s, 210 MiB/s, 12 s left`.
fn text(position: &Position, rates: Option<(f64, f64)>, since: Duration) -> String {
    let Position { items, items_in_all, part, .. } = *position;
    let mut fields = Vec::new();
    // More may have come since the beginning.
    let part = part.map(|part| part.clamp(0.0, 1.0));
    fields.extend(part.map(|part| format!("{:.0} %", (part * 100.0).floor())));
    fields.push(match items_in_all {
        Some(all) => format!("{} of {} items", short(items as f64), short(all.max(items) as f64)),
        None => format!("{} items", short(items as f64)),
    });
    fields.push(bytes(position.bytes as f64));
    if let Some((items, bytes_per_second)) = rates {
        fields.push(format!("{}/s", short(items.round())));
        fields.push(format!("{}/s", bytes(bytes_per_second.round())));
    }
    if let Some(part @ LEFT_FROM_PART..1.0) = part {
        let left = since.as_secs_f64() * (1.0 - part) / part;
        fields.push(format!("{} left", seconds(left.ceil() as u64)));
    }
    fields.join(", ")
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn position(items: u64, part: Option<f64>) -> Position {
        let items_in_all = part.map(|_| 2_000_000);
        Position { items, bytes: 3 << 30, items_in_all, part }
    }

    #[test]
    fn positions_are_said() {
        let check = |position: Position, expected: &str| {
            let rates = (position.items > 0).then_some((145_000.0, 220_000_000.0));
            assert_eq!(text(&position, rates, Duration::from_secs(62)), expected);
        };
        let all = "61 %, 1.23M of 2.00M items, 3.00 GiB, 145k/s, 210 MiB/s, 39 s left";
        check(position(1_234_567, Some(0.6172)), all);
        check(position(1_234_567, None), "1.23M items, 3.00 GiB, 145k/s, 210 MiB/s");
        check(position(0, Some(0.0)), "0 %, 0 of 2.00M items, 3.00 GiB");
        let more = "100 %, 2.50M of 2.50M items, 3.00 GiB, 145k/s, 210 MiB/s";
        check(position(2_500_000, Some(1.25)), more);
    }

    /// What is seen on terminals of two widths. The rate depends on the machine.
    #[test]
    fn the_bar_is_drawn() {
        let check = |columns: u16, part: Option<f64>, expected: &str| {
            let terminal = InMemoryTerm::new(10, columns);
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            let mut progress = ProgressDisplay::on("copying", Some(target));
            progress.update(&position((part.unwrap_or(0.5) * 2e6) as u64, part));
            let screen = terminal.contents();
            let shown = screen.split(", 3.00").next().unwrap_or_default();
            assert_eq!(shown, expected);
            assert!(screen.chars().count() <= usize::from(columns), "{screen}");
            progress.finish();
            assert_eq!(terminal.contents(), "");
        };
        check(100, Some(0.5), "copying ━━━━━━━━━━━━╸─────────── 50 %, 1.00M of 2.00M items");
        check(100, Some(1.0), "copying ━━━━━━━━━━━━━━━━━━━━━━━━ 100 %, 2.00M of 2.00M items");
        check(100, None, "copying: 1.00M items");
        check(40, Some(0.0), "copying ──────────────────────── 0 %, 0");
    }
}
