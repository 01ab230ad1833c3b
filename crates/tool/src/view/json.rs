//! A report as JSON, in ASCII: what clients wrote cannot reach a terminal as a control sequence.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::report::Report;

/// One object on one line, with a line end.
pub(crate) fn json(report: &Report) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Ascii);
    report.serialize(&mut serializer).expect("a report has string keys and a vector grows");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// Compact JSON whose strings escape all but printable ASCII.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                write!(writer, "{character}")?;
            } else {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::report::example;

    fn collect_keys(value: &Value, keys: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                keys.extend(fields.keys().cloned());
                fields.values().for_each(|value| collect_keys(value, keys));
            }
            Value::Array(values) => values.iter().for_each(|value| collect_keys(value, keys)),
            _ => {}
        }
    }

    /// Scripts rely on the keys, so each one is in the page for operators.
    #[test]
    fn every_key_is_documented() {
        let page = include_str!("../../../../docs/operating.md");
        let (_, section) = page.split_once("\n## In a terminal\n").expect("a section about it");
        let mut keys = BTreeSet::new();
        let text = json(&example::slabcore());
        collect_keys(&serde_json::from_str(&text).unwrap(), &mut keys);
        assert!(keys.len() > 50, "{keys:?}");
        let missing: Vec<_> =
            keys.iter().filter(|key| !section.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "docs/operating.md does not name {missing:?}");
    }
}
