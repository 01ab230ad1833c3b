//! The line of `watch`.

use crate::text::line::Line;
use crate::words::line_words::{is_start_of, next_word};
use crate::{Decoded, Request, Streams};

/// Decodes `watch [<stream>]*`.
pub(crate) fn watch(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let mut streams = Some(Streams::default());
    while let Some(word) = next_word(&mut rest) {
        streams = streams.zip(stream(word)).map(|(all, one)| all | one);
    }
    let streams = streams.map(|all| if all.is_empty() { Streams::FETCHERS } else { all });
    line.request(Request::Watch(streams))
}

/// The names of the streams, in memcached's order. memcached never writes to `rawcmds`, nor to the
/// streams of its proxy if it runs without one.
const STREAMS: &[(&str, Streams)] = &[
    ("rawcmds", Streams::SILENT),
    ("evictions", Streams::EVICTIONS),
    ("fetchers", Streams::FETCHERS),
    ("mutations", Streams::MUTATIONS),
    ("sysevents", Streams::SYSTEM),
    ("connevents", Streams::CONNECTIONS),
    ("proxyreqs", Streams::SILENT),
    ("proxyevents", Streams::SILENT),
    ("proxyuser", Streams::SILENT),
    ("deletions", Streams::DELETIONS),
];

fn stream(word: &[u8]) -> Option<Streams> {
    STREAMS.iter().find(|(name, _)| is_start_of(word, name)).map(|(_, stream)| *stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::check_request;

    fn check(text: &str, streams: Option<Streams>) {
        check_request(text.as_bytes(), &Request::Watch(streams));
    }

    #[test]
    fn streams_are_named() {
        check("watch", Some(Streams::FETCHERS));
        check("watch fet", Some(Streams::FETCHERS));
        let both = Streams::EVICTIONS | Streams::DELETIONS;
        check("watch deletions evictions", Some(both));
        check("watch proxyreqs rawcmds", Some(Streams::SILENT));
        check("watch fetchers foo", None);
        check("watch fetchersx", None);
    }
}
