//! The part of HTTP/1 that a scrape needs: the head of a request in, a whole response out.

use memchr::memchr_iter;
use nom::bytes::complete::{tag, take_till, take_while, take_while1};
use nom::character::complete::line_ending;
use nom::combinator::all_consuming;
use nom::multi::many0_count;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use crate::admin::status_page::POLICY;

/// The state of a request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head<'a> {
    /// Incomplete.
    Partial,
    /// A request. Its body, if there is one, is ignored.
    Whole(Request<'a>),
    /// An invalid request, and the status of its response.
    Refused(Status),
}

/// A request: its method and path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// Starts with `/`, without the query.
    pub(super) path: &'a str,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    /// Like `Get`, without the body.
    Head,
    Other,
}

/// Outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    HeadTooLarge,
    ServiceUnavailable,
    VersionNotSupported,
}

impl Status {
    /// Code and reason of the status line.
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::ServiceUnavailable => "503 Service Unavailable",
            Self::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentType {
    /// A word for a probe, or nothing.
    Plain,
    /// The text of `/metrics`. Prometheus 3 refuses a scrape of unknown type.
    Exposition,
    Json,
    /// The status page.
    Html,
}

impl ContentType {
    /// The value of the header.
    const fn header(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; charset=utf-8",
            Self::Exposition => "text/plain; version=0.0.4; charset=utf-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// The body of a response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) content_type: ContentType,
    pub(super) text: &'a str,
}

impl<'a> Body<'a> {
    /// No bytes.
    pub(super) const EMPTY: Self = Self::plain("");

    /// A plain text.
    pub(super) const fn plain(text: &'a str) -> Self {
        Self { content_type: ContentType::Plain, text }
    }
}

/// Reads the head of a request. Lines may end in LF alone, and empty ones may come first.
pub(super) fn parse(bytes: &[u8]) -> Head<'_> {
    let start = bytes.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count();
    let bytes = &bytes[start..];
    let Some(end) = head_end(bytes) else { return Head::Partial };
    match request(&bytes[..end]) {
        Ok(request) => Head::Whole(request),
        Err(status) => Head::Refused(status),
    }
}

/// Position of the empty line that ends the head.
fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', bytes).map(|lf| lf + 1).find(|&line| {
        let rest = &bytes[line..];
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    })
}

/// Parses a complete head.
fn request(head: &[u8]) -> Result<Request<'_>, Status> {
    let mut whole = all_consuming(terminated(request_line, many0_count(field)));
    let (_, (method, target, version)) = whole.parse(head).map_err(|_| Status::BadRequest)?;
    let target = str::from_utf8(target).map_err(|_| Status::BadRequest)?;
    if !version.starts_with(b"1.") {
        return Err(Status::VersionNotSupported);
    }
    let method = match method {
        b"GET" => Method::Get,
        b"HEAD" => Method::Head,
        _ => Method::Other,
    };
    Ok(Request { method, path: path_of(target) })
}

/// Method, target and version.
type RequestLine<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn request_line(input: &[u8]) -> IResult<&[u8], RequestLine<'_>> {
    let word = || terminated(take_while1(is_graphic), tag(" "));
    let version = preceded(tag("HTTP/"), take_while(is_graphic));
    terminated((word(), word(), version), line_ending).parse(input)
}

/// A header field. Its value is ignored.
fn field(input: &[u8]) -> IResult<&[u8], ()> {
    let name = take_while1(|byte| is_graphic(byte) && byte != b':');
    let value = take_till(|byte| byte == b'\n');
    (name, tag(":"), value, tag("\n")).map(|_| ()).parse(input)
}

fn is_graphic(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// The path of a target in origin form or, as sent to proxies, in absolute form.
fn path_of(target: &str) -> &str {
    let target = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    target.split('?').next().unwrap_or_default()
}

/// The parts of a response that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseParts {
    /// Head and body.
    All,
    /// The head alone, for `HEAD`.
    Head,
}

