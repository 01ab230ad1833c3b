//! What the meta commands mean. They act on the same items as the classic commands of [`Model`].
//!
//! It executes the well-formed commands of `random::meta_generators` and panics on others. Cas
//! uniques and ttls are the model's own; `la`, `cls` and `size` are made up. So compare replies
//! through `wire::replies::Normaliser`.

use crate::semantics::command::{TextCommand, Verb};
use crate::semantics::meta_line::{MetaLine, encoded};
use crate::semantics::model::{Marks, Model, ModelItem, Outcome, expiry};

/// The ttl that a reply shows for an item that has expired.
const DEAD_TTL: &str = "4294967295";

/// Values for the flags that a reply may return. A flag without a value is left out of the reply.
#[derive(Default)]
struct ReturnedFlags {
    cas_unique: Option<u64>,
    value_bytes: Option<usize>,
    ttl: Option<String>,
    client_flags: Option<u32>,
    fetched: Option<bool>,
    idle: Option<u32>,
    /// Those of ` Z`, ` X`, ` W` that apply.
    marks: String,
    /// Whether the flag `k` returns the key in base64.
    key_encoded: bool,
}

impl Model {
    /// Executes a classic or meta command and appends its reply.
    pub fn execute_text(&mut self, now: u64, command: &TextCommand, out: &mut Vec<u8>) {
        match command {
            TextCommand::Classic(command) => self.execute(now, command, out),
            TextCommand::Meta(command) => self.execute_meta(now, command, out),
        }
    }

    /// Executes a meta command with its data block and appends its reply as it goes over the wire.
    pub fn execute_meta(&mut self, now: u64, command: &[u8], out: &mut Vec<u8>) {
        let line = MetaLine::parse(command);
        self.drop_dead(now, &line.key);
        match line.word.as_str() {
            "mn" => out.extend_from_slice(b"MN\r\n"),
            "mg" => self.meta_get(now, &line, out),
            "ms" => self.meta_store(now, &line, out),
            "md" => self.meta_delete(now, &line, out),
            "ma" => self.meta_arithmetic(now, &line, out),
            "me" => self.meta_debug(now, &line, out),
            word => panic!("{word} is no meta command"),
        }
    }

    fn meta_get(&mut self, now: u64, line: &MetaLine, out: &mut Vec<u8>) {
        if !self.items.contains_key(&line.key) {
            if line.has('N') {
                self.create_on_miss(now, line, out);
            } else if !line.has('q') {
                write_reply(out, "EN", line, &ReturnedFlags::of_request(line));
            }
            return;
        }
        let touched = line.exptime('T').map(|exptime| expiry(now, exptime));
        let item = self.items.get_mut(&line.key).expect("just looked at");
        let before = item.clone();
        let recache = line.exptime('R').and_then(|exptime| expiry(now, exptime));
        let compared = touched.filter(|_| precedes(line, 'T', 'R')).unwrap_or(before.expiry);
        // Two times in the past count as equal.
        let is_due = compared.zip(recache).is_some_and(|(at, recache)| at.max(now) < recache);
        let Marks { stale, claimed, key_encoded, .. } = before.marks;
        let won = !claimed && (stale || is_due);
        item.marks.claimed |= won;
        item.marks.fetched |= !line.has('u');
        item.expiry = touched.unwrap_or(before.expiry);
        let marks = [(claimed, " Z"), (stale, " X"), (won, " W")];
        let returned = ReturnedFlags {
            ttl: Some(shown_ttl(now, line, before.expiry, false)),
            fetched: Some(before.marks.fetched),
            marks: marks.iter().filter(|(holds, _)| *holds).map(|(_, mark)| *mark).collect(),
            key_encoded,
            ..ReturnedFlags::of_item(item)
        };
        let value = item.value.clone();
        write_unknown(out, line, &returned, &value);
    }

