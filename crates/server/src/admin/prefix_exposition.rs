//! The families of requests by prefix of the key in `/metrics`, while `stats detail` is on.
//!
//! Clients choose prefixes, so there is a limit: the prefixes with most requests have series of
//! their own, and one family has the sum of all others.

use std::fmt::Write;

use slabcore_metrics::prometheus_names::Kind;
use slabcore_shard::{PrefixCounts, PrefixRequests};

use crate::settings::key_text::KeyText;
use crate::settings::limits::PREFIXES_EXPORTED_MAX;

/// A family of requests.
pub(super) struct PrefixFamily {
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

impl PrefixFamily {
    pub(super) const KIND: Kind = Kind::Counter;

    fn head(&self) -> String {
        let Self { name, help, .. } = self;
        format!("# HELP {name} {help}\n# TYPE {name} {}\n", Self::KIND.name())
    }

    /// Appends the series of some requests. `labels`: those before the command, with a comma.
    fn push(&self, text: &mut String, labels: &str, requests: &PrefixRequests) {
        let PrefixRequests { get_hits, get_misses, stores, deletes } = *requests;
        for (command, status, count) in [
            ("get", "hit", get_hits),
            ("get", "miss", get_misses),
            ("set", "any", stores),
            ("delete", "any", deletes),
        ] {
            let name = self.name;
            // Writing to memory never fails.
            let _ = writeln!(
                text,
                "{name}{{{labels}command=\"{command}\",status=\"{status}\"}} {count}"
            );
        }
    }
}

/// The prefixes with most requests, and the others.
pub(super) static PREFIX_FAMILIES: [PrefixFamily; 2] = [
    PrefixFamily {
        name: "slabcore_prefix_commands_total",
        labels: &["prefix", "encoding", "command", "status"],
        help: "Requests by prefix of the key, of the prefixes with most; with stats detail on.",
    },
    PrefixFamily {
        name: "slabcore_other_prefixes_commands_total",
        labels: &["command", "status"],
        help: "Requests of the prefixes that have no series of their own; with stats detail on.",
    },
];

/// The families, each as one text. Nothing if no prefix is known.
pub(super) fn prefix_families(counts: &PrefixCounts) -> Vec<String> {
    let mut prefixes: Vec<(&[u8], PrefixRequests)> = counts.iter().collect();
    if prefixes.is_empty() {
        return Vec::new();
    }
    prefixes.sort_by_key(|(_, requests)| std::cmp::Reverse(requests.total()));
    let (shown, others) = prefixes.split_at(prefixes.len().min(PREFIXES_EXPORTED_MAX));
    let [shown_family, others_family] = &PREFIX_FAMILIES;
    let mut text = shown_family.head();
    for (prefix, requests) in shown {
        shown_family.push(&mut text, &labels(prefix), requests);
    }
    let mut sum = PrefixRequests::default();
    for (_, requests) in others {
        sum.add(requests);
    }
    let mut others_text = others_family.head();
    others_family.push(&mut others_text, "", &sum);
    vec![text, others_text]
}

fn labels(prefix: &[u8]) -> String {
    let KeyText { text, is_encoded } = KeyText::of(prefix);
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    let encoding = if is_encoded { "base64" } else { "text" };
    format!("prefix=\"{text}\",encoding=\"{encoding}\",")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts as a shard publishes them.
    fn counts(prefixes: &[(&[u8], [u64; 4])]) -> PrefixCounts {
        let mut bytes = Vec::new();
        for (prefix, counts) in prefixes {
            bytes.push(prefix.len() as u8);
            bytes.extend_from_slice(prefix);
            for count in counts {
                bytes.extend_from_slice(&count.to_le_bytes());
            }
        }
        let mut merged = PrefixCounts::new(usize::MAX);
        merged.merge_bytes(&bytes);
        merged
    }

    #[test]
    fn prefixes_are_escaped() {
        let [text, others] = &prefix_families(&counts(&[
            (b"a\"\\", [5, 3, 2, 1]),
            (b"\xff", [1, 0, 0, 0]),
            (b"", [0, 0, 1, 0]),
        ]))[..] else {
            panic!("two families")
        };
        let name = "slabcore_prefix_commands_total";
        for line in [
            r#"{prefix="a\"\\",encoding="text",command="get",status="hit"} 3"#,
            r#"{prefix="a\"\\",encoding="text",command="get",status="miss"} 2"#,
            r#"{prefix="a\"\\",encoding="text",command="set",status="any"} 2"#,
            r#"{prefix="a\"\\",encoding="text",command="delete",status="any"} 1"#,
            r#"{prefix="/w==",encoding="base64",command="get",status="miss"} 1"#,
            r#"{prefix="",encoding="text",command="set",status="any"} 1"#,
        ] {
            assert!(text.contains(&format!("\n{name}{line}\n")), "{line}: {text}");
        }
        assert!(others.contains("_commands_total{command=\"get\",status=\"hit\"} 0\n"), "{others}");
    }

    #[test]
    fn only_the_prefixes_with_most_requests_have_series() {
        let names: Vec<String> =
            (0..2 * PREFIXES_EXPORTED_MAX).map(|number| format!("p{number}")).collect();
        let all: Vec<(&[u8], [u64; 4])> =
            (1..).zip(&names).map(|(count, name)| (name.as_bytes(), [0, 0, count, 0])).collect();
        let [text, others] = &prefix_families(&counts(&all))[..] else { panic!("two families") };
        assert_eq!(text.matches("command=\"set\"").count(), PREFIXES_EXPORTED_MAX);
        let last = format!("prefix=\"p{}\"", 2 * PREFIXES_EXPORTED_MAX - 1);
        assert!(text.contains(&last) && !text.contains("prefix=\"p0\""), "{text}");
        let sum = PREFIXES_EXPORTED_MAX * (PREFIXES_EXPORTED_MAX + 1) / 2;
        assert!(others.contains(&format!("command=\"set\",status=\"any\"}} {sum}\n")), "{others}");
    }

    #[test]
    fn without_prefixes_there_are_no_families() {
        assert!(prefix_families(&counts(&[])).is_empty());
    }
}