/// A response, after which the connection ends.
pub(super) fn response(status: Status, body: Body<'_>, parts: ResponseParts) -> Vec<u8> {
    let allow = if status == Status::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
    let policy = match body.content_type {
        ContentType::Html => format!("Content-Security-Policy: {}\r\n", *POLICY),
        _ => String::new(),
    };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nX-Content-Type-Options: nosniff\r\n\
         Cache-Control: no-store\r\nContent-Length: {}\r\n{allow}{policy}\
         Connection: close\r\n\r\n",
        status.line(),
        body.content_type.header(),
        body.text.len(),
    );
    let mut bytes = head.into_bytes();
    if parts == ResponseParts::All {
        bytes.extend_from_slice(body.text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &Head<'_>) {
        assert_eq!(parse(input.as_bytes()), *expected, "{input:?}");
    }

    fn get(path: &str) -> Head<'_> {
        Head::Whole(Request { method: Method::Get, path })
    }

    #[test]
    fn requests_that_scrapers_send() {
        check("GET /metrics HTTP/1.1\r\nHost: a:9150\r\nAccept: */*\r\n\r\n", &get("/metrics"));
        check("GET /metrics HTTP/1.0\r\n\r\n", &get("/metrics"));
        check("GET /metrics?x=/y HTTP/1.1\nHost: a\n\n", &get("/metrics"));
        check("\r\n\r\nGET / HTTP/1.1\r\n\r\n", &get("/"));
        check("GET http://a:9150/metrics HTTP/1.1\r\n\r\n", &get("/metrics"));
        check("GET http://a:9150 HTTP/1.1\r\n\r\n", &get("/"));
        check("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", &get("/a"));
        let head = Head::Whole(Request { method: Method::Head, path: "/m" });
        check("HEAD /m HTTP/1.1\r\n\r\n", &head);
        let other = Head::Whole(Request { method: Method::Other, path: "/m" });
        check("POST /m HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", &other);
        check("get /m HTTP/1.1\r\n\r\n", &other);
    }

    #[test]
    fn every_prefix_of_a_request_is_partial() {
        let whole = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..whole.len() {
            check(&whole[..end], &Head::Partial);
        }
        check(whole, &get("/metrics"));
    }

    #[test]
    fn bad_requests_are_refused() {
        for line in [
            "GET",
            "GET /",
            "GET  / HTTP/1.1",
            " GET / HTTP/1.1",
            "GET / HTTP/1.1 x",
            "GET / http/1.1",
            "GET / FTP/1.1",
            "GET /\t HTTP/1.1",
            "GET /\0 HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "GET / HTTP/1.1\r\nno colon",
            "GET / HTTP/1.1\r\n: no name",
            "GET / HTTP/1.1\r\nspace : x",
            "GET / HTTP/1.1\r\n folded: x",
            "\u{16}\u{3}\u{1}\u{2}",
        ] {
            check(&format!("{line}\r\n\r\n"), &Head::Refused(Status::BadRequest));
        }
        check("PRI * HTTP/2.0\r\n\r\n", &Head::Refused(Status::VersionNotSupported));
        assert_eq!(parse(b"GET /\xff HTTP/1.1\n\n"), Head::Refused(Status::BadRequest));
    }

    #[test]
    fn a_response_says_how_long_it_is_and_ends_the_connection() {
        let text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\
                    Content-Length: 3\r\nConnection: close\r\n\r\n";
        let body = Body::plain("ok\n");
        assert_eq!(
            response(Status::Ok, body, ResponseParts::All),
            format!("{text}ok\n").into_bytes()
        );
        assert_eq!(response(Status::Ok, body, ResponseParts::Head), text.as_bytes());
        let refused = response(Status::MethodNotAllowed, Body::EMPTY, ResponseParts::All);
        let refused = String::from_utf8(refused).unwrap();
        assert!(refused.contains("\r\nAllow: GET, HEAD\r\n"), "{refused}");
    }
}