    /// Executes the flag `N` of an mg: creates an empty item that this reader is to fill.
    fn create_on_miss(&mut self, now: u64, line: &MetaLine, out: &mut Vec<u8>) {
        self.create(now, line, Vec::new());
        let item = self.items.get_mut(&line.key).expect("just created");
        item.marks = Marks { claimed: true, fetched: !line.has('u'), ..Marks::default() };
        let returned = ReturnedFlags {
            ttl: Some(shown_ttl(now, line, None, true)),
            fetched: Some(false),
            marks: " W".to_owned(),
            key_encoded: false,
            ..ReturnedFlags::of_item(item)
        };
        write_unknown(out, line, &returned, b"");
    }

    /// Creates the item that the flag `N` asks for.
    fn create(&mut self, now: u64, line: &MetaLine, value: Vec<u8>) {
        let expiry = exptimes(now, line, None, true).0;
        self.put(now, &line.key, value, 0, expiry);
        self.name_unique(line);
    }

    /// Gives the item the cas unique of the flag `E`. Returns whether there is one.
    fn name_unique(&mut self, line: &MetaLine) -> bool {
        let unique = line.number('E').filter(|unique| *unique != 0);
        if let (Some(unique), Some(item)) = (unique, self.items.get_mut(&line.key)) {
            item.cas_unique = unique;
        }
        unique.is_some()
    }

    fn meta_store(&mut self, now: u64, line: &MetaLine, out: &mut Vec<u8>) {
        let old = self.items.get(&line.key).cloned();
        let outcome = match line.mode() {
            'A' | 'P' => self.meta_join(now, line, old.as_ref()),
            mode => self.meta_set(now, line, mode, old.as_ref()),
        };
        let mut returned = ReturnedFlags {
            cas_unique: Some(0),
            value_bytes: Some(line.value.len()),
            ..ReturnedFlags::of_request(line)
        };
        let status = match outcome {
            Outcome::Stored => {
                self.name_unique(line);
                let item = &self.items[&line.key];
                returned.cas_unique = Some(item.cas_unique);
                returned.value_bytes = Some(item.value.len());
                "HD"
            }
            Outcome::NotStored => "NS",
            Outcome::Exists => "EX",
            Outcome::NotFound => "NF",
            outcome => {
                out.extend_from_slice(outcome.line().as_bytes());
                return;
            }
        };
        if status != "HD" || !line.has('q') {
            write_reply(out, status, line, &returned);
        }
    }

    /// Executes the modes append and prepend. Only the value and the marks of the item change.
    fn meta_join(&mut self, now: u64, line: &MetaLine, old: Option<&ModelItem>) -> Outcome {
        let compared = line.number('C').filter(|unique| *unique != 0);
        let (verb, exptime) = match (line.mode(), old) {
            (_, None) if !line.has('N') => return Outcome::NotStored,
            (_, None) => (Verb::Set, line.exptime('N').unwrap_or(0)),
            (_, Some(old)) if compared.is_some_and(|unique| unique != old.cas_unique) => {
                return Outcome::Exists;
            }
            ('A', _) => (Verb::Append, 0),
            _ => (Verb::Prepend, 0),
        };
        let outcome = self.store(now, verb, &line.key, client_flags(line), exptime, &line.value, 0);
        if old.is_none() {
            self.mark_key(line);
        }
        outcome
    }

    /// Executes the modes that replace the whole value.
    fn meta_set(
        &mut self,
        now: u64,
        line: &MetaLine,
        mode: char,
        old: Option<&ModelItem>,
    ) -> Outcome {
        let unique = line.number('C').filter(|_| mode != 'E');
        let is_older =
            |old: &&ModelItem| unique.is_some_and(|unique| unique != 0 && unique < old.cas_unique);
        let outdated = old.filter(|_| line.has('I')).filter(is_older);
        let verb = match (mode, unique) {
            _ if outdated.is_some() => Verb::Set,
            ('E', _) => Verb::Add,
            (_, Some(_)) => Verb::Cas,
            ('R', None) => Verb::Replace,
            _ => Verb::Set,
        };
        // No item has the unique 0.
        let (key, exptime) = (&line.key, line.exptime('T').unwrap_or(0));
        let cas_unique = unique.unwrap_or(0);
        let outcome =
            self.store(now, verb, key, client_flags(line), exptime, &line.value, cas_unique);
        if outcome == Outcome::Stored {
            self.mark_key(line);
            if let (Some(old), Some(item)) = (outdated, self.items.get_mut(key)) {
                item.expiry = old.expiry;
                item.marks.stale = true;
                item.marks.claimed = old.marks.claimed;
            }
        }
        outcome
    }

