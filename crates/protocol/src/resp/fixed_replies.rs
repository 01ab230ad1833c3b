//! Replies that are always the same.

use crate::requests::resp_request::FixedReply;
use crate::resp::resp_writer::RespWriter;

impl FixedReply {
    /// Writes the reply.
    pub fn write(self, out: &mut RespWriter<'_>) {
        match self {
            Self::Ok => out.status("OK"),
            Self::Integer(number) => out.integer(number),
            Self::EmptyArray => out.array_head(0),
            Self::EmptyMap => out.map_head(0),
            Self::Bulk(text) => out.bulk(text.as_bytes()),
            Self::Text(text) => out.verbatim(text.as_bytes()),
            Self::Role => {
                out.array_head(3);
                out.bulk(b"master");
                out.integer(0);
                out.array_head(0);
            }
            Self::TrackingInfo => {
                out.map_head(3);
                out.bulk(b"flags");
                out.set_head(1);
                out.bulk(b"off");
                out.bulk(b"redirect");
                out.integer(-1);
                out.bulk(b"prefixes");
                out.array_head(0);
            }
        }
    }
}
