//! What a command has done, as text and as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::lanes::Work;
use crate::transfer::{Outcome, Tally};
use crate::view::{bytes, seconds, short};

/// What a command has done.
#[derive(Debug)]
pub(crate) struct Summary {
    /// `copied`.
    pub(super) verb: &'static str,
    pub(super) tally: Tally,
    pub(super) duration: Duration,
    /// Why it ended early.
    pub(super) error: Option<String>,
    /// What else its operator should know.
    pub(super) notes: Vec<String>,
    /// True if a file has lost items.
    pub(super) is_damaged: bool,
    /// The comparison after a copy.
    pub(super) verified: Option<Box<Summary>>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything was done.
    Complete,
    /// It ended early.
    Cut,
    /// All was tried, and some items failed.
    WithFailures,
}

impl Summary {
    /// The summary of work that took this time.
    pub(super) fn new(verb: &'static str, work: Work, duration: Duration) -> Self {
        Self {
            verb,
            tally: work.tally,
            duration,
            error: work.error,
            notes: Vec::new(),
            is_damaged: false,
            verified: None,
        }
    }

    /// How it ended.
    pub(crate) fn ending(&self) -> Ending {
        let verified = self.verified.as_ref().map(|it| it.ending());
        if self.error.is_some() || verified == Some(Ending::Cut) {
            Ending::Cut
        } else if self.is_damaged
            || self.tally.has_failures()
            || verified == Some(Ending::WithFailures)
        {
            Ending::WithFailures
        } else {
            Ending::Complete
        }
    }

    /// Why it ended early.
    pub(crate) fn error(&self) -> Option<&str> {
        let verified = self.verified.as_ref().and_then(|it| it.error());
        self.error.as_deref().or(verified)
    }

    /// Some lines of text.
    pub(crate) fn text(&self) -> String {
        let mut text = self.first_line();
        for (outcome, count) in self.tally.counts().filter(|it| *it.0 != Outcome::Done) {
            let keys = count.examples.join(" ");
            let keys = match count.examples.len() as u64 {
                0 => String::new(),
                shown if shown < count.items => format!(": {keys} ..."),
                _ => format!(": {keys}"),
            };
            writeln!(text, "  {} {outcome}{keys}", count.items).expect("a string takes all text");
        }
        for note in &self.notes {
            writeln!(text, "  {note}").expect("a string takes all text");
        }
        text + &self.verified.as_ref().map(|it| it.text()).unwrap_or_default()
    }

    fn first_line(&self) -> String {
        let elapsed = self.duration.as_secs_f64();
        let rate = |count: u64| if elapsed > 0.0 { count as f64 / elapsed } else { 0.0 };
        let time = match self.duration.as_secs() {
            0..60 => format!("{elapsed:.1} s"),
            whole => seconds(whole),
        };
        let (items, all_bytes) = (self.done(), self.tally.bytes());
        format!(
            "{} {items} items ({}) in {time}: {} items/s, {}/s\n",
            self.verb,
            bytes(all_bytes as f64),
            short(rate(items).round()),
            bytes(rate(all_bytes).round()),
        )
    }

    /// Items that were done; those compared in a comparison.
    fn done(&self) -> u64 {
        match self.tally.count(&Outcome::Done) {
            0 => self.tally.count(&Outcome::Same),
            done => done,
        }
    }

    /// One JSON object on one line.
    pub(crate) fn json(&self) -> String {
        let text = serde_json::to_string(&self.object()).expect("text and numbers");
        text + "\n"
    }

    fn object(&self) -> SummaryObject<'_> {
        let outcomes = self.tally.counts().map(|(outcome, count)| OutcomeObject {
            outcome: outcome.name(),
            is_failure: outcome.is_failure(),
            text: outcome.to_string(),
            items: count.items,
            keys: &count.examples,
        });
        SummaryObject {
            command: self.verb,
            complete: self.ending() == Ending::Complete,
            items: self.done(),
            bytes: self.tally.bytes(),
            seconds: self.duration.as_secs_f64(),
            outcomes: outcomes.collect(),
            notes: &self.notes,
            error: self.error.as_deref(),
            verified: self.verified.as_ref().map(|it| Box::new(it.object())),
        }
    }
}

/// The keys of `--json`: they may be added to, and not renamed.
#[derive(Debug, Serialize)]
struct SummaryObject<'s> {
    command: &'s str,
    complete: bool,
    items: u64,
    bytes: u64,
    seconds: f64,
    outcomes: Vec<OutcomeObject<'s>>,
    notes: &'s [String],
    error: Option<&'s str>,
    verified: Option<Box<SummaryObject<'s>>>,
}

#[derive(Debug, Serialize)]
struct OutcomeObject<'s> {
    outcome: &'static str,
    is_failure: bool,
    text: String,
    items: u64,
    keys: &'s [String],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(tally: Tally, error: Option<&str>) -> Summary {
        let work = Work { tally, error: error.map(ToOwned::to_owned) };
        Summary::new("copied", work, Duration::from_secs(2))
    }

    #[test]
    fn summaries_name_what_failed() {
        let mut tally = Tally::default();
        for _ in 0..2000 {
            tally.add_done(1024);
        }
        assert_eq!(summary(tally.clone(), None).ending(), Ending::Complete);
        for number in 0..7 {
            tally.add(Outcome::TooLarge, format!("large:{number}").as_bytes());
        }
        tally.add(Outcome::Vanished, b"gone");
        tally.add(Outcome::Refused("SERVER_ERROR x".to_owned()), b"refused");
        let failed = summary(tally.clone(), None);
        let expected = "\
copied 2000 items (1.95 MiB) in 2.0 s: 1.00k items/s, 1000 KiB/s
  1 gone before they were read: deleted, evicted or expired
  7 NOT STORED: too large for the server (-I): large:0 large:1 large:2 large:3 large:4 ...
  1 REFUSED: SERVER_ERROR x: refused
";
        assert_eq!((failed.text().as_str(), failed.ending()), (expected, Ending::WithFailures));
        let json: serde_json::Value = serde_json::from_str(&failed.json()).unwrap();
        assert_eq!(json["outcomes"][2]["outcome"], "too_large");
        assert_eq!(json["outcomes"][2]["items"], 7);
        assert_eq!(json["complete"], false);
        assert_eq!(summary(tally, Some("gone")).ending(), Ending::Cut);
    }
}
