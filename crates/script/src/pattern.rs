//! Lua's patterns. Lua's own library cannot be interrupted, and its recursion has no bound.

use crate::clock::is_over;
use crate::limits::{PATTERN_DEPTH_MAX, PATTERN_STEPS_PER_LOOK};

/// Captures of a pattern at most, as in Lua.
const CAPTURES_MAX: usize = 32;

/// The byte before a class or a character that is meant as such.
const ESCAPE: u8 = b'%';

/// Why a pattern is not matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PatternError(pub(super) &'static str);

type Matched<T> = Result<T, PatternError>;

/// A part of the subject that a pattern captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capture {
    /// The bytes from the first position to before the second one.
    Bytes(usize, usize),
    /// A position, from 1.
    Position(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Open,
    Place,
    Length(usize),
}

/// A pattern over a subject.
#[derive(Debug)]
pub(super) struct Pattern<'a> {
    subject: &'a [u8],
    /// The pattern's text.
    text: &'a [u8],
    captures: [(usize, Extent); CAPTURES_MAX],
    level: usize,
    depth: usize,
    steps: u32,
}

impl<'a> Pattern<'a> {
    /// As in Lua 5.1, a pattern ends at its first byte 0.
    pub(super) fn new(subject: &'a [u8], pattern: &'a [u8]) -> Self {
        let end = pattern.iter().position(|byte| *byte == 0).unwrap_or(pattern.len());
        let captures = [(0, Extent::Open); CAPTURES_MAX];
        Self { subject, text: &pattern[..end], captures, level: 0, depth: 0, steps: 0 }
    }

    /// The first match that begins at `from` or later: where it begins and ends. With `anchors`, a
    /// `^` at the begin of the pattern ties it to `from`.
    pub(super) fn search(&mut self, from: usize, anchors: bool) -> Matched<Option<(usize, usize)>> {
        let is_tied = anchors && self.text.first() == Some(&b'^');
        for start in from..=self.subject.len() {
            self.level = 0;
            if let Some(end) = self.matches(start, usize::from(is_tied))? {
                return Ok(Some((start, end)));
            }
            if is_tied {
                break;
            }
        }
        Ok(None)
    }

    /// The captures of the match that was found; the whole match if the pattern has none.
    pub(super) fn captures(&self, found: (usize, usize)) -> Matched<Vec<Capture>> {
        (0..self.level.max(1)).map(|index| self.capture(index, found)).collect()
    }

    /// Captures in the pattern, as far as it matched.
    pub(super) fn level(&self) -> usize {
        self.level
    }

    pub(super) fn capture(&self, index: usize, found: (usize, usize)) -> Matched<Capture> {
        if index >= self.level {
            return match index {
                0 => Ok(Capture::Bytes(found.0, found.1)),
                _ => Err(PatternError("invalid capture index")),
            };
        }
        let (start, extent) = self.captures[index];
        match extent {
            Extent::Open => Err(PatternError("unfinished capture")),
            Extent::Place => Ok(Capture::Position(start + 1)),
            Extent::Length(length) => Ok(Capture::Bytes(start, start + length)),
        }
    }

    fn at(&self, p: usize) -> Option<u8> {
        self.text.get(p).copied()
    }

    /// Whether the pattern from `p` matches the subject from `s`, and where that match ends.
    fn matches(&mut self, s: usize, p: usize) -> Matched<Option<usize>> {
        if self.depth == PATTERN_DEPTH_MAX {
            return Err(PatternError("pattern too complex"));
        }
        self.depth += 1;
        let end = self.matches_here(s, p);
        self.depth -= 1;
        end
    }

    fn step(&mut self) -> Matched<()> {
        self.steps += 1;
        if self.steps == PATTERN_STEPS_PER_LOOK {
            self.steps = 0;
            if is_over() {
                return Err(PatternError("script ended"));
            }
        }
        Ok(())
    }