    /// Marks a new item if its key came in base64.
    fn mark_key(&mut self, line: &MetaLine) {
        if let Some(item) = self.items.get_mut(&line.key) {
            item.marks.key_encoded = line.has('b');
        }
    }

    fn meta_delete(&mut self, now: u64, line: &MetaLine, out: &mut Vec<u8>) {
        let returned = ReturnedFlags::of_request(line);
        let Some(old) = self.items.get(&line.key).cloned() else {
            return write_reply(out, "NF", line, &returned);
        };
        if line.number('C').is_some_and(|unique| unique != old.cas_unique) {
            return write_reply(out, "EX", line, &returned);
        }
        let touched = line.exptime('T').map(|exptime| expiry(now, exptime));
        let invalidates = line.has('I');
        if line.has('x') {
            self.put(now, &line.key, Vec::new(), client_flags(line), touched.flatten());
        } else if !invalidates {
            self.items.remove(&line.key);
        }
        let next_unique = self.last_cas_unique + 1;
        if let Some(item) = self.items.get_mut(&line.key) {
            item.expiry = if line.has('x') { item.expiry } else { touched.unwrap_or(old.expiry) };
            item.marks.stale |= invalidates;
            item.marks.claimed = false;
            item.cas_unique = if invalidates { next_unique } else { old.cas_unique };
            self.last_cas_unique = next_unique;
            self.name_unique(line);
        }
        if !line.has('q') {
            write_reply(out, "HD", line, &returned);
        }
    }

    fn meta_arithmetic(&mut self, now: u64, line: &MetaLine, out: &mut Vec<u8>) {
        let Some(old) = self.items.get(&line.key).cloned() else {
            if line.has('N') {
                let number = line.number('J').unwrap_or(0);
                self.create(now, line, number.to_string().into_bytes());
                if !line.has('q') {
                    self.write_number(now, line, number, None, out);
                }
                return;
            }
            return write_reply(out, "NF", line, &ReturnedFlags::of_request(line));
        };
        let compared = line.number('C').filter(|unique| *unique != 0 && !old.value.is_empty());
        if compared.is_some_and(|unique| unique != old.cas_unique) {
            return write_reply(out, "EX", line, &ReturnedFlags::of_request(line));
        }
        let incr = matches!(line.mode(), '\0' | 'I' | '+');
        match self.arithmetic(now, &line.key, line.number('D').unwrap_or(1), incr) {
            Outcome::Number(_) if line.has('q') => {}
            Outcome::Number(number) => self.write_number(now, line, number, Some(&old), out),
            outcome => out.extend_from_slice(outcome.line().as_bytes()),
        }
    }

    /// Writes the reply to an ma. `old` is `None` if the command created the item.
    fn write_number(
        &self,
        now: u64,
        line: &MetaLine,
        number: u64,
        old: Option<&ModelItem>,
        out: &mut Vec<u8>,
    ) {
        let before = old.and_then(|old| old.expiry);
        let returned = ReturnedFlags {
            cas_unique: Some(self.items[&line.key].cas_unique),
            ttl: Some(shown_ttl(now, line, before, old.is_none())),
            ..ReturnedFlags::of_request(line)
        };
        write_hit(out, line, &returned, number.to_string().as_bytes());
    }

    fn meta_debug(&self, now: u64, line: &MetaLine, out: &mut Vec<u8>) {
        let Some(item) = self.items.get(&line.key) else {
            return out.extend_from_slice(b"EN\r\n");
        };
        let key = if item.marks.key_encoded { encoded(&line.key) } else { line.key.clone() };
        let fetched = if item.marks.fetched { "yes" } else { "no" };
        let (ttl, unique) = (ttl(now, item.expiry), item.cas_unique);
        out.extend_from_slice(&[b"ME ", &key[..]].concat());
        let rest = format!(" exp={ttl} la=0 cas={unique} fetch={fetched} cls=1 size=1\r\n");
        out.extend_from_slice(rest.as_bytes());
    }
}

