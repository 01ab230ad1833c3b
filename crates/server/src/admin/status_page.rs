//! The status page: one file with its style and its script, which reads `/status.json`.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

/// The page.
pub(super) const HTML: &str = include_str!("status_page.html");

/// Its `Content-Security-Policy`: this style and this script, nothing else, and requests to this
/// server only.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |name: &str| {
        let text = content(HTML, name).unwrap_or_default();
        BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()))
    };
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("style"),
        hash("script"),
    )
});

/// What is between `<name>` and `</name>`.
fn content<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = html.split_once(&format!("<{name}>"))?;
    Some(after.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_else() {
        for name in ["style", "script"] {
            assert!(content(HTML, name).is_some_and(|text| text.len() > 1_000), "{name}");
            assert_eq!(HTML.matches(&format!("<{name}")).count(), 1, "{name}");
        }
        let allowed = HTML.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "//cdn", "@import", "url(", " src="] {
            assert!(!allowed.contains(outside), "{outside}");
        }
        // The policy forbids styles and handlers in tags, and markup from texts is never right.
        for forbidden in
            [" style=\"", " onclick", " onload", "innerHTML", "eval(", "document.write"]
        {
            assert!(!HTML.contains(forbidden), "{forbidden}");
        }
        assert!(POLICY.is_ascii() && !POLICY.contains("unsafe"), "{}", *POLICY);
    }
}