    fn matches_here(&mut self, mut s: usize, mut p: usize) -> Matched<Option<usize>> {
        loop {
            self.step()?;
            let Some(byte) = self.at(p) else { return Ok(Some(s)) };
            match (byte, self.at(p + 1)) {
                (b'(', Some(b')')) => return self.start_capture(s, p + 2, Extent::Place),
                (b'(', _) => return self.start_capture(s, p + 1, Extent::Open),
                (b')', _) => return self.end_capture(s, p + 1),
                (b'$', None) => return Ok((s == self.subject.len()).then_some(s)),
                (ESCAPE, Some(b'b')) => match self.balance(s, p + 2)? {
                    None => return Ok(None),
                    Some(after) => (s, p) = (after, p + 4),
                },
                (ESCAPE, Some(b'f')) => match self.frontier(s, p + 2)? {
                    None => return Ok(None),
                    Some(after) => p = after,
                },
                (ESCAPE, Some(digit)) if digit.is_ascii_digit() => {
                    match self.same_as_capture(s, digit)? {
                        None => return Ok(None),
                        Some(after) => (s, p) = (after, p + 2),
                    }
                }
                _ => match self.single(s, p)? {
                    Single::Ends(end) => return Ok(end),
                    Single::GoesOn(after, next) => (s, p) = (after, next),
                },
            }
        }
    }

    /// One class or character, and what may follow it: `*`, `+`, `-`, `?`.
    fn single(&mut self, s: usize, p: usize) -> Matched<Single> {
        let end = self.class_end(p)?;
        let fits = self.fits(s, p, end);
        Ok(match self.at(end) {
            Some(b'?') => {
                if fits && let Some(found) = self.matches(s + 1, end + 1)? {
                    return Ok(Single::Ends(Some(found)));
                }
                Single::GoesOn(s, end + 1)
            }
            Some(b'*') => Single::Ends(self.longest(s, p, end)?),
            Some(b'+') if fits => Single::Ends(self.longest(s + 1, p, end)?),
            Some(b'-') => Single::Ends(self.shortest(s, p, end)?),
            Some(b'+') => Single::Ends(None),
            _ if fits => Single::GoesOn(s + 1, end),
            _ => Single::Ends(None),
        })
    }