impl ReturnedFlags {
    /// Only values that repeat the request.
    fn of_request(line: &MetaLine) -> Self {
        Self { key_encoded: line.has('b'), ..Self::default() }
    }

    /// The item's values that do not depend on the time.
    fn of_item(item: &ModelItem) -> Self {
        Self {
            cas_unique: Some(item.cas_unique),
            value_bytes: Some(item.value.len()),
            client_flags: Some(item.flags),
            idle: Some(0),
            ..Self::default()
        }
    }
}

fn client_flags(line: &MetaLine) -> u32 {
    let flags = line.number('F').unwrap_or(0);
    u32::try_from(flags).expect("client flags of 32 bits")
}

fn precedes(line: &MetaLine, first: char, second: char) -> bool {
    let place = |letter: char| line.flags.iter().position(|(other, _)| *other == letter);
    place(first).zip(place(second)).is_some_and(|(first, second)| first < second)
}

/// The expiry after all flags, and the one that the flag `t` shows. Flags take effect in their
/// order. `N` takes effect only on an item that it created.
fn exptimes(
    now: u64,
    line: &MetaLine,
    old: Option<u64>,
    created: bool,
) -> (Option<u64>, Option<u64>) {
    let (mut current, mut shown) = (old, old);
    for (letter, _) in &line.flags {
        match letter {
            'T' | 'N' if *letter == 'T' || created => {
                current = expiry(now, line.exptime(*letter).unwrap_or(0));
            }
            't' => shown = current,
            _ => {}
        }
    }
    (current, shown)
}

fn shown_ttl(now: u64, line: &MetaLine, old: Option<u64>, created: bool) -> String {
    ttl(now, exptimes(now, line, old, created).1)
}

fn ttl(now: u64, expiry: Option<u64>) -> String {
    match expiry {
        None => "-1".to_owned(),
        Some(expiry) if expiry <= now => DEAD_TTL.to_owned(),
        Some(expiry) => (expiry - now).to_string(),
    }
}

/// Writes a hit, with the value if the request has the flag `v`.
fn write_hit(out: &mut Vec<u8>, line: &MetaLine, returned: &ReturnedFlags, value: &[u8]) {
    if line.has('v') {
        write_reply(out, &format!("VA {}", value.len()), line, returned);
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    } else {
        write_reply(out, "HD", line, returned);
    }
}

/// Writes the reply to an mg. The value is left out if its cas unique is that of the flag `C`.
fn write_unknown(out: &mut Vec<u8>, line: &MetaLine, returned: &ReturnedFlags, value: &[u8]) {
    let known = line.number('C').filter(|unique| *unique != 0);
    if known.is_some() && known == returned.cas_unique {
        write_reply(out, "HD", line, returned);
    } else {
        write_hit(out, line, returned, value);
    }
}

/// Writes the reply line: the status, then the flags in the request's order.
fn write_reply(out: &mut Vec<u8>, status: &str, line: &MetaLine, returned: &ReturnedFlags) {
    out.extend_from_slice(status.as_bytes());
    for (letter, token) in &line.flags {
        let number = match letter {
            'O' => Some(token.clone()),
            'k' => {
                let key = if returned.key_encoded { encoded(&line.key) } else { line.key.clone() };
                let mark: &[u8] = if returned.key_encoded { b" b" } else { b"" };
                out.extend_from_slice(&[b" k", &key[..], mark].concat());
                continue;
            }
            'c' => returned.cas_unique.map(|unique| unique.to_string()),
            's' => returned.value_bytes.map(|bytes| bytes.to_string()),
            't' => returned.ttl.clone(),
            'f' => returned.client_flags.map(|flags| flags.to_string()),
            'h' => returned.fetched.map(|fetched| u8::from(fetched).to_string()),
            'l' => returned.idle.map(|seconds| seconds.to_string()),
            _ => None,
        };
        if let Some(number) = number {
            out.extend_from_slice(format!(" {letter}{number}").as_bytes());
        }
    }
    out.extend_from_slice(returned.marks.as_bytes());
    out.extend_from_slice(b"\r\n");
}