    fn longest(&mut self, s: usize, p: usize, end: usize) -> Matched<Option<usize>> {
        let mut count = 0;
        while self.fits(s + count, p, end) {
            self.step()?;
            count += 1;
        }
        for count in (0..=count).rev() {
            if let Some(found) = self.matches(s + count, end + 1)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn shortest(&mut self, mut s: usize, p: usize, end: usize) -> Matched<Option<usize>> {
        loop {
            if let Some(found) = self.matches(s, end + 1)? {
                return Ok(Some(found));
            }
            if !self.fits(s, p, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn start_capture(&mut self, s: usize, p: usize, extent: Extent) -> Matched<Option<usize>> {
        let Some(capture) = self.captures.get_mut(self.level) else {
            return Err(PatternError("too many captures"));
        };
        *capture = (s, extent);
        self.level += 1;
        let found = self.matches(s, p)?;
        if found.is_none() {
            self.level -= 1;
        }
        Ok(found)
    }

    fn end_capture(&mut self, s: usize, p: usize) -> Matched<Option<usize>> {
        let open = self.captures[..self.level].iter().rposition(|it| it.1 == Extent::Open);
        let Some(index) = open else { return Err(PatternError("invalid pattern capture")) };
        self.captures[index].1 = Extent::Length(s - self.captures[index].0);
        let found = self.matches(s, p)?;
        if found.is_none() {
            self.captures[index].1 = Extent::Open;
        }
        Ok(found)
    }

    /// `%1`: the text of a capture once more.
    fn same_as_capture(&mut self, s: usize, digit: u8) -> Matched<Option<usize>> {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let known = self.captures[..self.level].get(index);
        let Some(&(start, extent)) = known.filter(|it| it.1 != Extent::Open) else {
            return Err(PatternError("invalid capture index"));
        };
        // As in Lua, a position has no length that fits.
        let Extent::Length(length) = extent else { return Ok(None) };
        // A comparison is as long as the capture.
        self.steps =
            self.steps.saturating_add((length / 64) as u32).min(PATTERN_STEPS_PER_LOOK - 1);
        let text = &self.subject[start..start + length];
        Ok(self.subject[s..].starts_with(text).then_some(s + length))
    }

    /// `%bxy`: from a byte to the one that closes it.
    fn balance(&mut self, s: usize, p: usize) -> Matched<Option<usize>> {
        let (Some(opens), Some(closes)) = (self.at(p), self.at(p + 1)) else {
            return Err(PatternError("unbalanced pattern"));
        };
        if self.subject.get(s) != Some(&opens) {
            return Ok(None);
        }
        let mut open = 1;
        for index in s + 1..self.subject.len() {
            self.step()?;
            let byte = self.subject[index];
            if byte == closes {
                open -= 1;
                if open == 0 {
                    return Ok(Some(index + 1));
                }
            } else if byte == opens {
                open += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: where the set begins to fit.
    fn frontier(&mut self, s: usize, p: usize) -> Matched<Option<usize>> {
        if self.at(p) != Some(b'[') {
            return Err(PatternError("missing '[' after '%f' in pattern"));
        }
        let end = self.class_end(p)?;
        let before = s.checked_sub(1).map_or(0, |index| self.subject[index]);
        let here = self.subject.get(s).copied().unwrap_or(0);
        let begins = !self.in_set(before, p, end - 1) && self.in_set(here, p, end - 1);
        Ok(begins.then_some(end))
    }

    /// Where the class or character that begins at `p` ends.
    fn class_end(&mut self, p: usize) -> Matched<usize> {
        let mut next = p + 1;
        match self.at(p) {
            Some(ESCAPE) => match self.at(next) {
                None => Err(PatternError("malformed pattern (ends with '%')")),
                Some(_) => Ok(next + 1),
            },
            Some(b'[') => {
                if self.at(next) == Some(b'^') {
                    next += 1;
                }
                loop {
                    self.step()?;
                    let Some(byte) = self.at(next) else {
                        return Err(PatternError("malformed pattern (missing ']')"));
                    };
                    next += 1;
                    if byte == ESCAPE && self.at(next).is_some() {
                        next += 1;
                    }
                    if self.at(next) == Some(b']') {
                        return Ok(next + 1);
                    }
                }
            }
            _ => Ok(next),
        }
    }

    fn fits(&mut self, s: usize, p: usize, end: usize) -> bool {
        let Some(&byte) = self.subject.get(s) else { return false };
        match self.text[p] {
            b'.' => true,
            ESCAPE => in_class(byte, self.text[p + 1]),
            b'[' => {
                // A set is as long as the pattern wants.
                let looks = ((end - p) / 16) as u32;
                self.steps = self.steps.saturating_add(looks).min(PATTERN_STEPS_PER_LOOK - 1);
                self.in_set(byte, p, end - 1)
            }
            other => other == byte,
        }
    }

    /// Whether a byte is in the set from `[` at `p` to `]` at `end`.
    fn in_set(&self, byte: u8, p: usize, end: usize) -> bool {
        let set = &self.text[p + 1..end];
        let (is_in, mut set) = match set.split_first() {
            Some((b'^', rest)) => (false, rest),
            _ => (true, set),
        };
        loop {
            match set {
                [] => return !is_in,
                [ESCAPE, class, rest @ ..] => {
                    if in_class(byte, *class) {
                        return is_in;
                    }
                    set = rest;
                }
                [first, b'-', last, rest @ ..] => {
                    if (*first..=*last).contains(&byte) {
                        return is_in;
                    }
                    set = rest;
                }
                [other, rest @ ..] => {
                    if *other == byte {
                        return is_in;
                    }
                    set = rest;
                }
            }
        }
    }
}

/// What a class or character makes of a match.
enum Single {
    /// The match has ended there, or there is none.
    Ends(Option<usize>),
    /// It goes on at this place of the subject and of the pattern.
    GoesOn(usize, usize),
}

/// Whether a byte is of `%class`, or is the byte that `%` makes plain.
fn in_class(byte: u8, class: u8) -> bool {
    let is_in = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        // C's isspace has the vertical tab too.
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is_in != class.is_ascii_uppercase()
}

/// Whether a pattern has a byte with a meaning.
pub(super) fn is_plain(pattern: &[u8]) -> bool {
    let end = pattern.iter().position(|byte| *byte == 0).unwrap_or(pattern.len());
    !pattern[..end].iter().any(|byte| b"^$*+?.([%-".contains(byte))
}
